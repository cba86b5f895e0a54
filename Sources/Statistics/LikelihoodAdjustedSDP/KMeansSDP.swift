import RealModule
import Solvers
import Torch

/// Peng and Wei's relaxation of K-means: max ⟨A, Z⟩ with Z ⪰ 0, Z ≥ 0, tr Z = K, Z1 = 1, for A the inner products of the rows.
///
/// It is the likelihood of clusters with one covariance. Labels are those of K-means on the K leading eigenvectors of Z.
///
/// Source: Peng & Wei 2007. Cost: O(n³) a pass.
public struct KMeansSDP: Sendable {
  public var clusters: Int
  public var options: MembershipOptions

  public init(clusters: Int) {
    precondition(clusters >= 1, "KMeansSDP: \(clusters) clusters")
    self.clusters = clusters
    options = MembershipOptions()
    options.solver.tolerance = 1e-5
  }

  /// - Parameters:
  ///   - affinities: A, `[n, n]`, symmetric: inner products, or −½ squared distances, which give the same Z.
  ///   - previous: a solution for nearby A to start from.
  ///   - random: starts of K-means.
  public func solve(
    _ affinities: Tensor, constraints: RowConstraints? = nil, from previous: MembershipSolution? = nil,
    using random: inout RandomSource
  ) -> MembershipSolution {
    let contracted = (constraints?.contracted(affinities.unsqueeze(0)) ?? affinities.unsqueeze(0))
    let n = contracted.size(1)
    let roots = (constraints?.roots ?? .ones([n], dtype: .double)).to(like: affinities)
    let u = roots.doubles
    let found = options.solver.maximise(
      contracted, over: MembershipSet(roots: roots, trace: Double(clusters)), zeros: constraints?.zeros,
      from: previous.flatMap { $0.state.blocks == 1 && $0.state.rows == n ? $0.state : nil },
      isOutOfTime: options.isOutOfTime)
    let z = found.matrices.relu()
    let leading = found.matrices[0].eigh().vectors.slice(axis: 1, start: n - clusters)
    let weights = u.map { $0 * $0 }
    let labels = KMeans(clusters: clusters).fit(
      leading / roots.unsqueeze(1), weights: weights, using: &random
    )
    .labels
    let lower =
      Set(labels).count == clusters
      ? Lifting.objective(
        contracted.expand([clusters, n, n]), labels, clusters: clusters, roots: u) : -.infinity
    return MembershipSolution(
      labels: constraints?.rows(labels) ?? labels, memberships: constraints?.expanded(z) ?? z,
      objective: (contracted * z).sum().item(),
      certificate: .init(upperBound: found.upperBound, lowerBound: lower),
      tightness: tightness(z[0], labels, roots), iterations: found.iterations,
      primalResidual: found.primalResidual, dualResidual: found.dualResidual, isConverged: found.isConverged,
      state: found.state)
  }

  /// max_i of the share of row i of Z that lies outside its cluster.
  private func tightness(_ z: Tensor, _ labels: [Int], _ roots: Tensor) -> Double {
    let own = Tensor(labels).oneHot(clusters).to(.double)
    let shares = z.matmul(own * roots.unsqueeze(1)) / roots.unsqueeze(1)
    return (1 - (shares * own).sum(1)).max().item()
  }
}
