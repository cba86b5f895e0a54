import Solvers
import Torch

/// −Σ w_i log P(y_i | x_i) / Σ w_i of P(y = k | y ≥ k, x) = F(α_k + β_kᵀx): continuation ratios, a binary regression of every
/// transition on the rows that have come so far.
///
/// Convex, finite everywhere, and no probability is ever negative. Of a range of classes only one that ends with the last is a product of
/// such terms: that a row came so far.
struct SequentialLikelihood: OrdinalLikelihood {
  let map: TransitionMap
  /// `[rows, 1 + columns]`, rows that come farthest first: those at a transition are the first ones.
  private let design: Tensor
  private let weights: [Double]
  /// Of every transition how many rows are at it.
  private let counts: [Int]
  /// The transition at which a row stays; `nil` where that is not seen.
  private let ends: [Int?]
  private let link: OrdinalLink

  /// - Parameter design: `[rows, columns]`, Double.
  init(
    _ design: Tensor, _ response: OrdinalResponse, weights: [Double], link: OrdinalLink,
    coordinates: TransitionCoordinates
  ) {
    let total = weights.reduce(0, +)
    let last = response.classes - 1
    // Transitions that a row is at: one more where it stays than where it is only known to have passed.
    let passed = zip(response.lowest, response.highest).map { $0 == $1 && $0 < last ? $0 + 1 : $0 }
    let order = passed.indices.filter { weights[$0] > 0 && passed[$0] > 0 }.sorted {
      (-passed[$0], $0) < (-passed[$1], $1)
    }
    let ones = Tensor.full([order.count, 1], 1, dtype: .double)
    self.design = .concatenate([ones, design.to(.double).select(axis: 0, Tensor(order))], axis: 1)
    self.weights = order.map { weights[$0] / total }
    counts = (0..<last).map { l in order.count { passed[$0] > l } }
    ends = order.map {
      response.lowest[$0] == response.highest[$0] && response.lowest[$0] < last ? response.lowest[$0] : nil
    }
    self.link = link
    map = TransitionMap(transitions: last, width: design.size(1) + 1, coordinates: coordinates)
  }

  /// η of the rows at a transition.
  private func predictors(_ l: Int, _ theta: [Double]) -> [Double] {
    let row = Tensor(Array(theta[l * map.width..<(l + 1) * map.width]))
    return design[0..<counts[l]].matmul(row).doubles
  }

  private func term(_ i: Int, _ l: Int, _ eta: Double) -> OrdinalLink.Term {
    ends[i] == l ? link.term(eta, nil) : link.term(nil, eta)
  }

  func value(at x: [Double]) -> Double {
    let theta = map.weights(of: x)
    var sum = 0.0
    for l in 0..<map.transitions where counts[l] > 0 {
      for (i, eta) in predictors(l, theta).enumerated() { sum += weights[i] * term(i, l, eta).value }
    }
    return sum.isNaN ? .infinity : sum
  }

  func expansion(at x: [Double]) -> (value: Double, gradient: [Double], hessian: [Double]) {
    let (q, m) = (map.width, dimension)
    let theta = map.weights(of: x)
    var value = 0.0
    var gradient = [Double](repeating: 0, count: m)
    var hessian = [Double](repeating: 0, count: m * m)
    for l in 0..<map.transitions where counts[l] > 0 {
      var terms = [Double](repeating: 0, count: counts[l] * 2)
      for (i, eta) in predictors(l, theta).enumerated() {
        let term = term(i, l, eta)
        value += weights[i] * term.value
        terms[i * 2] = weights[i] * (term.a + term.b)
        terms[i * 2 + 1] = weights[i] * (term.aa + term.bb)
      }
      let (slopes, grams) = map.products(
        design[0..<counts[l]], Tensor(terms, shape: [counts[l], 2]), ends: 1)
      for j in 0..<q { gradient[l * q + j] += slopes[j] }
      map.addBlock(grams, 0, to: &hessian, l, l)
    }
    map.move(&gradient, &hessian)
    return (value, gradient, hessian)
  }
}
