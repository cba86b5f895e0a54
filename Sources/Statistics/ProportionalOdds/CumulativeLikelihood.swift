import Solvers
import Torch

/// What is known of ordered responses: class k, or that the class is one of k…l.
public struct OrdinalResponse: Sendable, Hashable {
  /// The lowest possible class of every row, in 0..<classes.
  public let lowest: [Int]
  /// The highest, at least the lowest.
  public let highest: [Int]
  /// K.
  public let classes: Int

  public init(_ codes: [Int], classes: Int) { self.init(lowest: codes, highest: codes, classes: classes) }

  public init(lowest: [Int], highest: [Int], classes: Int) {
    precondition(
      lowest.count == highest.count
        && zip(lowest, highest).allSatisfy { 0 <= $0 && $0 <= $1 && $1 < classes },
      "OrdinalResponse: classes outside 0..<\(classes)")
    (self.lowest, self.highest, self.classes) = (lowest, highest, classes)
  }

  public var count: Int { lowest.count }

  func rows(_ rows: [Int]) -> OrdinalResponse {
    OrdinalResponse(
      lowest: rows.map { lowest[$0] }, highest: rows.map { highest[$0] }, classes: classes)
  }
}

/// −Σ w_i log P(y_i | x_i) / Σ w_i of P(y ≤ k | x) = F(α_k + β_kᵀx), as a function of (α_1, θ_1, …, α_{K−1}, θ_{K−1}) with θ = ψ or
/// β.
///
/// Convex; +∞ where an observed class has no probability. Classes that a row does not belong to may have a negative
/// difference of cumulative probabilities there, unless `isStrict`.
///
/// Rows of one class stand together, since only η of its two ends matter to them: an expansion is one product of
/// matrices a class, and the second derivatives of (α, β) a band of blocks.
struct CumulativeLikelihood: OrdinalLikelihood {
  /// Rows whose response has the same ends.
  private struct Group {
    /// `[rows, 1 + columns]`, the first column ones.
    let design: Tensor
    /// Shares of the total.
    let weights: [Double]
    /// Positions of η at the upper and at the lower end; `nil` beyond the last and the first.
    let upper: Int?
    let lower: Int?
  }

  private let groups: [Group]
  let map: TransitionMap
  private let link: OrdinalLink
  private let isStrict: Bool

  private var transitions: Int { map.transitions }
  private var width: Int { map.width }

  /// - Parameter design: `[rows, columns]`, Double.
  init(
    _ design: Tensor, _ response: OrdinalResponse, weights: [Double], link: OrdinalLink,
    coordinates: TransitionCoordinates, isStrict: Bool = false
  ) {
    let total = weights.reduce(0, +)
    let ones = Tensor.full([design.size(0), 1], 1, dtype: .double)
    let extended = Tensor.concatenate([ones, design.to(.double)], axis: 1)
    let ends = zip(response.lowest, response.highest).map { $0 * response.classes + $1 }
    let members = Dictionary(grouping: ends.indices.filter { weights[$0] > 0 }) { ends[$0] }
    groups = members.keys.sorted().compactMap { key in
      let (low, high) = (key / response.classes, key % response.classes)
      let rows = members[key]!
      // Nothing is known of such rows.
      if low == 0, high == response.classes - 1 { return nil }
      return Group(
        design: extended.select(axis: 0, Tensor(rows)), weights: rows.map { weights[$0] / total },
        upper: high == response.classes - 1 ? nil : high, lower: low == 0 ? nil : low - 1)
    }
    map = TransitionMap(
      transitions: response.classes - 1, width: design.size(1) + 1, coordinates: coordinates)
    (self.link, self.isStrict) = (link, isStrict)
  }

  func value(at x: [Double]) -> Double {
    let theta = map.weights(of: x)
    var sum = 0.0
    for group in groups {
      guard isOrdered(group, theta) else { return .infinity }
      let eta = predictors(group, theta)
      for i in group.weights.indices {
        let term = link.term(eta.upper?[i], eta.lower?[i])
        sum += group.weights[i] * term.value
        if sum == .infinity { return sum }
      }
    }
    return sum.isNaN ? .infinity : sum
  }

  func expansion(at x: [Double]) -> (value: Double, gradient: [Double], hessian: [Double]) {
    let (q, m) = (width, dimension)
    let theta = map.weights(of: x)
    var value = 0.0
    var gradient = [Double](repeating: 0, count: m)
    var hessian = [Double](repeating: 0, count: m * m)
    for group in groups {
      let ends = [group.upper, group.lower].compactMap(\.self)
      let isMiddle = ends.count == 2
      // Of η at the two ends: slopes, curvatures, and in the middle what they have in common.
      let columns = isMiddle ? 5 : 2
      let n = group.weights.count
      var terms = [Double](repeating: 0, count: n * columns)
      let eta = predictors(group, theta)
      for i in 0..<n {
        let w = group.weights[i]
        let term = link.term(eta.upper?[i], eta.lower?[i])
        value += w * term.value
        if isMiddle {
          terms[i * 5] = w * term.a
          terms[i * 5 + 1] = w * term.b
          terms[i * 5 + 2] = w * term.aa
          terms[i * 5 + 3] = w * term.bb
          terms[i * 5 + 4] = w * term.ab
        } else {
          terms[i * 2] = w * (group.upper == nil ? term.b : term.a)
          terms[i * 2 + 1] = w * (group.upper == nil ? term.bb : term.aa)
        }
      }
      let (slopes, grams) = map.products(
        group.design, Tensor(terms, shape: [n, columns]), ends: ends.count)
      for (e, end) in ends.enumerated() {
        for j in 0..<q { gradient[end * q + j] += slopes[e * q + j] }
        map.addBlock(grams, e, to: &hessian, end, end)
      }
      if isMiddle {
        map.addBlock(grams, 2, to: &hessian, ends[0], ends[1])
        map.addBlock(grams, 2, to: &hessian, ends[1], ends[0])
      }
    }
    map.move(&gradient, &hessian)
    return (value, gradient, hessian)
  }

  private func predictors(_ group: Group, _ theta: [Double]) -> (upper: [Double]?, lower: [Double]?) {
    let ends = [group.upper, group.lower].compactMap(\.self)
    let columns = Tensor(ends.flatMap { theta[$0 * width..<($0 + 1) * width] }, shape: [ends.count, width])
    let eta = columns.matmul(group.design.transposed).doubles
    let n = group.weights.count
    let parts = ends.indices.map { Array(eta[$0 * n..<($0 + 1) * n]) }
    return (group.upper == nil ? nil : parts[0], group.lower == nil ? nil : parts[parts.count - 1])
  }

  /// Whether every row's η increase over all transitions, where that is asked for.
  private func isOrdered(_ group: Group, _ theta: [Double]) -> Bool {
    guard isStrict, transitions > 1 else { return true }
    let all = Tensor(theta, shape: [transitions, width]).matmul(group.design.transposed)
    return (all.slice(axis: 0, start: 1) - all.slice(axis: 0, start: 0, end: transitions - 1)).min().item()
      > 0
  }
}
