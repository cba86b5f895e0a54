import Solvers
import Torch

/// −log-likelihood of ordered classes as a function of the transitions' intercepts and weights.
protocol OrdinalLikelihood: SmoothObjective {
  var map: TransitionMap { get }
}

extension OrdinalLikelihood {
  var dimension: Int { map.dimension }
}

/// In which coordinates the weights β_1, …, β_{K−1} of the transitions are fitted and penalised.
enum TransitionCoordinates {
  /// ψ_1 = β_1, ψ_k = β_k − β_{k−1}.
  case differences
  /// The weights themselves.
  case weights
}

/// The coordinates (α_1, θ_1, …, α_{K−1}, θ_{K−1}) of a likelihood in η_k = α_k + β_kᵀx, with θ = ψ or β, and its derivatives there.
struct TransitionMap: Sendable {
  /// K − 1.
  let transitions: Int
  /// 1 + columns.
  let width: Int
  let coordinates: TransitionCoordinates

  var dimension: Int { transitions * width }

  /// (α, β) of a point.
  func weights(of x: [Double]) -> [Double] {
    guard coordinates == .differences else { return x }
    var theta = x
    for k in 1..<max(1, transitions) {
      for j in 1..<max(1, width) { theta[k * width + j] += theta[(k - 1) * width + j] }
    }
    return theta
  }

  /// Derivatives by (α, β) become those of the coordinates.
  func move(_ gradient: inout [Double], _ hessian: inout [Double]) {
    if coordinates == .differences { toDifferences(&gradient, &hessian) }
  }

  /// Xᵀ of slopes, `[ends, q]`, and the curvatures' XᵀWX one after another, `[weights, q, q]`: in pieces of rows, so that memory stays
  /// that of the design.
  func products(_ design: Tensor, _ terms: Tensor, ends: Int) -> (slopes: [Double], grams: [Double]) {
    let (n, q) = (design.size(0), width)
    let kinds = terms.size(1) - ends
    let piece = max(1, (1 << 22) / (q * kinds))
    var slopes = Tensor.zeros([ends, q], dtype: .double)
    var grams = Tensor.zeros([kinds * q, q], dtype: .double)
    for start in stride(from: 0, to: n, by: piece) {
      let rows = start..<min(n, start + piece)
      let x = rows.count == n ? design : design[rows]
      let t = rows.count == n ? terms : terms[rows]
      slopes = slopes + t.slice(axis: 1, start: 0, end: ends).transposed.matmul(x)
      let weighted = (t.slice(axis: 1, start: ends).unsqueeze(2) * x.unsqueeze(1)).reshape(
        rows.count, kinds * q)
      grams = grams + weighted.transposed.matmul(x)
    }
    return (slopes.doubles, grams.doubles)
  }

  func addBlock(_ grams: [Double], _ kind: Int, to hessian: inout [Double], _ k: Int, _ l: Int) {
    let (q, m) = (width, dimension)
    for a in 0..<q {
      let (from, to) = ((kind * q + a) * q, (k * q + a) * m + l * q)
      for b in 0..<q { hessian[to + b] += grams[from + b] }
    }
  }

  /// A difference ψ_l moves all β_k with k ≥ l: derivatives are sums over these.
  private func toDifferences(_ gradient: inout [Double], _ hessian: inout [Double]) {
    let (q, m) = (width, dimension)
    for k in stride(from: transitions - 2, through: 0, by: -1) {
      for j in 1..<max(1, q) {
        gradient[k * q + j] += gradient[(k + 1) * q + j]
        for c in 0..<m { hessian[(k * q + j) * m + c] += hessian[((k + 1) * q + j) * m + c] }
      }
    }
    for k in stride(from: transitions - 2, through: 0, by: -1) {
      for r in 0..<m {
        for j in 1..<max(1, q) { hessian[r * m + k * q + j] += hessian[r * m + (k + 1) * q + j] }
      }
    }
  }
}
