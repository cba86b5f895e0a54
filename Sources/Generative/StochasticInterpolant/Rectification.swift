import Probability
import Solvers
import Torch
import Training

/// Refitting on the pairs that a learned flow makes, so that the same map is reached along straighter lines.
public enum Rectification {
  /// Pairs (x₀, X₁(x₀)) of the model's flow, ready for training: with a Gaussian base the noise of every row is
  /// known, otherwise the coupling is by pairs.
  /// - Throws: ``InterpolantError`` from sampling.
  public static func pairs(
    of model: InterpolantModel, count: Int, steps: Int = 100, using random: inout RandomSource
  ) throws -> InterpolantData {
    var options = SamplerOptions()
    options.steps = steps
    guard
      let start = model.base.sample(
        count, dimension: model.dimension, standardiser: model.standardiser, using: &random)
    else { throw InterpolantError.pairsRequired("rectification") }
    var condition: Tensor?
    if !model.classes.isEmpty {
      condition = random.integers([count], in: 0..<model.classes.count).oneHot(model.classes.count).to(.float)
    }
    let origin = model.standardiser.restore(start.to(.double))
    let end = try model.sample(count, start: origin, condition: condition, options: options, using: &random)
      .points
    let isGaussian = if case .gaussian = model.base { true } else { false }
    return InterpolantData(
      target: .rows(end), base: isGaussian ? .gaussian : .samples(origin),
      coupling: isGaussian ? .independent : .paired, condition: condition,
      noiseOfRows: isGaussian ? start : nil,
      columns: model.columns, classes: model.classes)
  }

  /// E ∫ |b(t, X_t) − (X₁ − X₀)|² dt over the flow's own paths, relative to E|X₁ − X₀|²: 0 for straight lines.
  public static func curvature(
    of model: InterpolantModel, count: Int = 2000, steps: Int = 50, using random: inout RandomSource
  ) throws -> Double {
    guard
      let start = model.base.sample(
        count, dimension: model.dimension, standardiser: model.standardiser, using: &random)
    else { throw InterpolantError.pairsRequired("the curvature") }
    try model.require(.velocity)
    let condition: Tensor? =
      model.classes.isEmpty
      ? nil : random.integers([count], in: 0..<model.classes.count).oneHot(model.classes.count).to(.float)
    let range = model.timeRange(SamplerOptions())
    return withoutGradient {
      var slopes: [Tensor] = []
      let field: TimeField = { t, x in model.fields(.velocity, t, x, condition: condition) }
      let grid = TimeGrid.uniform(from: range.start, to: range.end, steps: steps)
      let x0 = start.to(model.workingType)
      let solution = integrate(field, from: x0, along: grid) { _, t, x in slopes.append(field(t, x)) }
      let line = solution.final - x0
      let bend = slopes.map { ($0 - line).square().sum(-1).mean() }
      return (Tensor.stack(bend).mean() / line.square().sum(-1).mean()).item()
    }
  }
}
