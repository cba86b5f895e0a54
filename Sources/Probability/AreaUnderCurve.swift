/// The probability that a value of the first kind is below one of the second, ties counting half: the area under the curve
/// of true by false alarms where low values raise the alarm (Mann & Whitney 1947).
///
/// - Returns: in [0, 1]; NaN where a kind has no values.
/// - Complexity: O((n + m) log m).
public func areaUnderCurve(low: [Double], high: [Double]) -> Double {
  let sorted = high.sorted()
  func place(_ x: Double, includingEqual: Bool) -> Int {
    var (start, end) = (0, sorted.count)
    while start < end {
      let middle = (start + end) / 2
      if sorted[middle] < x || (includingEqual && sorted[middle] == x) {
        start = middle + 1
      } else {
        end = middle
      }
    }
    return start
  }
  let above = low.reduce(0.0) { sum, x in
    let (below, through) = (place(x, includingEqual: false), place(x, includingEqual: true))
    return sum + Double(sorted.count - through) + 0.5 * Double(through - below)
  }
  return above / (Double(low.count) * Double(high.count))
}
