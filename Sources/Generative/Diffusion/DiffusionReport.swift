import Foundation
import Probability
import Report
import Torch
import Training

/// The page that a training of a diffusion model leaves behind: losses, and samples beside data.
public struct DiffusionReport {
  public let page: HTMLReport
  /// The main numbers as lines for a terminal.
  public let text: String

  /// - Throws: ``DiffusionError``.
  public init(
    model: DiffusionModel, training: DiffusionTraining, result: TrainingResult, run: RunFolder?,
    using random: inout RandomSource
  ) throws {
    let rows = Self.comparisonRows(training, using: &random)
    var facts = [
      ("steps", "\(result.steps)\(result.stoppedEarly ? " (stopped early)" : "")"),
      ("last loss", formatNumber(result.loss)), ("parameters", "\(model.network.parameterCount)"),
      ("prediction", model.prediction.rawValue),
    ]
    if let best = result.best {
      facts.append(("best validation loss", "\(formatNumber(best.value)) at step \(best.step)"))
    }
    // As many of every class as there are, in turn, or all together.
    let classes: [String?] = model.classes.isEmpty ? [nil] : model.classes
    let share = max(1, rows.size(0) / classes.count)
    let parts = try classes.map { try model.sample(share, class: $0, using: &random) }
    let samples = Tensor.stack(parts, axis: 1).reshape(-1, model.dimension)
    let distance = energyDistance(samples, rows)
    facts.append(("energy distance of samples to data", formatNumber(distance)))
    page = {
      var page = HTMLReport(
        title: "Diffusion model", subtitle: "\(model.dimension) columns, schedule \(model.schedule)")
      page.add("Result", [.facts(.init(facts))])
      if let run, let losses = lossPlot(run, caption: "Mean squared error of the prediction.") {
        page.add("Training", [.plot(losses, name: "loss")])
      }
      page.add(
        "Samples",
        comparisonItems(
          rows, samples, columns: model.columns, imageShape: training.options.network.imageShape,
          classes: model.classes.count))
      return page
    }()
    text = "loss \(formatNumber(result.loss)), energy distance of samples to data \(formatNumber(distance))"
  }

  /// Held-out rows, or training rows or fresh draws where nothing was held out; at most 1,000.
  private static func comparisonRows(_ training: DiffusionTraining, using random: inout RandomSource)
    -> Tensor
  {
    let rows: Tensor
    if let held = training.heldOut {
      rows = held.rows
    } else {
      switch training.target {
      case .rows(let all): rows = all
      case .generator(_, let draw): rows = draw(1000, &random)
      }
    }
    return training.options.noise(rows[0..<min(1000, rows.size(0))].to(.double), using: &random)
  }
}
