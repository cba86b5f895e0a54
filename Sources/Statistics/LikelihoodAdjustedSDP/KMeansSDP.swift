import RealModule
import Solvers
import Torch

/// Peng and Wei's relaxation of K-means: max ⟨A, Z⟩ with Z ⪰ 0, Z ≥ 0, tr Z = K, Z1 = 1, for A the inner products of the rows.
///
/// It is the likelihood of clusters with one covariance. Labels of K-means that a dual solution in closed form proves to be the optimum
/// need no pass of the program. Otherwise it runs, and labels are those of K-means on the K leading eigenvectors of Z.
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
  ///   - previous: a solution for nearby A to start from; labels of K-means where left out.
  ///   - random: starts of K-means.
  public func solve(
    _ affinities: Tensor, constraints: RowConstraints? = nil, from previous: MembershipSolution? = nil,
    using random: inout RandomSource
  ) -> MembershipSolution {
    let contracted = (constraints?.contracted(affinities.unsqueeze(0)) ?? affinities.unsqueeze(0))
    let problem = Problem(
      affinities: contracted[0], constraints: constraints, clusters: clusters,
      roots: (constraints?.roots ?? .ones([contracted.size(1)], dtype: .double)).to(like: affinities))
    let gap = options.certifiedGap
    let first = problem.labels(of: problem.coordinates, using: &random)
    let start = problem.certificate(first)
    if let gap, let start {
      let bound = start.upperBound()
      if isWithin(gap, bound, start.objective) { return problem.solution(first, start, upperBound: bound) }
    }
    var proven: (labels: [Int], certificate: KMeansCertificate, bound: Double)?
    var resting: (labels: [Int], since: Int) = ([], 0)
    let known = previous.flatMap {
      $0.state.blocks == 1 && $0.state.rows == contracted.size(1) ? $0.state : nil
    }
    let found = options.solver.maximise(
      contracted, over: MembershipSet(roots: problem.roots, trace: Double(clusters)),
      zeros: constraints?.zeros,
      from: known ?? start.map { _ in .init(matrices: problem.lifted(first).unsqueeze(0)) },
      stop: { look in
        guard gap != nil || options.restingPasses != nil else { return false }
        let labels = problem.labels(of: problem.leading(look.matrices[0]), using: &random)
        if labels != resting.labels { resting = (labels, look.iteration) }
        if let gap {
          let candidates = [(first, start), (labels, problem.certificate(labels))]
            .compactMap { labels, certificate in certificate.map { (labels, $0) } }
          if let (labels, own) = candidates.max(by: { $0.1.objective < $1.1.objective }) {
            let bound = min(
              look.upperBound, own.upperBound(dual: look.dual[0], nonnegative: look.nonnegative[0]))
            if isWithin(gap, bound, own.objective) {
              proven = (labels, own, bound)
              return true
            }
          }
        }
        return options.restingPasses.map { look.iteration - resting.since >= $0 } ?? false
      }, isOutOfTime: options.isOutOfTime)
    if let proven {
      return problem.solution(
        proven.labels, proven.certificate, upperBound: proven.bound, iterations: found.iterations)
    }
    let labels = problem.labels(of: problem.leading(found.matrices[0]), using: &random)
    let z = found.matrices.relu()
    return MembershipSolution(
      labels: constraints?.rows(labels) ?? labels, memberships: constraints?.expanded(z) ?? z,
      objective: (contracted * z).sum().item(),
      certificate: .init(
        upperBound: found.upperBound, lowerBound: problem.certificate(labels)?.objective ?? -.infinity),
      tightness: problem.tightness(z[0], labels), iterations: found.iterations,
      primalResidual: found.primalResidual, dualResidual: found.dualResidual, isConverged: found.isConverged,
      state: found.state, rounded: constraints?.rows(labels) ?? labels)
  }

  private func isWithin(_ gap: Double, _ bound: Double, _ reached: Double) -> Bool {
    bound <= reached + gap * max(1, abs(reached))
  }
}

extension KMeansSDP {
  /// The rows that remain when constraints are contracted.
  fileprivate struct Problem {
    /// A, `[m, m]`, times u uᵀ.
    let affinities: Tensor
    let constraints: RowConstraints?
    let clusters: Int
    /// u, `[m]`.
    let roots: Tensor

    /// Most coordinates that K-means gets of the affinities.
    private static let mostCoordinates = 50

    /// Points whose inner products are nearly the affinities, but for a constant a row and a column.
    var coordinates: Tensor {
      let u = roots / roots.norm()
      let half = affinities - u.outer(u.matmul(affinities))
      let (values, vectors) = (half - half.matmul(u).outer(u)).eigh()
      let count = min(Self.mostCoordinates, affinities.size(0))
      let first = affinities.size(0) - count
      return vectors.slice(axis: 1, start: first) * values.slice(axis: 0, start: first).relu().sqrt()
        / roots.unsqueeze(1)
    }

    /// The leading eigenvectors of Z.
    func leading(_ z: Tensor) -> Tensor {
      z.eigh().vectors.slice(axis: 1, start: z.size(0) - clusters) / roots.unsqueeze(1)
    }

    /// Those of K-means in order of their first row, with pairs repaired.
    func labels(of points: Tensor, using random: inout RandomSource) -> [Int] {
      let found = KMeans(clusters: clusters).fit(points, weights: roots.square().doubles, using: &random)
        .labels
      var number: [Int: Int] = [:]
      for label in found where number[label] == nil { number[label] = number.count }
      let labels = found.map { number[$0]! }
      return constraints?.repaired(labels, clusters: clusters) ?? labels
    }

    /// `nil` for labels that leave a cluster empty or break a pair.
    func certificate(_ labels: [Int]) -> KMeansCertificate? {
      guard Set(labels).count == clusters,
        constraints?.separated.allSatisfy({ labels[$0.0] != labels[$0.1] }) ?? true
      else { return nil }
      return KMeansCertificate(affinities, roots: roots, labels: labels, clusters: clusters)
    }

    /// Z of labels.
    func lifted(_ labels: [Int]) -> Tensor {
      let columns = Lifting.columns(labels, clusters: clusters, roots: roots.doubles).to(like: affinities)
      return columns.matmul(columns.transposed)
    }

    /// max_i of the share of row i of Z that lies outside its cluster.
    func tightness(_ z: Tensor, _ labels: [Int]) -> Double {
      let own = Tensor(labels).oneHot(clusters).to(.double)
      let shares = z.matmul(own * roots.unsqueeze(1)) / roots.unsqueeze(1)
      return (1 - (shares * own).sum(1)).max().item()
    }

    /// A partition that is known to be the optimum.
    func solution(
      _ labels: [Int], _ certificate: KMeansCertificate, upperBound: Double, iterations: Int = 0
    ) -> MembershipSolution {
      let z = lifted(labels).unsqueeze(0)
      return MembershipSolution(
        labels: constraints?.rows(labels) ?? labels, memberships: constraints?.expanded(z) ?? z,
        objective: certificate.objective,
        certificate: .init(upperBound: upperBound, lowerBound: certificate.objective), tightness: 0,
        iterations: iterations, primalResidual: 0, dualResidual: 0, isConverged: true,
        state: .init(matrices: z), rounded: constraints?.rows(labels) ?? labels)
    }
  }
}
