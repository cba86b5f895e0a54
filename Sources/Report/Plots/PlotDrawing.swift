import OrderedCollections

typealias JSONObject = OrderedDictionary<String, JSONValue>

/// Turns plots into Vega-Lite, gathering notes and tables on the way.
struct PlotDrawing {
  /// All series of the whole figure, so that a name has one colour in every panel.
  let series: OrderedSet<String>
  private(set) var notes: [String] = []
  private(set) var tables: [ReportTable] = []
  init(series: OrderedSet<String>) { self.series = series }

  mutating func draw(_ plot: Plot) -> JSONValue {
    var object: JSONObject = [:]
    if !plot.title.isEmpty { object["title"] = .string(plot.title) }
    switch plot.content {
    case .layers(let x, let y, let marks):
      object["width"] = .integer(plot.width)
      object["height"] = .integer(plot.height)
      let sizes = marks.map { $0.shape == .points ? $0.data.rowCount : 0 }
      let limits = Self.fairShares(of: plot.pointLimit, among: sizes)
      let ready = zip(marks, limits).map { prepare($0, limit: $1, x: x, y: y, in: plot) }
      let layers = zip(marks, ready).flatMap {
        MarkDrawing(
          mark: $0, data: $1, x: x, y: y, series: series,
          isCrowded: marks.count { $0.shape == .histogram } > 1,
          isGrouped: Self.barSeries(marks) > 1
        ).layers()
      }
      object["layer"] = .array(layers)
      if plot.hasCells && !series.isEmpty { object["resolve"] = ["scale": ["color": "independent"]] }
    case .group(let panels, let columns, let sharedX, let sharedY):
      object["columns"] = .integer(columns)
      object["concat"] = .array(panels.map { draw($0) })
      // One legend for the group only where every panel has entries in it; else each stands by its panel.
      let isShared = !plot.hasCells && panels.allSatisfy(\.hasSeries)
      var scales: JSONObject = ["color": isShared ? "shared" : "independent"]
      if sharedX { scales["x"] = "shared" }
      if sharedY { scales["y"] = "shared" }
      object["resolve"] = ["scale": .object(scales)]
    }
    return .object(object)
  }

  /// Splits `limit` so that small marks keep all their points and the large ones share the rest equally.
  private static func fairShares(of limit: Int, among sizes: [Int]) -> [Int] {
    var shares = sizes
    var rest = limit
    var waiting = sizes.count
    for index in sizes.indices.sorted(by: { sizes[$0] < sizes[$1] }) {
      shares[index] = min(sizes[index], rest / waiting)
      rest -= shares[index]
      waiting -= 1
    }
    return shares
  }

  private static func barSeries(_ marks: [Mark]) -> Int {
    OrderedSet(
      marks.flatMap { mark -> [String] in
        if case .bars = mark.shape { mark.data.texts["series"] ?? [] } else { [] }
      }
    ).count
  }

  /// The rows of a mark that will be drawn; says what is left out.
  private mutating func prepare(_ mark: Mark, limit: Int, x: Axis, y: Axis, in plot: Plot) -> PlotData {
    var positive: Set<String> = []
    if x.scale == .log { positive.formUnion(["x", "x2"]) }
    if y.scale == .log { positive.formUnion(["y", "y2", "low"]) }
    if case .cells(let color, _) = mark.shape, color.scale == .log { positive.insert("value") }
    var data = mark.data
    if mark.shape == .histogram, y.scale == .log {
      // An empty bin has no place on a log axis, but it is no lost number either.
      data = data.selecting((0..<data.rowCount).filter { data.numbers["y"]![$0] != 0 })
    }
    let whole = data.rowCount
    data = data.drawable(positive: positive)
    note(missing: whole - data.rowCount + mark.lost, of: mark, isLog: !positive.isEmpty, in: plot)

    let before = data.rowCount
    switch mark.shape {
    case .points, .errorBars:
      data = data.thinned(to: mark.shape == .points ? limit : plot.pointLimit)
      if data.rowCount < before {
        notes.append("\(grouped(data.rowCount)) of \(grouped(before)) points are drawn, chosen evenly.")
      }
    case .line, .band:
      data = data.outlined(by: "y", to: plot.pointLimit)
      if data.rowCount < before {
        notes.append("The extremes of \(grouped(before)) points are drawn.")
      }
    default: break
    }
    addTable(data, of: mark, x: x, y: y, title: plot.title)
    return data
  }

  private mutating func note(missing: Int, of mark: Mark, isLog: Bool, in plot: Plot) {
    guard missing > 0 else { return }
    let what: String
    if mark.shape == .histogram {
      what = "not finite or outside the bins"
    } else {
      what = isLog ? "not finite or not positive" : "not finite"
    }
    let place = plot.title.isEmpty ? "" : " of “\(plot.title)”"
    notes.append(
      missing == 1
        ? "1 value\(place) is \(what) and not drawn."
        : "\(grouped(missing)) values\(place) are \(what) and not drawn.")
  }

  private mutating func addTable(_ data: PlotData, of mark: Mark, x: Axis, y: Axis, title: String) {
    var headings: OrderedDictionary<String, String> = ["series": "series"]
    let isInterval = mark.shape == .band || mark.shape == .errorBars
    headings["x"] = data.numbers["x2"] == nil ? x.heading : "\(x.heading), from"
    headings["x2"] = "\(x.heading), to"
    headings["y"] = data.numbers["y2"] == nil ? y.heading : "\(y.heading), \(isInterval ? "lower" : "from")"
    headings["y2"] = "\(y.heading), \(isInterval ? "upper" : "to")"
    headings["low"] = "lower"
    headings["high"] = "upper"
    if case .cells(let color, _) = mark.shape { headings["value"] = color.heading }
    if case .rule(let label?) = mark.shape { headings[data.numbers["x"] == nil ? "y" : "x"] = label }
    tables.append(data.table(title: title, headings: headings))
  }
}

/// A count with thousands separated, the same in every locale.
func grouped(_ count: Int) -> String {
  var text = String(count.magnitude)[...]
  var groups: [Substring] = []
  while text.count > 3 {
    groups.insert(text.suffix(3), at: 0)
    text = text.dropLast(3)
  }
  return (count < 0 ? "-" : "") + ([text] + groups).joined(separator: ",")
}
