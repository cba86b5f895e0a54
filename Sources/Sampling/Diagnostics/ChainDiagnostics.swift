import Probability
import RealModule
import Torch

/// Whether chains have mixed, and how many independent draws theirs are worth, coordinate by coordinate.
///
/// Trust draws with ``rHat`` < 1.01 and bulk and tail sizes above 100 a chain (Vehtari et al. 2021).
///
/// Source: Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021; the variance of correlated draws by Geyer's initial
/// monotone sequence (1992), as in Stan. Cost: a sort and four Fourier transforms of the draws.
public struct ChainDiagnostics: Sendable {
  /// Rank-normalised split-R̂, `[d]`: the larger of that of the location and that of the spread. 1 when chains agree;
  /// NaN where all draws are equal or one is not finite.
  public let rHat: [Double]
  /// Of the rank-normalised draws, `[d]`: how well the centre is known.
  public let bulkEffectiveSampleSize: [Double]
  /// The less of those of the 5 % and the 95 % quantile, `[d]`: how well the tails are known.
  public let tailEffectiveSampleSize: [Double]
  /// The mean of every coordinate over all chains with its Monte Carlo standard error, `[d]`.
  public let means: [Estimate]

  /// - Parameter draws: `[draws, chains, d]`, or `[draws, chains]` for one coordinate; at least 4 draws.
  /// - Throws: ``SamplingError/parameter(owner:name:found:expected:)`` for another shape or fewer draws.
  public init(_ draws: Tensor) throws(SamplingError) {
    let shape = draws.shape
    try SamplingError.require(
      (2...3).contains(shape.count) && !shape.contains(0), "ChainDiagnostics", "draws", "of shape \(shape)",
      "[draws, chains, d] or [draws, chains]")
    try SamplingError.require(
      shape[0] >= 4, "ChainDiagnostics", "draws", "\(shape[0]) of every chain", "at least 4")
    let chains = draws.detach().to(.double).reshape(shape[0], shape[1], -1).permute(2, 1, 0)
    let halves = chains.splitInHalves()
    let ranked = halves.rankNormalised()
    let folded = (halves - halves.quantileOfAll(0.5)).abs().rankNormalised()
    rHat = zip(potentialScaleReduction(ranked), potentialScaleReduction(folded)).map {
      $0.isNaN ? .nan : $1.isNaN ? $0 : max($0, $1)
    }
    bulkEffectiveSampleSize = effectiveSampleSize(chains: ranked)
    // Quantiles of the whole draws: a middle draw of an odd number is in neither half.
    let tails = [0.05, 0.95].map { level in
      let below = (chains .<= chains.quantileOfAll(level)).to(.double)
      return effectiveSampleSize(chains: below.splitInHalves().keepingNaN(of: chains))
    }
    tailEffectiveSampleSize = zip(tails[0], tails[1]).map { $0.isNaN || $1.isNaN ? .nan : min($0, $1) }
    let sizes = effectiveSampleSize(chains: halves)
    let all = chains.reshape(chains.size(0), -1)
    let (centres, spreads) = (all.mean(1).doubles, all.standardDeviation(1).doubles)
    means = sizes.indices.map { Estimate(centres[$0], standardError: spreads[$0] / sizes[$0].squareRoot()) }
  }
}

// Chains of several coordinates, `[d, chains, draws]`.
extension Tensor {
  /// Every chain as two, `[d, 2·chains, ⌊draws/2⌋]`, without the middle draw of an odd number.
  func splitInHalves() -> Tensor {
    let (n, half) = (size(2), size(2) / 2)
    return .concatenate([slice(axis: 2, start: 0, end: half), slice(axis: 2, start: n - half)], axis: 1)
  }

  /// Normal scores of the ranks among all draws of a coordinate, ties sharing their mean rank (Blom's offsets).
  func rankNormalised() -> Tensor {
    let flat = reshape(size(0), -1).contiguous()
    let sorted = flat.sorted().values.contiguous()
    // Ranks from 1: those of equal values run from (smaller ones) + 1 to (smaller or equal ones).
    let ranks = 0.5 * (sorted.searchSorted(flat) + sorted.searchSorted(flat, right: true)).to(.double) + 0.5
    let scores = ((ranks - 0.375) / (Double(flat.size(1)) + 0.25)).normalQuantile()
    return scores.reshape(shape).keepingNaN(of: self)
  }

  /// The quantile of all draws of a coordinate, `[d, 1, 1]`, linear between order statistics.
  func quantileOfAll(_ level: Double) -> Tensor {
    // Not libtorch's quantile, which refuses more than 2²⁴ numbers.
    let sorted = reshape(size(0), -1).sorted().values
    let place = level * Double(sorted.size(1) - 1)
    let low = Int(place.rounded(.down))
    let (a, b) = (sorted[.all, low], sorted[.all, Swift.min(low + 1, sorted.size(1) - 1)])
    return a.lerp(b, weight: place - Double(low)).reshape(-1, 1, 1)
  }

  /// NaN throughout a coordinate in which a draw of `other` is not finite.
  func keepingNaN(of other: Tensor) -> Tensor {
    let isBroken = other.isFinite().reshape(other.size(0), -1).all(1).logicalNot()
    return filled(where: isBroken.reshape(-1, 1, 1).expand(shape), with: .nan)
  }
}

/// √(pooled variance / within variance) of chains `[d, chains, draws]` of equal length.
private func potentialScaleReduction(_ chains: Tensor) -> [Double] {
  let n = Double(chains.size(2))
  let between = n * chains.mean(2).variance(1)
  let within = chains.variance(2).mean(1)
  return ((between / within + n - 1) / n).sqrt().doubles
}
