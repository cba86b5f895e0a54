import RealModule

/// The mean precision at the places of the positives in falling order of their scores: the area under precision against
/// recall. Ties are taken together.
///
/// - Returns: in (0, 1]; NaN without a positive.
/// - Complexity: O(n log n).
public func averagePrecision(_ scores: [Double], positive: [Bool]) -> Double {
  precondition(
    scores.count == positive.count, "averagePrecision: \(scores.count) scores, \(positive.count) labels")
  let order = scores.indices.sorted { scores[$0] > scores[$1] }
  let total = positive.count(where: \.self)
  var (seen, found, sum) = (0, 0, 0.0)
  while seen < order.count {
    var end = seen
    var new = 0
    while end < order.count, scores[order[end]] == scores[order[seen]] {
      if positive[order[end]] { new += 1 }
      end += 1
    }
    found += new
    seen = end
    sum += Double(new) * Double(found) / Double(seen)
  }
  return sum / Double(total)
}

/// One bin of a calibration curve.
public struct CalibrationBin: Sendable, Hashable {
  public let count: Int
  public let meanProbability: Double
  /// Share of positives.
  public let frequency: Double
}

/// Bins of equal counts (to within one) in the order of the probabilities.
///
/// - Parameter bins: max(10, n/100) where left out.
public func calibrationCurve(_ probabilities: [Double], positive: [Bool], bins: Int? = nil)
  -> [CalibrationBin]
{
  binned(probabilities, bins).map { rows in
    let n = Double(rows.count)
    return CalibrationBin(
      count: rows.count, meanProbability: rows.reduce(0) { $0 + probabilities[$1] } / n,
      frequency: Double(rows.count { positive[$0] }) / n)
  }
}

/// The mean over all observations of (p̂ − observed frequency of its bin)², for bins of equal counts.
public func calibrationError(_ probabilities: [Double], positive: [Bool], bins: Int? = nil) -> Double {
  let sum = binned(probabilities, bins).reduce(0) { sum, rows in
    let frequency = Double(rows.count { positive[$0] }) / Double(rows.count)
    return sum + rows.reduce(0) { $0 + (probabilities[$1] - frequency) * (probabilities[$1] - frequency) }
  }
  return sum / Double(probabilities.count)
}

private func binned(_ probabilities: [Double], _ bins: Int?) -> [[Int]] {
  let n = probabilities.count
  let order = probabilities.indices.sorted { (probabilities[$0], $0) < (probabilities[$1], $1) }
  let count = min(n, bins ?? max(10, Int((Double(n) / 100).rounded())))
  return (0..<count).map { bin in Array(order[bin * n / count..<(bin + 1) * n / count]) }
}

/// −mean log of the probability given to what happened, clipped at 1e-15.
public func logLoss(_ probabilities: [Double], positive: [Bool]) -> Double {
  let sum = zip(probabilities, positive).reduce(0.0) { sum, row in
    let p = row.1 ? row.0 : 1 - row.0
    return sum - .log(min(1, max(1e-15, p)))
  }
  return sum / Double(probabilities.count)
}
