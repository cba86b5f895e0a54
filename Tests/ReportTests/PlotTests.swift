import Foundation
import Testing

import Report

/// The rows that a layer draws.
private func rows(_ drawn: DrawnPlot, layer: Int) -> [JSONValue] {
  guard case .array(let layers)? = drawn.specification["layer"],
    case .array(let rows)? = layers[layer]["data"]?["values"]
  else { return [] }
  return rows
}

private func encoding(_ drawn: DrawnPlot, layer: Int, _ channel: String) -> JSONValue? {
  guard case .array(let layers)? = drawn.specification["layer"] else { return nil }
  return layers[layer]["encoding"]?[channel]
}

@Suite("Plots")
struct PlotTests {
  @Test("a specification names its schema, sizes, axes and rows")
  func specification() {
    let plot = Plot(
      "Loss", x: "step", y: Axis("loss", unit: "nats", scale: .log, domain: 0.1...10),
      marks: [.line(x: [1, 2], y: [3, 4], series: "training")]
    ).sized(width: 300, height: 200)
    let drawn = plot.drawn()
    #expect(drawn.specification["$schema"] == "https://vega.github.io/schema/vega-lite/v6.json")
    #expect(drawn.specification["title"] == "Loss")
    #expect(drawn.specification["width"] == 300)
    #expect(drawn.specification["height"] == 200)
    #expect(
      rows(drawn, layer: 0) == [
        ["x": 1.0, "y": 3.0, "series": "training"], ["x": 2.0, "y": 4.0, "series": "training"],
      ])
    #expect(
      encoding(drawn, layer: 0, "y") == [
        "field": "y", "type": "quantitative", "title": "loss [nats]",
        "scale": ["type": "log", "domain": [0.1, 10.0], "nice": false], "axis": ["tickCount": 4],
      ])
    #expect(drawn.caption == nil)
    #expect(drawn.tables.map(\.rows) == [[["training", 1.0, 3.0], ["training", 2.0, 4.0]]])
  }

  @Test("points that are not finite are left out and counted")
  func notFinite() {
    let plot = Plot(
      "P", caption: "A caption.", x: "x", y: "y",
      marks: [.points(x: [1, .nan, 3, 4], y: [1, 2, .infinity, 4])])
    let drawn = plot.drawn()
    #expect(rows(drawn, layer: 0) == [["x": 1.0, "y": 1.0], ["x": 4.0, "y": 4.0]])
    #expect(drawn.caption == "A caption. 2 values of “P” are not finite and not drawn.")
  }

  @Test("a log axis leaves out and counts what is not positive, a linear one keeps it")
  func logAxis() {
    let marks: [Mark] = [.line(x: [1, 2, 3], y: [-1, 0, 1])]
    let log = Plot(x: "x", y: Axis("y", scale: .log), marks: marks).drawn()
    #expect(rows(log, layer: 0) == [["x": 3.0, "y": 1.0]])
    #expect(log.caption == "2 values are not finite or not positive and not drawn.")
    #expect(rows(Plot(x: "x", y: "y", marks: marks).drawn(), layer: 0).count == 3)
  }

  @Test("scatter marks share 5,000 points, keep their order, and say so")
  func thinning() {
    let x = (0..<30_000).map(Double.init)
    let plot = Plot(
      x: "x", y: "y",
      marks: [
        .points(x: x, y: x, series: "a"), .points(x: Array(x.prefix(10_000)), y: Array(x.prefix(10_000))),
      ])
    let drawn = plot.drawn()
    #expect(rows(drawn, layer: 0).count == 2500)
    #expect(rows(drawn, layer: 1).count == 2500)
    let kept = rows(drawn, layer: 0).compactMap { if case .number(let x)? = $0["x"] { x } else { nil } }
    #expect(kept == kept.sorted())
    // A fair choice of 2,500 from 30,000: the mean's standard error is 166, four of them are allowed.
    #expect(abs(kept.reduce(0, +) / 2500 - 14_999.5) < 665)
    #expect(kept.count { Int($0) % 2 == 0 } > 1150 && kept.count { Int($0) % 2 == 0 } < 1350)
    #expect(drawn.caption?.hasPrefix("2,500 of 30,000 points are drawn, chosen evenly.") == true)
    #expect(drawn == plot.drawn())
  }

  @Test("a small mark keeps all its points beside a large one")
  func fairShares() {
    let x = (0..<30_000).map(Double.init)
    let small = Array(x.prefix(300))
    let plot = Plot(x: "x", y: "y", marks: [.points(x: x, y: x), .points(x: small, y: small)])
    #expect(rows(plot.drawn(), layer: 0).count == 4700)
    #expect(rows(plot.drawn(), layer: 1).count == 300)
  }

  @Test("the limit itself is not thinned")
  func limit() {
    let x = (0..<5000).map(Double.init)
    let drawn = Plot(x: "x", y: "y", marks: [.points(x: x, y: x)]).drawn()
    #expect(rows(drawn, layer: 0).count == 5000)
    #expect(drawn.caption == nil)
  }

  @Test("a long line keeps its ends and its spikes")
  func outline() {
    let x = (0..<100_000).map(Double.init)
    var y = x.map { _ in 0.0 }
    y[54_321] = 9
    y[76_543] = -9
    let drawn = Plot(x: "x", y: "y", marks: [.line(x: x, y: y)]).drawn()
    let drawnRows = rows(drawn, layer: 0)
    #expect(drawnRows.count <= 5002)
    #expect(drawnRows.first == ["x": 0.0, "y": 0.0])
    #expect(drawnRows.last == ["x": 99_999.0, "y": 0.0])
    #expect(drawnRows.contains(["x": 54_321.0, "y": 9.0]))
    #expect(drawnRows.contains(["x": 76_543.0, "y": -9.0]))
  }

  @Test("series have one order of colours in all panels and layers")
  func colors() {
    let first = Plot(x: "x", y: "y", marks: [.line(x: [1], y: [1], series: "b")])
    let second = Plot(x: "x", y: "y", marks: [.points(x: [1, 2], y: [1, 2], series: ["a", "b"])])
    let drawn = Plot.row([first, second]).drawn()
    guard case .array(let panels)? = drawn.specification["concat"] else {
      Issue.record("no panels")
      return
    }
    for panel in panels {
      guard case .array(let layers)? = panel["layer"] else { continue }
      #expect(layers[0]["encoding"]?["color"]?["scale"]?["domain"] == ["b", "a"])
    }
    #expect(drawn.specification["resolve"] == ["scale": ["color": "shared"]])
  }

  @Test("facets share axes and carry their condition as title")
  func facets() {
    let panel = Plot("old", x: "x", y: "y", marks: [.points(x: [1], y: [1])])
    let drawn = Plot.facets([("t = 0", panel), ("t = 1", panel)], columns: 2, sharedY: false).drawn()
    guard case .array(let panels)? = drawn.specification["concat"] else {
      Issue.record("no panels")
      return
    }
    #expect(panels.map { $0["title"] } == ["t = 0", "t = 1"])
    #expect(drawn.specification["resolve"] == ["scale": ["color": "independent", "x": "shared"]])
    #expect(drawn.specification["columns"] == 2)
  }

  @Test("a histogram draws its counts; as a density its area is one")
  func histogram() {
    let values = [0, 0.5, 1, 3, 4, .nan]
    let counts = Plot(x: "x", y: "count", marks: [.histogram(values, bins: .edges([0, 1, 3]))]).drawn()
    #expect(
      rows(counts, layer: 0) == [
        ["x": 0.0, "x2": 1.0, "y": 2.0, "floor": 0.0], ["x": 1.0, "x2": 3.0, "y": 2.0, "floor": 0.0],
      ])
    #expect(counts.caption == "2 values are not finite or outside the bins and not drawn.")
    let density = Plot(
      x: "x", y: "density", marks: [.histogram(values, bins: .edges([0, 1, 3]), normalized: true)]
    ).drawn()
    #expect(rows(density, layer: 0).map { $0["y"] } == [0.5, 0.25])
  }

  @Test("a histogram on a log axis leaves empty bins out without counting them as lost")
  func logHistogram() {
    let mark = Mark.histogram([0.5, 2.5, 2.6], bins: .edges([0, 1, 2, 3]))
    let drawn = Plot(x: "x", y: Axis("count", scale: .log), marks: [mark]).drawn()
    #expect(rows(drawn, layer: 0).map { $0["y"] } == [1.0, 2.0])
    #expect(rows(drawn, layer: 0).map { $0["floor"] } == [0.5, 0.5])
    #expect(drawn.caption == nil)
  }

  @Test("a heat map has one cell a number, the first row at the bottom")
  func heatMap() {
    let mark = Mark.heatMap(x: 0...2, y: 0...1, values: [[1, 2], [3, .nan]])
    let drawn = Plot(x: "x", y: "y", marks: [mark]).drawn()
    #expect(
      rows(drawn, layer: 0) == [
        ["x": 0.0, "x2": 1.0, "y": 0.0, "y2": 0.5, "value": 1.0],
        ["x": 1.0, "x2": 2.0, "y": 0.0, "y2": 0.5, "value": 2.0],
        ["x": 0.0, "x2": 1.0, "y": 0.5, "y2": 1.0, "value": 3.0],
      ])
    #expect(drawn.caption == "1 value is not finite and not drawn.")
  }

  @Test("an empty plot is still a plot")
  func empty() throws {
    let plots = [
      Plot(x: "x", y: "y", marks: []), Plot(x: "x", y: "y", marks: [.points(x: [], y: [])]), .row([]),
      Plot(
        x: "x", y: "y", marks: [.histogram([]), .heatMap(x: 0...1, y: 0...1, values: []), .rule(x: .nan)]),
    ]
    for plot in plots {
      let text = plot.drawn().specification.compact
      #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(text.utf8)) }
    }
  }
}
