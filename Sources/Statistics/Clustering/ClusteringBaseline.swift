import Probability
import Solvers
import Torch

/// Clusterings to compare with, each as its field runs it.
public enum ClusteringBaseline: String, Sendable, Hashable, CaseIterable, Codable {
  /// K-means++, 10 starts.
  case kmeans
  case ward
  case spectral
  /// Peng and Wei's program.
  case sdp
  /// Mixtures of normals by expectation–maximisation, the best of 10 random starts.
  case emFull = "em-full"
  case emDiagonal = "em-diagonal"
  case emTied = "em-tied"

  /// Labels from 0, one a row of `[n, p]`.
  /// - Throws: ``StatisticsError`` where a mixture has no proper covariances.
  public func labels(_ x: Tensor, clusters: Int, using random: inout RandomSource) throws(StatisticsError)
    -> [Int]
  {
    switch self {
    case .kmeans: return KMeans(clusters: clusters).fit(x, using: &random).labels
    case .ward: return WardTree(x).labels(clusters: clusters)
    case .spectral: return SpectralClustering(clusters: clusters).labels(x, using: &random)
    case .sdp:
      let centred = x - x.mean(0)
      return KMeansSDP(clusters: clusters).solve(centred.matmul(centred.transposed), using: &random).labels
    case .emFull: return try mixture(x, clusters, .full, using: &random)
    case .emDiagonal: return try mixture(x, clusters, .diagonal, using: &random)
    case .emTied: return try mixture(x, clusters, .tied, using: &random)
    }
  }

  private func mixture(
    _ x: Tensor, _ clusters: Int, _ family: GaussianMixtureEstimation.Family, using random: inout RandomSource
  ) throws(StatisticsError) -> [Int] {
    var estimation = GaussianMixtureEstimation(components: clusters, family: family)
    // As much as keeps a component of few rows from a singular covariance.
    estimation.ridge = 1e-6 * x.variance(0).mean().item()
    do throws(ParameterError) {
      return try estimation.fit(x, starts: 10, using: &random).mixture.responsibilities(x).argmax(1).integers
    } catch {
      throw StatisticsError(
        .noAnswer, rawValue, found: "\(error)", expected: "covariances that are positive definite",
        advice: "take fewer clusters")
    }
  }
}
