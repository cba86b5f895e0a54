import RealModule
import Torch

/// Clusters by the leading eigenvectors of a normalised affinity, rows scaled to length 1 and clustered by K-means.
///
/// Source: Ng, Jordan & Weiss 2001, with exp(−d²/(2h²)) between rows. Cost: O(n³).
public struct SpectralClustering: Sendable, Hashable {
  public var clusters: Int
  /// h; the median distance over √(2 log(n + 1)), as kernels on rows are often given, where left out.
  public var bandwidth: Double?

  public init(clusters: Int) { self.clusters = clusters }

  /// - Parameter x: `[n, d]`.
  /// - Returns: labels from 0, one a row.
  public func labels(_ x: Tensor, using random: inout RandomSource) -> [Int] {
    let n = x.size(0)
    let distances = x.distances(to: x)
    let median = distances.masked(by: distances .> 0).quantileOrZero(0.5)
    let scale = bandwidth ?? max(median / (2 * Double.log(Double(n + 1))).squareRoot(), 1e-300)
    let affinity =
      (distances.square() * (-0.5 / (scale * scale))).exp() - Tensor.identity(n, dtype: .double)
    let root = (affinity.sum(1) + 1e-300).rsqrt()
    let normalised = affinity * root.unsqueeze(1) * root
    let vectors = normalised.eigh().vectors.slice(axis: 1, start: n - clusters)
    let lengths = vectors.norm(1, keep: true) + 1e-300
    return KMeans(clusters: clusters).fit(vectors / lengths, using: &random).labels
  }
}

extension Tensor {
  fileprivate func quantileOrZero(_ level: Double) -> Double {
    guard count > 0 else { return 0 }
    let sorted = sorted().values
    return sorted[Swift.min(count - 1, Int(level * Double(count)))].item()
  }
}
