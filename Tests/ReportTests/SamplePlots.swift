import Foundation
import Report

/// Plots that use every mark, scale and kind of group.
extension SampleReport {
  static var plots: KeyValuePairs<String, Plot> {
    [
      "loss": loss, "scatter": scatter, "histogram": histograms, "bars": bars, "heat": heatMaps,
      "facets": facets, "trajectories": trajectories,
    ]
  }

  private static var loss: Plot {
    let steps = (1...200).map { Double($0) * 20 }
    let loss = steps.map { (step: Double) -> Double in 2 / (1 + step / 300) + 0.05 }
    let noisy = zip(loss, bells(200, 1)).map { (loss: Double, noise: Double) in loss * exp(0.08 * noise) }
    let marks: [Mark] = [
      .band(x: steps, lower: loss.map { $0 * 0.85 }, upper: loss.map { $0 * 1.15 }, series: "held out"),
      .line(x: steps, y: loss, series: "held out"),
      .line(x: steps, y: noisy, series: "training"),
      .rule(y: 0.1, label: "entropy of the data"),
    ]
    return Plot(
      "Training", caption: "The band is twice the standard error.", x: "step",
      y: Axis("loss", unit: "nats", scale: .log), marks: marks)
  }

  private static var scatter: Plot {
    let x = bells(12_000, 2)
    let y = zip(x, bells(12_000, 3)).map { (x: Double, noise: Double) in 0.6 * x * x - 1 + 0.4 * noise }
    let marks: [Mark] = [
      .points(x: x, y: y, series: "model"),
      .points(x: Array(x.prefix(300)), y: Array(y.prefix(300)), series: "data"),
    ]
    return Plot("Samples", x: "first", y: "second", marks: marks).sized(width: 360, height: 300)
  }

  private static var histograms: Plot {
    let model = bells(12_000, 2)
    let data = bells(2000, 5).map { $0 + 0.5 } + [.nan]
    let densities: [Mark] = [
      .histogram(model, series: "model", normalized: true),
      .histogram(data, series: "data", normalized: true),
      .rule(x: 0.5, label: "truth"),
    ]
    let left = Plot(
      "Log-likelihoods", x: Axis("log-likelihood", unit: "nats"), y: "density", marks: densities)
    let right = Plot(
      "Weights", x: Axis("weight", scale: .log), y: Axis("count", scale: .log),
      marks: [.histogram(model.map { exp($0) }, bins: .logarithmic(30))])
    return .row([left, right]).sized(width: 330, height: 200)
  }

  private static var bars: Plot {
    let names = ["A", "B", "C"]
    let errors = [0.05, 0.03, 0.08]
    let marks: [Mark] = [
      .bars(names, [0.7, 0.8, 0.6], uncertainties: errors, series: "ours"),
      .bars(names, [0.65, 0.82, 0.5], uncertainties: errors, series: "theirs"),
    ]
    let left = Plot("Accuracy", x: "", y: "accuracy", marks: marks).sized(width: 300, height: 180)
    let right = Plot(
      "Time", x: Axis("time", unit: "s"), y: "",
      marks: [.bars(["a long name of a method", "another"], [3, 4], horizontal: true)])
    return .row([left, right.sized(width: 220, height: 120)])
  }

  private static var heatMaps: Plot {
    let grid = (0..<24).map { row in
      (0..<32).map { column -> Double in sin(Double(column) / 4) * cos(Double(row) / 4) }
    }
    let score: [Mark] = [
      .heatMap(x: -4...4, y: -3...3, values: grid, color: "score", palette: .diverging(center: 0)),
      .points(x: [0, 1], y: [0, 1], series: "modes"),
    ]
    let names = ["cat", "dog"]
    let confusion = Mark.heatMap(columns: names, rows: names, values: [[9, 1], [3, 7]], color: "count")
    return .row([
      Plot("Score", x: "x", y: "y", marks: score).sized(width: 300, height: 220),
      Plot("Confusion", x: "predicted", y: "true", marks: [confusion]).sized(width: 160, height: 160),
    ])
  }

  private static var facets: Plot {
    func panel(_ seed: UInt64) -> Plot {
      let edges = (-8...8).map { Double($0) / 2 }
      let mark = Mark.histogram(bells(500, seed), bins: .edges(edges))
      return Plot(x: "x", y: "count", marks: [mark]).sized(width: 190, height: 120)
    }
    return .facets([("t = 0", panel(7)), ("t = 0.5", panel(8)), ("t = 1", panel(9))], columns: 3)
  }

  private static var trajectories: Plot {
    func path(_ turn: Int, _ wave: (Double) -> Double) -> [Double] {
      (0..<60).map { step in wave(Double(step) / 9 + Double(turn)) * Double(step) / 55 }
    }
    let marks: [Mark] = [
      .paths(x: (0..<12).map { path($0) { cos($0) } }, y: (0..<12).map { path($0) { sin($0) } }),
      .line(x: [-1, 1], y: [-1, 1], dashed: true),
      .errorBars(x: [-0.5, 0, 0.5], lower: [-0.9, -0.2, 0.1], upper: [-0.3, 0.3, 0.8], series: attack),
    ]
    return Plot(
      "Trajectories and intervals", x: Axis("x", domain: -1...1), y: "y", marks: marks
    ).sized(width: 300, height: 260)
  }
}
