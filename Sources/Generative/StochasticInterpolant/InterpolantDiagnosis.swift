import Probability
import Torch
import Training

/// What training left over, by time.
public struct InterpolantDiagnosis: Sendable {
  /// One time.
  public struct Row: Sendable {
    public let time: Double
    public let field: InterpolantField
    /// The loss E[½|f̂|² − τ·f̂] at this time.
    public let loss: Estimate
    /// ½E|f̂ − f|² against exact fields, where there are any.
    public let excess: Estimate?
    /// E|f̂ − f|²/E|f|².
    public let relativeError: Double?
  }
  public let rows: [Row]
  /// The root mean square of αη₀ + βη₁ + γη_z − x, where all three are learned, by time.
  public let identityResiduals: [(time: Double, residual: Double)]
  /// ∫ excess dt by field, where there are exact fields.
  public let totalExcess: [InterpolantField: Double]

  /// (1/ε) ΔL_b + ε ΔL_s at noise levels, where exact fields are known for b and the score follows.
  public func klBounds(_ levels: [Double]) -> [(epsilon: Double, bound: Double)] {
    guard let velocity = totalExcess[.velocity], let score = totalExcess[.score] else { return [] }
    return levels.map {
      ($0, KLControl.bound(excessVelocity: velocity, excessScore: score, epsilon: $0))
    }
  }
}

extension InterpolantModel {
  /// Losses of the learned fields on fresh noise at equally spaced times, and against exact fields if given.
  ///
  /// - Parameters:
  ///   - end: rows x₁ in the data's coordinates.
  ///   - start: rows x₀ where the base is given by pairs.
  ///   - exact: fields of the same schedule in the data's coordinates; the model is then unstandardised.
  /// - Throws: ``InterpolantError``.
  public func diagnose(
    end: Tensor, start: Tensor? = nil, condition: Tensor? = nil, exact: ExactFields? = nil, times: Int = 20,
    antithetic: Bool = true, using random: inout RandomSource
  ) throws -> InterpolantDiagnosis {
    let x1 = try enter(end)
    try validate(condition: condition)
    let x0 = try start.map { try enter($0) }
    let learned = (fields as? LearnedFields)?.network.fields ?? [.velocity, .denoiser]
    let loss = InterpolantLoss(schedule: schedule, antithetic: antithetic)
    var rows: [InterpolantDiagnosis.Row] = []
    var residuals: [(time: Double, residual: Double)] = []
    var totals: [InterpolantField: Double] = [:]
    try withoutGradient {
      for k in 0..<times {
        let t = (Double(k) + 0.5) / Double(times)
        var stream = random.split(k)
        let first: Tensor
        switch schedule.kind {
        case .mirror: first = x1
        case .oneSided: first = stream.normal(like: x1)
        case .twoSided:
          guard
            let drawn = x0
              ?? base.sample(x1.size(0), dimension: dimension, standardiser: standardiser, using: &stream)
          else { throw InterpolantError.pairsRequired("the diagnosis of this model") }
          first = drawn.to(like: x1)
        }
        let batch = InterpolantBatch(
          start: first, end: x1, noise: stream.normal(like: x1),
          times: [Double](repeating: t, count: x1.size(0)),
          condition: condition)
        for field in learned where field != .energy {
          let estimate = Estimate(meanOf: loss.rows(fields, field, batch).doubles)
          var excess: Estimate?
          var relative: Double?
          if let exact {
            let points = exact.marginal(at: t).sample(x1.size(0), using: &stream)
            (excess, relative) = compare(field, exact, t, points)
            totals[field, default: 0] += excess!.value / Double(times)
          }
          rows.append(.init(time: t, field: field, loss: estimate, excess: excess, relativeError: relative))
        }
        if let exact, fields.provides(.score), !learned.contains(.score) {
          let points = exact.marginal(at: t).sample(x1.size(0), using: &stream)
          totals[.score, default: 0] += compare(.score, exact, t, points).0.value / Double(times)
        }
        if learned.contains(.startMean), learned.contains(.endMean), learned.contains(.denoiser) {
          let values = schedule.values(at: t)
          let x = values.alpha * first + values.beta * x1 + values.gamma * batch.noise
          let sum =
            fields(.startMean, t, x, condition: condition) * values.alpha
            + fields(.endMean, t, x, condition: condition) * values.beta
            + fields(.denoiser, t, x, condition: condition) * values.gamma
          residuals.append((t, (sum - x).square().mean().sqrt().item()))
        }
      }
    }
    _ = random.next()
    return InterpolantDiagnosis(rows: rows, identityResiduals: residuals, totalExcess: totals)
  }

  /// ½E|f̂ − f|² and E|f̂ − f|²/E|f|² in the data's coordinates at points of the exact law.
  private func compare(_ field: InterpolantField, _ exact: ExactFields, _ t: Double, _ points: Tensor) -> (
    Estimate, Double
  ) {
    let truth = exact(field, t, points)
    let inside = standardiser.standardise(points).to(workingType)
    var guess = fields(field, t, inside).to(.double)
    switch field {
    case .velocity, .drift, .diffusiveDrift: guess = guess * standardiser.scale
    case .score: guess = guess / standardiser.scale
    case .startMean, .endMean: guess = standardiser.restore(guess)
    case .denoiser, .energy: break
    }
    let squares = (guess - truth).square().sum(-1)
    return (
      0.5 * Estimate(meanOf: squares.doubles), (squares.mean() / truth.square().sum(-1).mean()).item()
    )
  }
}
