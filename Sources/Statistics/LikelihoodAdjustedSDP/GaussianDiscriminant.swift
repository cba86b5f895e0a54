import RealModule
import Torch

/// The likeliest cluster of a row: arg max_k of −½ log |Σ_k| − ½ (x − μ_k)ᵀ Σ_k⁻¹ (x − μ_k).
///
/// Shares of clusters do not enter, as labels are parameters here and not draws.
public struct GaussianDiscriminant: Sendable {
  /// `[K, p]`.
  public let means: Tensor
  /// `[K, p, p]`.
  public let covariances: Tensor
  private let factors: Tensor

  /// - Throws: ``StatisticsError`` where a covariance is not positive definite, naming the cluster.
  public init(means: Tensor, covariances: Tensor) throws(StatisticsError) {
    precondition(
      means.rank == 2 && covariances.shape == [means.size(0), means.size(1), means.size(1)],
      "GaussianDiscriminant: means \(means.shape), covariances \(covariances.shape)")
    guard let factors = try? withTorchErrors({ covariances.cholesky() }) else {
      let least = covariances.eigh().values.min(1).doubles
      let cluster = least.indices.min { least[$0] < least[$1] }!
      throw StatisticsError(
        .noAnswer, "cluster \(cluster + 1)",
        found: "a covariance that is not positive definite (least eigenvalue \(least[cluster]))",
        expected: "rows that spread in every direction",
        advice: "take fewer clusters, more shrinkage, or the diagonal family")
    }
    (self.means, self.covariances, self.factors) = (means, covariances, factors)
  }

  public var clusters: Int { means.size(0) }

  /// Squared Mahalanobis distances to every cluster, `[n, K]`.
  public func squaredDistances(_ x: Tensor) -> Tensor {
    let centred = (x.unsqueeze(0) - means.unsqueeze(1)).transposed
    return factors.triangularSolve(centred).square().sum(1).transposed
  }

  /// log |Σ_k|, `[K]`.
  var logDeterminants: Tensor { 2 * factors.diagonal().log().sum(-1) }

  /// log N(x; μ_k, Σ_k) but for the constant, `[n, K]`.
  public func scores(_ x: Tensor) -> Tensor { (squaredDistances(x) + logDeterminants) * -0.5 }

  /// From 0, one a row of `[n, p]`.
  public func predict(_ x: Tensor) -> [Int] { scores(x).argmax(1).integers }
}
