import RealModule
import Torch

/// The Dirichlet distribution on the simplex of the last axis.
///
/// `[k]` concentrations draw one point of the simplex; axes before the last are independent components.
public struct Dirichlet: ContinuousDistribution {
  /// `[..., k]`.
  public let concentration: Tensor

  /// How far a row's sum may be from 1 and still count as on the simplex.
  static let tolerance = 1e-6

  /// - Parameter concentration: `[..., k]` with k ≥ 2, finite and > 0.
  /// - Throws: ``ParameterError``.
  public init(concentration: some DistributionParameter) throws(ParameterError) {
    let check = ParameterCheck("Dirichlet")
    self.concentration = try check.broadcast(["concentration": concentration])[0]
    guard self.concentration.rank >= 1, self.concentration.size(-1) >= 2 else {
      throw check.error(
        "concentration", found: "of shape \(self.concentration.shape)",
        expected: "at least two values on the last axis")
    }
    try check.positive("concentration", self.concentration)
  }

  public var eventShape: [Int] { concentration.shape }
  /// `eventShape`.
  public var mean: Tensor { concentration / concentration.sum(-1, keep: true) }
  /// `eventShape`.
  public var variance: Tensor { mean * (1 - mean) / (concentration.sum(-1, keep: true) + 1) }

  /// log B + (A − k)ψ(A) − Σ(aᵢ − 1)ψ(aᵢ) with A = Σaᵢ, summed over components.
  public var entropy: Tensor {
    let total = concentration.sum(-1)
    let edges = ((concentration - 1) * concentration.digamma()).sum(-1)
    let width = Double(concentration.size(-1))
    return (logNormaliser + (total - width) * total.digamma() - edges).sum()
  }

  /// log B(a), one a component.
  var logNormaliser: Tensor { concentration.lgamma().sum(-1) - concentration.sum(-1).lgamma() }

  /// Differentiable in the concentration.
  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    let parts = source.gamma(concentration.expand([count] + eventShape))
    return parts / parts.sum(-1, keep: true)
  }

  /// The density with respect to the first k − 1 coordinates; −∞ where a coordinate is negative or the sum
  /// is further than 1e-6 from 1.
  public func logProbability(_ x: Tensor) -> Tensor {
    requireRows(x)
    let x = x.to(like: concentration)
    let off = (x.sum(-1) - 1).abs() .> Self.tolerance
    let outside = off .| (x .< 0).any(-1)
    let safe = x.filled(where: outside.unsqueeze(-1), with: 1 / Double(x.size(-1)))
    let kernel = (concentration - 1).xlogy(safe).sum(-1) - logNormaliser
    return kernel.filled(where: outside, with: -.infinity).summed(overLast: eventShape.count - 1)
  }
}
