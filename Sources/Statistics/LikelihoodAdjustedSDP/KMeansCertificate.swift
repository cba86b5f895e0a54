import Torch

/// A dual solution of Peng and Wei's program that fits a partition exactly, in closed form or from an approximate one.
///
/// If a partition is the optimum then S = ½(y uᵀ + u yᵀ) + t I − A − N has all v_k = u 1_{G_k} in its kernel, and N is 0 within
/// clusters: so y, and what rows of N sum to over each other cluster, follow from t alone. Between two clusters N of rank one
/// has these sums; and a given N has them when it is scaled down to them, with the rest of rank one. The bound is what the labels
/// reach, less the least eigenvalues of S, which are 0 where the labels are the optimum, and t and N near enough.
///
/// Source: Chen & Yang 2021, IEEE Trans. Inf. Theory 67, for N of rank one. Cost: O(n³) a bound.
struct KMeansCertificate {
  private let affinities: Tensor
  private let roots: Tensor
  /// Indicators of the clusters and v_k in columns, `[n, K]`, and ‖v_k‖², `[K]`.
  private let inside: Tensor
  private let v: Tensor
  private let masses: Tensor
  /// A v_k, `[n, K]`, and v_kᵀ A v_k/‖v_k‖², `[K]`.
  private let products: Tensor
  private let levels: Tensor
  /// ⟨A, Z⟩ of the partition.
  let objective: Double

  /// - Parameters:
  ///   - affinities: A, `[n, n]`.
  ///   - roots: u, `[n]`.
  ///   - labels: none of the clusters empty.
  init(_ affinities: Tensor, roots: Tensor, labels: [Int], clusters: Int) {
    (self.affinities, self.roots) = (affinities, roots)
    inside = Tensor(labels, device: roots.device).oneHot(clusters).to(.double)
    v = inside * roots.unsqueeze(1)
    masses = v.square().sum(0)
    products = affinities.matmul(v)
    levels = (v * products).sum(0) / masses
    objective = levels.sum().item()
  }

  private var clusters: Int { inside.size(1) }

  /// Of the closed form, at the best of some t: from the least at which S can be positive to the largest at which N can have its sums.
  func upperBound() -> Double {
    let own = ofOwn
    let most = 2 * between(0) / (roots.unsqueeze(1) * (masses / own.masses + 1))
    let highest = Tensor.where(inside .> 0, Tensor(Double.infinity), most).min().item()
    let directions = v / masses.sqrt()
    let half = affinities - directions.matmul(directions.transposed.matmul(affinities))
    let rest = half - half.matmul(directions).matmul(directions.transposed)
    let lowest = rest.eigh().values.max().item()
    let levels =
      highest.isFinite && highest > lowest
      ? [0.25, 0.5, 0.75, 1].map { lowest + $0 * (highest - lowest) } : [lowest]
    return levels.map { bound($0, nil) }.min()!
  }

  /// From D = ½(y uᵀ + u yᵀ) + t I and N, both `[n, n]`, of an approximate solution.
  func upperBound(dual: Tensor, nonnegative: Tensor) -> Double {
    let n = Double(affinities.size(0))
    let along = dual.matmul(roots).dot(roots) / roots.square().sum()
    return bound(((dual.diagonal().sum() - along) / (n - 1)).item(), nonnegative)
  }

  /// Of the own cluster, one a row.
  private var ofOwn: (products: Tensor, levels: Tensor, masses: Tensor) {
    (
      (products * inside).sum(1, keep: true), inside.matmul(levels).unsqueeze(1),
      inside.matmul(masses).unsqueeze(1)
    )
  }

  /// y, `[n, 1]`.
  private func multipliers(_ t: Double) -> Tensor {
    let own = ofOwn
    return (2 * own.products - (own.levels + t) * roots.unsqueeze(1)) / own.masses
  }

  /// What rows of N sum to against v_l, `[n, K]`; within the own cluster without meaning.
  private func between(_ t: Double) -> Tensor {
    0.5 * (multipliers(t) * masses + roots.unsqueeze(1) * (levels - t)) - products
  }

  private func bound(_ t: Double, _ given: Tensor?) -> Double {
    let sums = between(t).relu() * (1 - inside)
    /// Every pair of rows gets what the column of the other's cluster has.
    func spread(_ columns: Tensor) -> Tensor { columns.matmul(inside.transposed) }
    var n = Tensor.zeros(like: affinities)
    var left = sums
    if let given {
      let own = given.relu() * (1 - inside.matmul(inside.transposed))
      let factors = spread((sums / own.matmul(v).clamp(1e-300)).clamp(0, 1))
      n = own * factors * factors.transposed
      left = (sums - n.matmul(v)).relu()
    }
    let total = v.transposed.matmul(left)
    let weights = inside.matmul(0.5 * (total + total.transposed)).matmul(inside.transposed).clamp(1e-300)
    let rows = spread(left)
    n = n + rows * rows.transposed / weights
    let half = multipliers(t).matmul(roots.unsqueeze(0)) * 0.5
    let identity = Tensor.identity(affinities.size(0), dtype: .double, device: affinities.device)
    let s = half + half.transposed + t * identity - affinities - n
    // 0 ⪯ Z ⪯ I with trace K, so ⟨S, Z⟩ is at least the sum of the K least eigenvalues.
    return objective - s.eigh().values.slice(axis: 0, start: 0, end: clusters).sum().item()
  }
}
