import ArgumentParser
import Files
import Foundation
import Likely

/// `likely causal …`
struct CausalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "causal",
    abstract: "What happens if a variable is set: effects from a causal diagram and data, by surgery.",
    discussion: """
      A diagram is a text with a line a box, such as "c : H, T -> C" and "hidden H", or a BIF network.

      Example:
        likely causal query --diagram smoke.txt --data counts.csv --do S --query C
      """,
    subcommands: [
      CausalAsk.self, CausalIdentify.self, CausalCut.self, CausalCheck.self, CausalCounterfactual.self,
    ], defaultSubcommand: CausalAsk.self)
}

/// The diagram, on the command line.
struct DiagramArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Diagram as a text, or network as a .bif file or data:NAME.", valueName: "file"))
  var diagram: String

  @Option(
    help: ArgumentHelp(
      "Variables that were never measured, between commas, besides those of the file.", valueName: "names"))
  var hidden: [String] = []

  var names: [String] { hidden.flatMap(\.listed).filter { !$0.isEmpty } }

  /// The diagram with what is hidden, and its boxes where the file has them.
  func load() throws -> (diagram: CausalDiagram, network: CausalNetwork?) {
    let url =
      diagram.hasPrefix("data:")
      ? try DataCatalogue.file(of: try DataCatalogue.dataSet(named: String(diagram.dropFirst(5))))
      : URL(argument: diagram)
    guard url.pathExtension.lowercased() == "bif" else {
      return (try CausalDiagram(textOf: url).hiding(names), nil)
    }
    let network = try CausalNetwork(bif: url)
    for warning in network.warnings { tell("likely: \(warning)") }
    let hidden = try network.hiding(names)
    return (hidden.diagram, hidden)
  }

  /// The network.
  func loadNetwork() throws -> CausalNetwork {
    guard let network = try load().network else {
      throw UsageError("--diagram \(diagram): a .bif network is expected, whose boxes have tables")
    }
    return network
  }
}

/// The question, on the command line.
struct QueryArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What is asked for, between commas: a variable for its law, C=1 for a probability.", valueName: "names")
  )
  var query: [String]

  @Option(
    name: .customLong("do"),
    help: ArgumentHelp(
      "What is set, between commas: S=1, or S for every state in turn.", valueName: "settings"))
  var set: [String] = []

  @Option(
    help: ArgumentHelp("What was seen, between commas: Z=2, or Z for every state.", valueName: "states"))
  var given: [String] = []

  /// Settings as they are written.
  static func settings(_ texts: [String], _ option: String) throws -> [CausalQuery.Setting] {
    try texts.flatMap(\.listed).filter { !$0.isEmpty }.map { text in
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard !parts[0].isEmpty, parts.count == 1 || !parts[1].isEmpty else {
        throw UsageError("--\(option) \(text): a variable, or a variable=state, is expected")
      }
      return CausalQuery.Setting(parts[0], parts.count == 2 ? parts[1] : nil)
    }
  }

  var targets: [CausalQuery.Setting] { get throws { try Self.settings(query, "query") } }

  /// The states asked for, if there are any.
  var event: [String: String] {
    get throws {
      let targets = try targets
      let stated = targets.filter { $0.state != nil }
      guard stated.isEmpty || stated.count == targets.count else {
        throw UsageError("--query \(query.joined(separator: ",")): states for all variables, or for none")
      }
      guard Set(stated.map(\.variable)).count == stated.count else {
        throw UsageError("--query \(query.joined(separator: ",")): a variable twice")
      }
      return Dictionary(uniqueKeysWithValues: stated.map { ($0.variable, $0.state!) })
    }
  }

  var causalQuery: CausalQuery {
    get throws {
      CausalQuery(
        of: try targets.map(\.variable), settings: try Self.settings(set, "do"),
        evidence: try Self.settings(given, "given"))
    }
  }
}

/// Diagrams as files, for a report or by themselves.
enum DiagramFiles {
  /// Writes DOT files, and SVG where Graphviz is installed; gives the names.
  static func write(_ diagram: CausalDiagram, cut: Set<String>, to folder: URL) throws -> [String] {
    try createFolder(at: folder)
    var files = [("diagram", diagram.dot())]
    if !cut.isEmpty { files.append(("cut", try diagram.cutDrawing(cut))) }
    var written: [String] = []
    for (name, dot) in files {
      try writeAtomically(Data(dot.utf8), to: folder.appending(path: "\(name).dot"))
      written.append("\(name).dot")
      if let program = Graphviz.find() {
        try Graphviz.draw(dot, to: folder.appending(path: "\(name).svg"), program: program)
        written.append("\(name).svg")
      }
    }
    return written
  }
}

extension CausalDiagram {
  /// The diagram after the surgery; names that do not exist are told.
  fileprivate func cutDrawing(_ names: Set<String>) throws -> String {
    _ = try cutting(names)
    return dot(title: "cut", cut: names)
  }
}

extension JSONValue {
  /// Members in the order given.
  static func members(_ pairs: [(String, JSONValue)]) -> JSONValue {
    var object: JSONValue = [:]
    for (name, value) in pairs { object[name] = value }
    return object
  }
}
