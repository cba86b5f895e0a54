import RealModule
import Solvers
import Torch

/// Labels of greatest likelihood for given covariances of the clusters, by a semidefinite program.
///
/// With Z_k = 1_{G_k} 1_{G_k}ᵀ/n_k twice the profile log-likelihood of a partition is Σ_k ⟨A_k, Z_k⟩, so the program relaxes the
/// search over partitions to Z_k ⪰ 0, Z_k ≥ 0, tr Z_k = 1, (Σ_k Z_k) 1 = 1. Where its solution is a partition, that is the
/// best of all. Centres do not occur.
///
/// With equal covariances the split into Z_k is not determined, and ``KMeansSDP`` is the program to solve.
///
/// Source: Zhuang, Chen & Yang 2023 (arXiv 2209.15097). Cost: O(K n³) a pass.
public struct LikelihoodAdjustedSDP: Sendable {
  public var options = MembershipOptions()

  public init() {}

  /// A_k, `[K, n, n]`: −½ (x_i − x_j)ᵀ Σ_k⁻¹ (x_i − x_j) − log |Σ_k|.
  ///
  /// - Parameters:
  ///   - x: `[n, p]`, `Double`.
  ///   - factors: lower Cholesky factors of Σ_k, `[K, p, p]`.
  public static func affinities(_ x: Tensor, factors: Tensor) -> Tensor {
    // Centred, so that nothing large is taken from something large.
    let y = factors.triangularSolve(
      (x - x.mean(0)).transposed.unsqueeze(0).expand([factors.size(0), x.size(1), x.size(0)]))
    let products = y.transposed.matmul(y)
    let squares = products.diagonal()
    let logDeterminants = 2 * factors.diagonal().log().sum(-1)
    return products - 0.5 * (squares.unsqueeze(1) + squares.unsqueeze(2))
      - logDeterminants.reshape(-1, 1, 1)
  }

  /// - Parameters:
  ///   - affinities: A, `[K, n, n]`, K ≥ 2, n > K.
  ///   - constraints: weights and pairs of the rows.
  ///   - previous: a solution for nearby A to start from; a partition that moves of rows end at where left out.
  public func solve(
    _ affinities: Tensor, constraints: RowConstraints? = nil, from previous: MembershipSolution? = nil
  ) -> MembershipSolution {
    let clusters = affinities.size(0)
    let contracted = constraints?.contracted(affinities) ?? affinities
    let n = contracted.size(1)
    let roots = (constraints?.roots ?? .ones([n], dtype: .double)).to(like: affinities)
    let u = roots.doubles
    let gap = options.certifiedGap
    // (Z_k u)_i/u_i, [K, n].
    func shares(_ z: Tensor) -> Tensor { z.relu().matmul(roots) / roots }
    func bound(_ labels: [Int]) -> Double {
      Lifting.objective(contracted, labels, clusters: clusters, roots: u)
    }
    let certificate = PartitionCertificate(affinities: contracted, roots: roots)
    let search = PartitionSearch(affinities: contracted, roots: roots)
    /// Where most of every row lies, with pairs repaired.
    func plain(_ z: Tensor) -> [Int] {
      let own = shares(z)
      var labels = own.argmax(0).integers
      if let constraints, !constraints.separated.isEmpty {
        labels = constraints.repaired(
          labels, clusters: clusters, shares: (0..<clusters).map { own[$0].doubles })
      }
      return labels
    }
    /// These, or what moves of rows make of them where that is better and breaks no pair.
    func rounded(_ z: Tensor) -> [Int] {
      let labels = plain(z)
      let moved = search.improved(labels)
      let isKept = constraints?.separated.allSatisfy { moved[$0.0] != moved[$0.1] } ?? true
      return isKept && bound(moved) > bound(labels) ? moved : labels
    }
    let known = previous.flatMap { $0.state.blocks == clusters && $0.state.rows == n ? $0.state : nil }
    var fitted = Double.infinity
    var resting: (labels: [Int], since: Int) = ([], 0)
    var least: (excess: Double, since: Int) = (.infinity, 0)
    let found = options.solver.maximise(
      contracted, over: MembershipSet(roots: roots, trace: 1), zeros: constraints?.zeros,
      from: known ?? .init(matrices: search.lifted(search.labels())),
      stop: { look in
        guard options.certifiedGap != nil || options.restingPasses != nil else { return false }
        let labels = rounded(look.matrices)
        if labels != resting.labels { resting = (labels, look.iteration) }
        if let passes = options.restingPasses, look.iteration - resting.since >= passes { return true }
        guard let gap else { return false }
        let lower = bound(labels)
        guard lower > -.infinity else { return false }
        let limit = lower + gap * max(1, abs(lower))
        if look.upperBound <= limit { return true }
        fitted = min(fitted, certificate.bound(labels, dual: look.dual, nonnegative: look.nonnegative))
        if fitted <= limit { return true }
        let excess = min(look.upperBound, fitted) - lower
        if excess < 0.9 * least.excess { least = (excess, look.iteration) }
        return options.restingGapPasses.map { look.iteration - least.since >= $0 } ?? false
      }, isOutOfTime: options.isOutOfTime)
    let own = shares(found.matrices)
    let unmoved = plain(found.matrices)
    let labels = rounded(found.matrices)
    let z = found.matrices.relu()
    return MembershipSolution(
      labels: constraints?.rows(labels) ?? labels, memberships: constraints?.expanded(z) ?? z,
      objective: (contracted * z).sum().item(),
      certificate: .init(upperBound: min(found.upperBound, fitted), lowerBound: bound(labels)),
      tightness: (1 - own.max(0)).max().item(), iterations: found.iterations,
      primalResidual: found.primalResidual, dualResidual: found.dualResidual, isConverged: found.isConverged,
      state: found.state, rounded: constraints?.rows(unmoved) ?? unmoved)
  }
}
