import RealModule
import Torch

/// Moves of single rows, each judged with the covariances that it changes.
///
/// A far row widens the cluster it is in, so that it is likely there, and hard expectation–maximisation leaves it; what the clusters
/// are without it decides here. Of a row x of weight w in cluster a that goes to b, log |Σ_a| changes by
/// log(1 − w d_a/(n_a − w)) + p log(n_a/(n_a − w)) and log |Σ_b| alike with the other sign of w, d the squared Mahalanobis distances
/// (Hartigan's rule for K-means, with determinants). This ranks the moves; Q itself, with shrinkage and the family, accepts them.
extension LabelSearch {
  /// Moves that may fail in turn before there are taken to be none.
  private static let mostFailures = 20

  /// Whether any move was made.
  func exchange(_ outcome: inout Outcome) -> Bool {
    var hasMoved = false
    var failures = 0
    while failures < Self.mostFailures, !isOutOfTime() {
      var isBetter = false
      for (group, cluster) in promising(outcome.labels) {
        var labels = outcome.labels
        for row in constraints.groups[group] { labels[row] = cluster }
        let value = criterion(labels)
        if value > outcome.criterion + 1e-9 * abs(outcome.criterion) {
          (outcome.labels, outcome.criterion, outcome.ending) = (labels, value, "polished")
          (isBetter, hasMoved, failures) = (true, true, 0)
          break
        }
        failures += 1
        if failures == Self.mostFailures { break }
      }
      if !isBetter { break }
    }
    return hasMoved
  }

  /// Groups and where they should go, the largest gain first.
  private func promising(_ labels: [Int]) -> [(group: Int, cluster: Int)] {
    let own = moments(labels)
    guard let model = try? GaussianDiscriminant(means: own.means, covariances: own.covariances) else {
      return []
    }
    let p = Double(x.size(1))
    let w = Tensor(constraints.weights).unsqueeze(1)
    let n = Tensor(own.masses)
    let d = model.squaredDistances(x)
    let levels = model.logDeterminants
    // n log |Σ| before, less that after.
    let left = (n - w).clamp(1e-12)
    let leaving = n * levels - left * (levels + (1 - w * d / left).clamp(1e-12).log() + p * (n / left).log())
    let joined = n + w
    let joining = n * levels - joined * (levels + (1 + w * d / joined).log() + p * (n / joined).log())
    let inside = Tensor(labels).oneHot(method.clusters).to(.double)
    let gains = joining + (leaving * inside).sum(1, keep: true) - inside * 1e300
    let groups = Tensor.zeros([constraints.groups.count, method.clusters], dtype: .double)
      .indexAdd(axis: 0, Tensor(constraints.groupOf), gains).doubles
    return groups.indices.filter { groups[$0] > 0 }.sorted { (groups[$1], $0) < (groups[$0], $1) }
      .map { ($0 / method.clusters, $0 % method.clusters) }
  }
}
