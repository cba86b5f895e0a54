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
    let total = weights.reduce(0, +)
    precondition(total > 0 && total.isFinite, "Resampling: the weights sum to \(total)")
    switch self {
    case .multinomial:
      return Self.inverse(weights, total, at: Self.sortedUniforms(n, using: &random))
    case .systematic:
      let u = random.uniform()
      return Self.equallySpaced(weights, total, from: u)
    case .stratified:
      return Self.inverse(weights, total, n) { (Double($0) + random.uniform()) / Double(n) }
    case .residual:
      return Self.residual(weights, total, using: &random)
    case .jump:
      return Self.jump(weights, total, using: &random)
    }
  }

  /// Where the levels (i + u)/N fall in the cumulated weights: particle by particle, since how many of equally spaced
  /// levels lie below a number is known without looking at them.
  private static func equallySpaced(_ weights: [Double], _ total: Double, from u: Double) -> [Int] {
    let n = weights.count
    let last = weights.lastIndex { $0 > 0 }!
    // Most particles have few children, so some places are written without asking how many; the next particle
    // writes over what was too much.
    let ahead = 4
    return [Int](unsafeUninitializedCapacity: n + ahead) { result, initialised in
      var (place, cumulated) = (0, 0.0)
      for i in 0...last {
        cumulated += weights[i]
        // Rounding may leave the cumulated weights short of a level; the last particle with a weight takes it.
        let below = i == last ? Double(n) : (cumulated / total * Double(n) - u).rounded(.up)
        let next = max(place, min(n, Int(below)))
        for k in 0..<ahead { result[place + k] = i }
        if next - place > ahead { for k in place + ahead..<next { result[k] = i } }
        place = next
      }
      initialised = n
    }
  }

  private static func residual(_ weights: [Double], _ total: Double, using random: inout RandomSource)
    -> [Int]
  {
    let n = weights.count
    var copies = weights.map { Int(Double(n) * ($0 / total)) }
    let rest = n - copies.reduce(0, +)
    if rest > 0 {
      let fractions = zip(weights, copies).map { max(0, Double(n) * ($0 / total) - Double($1)) }
      let sum = fractions.reduce(0, +)
      for i in inverse(fractions, sum, at: sortedUniforms(rest, using: &random)) { copies[i] += 1 }
    }
    return copies.enumerated().flatMap { [Int](repeating: $0, count: $1) }
  }

  private static func jump(_ weights: [Double], _ total: Double, using random: inout RandomSource) -> [Int] {
    let n = weights.count
    let copies = weights.map { Double(n) * ($0 / total) }
    var result = Array(0..<n)
    // A level a particle, asked for or not, so that what one group draws does not hang on rounding.
    let levels = copies.map { (copies: $0, level: random.uniform()) }
    let leaving = levels.indices.filter { levels[$0].level >= levels[$0].copies }
    guard !leaving.isEmpty else { return result }
    let excess = copies.map { max(0, $0 - 1) }
    let sum = excess.reduce(0, +)
    // Rounding alone can ask for a place that nobody offers.
    guard sum > 0 else { return result }
    let chosen = inverse(excess, sum, at: sortedUniforms(leaving.count, using: &random))
    for (place, ancestor) in zip(leaving, chosen) { result[place] = ancestor }
    return result
  }

  /// The order statistics of `count` uniforms, by sums of exponentials: no sorting.
  private static func sortedUniforms(_ count: Int, using random: inout RandomSource) -> [Double] {
    var sum = 0.0
    let sums = (0...count).map { _ in
      sum -= .log(onePlus: -random.uniform())
      return sum
    }
    return sums.dropLast().map { $0 / sum }
  }

  /// Where increasing levels in [0, 1] fall in the cumulated weights.
  private static func inverse(_ weights: [Double], _ total: Double, at levels: [Double]) -> [Int] {
    inverse(weights, total, levels.count) { levels[$0] }
  }

  @inline(__always)
  private static func inverse(
    _ weights: [Double], _ total: Double, _ count: Int, level: (Int) -> Double
  ) -> [Int] {
    // Rounding may leave the cumulated weights short of a level; the last particle with a weight takes it.
    let last = weights.lastIndex { $0 > 0 }!
    var (index, cumulated) = (0, weights[0])
    return [Int](unsafeUninitializedCapacity: count) { result, initialised in
      for i in 0..<count {
        let reached = level(i) * total
        while index < last, cumulated <= reached {
          index += 1
          cumulated += weights[index]
        }
        result[i] = index
      }
      initialised = count
    }
  }
}
