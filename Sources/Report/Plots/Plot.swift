import OrderedCollections

/// A plot: marks over shared axes, or a group of plots. A value; `drawn()` gives the Vega-Lite specification.
///
/// ```swift
/// let plot = Plot(
///   "Training", x: "step", y: Axis("loss", unit: "nats", scale: .log),
///   marks: [
///     .band(x: steps, lower: low, upper: high, series: "held out"),
///     .line(x: steps, y: heldOut, series: "held out"),
///     .line(x: steps, y: training, series: "training"),
///   ])
/// ```
public struct Plot: Sendable, Equatable {
  enum Content: Sendable, Equatable {
    case layers(x: Axis, y: Axis, marks: [Mark])
    /// Panels in rows of `columns`.
    case group([Plot], columns: Int, sharedX: Bool, sharedY: Bool)
  }

  /// The Vega-Lite schema that the specifications follow; `scripts/vega` takes the matching runtime.
  public static let schema = "https://vega.github.io/schema/vega-lite/v6.json"

  public var title: String
  /// What a reader should see in it; notes on points that are not drawn are added by `drawn()`.
  public var caption: String?
  /// Width of the drawing area in pixels.
  public var width = 440
  /// Height of the drawing area in pixels.
  public var height = 260
  /// The most points that all scatter marks of the plot draw together, and about the most of each line; more
  /// are thinned, which the caption says. The default keeps a page with a few plots below a few megabytes.
  public var pointLimit = 5000
  let content: Content

  /// A plot of layered marks, the first at the back.
  public init(_ title: String = "", caption: String? = nil, x: Axis, y: Axis, marks: [Mark]) {
    self.title = title
    self.caption = caption
    content = .layers(x: x, y: y, marks: marks)
  }

  private init(_ title: String, caption: String?, content: Content) {
    self.title = title
    self.caption = caption
    self.content = content
  }

  /// Plots side by side.
  public static func row(_ plots: [Plot], title: String = "", caption: String? = nil) -> Plot {
    grid(plots, columns: max(1, plots.count), title: title, caption: caption)
  }

  /// Plots below each other.
  public static func column(_ plots: [Plot], title: String = "", caption: String? = nil) -> Plot {
    grid(plots, columns: 1, title: title, caption: caption)
  }

  /// Plots in rows of `columns`, row by row, each with its own axes.
  public static func grid(
    _ plots: [Plot], columns: Int, title: String = "", caption: String? = nil
  ) -> Plot {
    group(plots, columns: columns, title: title, caption: caption)
  }

  /// Plots of the same kind for several conditions, in rows of `columns`, over shared axes.
  ///
  /// - Parameters:
  ///   - panels: the condition, which replaces the panel's title, and the panel.
  ///   - sharedX: gives all panels the same range of x, and `sharedY` of y.
  public static func facets(
    _ panels: [(title: String, plot: Plot)], columns: Int, title: String = "", caption: String? = nil,
    sharedX: Bool = true, sharedY: Bool = true
  ) -> Plot {
    let plots = panels.map { title, panel in
      var panel = panel
      panel.title = title
      return panel
    }
    return group(
      plots, columns: columns, title: title, caption: caption, sharedX: sharedX, sharedY: sharedY)
  }

  private static func group(
    _ plots: [Plot], columns: Int, title: String, caption: String?, sharedX: Bool = false,
    sharedY: Bool = false
  ) -> Plot {
    precondition(columns >= 1, "Plot: \(columns) columns, expected at least 1")
    return Plot(
      title, caption: caption,
      content: .group(plots, columns: columns, sharedX: sharedX, sharedY: sharedY))
  }

  /// A copy with another size of the drawing area, in pixels; in a group it applies to every panel.
  public func sized(width: Int, height: Int) -> Plot {
    var plot = self
    plot.width = width
    plot.height = height
    if case .group(let panels, let columns, let sharedX, let sharedY) = content {
      plot = Plot(
        title, caption: caption,
        content: .group(
          panels.map { $0.sized(width: width, height: height) }, columns: columns, sharedX: sharedX,
          sharedY: sharedY))
    }
    return plot
  }
}

/// A plot made ready: what a renderer, a reader and a page without a renderer need.
public struct DrawnPlot: Sendable, Equatable {
  /// A complete Vega-Lite specification with its data inside.
  public let specification: JSONValue
  /// The plot's caption, followed by what was left out of the drawing; nil where there is nothing to say.
  public let caption: String?
  /// The drawn data, one table a mark.
  public let tables: [ReportTable]
}

extension Plot {
  /// Cleans and thins the data and writes the specification.
  ///
  /// Cost: linear in the data, except that marks beyond `pointLimit` are sorted once.
  public func drawn() -> DrawnPlot {
    var drawing = PlotDrawing(series: OrderedSet(seriesNames))
    let body = drawing.draw(self)
    var specification: OrderedDictionary<String, JSONValue> = [
      "$schema": .string(Self.schema), "config": PlotTheme.config,
    ]
    if case .object(let members) = body { specification.merge(members) { first, _ in first } }
    let notes = ([caption].compactMap(\.self) + drawing.notes).joined(separator: " ")
    return DrawnPlot(
      specification: .object(specification), caption: notes.isEmpty ? nil : notes, tables: drawing.tables)
  }

  /// The names of all series in order of appearance, which is what fixes their colours.
  private var seriesNames: [String] {
    switch content {
    case .layers(_, _, let marks): marks.flatMap { Array(OrderedSet($0.data.texts["series"] ?? [])) }
    case .group(let panels, _, _, _): panels.flatMap(\.seriesNames)
    }
  }

  var hasSeries: Bool { !seriesNames.isEmpty }

  /// Whether a continuous colour scale is in use, which cannot share a legend with named series.
  var hasCells: Bool {
    switch content {
    case .layers(_, _, let marks):
      marks.contains { if case .cells = $0.shape { true } else { false } }
    case .group(let panels, _, _, _): panels.contains { $0.hasCells }
    }
  }
}
