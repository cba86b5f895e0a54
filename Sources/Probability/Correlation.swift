/// How two series of numbers go together.
public struct Correlation: Sendable, Hashable {
  /// In [−1, 1]; NaN where a series does not vary.
  public let value: Double
  public let count: Int

  /// Pearson's r.
  public static func pearson(_ x: [Double], _ y: [Double]) -> Correlation {
    check(x, y)
    let n = Double(x.count)
    let (a, b) = (x.reduce(0, +) / n, y.reduce(0, +) / n)
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for (x, y) in zip(x, y) {
      xx += (x - a) * (x - a)
      yy += (y - b) * (y - b)
      xy += (x - a) * (y - b)
    }
    return Correlation(value: xy / (xx * yy).squareRoot(), count: x.count)
  }

  /// Spearman's ρ: Pearson's r of ranks, equal values sharing their mean rank.
  public static func spearman(_ x: [Double], _ y: [Double]) -> Correlation {
    pearson(ranks(x), ranks(y))
  }

  /// Kendall's τ_b: concordant less discordant pairs, over the geometric mean of the pairs that are no ties in each series.
  ///
  /// - Complexity: O(n²).
  public static func kendall(_ x: [Double], _ y: [Double]) -> Correlation {
    check(x, y)
    var (balance, untiedX, untiedY) = (0, 0, 0)
    for i in x.indices {
      for j in x.indices where j > i {
        let (a, b) = (sign(x[i] - x[j]), sign(y[i] - y[j]))
        balance += a * b
        untiedX += a * a
        untiedY += b * b
      }
    }
    let scale = (Double(untiedX) * Double(untiedY)).squareRoot()
    return Correlation(value: Double(balance) / scale, count: x.count)
  }

  /// The probability of an r at least as far from 0 where two normal series have nothing to do with each other: Student's
  /// t with n − 2 degrees of freedom. NaN for fewer than three.
  public var pearsonPValue: Double {
    guard count > 2, !value.isNaN else { return .nan }
    let freedom = Double(count - 2)
    // P(|T| > t) = I_{ν/(ν + t²)}(ν/2, 1/2), and ν/(ν + t²) = 1 − r².
    return regularizedIncompleteBeta(freedom / 2, 0.5, max(0, 1 - value * value), complement: value * value)
  }

  /// Ranks from 1 on, equal values sharing their mean rank.
  public static func ranks(_ x: [Double]) -> [Double] {
    let order = x.indices.sorted { x[$0] < x[$1] }
    var ranks = [Double](repeating: 0, count: x.count)
    var start = 0
    while start < order.count {
      var end = start
      while end < order.count, x[order[end]] == x[order[start]] { end += 1 }
      for place in start..<end { ranks[order[place]] = Double(start + end + 1) / 2 }
      start = end
    }
    return ranks
  }

  private static func sign(_ x: Double) -> Int { x > 0 ? 1 : x < 0 ? -1 : 0 }

  private static func check(_ x: [Double], _ y: [Double]) {
    precondition(x.count == y.count && x.count >= 2, "Correlation: \(x.count) and \(y.count) values")
  }
}
