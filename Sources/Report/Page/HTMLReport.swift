import Foundation
import OrderedCollections

/// A page that tells one run's story: facts, tables, claims, plots and pictures, complete in one file.
///
/// ```swift
/// var report = HTMLReport(title: "Two moons", subtitle: "stochastic interpolant, 4,000 steps")
/// report.add("Fit", [
///   .facts(["rows": "2,000", "seed": "0"]),
///   .plot(lossPlot, name: "loss"),
///   .table(likelihoods),
/// ])
/// try report.write(to: folder)
/// ```
///
/// The page opens from disk without a network, follows the reader's light or dark scheme, and prints. All text is
/// escaped. Where the Vega runtime is missing the page says how to get it and shows the plotted numbers instead.
public struct HTMLReport: Sendable, Equatable {
  public struct Section: Sendable, Equatable {
    public var title: String
    public var items: [ReportItem]

    public init(title: String, items: [ReportItem]) {
      self.title = title
      self.items = items
    }
  }

  public var title: String
  public var subtitle: String?
  public var sections: [Section]

  public init(title: String, subtitle: String? = nil, sections: [Section] = []) {
    self.title = title
    self.subtitle = subtitle
    self.sections = sections
  }

  /// Adds a section; an empty title continues the one before without a heading.
  public mutating func add(_ title: String, _ items: [ReportItem]) {
    sections.append(Section(title: title, items: items))
  }

  /// Writes `report.html`, `report.json` and `plots/<name>.vl.json` into `folder`, creating it where missing.
  ///
  /// Each file appears whole or not at all; `report.html` comes last, so that it is there when all is.
  ///
  /// - Returns: the page's location.
  /// - Throws: `FileWriteError`.
  @discardableResult
  public func write(to folder: URL, runtime: VegaRuntime = .find()) throws(FileWriteError) -> URL {
    let plots = named()
    let plotFolder = folder.appending(path: "plots")
    try createFolder(at: plots.isEmpty ? folder : plotFolder)
    for (name, plot) in plots {
      let data = Data(plot.specification.pretty.utf8)
      try writeAtomically(data, to: plotFolder.appending(path: "\(name).vl.json"))
    }
    try writeAtomically(Data(json.pretty.utf8), to: folder.appending(path: "report.json"))
    let page = folder.appending(path: "report.html")
    try writeAtomically(Data(html(runtime: runtime).utf8), to: page)
    return page
  }

  /// All plots by name; a name that returns gets a number, so that no plot overwrites another.
  func named() -> OrderedDictionary<String, DrawnPlot> {
    var plots: OrderedDictionary<String, DrawnPlot> = [:]
    for case .plot(let name, let plot) in sections.flatMap(\.items) {
      var unique = name
      var number = 2
      while plots[unique] != nil {
        unique = "\(name)-\(number)"
        number += 1
      }
      plots[unique] = plot
    }
    return plots
  }
}

extension HTMLReport {
  /// The same content as data: `{"title", "subtitle", "sections": [{"title", "items": [{"kind", …}]}]}`.
  ///
  /// Pictures are PNG files in base64.
  public var json: JSONValue {
    var names = named().keys[...]
    let sections = self.sections.map { section -> JSONValue in
      let items = section.items.map { item -> JSONValue in
        if case .plot(_, let plot) = item { return plot.json(name: names.removeFirst()) }
        return item.json
      }
      return ["title": .string(section.title), "items": .array(items)]
    }
    return [
      "title": .string(title), "subtitle": subtitle.map(JSONValue.string) ?? .null,
      "sections": .array(sections),
    ]
  }
}

extension DrawnPlot {
  fileprivate func json(name: String) -> JSONValue {
    [
      "kind": "plot", "name": .string(name), "caption": caption.map(JSONValue.string) ?? .null,
      "specification": specification,
    ]
  }
}

extension ReportItem {
  fileprivate var json: JSONValue {
    switch self {
    case .text(let text): return ["kind": "text", "text": .string(text)]
    case .facts(let facts):
      let pairs = zip(facts.names, facts.values).map { JSONValue.array([.string($0), .string($1)]) }
      return ["kind": "facts", "facts": .array(pairs)]
    case .table(let table): return ["kind": "table", "table": table.json]
    case .claims(let claims): return ["kind": "claims", "claims": .array(claims.map(\.json))]
    case .reproduction(let result): return ["kind": "reproduction", "reproduction": result.json]
    case .plot(let name, let plot): return plot.json(name: name)
    case .image(let image, let caption):
      return [
        "kind": "image", "width": .integer(image.width), "height": .integer(image.height),
        "caption": caption.map(JSONValue.string) ?? .null,
        "png": (try? image.png()).map { .string($0.base64EncodedString()) } ?? .null,
      ]
    case .configuration(let title, let text):
      return ["kind": "configuration", "title": .string(title), "text": .string(text)]
    }
  }
}
