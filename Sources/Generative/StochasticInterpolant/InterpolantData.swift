import Foundation
import Probability
import Solvers
import Torch
import Training

/// How x₀ and x₁ of a batch belong together.
public enum Coupling: String, Sendable, Codable, CaseIterable {
  case independent
  /// Row i of the source belongs to row i of the data.
  case paired
  /// The x₀ of a batch are matched to its x₁ so that the total squared distance is smallest.
  case minibatchOT = "minibatch-ot"
}

/// The data that an interpolant is trained on, in the user's coordinates.
public struct InterpolantData {
  public var target: TargetData
  /// The law of x₀; for `.samples` its rows are the source.
  public var base: BaseDistribution
  public var coupling: Coupling
  /// `[n, k]`, one row a row of the target.
  public var condition: Tensor?
  /// The noise x₀ of every row, `[n, d]`, for a Gaussian base whose pairs are known, as in rectification.
  public var noiseOfRows: Tensor?
  public var columns: [String]
  /// Names of classes, where the condition is one-hot.
  public var classes: [String]

  public init(
    target: TargetData, base: BaseDistribution = .gaussian, coupling: Coupling = .independent,
    condition: Tensor? = nil, noiseOfRows: Tensor? = nil, columns: [String]? = nil, classes: [String] = []
  ) {
    self.noiseOfRows = noiseOfRows
    self.target = target
    self.base = base
    self.coupling = coupling
    self.condition = condition
    self.columns = columns ?? (0..<target.dimension).map { "x\($0 + 1)" }
    self.classes = classes
  }

  /// Checks that the parts fit each other and the schedule.
  /// - Throws: ``InterpolantError`` naming what does not.
  func validate(_ schedule: InterpolantSchedule) throws {
    let d = target.dimension
    if case .rows(let rows) = target {
      guard rows.size(0) >= 2 else { throw InterpolantError.tooFewRows(found: rows.size(0), needed: 2) }
      try requireFinite(rows)
      if let condition, condition.size(0) != rows.size(0) {
        throw InterpolantError.pairsDiffer(base: condition.size(0), target: rows.size(0))
      }
    }
    let isGaussian: Bool
    switch base {
    case .gaussian: isGaussian = true
    case .mixture(let mixture):
      isGaussian = mixture.isStandardNormal
      guard mixture.dimension == d else {
        throw InterpolantError.dimensionMismatch(base: mixture.dimension, target: d)
      }
    case .samples(let rows):
      isGaussian = false
      guard rows.size(1) == d else { throw InterpolantError.dimensionMismatch(base: rows.size(1), target: d) }
      try requireFinite(rows)
      if coupling == .paired, case .rows(let targets) = target, targets.size(0) != rows.size(0) {
        throw InterpolantError.pairsDiffer(base: rows.size(0), target: targets.size(0))
      }
    case .given: isGaussian = false
    }
    if schedule.kind == .oneSided, !isGaussian { throw InterpolantError.oneSidedNeedsGaussianBase }
    if coupling == .paired {
      guard case .samples = base, case .rows = target else {
        throw InterpolantError.pairsRequired("--coupling paired")
      }
    }
    if case .diffusive = schedule {
      guard coupling == .paired, case .samples = base else {
        throw InterpolantError.pairsRequired("the diffusive schedule")
      }
    }
  }

  /// The affine map that training works in: of the target, or of both ends where both are data.
  func standardiser(_ noise: DataNoise, using random: inout RandomSource) -> Standardiser {
    var parts: [Tensor] = []
    switch target {
    case .rows(let rows): parts.append(noise(rows.to(.double), using: &random))
    case .generator(_, let draw): parts.append(noise(draw(20_000, &random).to(.double), using: &random))
    }
    switch base {
    case .samples(let rows): parts.append(rows.to(.double))
    case .mixture(let mixture): parts.append(mixture.sample(20_000, using: &random))
    case .gaussian, .given: break
    }
    return Standardiser(fitting: .concatenate(parts))
  }
}

/// Permutes `start` so that its rows are optimally matched to those of `end`.
func optimallyCoupled(_ start: Tensor, to end: Tensor) -> Tensor {
  let costs = end.distances(to: start).square().doubles
  return start.select(axis: 0, Tensor(Assignment.solve(costs, end.size(0)), device: start.device))
}
