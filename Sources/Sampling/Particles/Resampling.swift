import RealModule
import Torch

/// How ancestors are drawn from weights. Every scheme is unbiased: the expected copies of particle i are N·Wᵢ.
public enum Resampling: String, Sendable, Hashable, CaseIterable, Codable {
  /// N independent draws.
  case multinomial
  /// One uniform for N equally spaced points: the least random of the schemes, and the usual choice.
  case systematic
  /// One uniform in each of N equal strata.
  case stratified
  /// ⌊N·Wᵢ⌋ certain copies, and multinomial draws for the rest.
  case residual
  /// Particles jump only where they must: one stays with probability min(1, N·Wᵢ) and is else replaced by a draw from
  /// the excess, (N·Wⱼ − 1)⁺. At every one of many small steps this is the jump process with the rates (g − ḡ)⁻ and
  /// (g − ḡ)⁺, and genealogies stay smooth; take it without a threshold.
  case jump

  /// The ancestors of one group: in increasing order, and with `jump` every particle's own place where it stays.
  ///
  /// - Parameter weights: N numbers ≥ 0, not all 0; they need not sum to 1. A particle of weight 0 has no child.
  /// - Complexity: O(N).
  public func ancestors(_ weights: [Double], using random: inout RandomSource) -> [Int] {
    let n = weights.count
    return weights.withUnsafeBufferPointer { weights in
      [Int](unsafeUninitializedCapacity: n + Self.margin) { result, initialised in
        writeAncestors(weights, to: result.baseAddress!, using: &random)
        initialised = n
      }
    }
  }

  /// Places behind the last ancestor that ``writeAncestors(_:to:using:)`` may write to.
  static let margin = 4

  /// The same, without memory of its own for every group.
  func writeAncestors(
    _ weights: UnsafeBufferPointer<Double>, to result: UnsafeMutablePointer<Int>,
    using random: inout RandomSource
  ) {
    let n = weights.count
    let total = weights.reduce(0, +)
    precondition(total > 0 && total.isFinite, "Resampling: the weights sum to \(total)")
    switch self {
    case .multinomial:
      let levels = Self.sortedUniforms(n, using: &random)
      Self.invert(weights, total, n, to: result) { levels[$0] }
    case .systematic:
      Self.equallySpaced(weights, total, from: random.uniform(), to: result)
    case .stratified:
      Self.invert(weights, total, n, to: result) { (Double($0) + random.uniform()) / Double(n) }
    case .residual:
      Self.residual(weights, total, to: result, using: &random)
    case .jump:
      Self.jump(weights, total, to: result, using: &random)
    }
  }

  /// Where the levels (i + u)/N fall in the cumulated weights: particle by particle, since how many of equally spaced
  /// levels lie below a number is known without looking at them.
  private static func equallySpaced(
    _ weights: UnsafeBufferPointer<Double>, _ total: Double, from u: Double,
    to result: UnsafeMutablePointer<Int>
  ) {
    let n = weights.count
    let last = weights.lastIndex { $0 > 0 }!
    var (place, cumulated) = (0, 0.0)
    for i in 0...last {
      cumulated += weights[i]
      // Rounding may leave the cumulated weights short of a level; the last particle with a weight takes it.
      let below = i == last ? Double(n) : (cumulated / total * Double(n) - u).rounded(.up)
      let next = max(place, min(n, Int(below)))
      // Most particles have few children, so some places are written without asking how many; the next particle
      // writes over what was too much.
      for k in 0..<margin { result[place + k] = i }
      if next - place > margin { for k in place + margin..<next { result[k] = i } }
      place = next
    }
  }

  private static func residual(
    _ weights: UnsafeBufferPointer<Double>, _ total: Double, to result: UnsafeMutablePointer<Int>,
    using random: inout RandomSource
  ) {
    let n = weights.count
    var copies = weights.map { Int(Double(n) * ($0 / total)) }
    let rest = n - copies.reduce(0, +)
    if rest > 0 {
      let fractions = zip(weights, copies).map { max(0, Double(n) * ($0 / total) - Double($1)) }
      for i in drawn(rest, from: fractions, using: &random) { copies[i] += 1 }
    }
    var place = 0
    for (i, count) in copies.enumerated() {
      for _ in 0..<count {
        result[place] = i
        place += 1
      }
    }
  }

  private static func jump(
    _ weights: UnsafeBufferPointer<Double>, _ total: Double, to result: UnsafeMutablePointer<Int>,
    using random: inout RandomSource
  ) {
    let n = weights.count
    let copies = weights.map { Double(n) * ($0 / total) }
    for i in 0..<n { result[i] = i }
    // A level a particle, asked for or not, so that what one group draws does not hang on rounding.
    let levels = copies.map { (copies: $0, level: random.uniform()) }
    let leaving = levels.indices.filter { levels[$0].level >= levels[$0].copies }
    guard !leaving.isEmpty else { return }
    let excess = copies.map { max(0, $0 - 1) }
    // Rounding alone can ask for a place that nobody offers.
    guard excess.contains(where: { $0 > 0 }) else { return }
    let chosen = drawn(leaving.count, from: excess, using: &random)
    for (place, ancestor) in zip(leaving, chosen) { result[place] = ancestor }
  }

  /// Independent draws in increasing order.
  private static func drawn(_ count: Int, from weights: [Double], using random: inout RandomSource) -> [Int] {
    let levels = sortedUniforms(count, using: &random)
    return weights.withUnsafeBufferPointer { weights in
      [Int](unsafeUninitializedCapacity: count) { result, initialised in
        invert(weights, weights.reduce(0, +), count, to: result.baseAddress!) { levels[$0] }
        initialised = count
      }
    }
  }

  /// The order statistics of `count` uniforms, by sums of exponentials: no sorting.
  private static func sortedUniforms(_ count: Int, using random: inout RandomSource) -> [Double] {
    var sum = 0.0
    var levels = [Double](repeating: 0, count: count)
    for i in 0..<count {
      sum -= .log(onePlus: -random.uniform())
      levels[i] = sum
    }
    sum -= .log(onePlus: -random.uniform())
    for i in 0..<count { levels[i] /= sum }
    return levels
  }

  /// Where increasing levels in [0, 1] fall in the cumulated weights.
  @inline(__always)
  private static func invert(
    _ weights: UnsafeBufferPointer<Double>, _ total: Double, _ count: Int,
    to result: UnsafeMutablePointer<Int>, level: (Int) -> Double
  ) {
    // Rounding may leave the cumulated weights short of a level; the last particle with a weight takes it.
    let last = weights.lastIndex { $0 > 0 }!
    var (index, cumulated) = (0, weights[0])
    for i in 0..<count {
      let reached = level(i) * total
      while index < last, cumulated <= reached {
        index += 1
        cumulated += weights[index]
      }
      result[i] = index
    }
  }
}
