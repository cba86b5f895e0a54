import Probability
import Torch

/// A weighted sum of fields, such as b + ε s.
public struct FieldSum: Sendable {
  public let terms: [(field: InterpolantField, weight: Double)]

  public init(_ terms: [(InterpolantField, Double)]) {
    // A zero weight asks nothing: the score is infinite where there is no noise, and 0 · ∞ is no number.
    self.terms = terms.filter { $0.1 != 0 }.map { (field: $0.0, weight: $0.1) }
  }

  /// b, the drift of the probability flow.
  public static let velocity = FieldSum([(.velocity, 1)])
  /// b + ε s, the drift of the forward equation.
  public static func forwardDrift(epsilon: Double) -> FieldSum {
    FieldSum([(.velocity, 1), (.score, epsilon)])
  }
  /// u, the forward drift of the diffusive schedule at its own noise level.
  public static let diffusiveDrift = FieldSum([(.diffusiveDrift, 1)])
  /// b − ε s, the drift of the backward equation.
  public static func backwardDrift(epsilon: Double) -> FieldSum {
    FieldSum([(.velocity, 1), (.score, -epsilon)])
  }
}

/// How a divergence is evaluated along an integration.
public enum DivergenceRule: Sendable {
  case exact
  /// Rademacher probes `[probes, n, d]`, the same at every time.
  case hutchinson(Tensor)
}

/// The fields of a stochastic interpolant, learned by networks or known in closed form.
///
/// Points are `[n, d]`, conditions `[n, k]`; all rows are at the same time.
public protocol InterpolantFields {
  var schedule: InterpolantSchedule { get }
  var dimension: Int { get }

  /// Whether the field can be given between the ends.
  func provides(_ field: InterpolantField) -> Bool

  /// The sum of fields at the points, with their shape.
  func callAsFunction(_ sum: FieldSum, _ t: Double, _ x: Tensor, condition: Tensor?) -> Tensor

  /// The sum of fields and its divergence.
  func withDivergence(_ sum: FieldSum, _ t: Double, _ x: Tensor, condition: Tensor?, rule: DivergenceRule)
    -> FieldWithDivergence
}

extension InterpolantFields {
  /// A single field.
  public func callAsFunction(_ field: InterpolantField, _ t: Double, _ x: Tensor, condition: Tensor? = nil)
    -> Tensor
  {
    self(FieldSum([(field, 1)]), t, x, condition: condition)
  }

  /// Without a closed form the divergence comes from automatic differentiation.
  public func withDivergence(
    _ sum: FieldSum, _ t: Double, _ x: Tensor, condition: Tensor?, rule: DivergenceRule
  ) -> FieldWithDivergence {
    switch rule {
    case .exact: exactDivergence(of: { self(sum, t, $0, condition: condition) }, at: x)
    case .hutchinson(let probes):
      hutchinsonDivergence(of: { self(sum, t, $0, condition: condition) }, at: x, probes: probes)
    }
  }
}

/// The exact fields between two Gaussian mixtures.
public struct ExactFields: InterpolantFields, Sendable {
  public let schedule: InterpolantSchedule
  public let mixtures: GaussianMixtureInterpolant

  /// - Throws: ``InterpolantError`` for schedules whose ends are not independent, or a base that is not N(0, I)
  ///   where the schedule is one-sided; `ParameterError` where dimensions differ.
  public init(from base: GaussianMixture, to target: GaussianMixture, schedule: InterpolantSchedule) throws {
    try schedule.validate()
    guard schedule.kind != .mirror else { throw InterpolantError.exactFieldsNeedIndependentEnds }
    if schedule.kind == .oneSided, !base.isStandardNormal { throw InterpolantError.oneSidedNeedsGaussianBase }
    mixtures = try GaussianMixtureInterpolant(from: base, to: target)
    self.schedule = schedule
  }

  public var dimension: Int { mixtures.target.dimension }
  public func provides(_ field: InterpolantField) -> Bool {
    field != .energy && (field != .diffusiveDrift || schedule.diffusiveStrength != nil)
  }

  /// The mixture of x_t.
  public func marginal(at t: Double) -> GaussianMixture { mixtures.at(schedule.values(at: t)).marginal }

  public func callAsFunction(_ sum: FieldSum, _ t: Double, _ x: Tensor, condition: Tensor?) -> Tensor {
    let slice = mixtures.at(schedule.values(at: t))
    if sum.terms.count == 2, sum.terms[0].field == .velocity, sum.terms[1].field == .score {
      // The drift of the stochastic generators: both share their responsibilities.
      let (velocity, score) = slice.velocityAndScore(x)
      return (velocity * sum.terms[0].weight).adding(score, scaledBy: sum.terms[1].weight)
    }
    var result: Tensor?
    for (field, weight) in sum.terms {
      let value = self.value(field, slice, x)
      result = result.map { $0.adding(value, scaledBy: weight) } ?? value * weight
    }
    return (result ?? .zeros(like: x)).to(like: x)
  }

  private func value(_ field: InterpolantField, _ slice: GaussianMixtureInterpolant.Slice, _ x: Tensor)
    -> Tensor
  {
    switch field {
    case .velocity: slice.velocity(x)
    case .drift: schedule.kind == .oneSided ? slice.velocity(x) : slice.interpolantVelocity(x)
    case .score: slice.score(x)
    case .denoiser: schedule.kind == .oneSided ? slice.expectedBase(x) : slice.expectedNoise(x)
    case .startMean: slice.expectedBase(x)
    case .endMean: slice.expectedTarget(x)
    case .diffusiveDrift: slice.velocity(x).adding(slice.score(x), scaledBy: schedule.diffusiveStrength ?? 0)
    case .energy: preconditionFailure("the energy of a mixture is not offered; use its log-density")
    }
  }

  public func withDivergence(
    _ sum: FieldSum, _ t: Double, _ x: Tensor, condition: Tensor?, rule: DivergenceRule
  ) -> FieldWithDivergence {
    if case .exact = rule, sum.terms.count == 1, sum.terms[0].field == .velocity, sum.terms[0].weight == 1 {
      return mixtures.at(schedule.values(at: t)).velocityWithDivergence(x)
    }
    switch rule {
    case .exact: return exactDivergence(of: { self(sum, t, $0, condition: nil) }, at: x)
    case .hutchinson(let probes):
      return hutchinsonDivergence(of: { self(sum, t, $0, condition: nil) }, at: x, probes: probes)
    }
  }
}

extension GaussianMixture {
  /// Whether this is N(0, I).
  public var isStandardNormal: Bool {
    components == 1 && means.doubles.allSatisfy { $0 == 0 }
      && covariances[0].isEqual(to: .identity(dimension, dtype: .double, device: means.device))
  }
}
