import Solvers
import Torch

/// Partitions that a program of memberships starts from and that its looks are rounded to: found by moving rows to their likeliest
/// cluster, which knows only the affinities.
///
/// With means of the clusters as they are, the log-likelihood of row i in cluster k is, but for a constant,
/// (A_k 1_G)_i/n_k − ½ 1_Gᵀ A_k 1_G/n_k².
struct PartitionSearch {
  /// A, `[K, n, n]`, times u uᵀ.
  let affinities: Tensor
  /// u, `[n]`.
  let roots: Tensor

  private var clusters: Int { affinities.size(0) }
  private var count: Int { affinities.size(1) }

  /// Labels from which no row wants to move; those given where a cluster would run empty.
  func improved(_ labels: [Int]) -> [Int] {
    var current = labels
    for _ in 0..<50 {
      guard Set(current).count == clusters else { return labels }
      let indicator = Tensor(current, device: roots.device).oneHot(clusters).to(.double).transposed
      let v = indicator * roots
      let masses = v.square().sum(1, keep: true)
      let products = affinities.matmul(v.unsqueeze(-1)).squeeze(-1)
      let within = (products * v).sum(1, keep: true)
      let scores = products / roots / masses - 0.5 * within / masses.square()
      let next = scores.argmax(0).integers
      if next == current { break }
      current = next
    }
    return Set(current).count == clusters ? current : labels
  }

  /// Labels without a start: rows with the nearest of K that are far from one another, each such group with the covariance that
  /// suits it among all pairings, then moved.
  func labels() -> [Int] {
    let plain = affinities / roots.outer(roots)
    let squares = plain.diagonal()
    let distances = (0.5 * (squares.unsqueeze(1) + squares.unsqueeze(2)) - plain).sum(0).doubles
    let n = count
    func row(_ i: Int) -> ArraySlice<Double> { distances[i * n..<(i + 1) * n] }
    let sums = (0..<n).map { row($0).reduce(0, +) }
    var seeds = [sums.indices.max { sums[$0] < sums[$1] }!]
    var nearest = Array(row(seeds[0]))
    var groups = [Int](repeating: 0, count: n)
    while seeds.count < clusters {
      let far = nearest.indices.max { nearest[$0] < nearest[$1] }!
      for (i, distance) in row(far).enumerated() where distance < nearest[i] {
        (nearest[i], groups[i]) = (distance, seeds.count)
      }
      groups[far] = seeds.count
      seeds.append(far)
    }
    // ⟨A_k, lifted group g⟩ of every pair.
    let columns = Lifting.columns(groups, clusters: clusters, roots: roots.doubles)
    let products = affinities.matmul(columns)
    let costs = (-(products * columns).sum(1)).doubles
    // Rows are covariances, columns groups.
    let pairing = Assignment.solve(costs, clusters)
    var covarianceOf = [Int](repeating: 0, count: clusters)
    for (covariance, group) in pairing.enumerated() { covarianceOf[group] = covariance }
    return improved(groups.map { covarianceOf[$0] })
  }

  /// Z_k of labels, `[K, n, n]`.
  func lifted(_ labels: [Int]) -> Tensor {
    let columns = Lifting.columns(labels, clusters: clusters, roots: roots.doubles).transposed
    return columns.unsqueeze(2) * columns.unsqueeze(1)
  }
}
