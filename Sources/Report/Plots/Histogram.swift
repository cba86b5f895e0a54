import Foundation

/// Counts of numbers in neighbouring bins.
///
/// Bin `i` is `edges[i] <= value < edges[i + 1]`; the last bin includes its upper edge. Every number is
/// counted in a bin, in `outside`, or in `unusable`.
public struct Histogram: Sendable, Equatable {
  /// How the bins are chosen.
  public enum Bins: Sendable, Equatable {
    /// Equal widths by the Freedman–Diaconis rule, at least 5 and at most 80 bins.
    case automatic
    /// This many bins of equal width over the range of the data.
    case count(Int)
    /// This many bins of equal ratio over the range of the positive data; others are unusable.
    case logarithmic(Int)
    /// Given edges, strictly increasing, two or more. Histograms that are to be compared should share them:
    /// `.edges(Histogram(first + second).edges)`.
    case edges([Double])
  }

  /// One more than there are bins; empty where no number was usable.
  public let edges: [Double]
  public let counts: [Int]
  /// Numbers below the first or above the last edge, only with given edges.
  public let outside: Int
  /// Numbers that are not finite or, for logarithmic bins, not positive.
  public let unusable: Int

  public init(_ values: [Double], bins: Bins = .automatic) {
    var usable = values.filter(\.isFinite)
    if case .logarithmic = bins { usable.removeAll { $0 <= 0 } }
    unusable = values.count - usable.count
    let edges = Self.edges(for: usable, bins)
    var counts = [Int](repeating: 0, count: max(0, edges.count - 1))
    var outside = 0
    for value in usable {
      if let bin = Self.bin(of: value, edges) { counts[bin] += 1 } else { outside += 1 }
    }
    self.edges = edges
    self.counts = counts
    self.outside = outside
  }

  private static func bin(of value: Double, _ edges: [Double]) -> Int? {
    guard let first = edges.first, let last = edges.last, value >= first, value <= last else { return nil }
    // The last edge that is not above the value; by bisection, because given edges need no pattern.
    var low = 0
    var high = edges.count - 1
    while high - low > 1 {
      let middle = (low + high) / 2
      if edges[middle] <= value { low = middle } else { high = middle }
    }
    return low
  }

  private static func edges(for values: [Double], _ bins: Bins) -> [Double] {
    if case .edges(let edges) = bins {
      precondition(
        edges.count >= 2 && zip(edges, edges.dropFirst()).allSatisfy { $0 < $1 },
        "Histogram: edges must be two or more and strictly increasing")
      return edges
    }
    guard let least = values.min(), let greatest = values.max() else { return [] }
    switch bins {
    case .count(let count): return evenEdges(least, greatest, count)
    case .logarithmic(let count):
      var edges = evenEdges(log(least), log(greatest), count).map(exp)
      // exp(log(x)) may miss x by a rounding error, which would put the extremes outside.
      edges[0] = min(edges[0], least)
      edges[edges.count - 1] = max(edges[edges.count - 1], greatest)
      return edges
    default: return evenEdges(least, greatest, freedmanDiaconis(values, least, greatest))
    }
  }

  private static func evenEdges(_ least: Double, _ greatest: Double, _ count: Int) -> [Double] {
    precondition(count >= 1, "Histogram: \(count) bins, expected at least 1")
    // Halved first, so that a range wider than the greatest number does not overflow.
    let step = (greatest / 2 - least / 2) / Double(count) * 2
    guard step.isFinite else { return [least, greatest] }
    let size = max(abs(least), abs(greatest))
    guard step > size * 1e-14, step > .leastNormalMagnitude else {
      // Values too close together for bins share one, with them in its middle.
      let margin = max(0.5, size * 1e-6)
      let limit = Double.greatestFiniteMagnitude
      return [max(least - margin, -limit), min(greatest + margin, limit)]
    }
    return (0..<count).map { index -> Double in
      let share = Double(index) / Double(count)
      return least * (1 - share) + greatest * share
    } + [greatest]
  }

  private static func freedmanDiaconis(_ values: [Double], _ least: Double, _ greatest: Double) -> Int {
    let sorted = values.sorted()
    let quarter = sorted.count / 4
    let spread = sorted[sorted.count - 1 - quarter] - sorted[quarter]
    let width = 2 * spread / cbrt(Double(sorted.count))
    let count = (greatest - least) / width
    // Where the middle half has no spread the square-root rule still gives a number.
    let wanted = count.isFinite ? count.rounded(.up) : Double(sorted.count).squareRoot().rounded(.up)
    return Int(min(max(wanted, 5), 80))
  }
}
