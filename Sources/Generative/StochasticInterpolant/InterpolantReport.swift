import Foundation
import Probability
import Report
import Torch
import Training

/// The page that a training leaves behind: held-out likelihood, losses, and samples beside data.
public struct InterpolantReport {
  public let page: HTMLReport
  /// The main numbers as lines for a terminal.
  public let text: String

  /// - Throws: ``InterpolantError`` from evaluation.
  public init(
    model: InterpolantModel, training: InterpolantTraining, result: TrainingResult, run: RunFolder?,
    using random: inout RandomSource
  ) throws {
    let (rows, condition) = Self.comparisonRows(training, using: &random)
    var page = HTMLReport(
      title: "Stochastic interpolant",
      subtitle: "\(model.dimension) columns, schedule \(training.options.schedule.title)")
    var facts: [(String, String)] = [
      ("steps", "\(result.steps)\(result.stoppedEarly ? " (stopped early)" : "")"),
      ("last loss", formatNumber(result.loss)),
    ]
    if let best = result.best {
      facts.append(("best validation loss", "\(formatNumber(best.value)) at step \(best.step)"))
    }
    if let learned = model.fields as? LearnedFields {
      facts.append(("parameters", "\(learned.network.parameterCount)"))
      facts.append(("fields", learned.network.fields.map(\.rawValue).joined(separator: ", ")))
    }
    var lines: [String] = []
    var items: [ReportItem] = []
    if let likelihood = try Self.likelihood(model, rows, condition, using: &random) {
      let name = training.heldOut == nil ? "log-likelihood" : "held-out log-likelihood"
      facts.append(("\(name), nats a row", likelihood.mean.description))
      lines.append("\(name) \(likelihood.mean) nats a row (\(rows.size(0)) rows)")
      if let gaussian = Self.gaussian(training, rows, using: &random) {
        facts.append(("full-covariance Gaussian, nats a row", gaussian.description))
        lines.append("full-covariance Gaussian on the same rows: \(gaussian)")
      }
      items.append(
        .plot(
          Plot(
            "Log-likelihood of rows", x: "log-likelihood [nats]", y: "rows",
            marks: [.histogram(likelihood.values.doubles)]), name: "loglik"))
    } else {
      lines.append("no likelihood: the base has no density")
    }
    page.add("Result", [.facts(.init(facts))] + items)
    if let run,
      let losses = lossPlot(
        run, caption: "E[½|f̂|² − τ·f̂], summed over the fields; its minimum is negative.")
    {
      page.add("Training", [.plot(losses, name: "loss")])
    }
    let samples = try Self.samples(model, rows.size(0), condition, using: &random)
    page.add("Samples", Self.sampleItems(model, training, rows: rows, samples: samples))
    self.page = page
    text = lines.joined(separator: "\n")
  }

  /// Held-out rows, or training rows or fresh draws where nothing was held out; at most 1,000.
  private static func comparisonRows(_ training: InterpolantTraining, using random: inout RandomSource) -> (
    Tensor, Tensor?
  ) {
    if let held = training.heldOut {
      let n = min(1000, held.rows.size(0))
      return (
        training.options.noise(held.rows[0..<n].to(.double), using: &random), held.condition.map { $0[0..<n] }
      )
    }
    switch training.data.target {
    case .rows(let rows):
      let n = min(1000, rows.size(0))
      return (
        training.options.noise(rows[0..<n].to(.double), using: &random),
        training.data.condition.map { $0[0..<n] }
      )
    case .generator(_, let draw):
      return (training.options.noise(draw(1000, &random).to(.double), using: &random), nil)
    }
  }

  private static func likelihood(
    _ model: InterpolantModel, _ rows: Tensor, _ condition: Tensor?, using random: inout RandomSource
  ) throws -> LogLikelihoods? {
    guard model.schedule.kind != .mirror, model.fields.provides(.velocity) else { return nil }
    switch model.base {
    case .gaussian, .mixture:
      var options = LikelihoodOptions()
      options.steps = 40
      return try model.logLikelihood(rows, condition: condition, options: options, using: &random)
    case .samples, .given: return nil
    }
  }

  /// The mean log-density under the normal fitted to the training's rows: what a flow has to beat.
  private static func gaussian(
    _ training: InterpolantTraining, _ rows: Tensor, using random: inout RandomSource
  ) -> Estimate? {
    guard case .rows(let all) = training.data.target, all.size(0) > all.size(1) + 1 else { return nil }
    let noisy = training.options.noise(all.to(.double), using: &random)
    let centred = noisy - noisy.mean(0, keep: true)
    let covariance = centred.transposed.matmul(centred) / Double(noisy.size(0) - 1)
    guard
      let normal = try? GaussianMixture(
        weights: [1], means: noisy.mean(0, keep: true), covariances: covariance.unsqueeze(0))
    else { return nil }
    return Estimate(meanOf: normal.logProbability(rows).doubles)
  }

  private static func samples(
    _ model: InterpolantModel, _ count: Int, _ condition: Tensor?, using random: inout RandomSource
  ) throws -> Tensor? {
    if case .given = model.base { return nil }
    var options = SamplerOptions()
    if model.schedule.kind == .mirror { return nil }
    options.steps = 50
    return try model.sample(count, condition: condition, options: options, using: &random).points
  }

  private static func sampleItems(
    _ model: InterpolantModel, _ training: InterpolantTraining, rows: Tensor, samples: Tensor?
  ) -> [ReportItem] {
    guard let samples else { return [.text("This model starts from given points; sample it with --from.")] }
    return comparisonItems(
      rows, samples, columns: model.columns, imageShape: training.options.network.imageShape,
      classes: model.classes.count)
  }
}

extension InterpolantSchedule {
  /// For a person.
  public var title: String {
    switch self {
    case .linear(let gamma): "linear, γ \(gamma.title)"
    case .trigonometric(let gamma): "trig, γ \(gamma.title)"
    case .cosine(let gamma): "cosine, γ \(gamma.title)"
    case .encodeDecode: "enc-dec"
    case .encodeDecodeVP: "enc-dec-vp"
    case .oneSidedLinear: "one-sided-linear"
    case .oneSidedTrigonometric: "one-sided-trig"
    case .oneSidedVP: "one-sided-vp"
    case .mirror(let gamma): "mirror, γ \(gamma.title)"
    case .diffusive(let a): "diffusive, a = \(a)"
    }
  }
}

extension GammaSchedule {
  var title: String {
    switch self {
    case .brownian(let a): "= √(\(a) t(1−t))"
    case .quadratic: "= t(1−t)"
    case .sine: "= sin² πt"
    case .sigmoid: "a bump of logistic steps"
    case .zero: "= 0"
    }
  }
}
