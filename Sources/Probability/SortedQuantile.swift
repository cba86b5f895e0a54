/// A quantile of numbers in increasing order, linear between order statistics (Hyndman & Fan's seventh definition).
///
/// - Parameters:
///   - sorted: at least one.
///   - level: in [0, 1].
package func quantile(ofSorted sorted: [Double], _ level: Double) -> Double {
  precondition(!sorted.isEmpty && (0...1).contains(level), "quantile \(level) of \(sorted.count) numbers")
  let position = level * Double(sorted.count - 1)
  let below = min(Int(position), max(0, sorted.count - 2))
  let above = min(below + 1, sorted.count - 1)
  return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
}
