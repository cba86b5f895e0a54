/// One layer of a plot: some data and the way to draw it.
///
/// Marks with the same `series` name share a colour and a legend entry, within a plot and between the panels
/// of a group. Rows with numbers that are not finite are left out and counted in the caption. Columns of
/// unequal length are a programmer error.
public struct Mark: Sendable, Equatable {
  enum Shape: Sendable, Equatable {
    case line(dashed: Bool)
    case points
    case bars(horizontal: Bool)
    case errorBars
    case band
    case histogram
    case cells(color: Axis, palette: Palette)
    case rule(label: String?)
  }

  /// Colours for a grid of numbers; both read the same to colour-blind people.
  public enum Palette: Sendable, Equatable {
    /// From dark to bright.
    case sequential
    /// Two hues that meet at `center`.
    case diverging(center: Double)
  }

  let shape: Shape
  var data = PlotData()
  /// Rows that were left out before the mark was made.
  var lost = 0

  private init(_ shape: Shape, series: String? = nil, _ columns: [(String, [Double])]) {
    self.shape = shape
    for (name, values) in columns { data.add(name, values) }
    if let series { data.add("series", Array(repeating: series, count: data.rowCount)) }
  }

  /// A line through the points in the order of `x`.
  public static func line(x: [Double], y: [Double], series: String? = nil, dashed: Bool = false) -> Mark {
    Mark(.line(dashed: dashed), series: series, [("x", x), ("y", y)])
  }

  /// Lines through points in their own order, one a path: trajectories, contours.
  ///
  /// - Parameters:
  ///   - x: `[path][point]`, and `y` likewise.
  public static func paths(x: [[Double]], y: [[Double]], series: String? = nil) -> Mark {
    precondition(x.map(\.count) == y.map(\.count), "Mark.paths: x and y differ in shape")
    let path = x.enumerated().flatMap { path, points in points.map { _ in Double(path) } }
    let order = x.flatMap { $0.indices.map(Double.init) }
    return Mark(
      .line(dashed: false), series: series,
      [("x", x.flatMap(\.self)), ("y", y.flatMap(\.self)), ("path", path), ("order", order)])
  }

  /// A scatter plot; the plot's `pointLimit` bounds how many points are drawn.
  public static func points(x: [Double], y: [Double], series: String? = nil) -> Mark {
    Mark(.points, series: series, [("x", x), ("y", y)])
  }

  /// A scatter plot with a series name for each point.
  public static func points(x: [Double], y: [Double], series: [String]) -> Mark {
    var mark = Mark(.points, [("x", x), ("y", y)])
    mark.data.add("series", series)
    return mark
  }

  /// The area between two curves: an interval of uncertainty.
  public static func band(x: [Double], lower: [Double], upper: [Double], series: String? = nil) -> Mark {
    Mark(.band, series: series, [("x", x), ("y", lower), ("y2", upper)])
  }

  /// Vertical intervals at given places.
  public static func errorBars(x: [Double], lower: [Double], upper: [Double], series: String? = nil) -> Mark {
    Mark(.errorBars, series: series, [("x", x), ("y", lower), ("y2", upper)])
  }

  /// Bars from zero, one a category; marks of several series stand side by side.
  ///
  /// - Parameters:
  ///   - uncertainties: half the length of the interval drawn at each bar's end.
  ///   - horizontal: puts the categories on the y axis, for long names.
  public static func bars(
    _ categories: [String], _ values: [Double], uncertainties: [Double]? = nil, series: String? = nil,
    horizontal: Bool = false
  ) -> Mark {
    let (category, value) = horizontal ? ("y", "x") : ("x", "y")
    var mark = Mark(.bars(horizontal: horizontal), series: series, [(value, values)])
    mark.data.add(category, categories)
    if let uncertainties {
      mark.data.add("low", zip(values, uncertainties).map { $0 - $1 })
      mark.data.add("high", zip(values, uncertainties).map { $0 + $1 })
    }
    return mark
  }

  /// A histogram of numbers.
  ///
  /// - Parameters:
  ///   - normalized: draws densities, whose area is one, instead of counts.
  public static func histogram(
    _ values: [Double], series: String? = nil, bins: Histogram.Bins = .automatic, normalized: Bool = false
  ) -> Mark {
    let histogram = Histogram(values, bins: bins)
    let left = Array(histogram.edges.dropLast())
    let right = Array(histogram.edges.dropFirst())
    let total = Double(histogram.counts.reduce(0, +))
    let heights = histogram.counts.indices.map { bin in
      let count = Double(histogram.counts[bin])
      return normalized && total > 0 ? count / total / (right[bin] - left[bin]) : count
    }
    var mark = Mark(.histogram, series: series, [("x", left), ("x2", right), ("y", heights)])
    mark.lost = histogram.unusable + histogram.outside
    return mark
  }

  /// A grid of coloured cells over two numeric axes.
  ///
  /// - Parameters:
  ///   - x: the outer edges of the first and last column, and `y` those of the rows.
  ///   - values: `[row][column]`, the first row at the bottom.
  ///   - color: title and scale of the colours.
  public static func heatMap(
    x: ClosedRange<Double>, y: ClosedRange<Double>, values: [[Double]], color: Axis = "value",
    palette: Palette = .sequential
  ) -> Mark {
    let width = checkedWidth(values)
    func edges(_ range: ClosedRange<Double>, _ count: Int) -> [Double] {
      (0...count).map {
        range.lowerBound + (range.upperBound - range.lowerBound) * Double($0) / Double(count)
      }
    }
    let columns = width == 0 ? [] : edges(x, width)
    let rows = values.isEmpty ? [] : edges(y, values.count)
    let cells = values.indices.flatMap { row in (0..<width).map { (row, $0) } }
    return Mark(
      .cells(color: color, palette: palette),
      [
        ("x", cells.map { columns[$0.1] }), ("x2", cells.map { columns[$0.1 + 1] }),
        ("y", cells.map { rows[$0.0] }), ("y2", cells.map { rows[$0.0 + 1] }),
        ("value", values.flatMap(\.self)),
      ])
  }

  /// A grid of coloured cells over two sets of names, such as a confusion matrix.
  ///
  /// - Parameters:
  ///   - values: `[row][column]`, the first row at the top.
  public static func heatMap(
    columns: [String], rows: [String], values: [[Double]], color: Axis = "value",
    palette: Palette = .sequential
  ) -> Mark {
    precondition(
      values.count == rows.count && values.allSatisfy { $0.count == columns.count },
      "Mark.heatMap: the grid does not have \(rows.count) rows of \(columns.count)")
    var mark = Mark(.cells(color: color, palette: palette), [("value", values.flatMap(\.self))])
    mark.data.add("x", rows.flatMap { _ in columns })
    mark.data.add("y", rows.flatMap { row in columns.map { _ in row } })
    return mark
  }

  /// A vertical reference line across the plot.
  public static func rule(x: Double, label: String? = nil) -> Mark { Mark(.rule(label: label), [("x", [x])]) }

  /// A horizontal reference line across the plot.
  public static func rule(y: Double, label: String? = nil) -> Mark { Mark(.rule(label: label), [("y", [y])]) }

  private static func checkedWidth(_ values: [[Double]]) -> Int {
    let width = values.first?.count ?? 0
    precondition(values.allSatisfy { $0.count == width }, "Mark.heatMap: rows differ in length")
    return width
  }
}
