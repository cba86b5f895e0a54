/// The solution of a small system at every time of its integration, one polynomial a step.
///
/// A state is `dimension` numbers for each of `lanes` problems that were integrated side by side; number i of lane l is
/// at `i * lanes + l`. Pieces may follow each other with jumps in between: at a jump the state is the one after it.
public struct DenseSolution: Sendable {
  public let dimension: Int
  public let lanes: Int
  public internal(set) var statistics = SolverStatistics()
  /// Where every step begins and ends.
  private(set) var starts: [Double] = []
  private(set) var ends: [Double] = []
  /// `[step][5][dimension · lanes]`: the state, the difference to the next one, bend, twist and the quartic term.
  private(set) var coefficients: [Double] = []
  private(set) var last: [Double]

  var width: Int { dimension * lanes }

  /// A solution of no steps, at its start.
  public init(at start: [Double], dimension: Int, lanes: Int = 1) {
    precondition(start.count == dimension * lanes, "DenseSolution: \(start.count) numbers at the start")
    (self.dimension, self.lanes, last) = (dimension, lanes, start)
  }

  /// The number of steps.
  public var count: Int { starts.count }
  /// The ends of the steps, in the order of integration.
  public var stepTimes: [Double] { ends }
  public var startTime: Double { starts.first ?? .nan }
  public var endTime: Double { ends.last ?? .nan }
  /// The state at the end, `[dimension · lanes]`.
  public var final: [Double] { last }

  /// Adds a step whose five rows of coefficients `write` fills in.
  mutating func addStep(
    from start: Double, to end: Double, state: UnsafePointer<Double>,
    _ write: (UnsafeMutablePointer<Double>) -> Void
  ) {
    starts.append(start)
    ends.append(end)
    let old = coefficients.count
    coefficients.append(contentsOf: repeatElement(0, count: 5 * width))
    coefficients.withUnsafeMutableBufferPointer { write($0.baseAddress! + old) }
    last = Array(UnsafeBufferPointer(start: state, count: width))
  }

  /// Continues with another solution that starts where, or after a jump when, this one ends.
  public mutating func append(_ next: DenseSolution) {
    precondition(next.dimension == dimension && next.lanes == lanes, "DenseSolution: pieces of one shape")
    starts += next.starts
    ends += next.ends
    coefficients += next.coefficients
    last = next.last
    statistics.evaluations += next.statistics.evaluations
    statistics.steps += next.statistics.steps
    statistics.rejected += next.statistics.rejected
  }

  /// The step that `t` lies in; at a border the later one. Cost: O(log steps).
  private func step(at t: Double) -> Int {
    var (low, high) = (0, starts.count - 1)
    let isForward = ends[0] >= starts[0]
    while low < high {
      let middle = (low + high + 1) / 2
      if isForward ? starts[middle] <= t : starts[middle] >= t { low = middle } else { high = middle - 1 }
    }
    return low
  }

  /// Number `component` of a lane at `t`, which must not lie outside the integration.
  public func value(_ component: Int, lane: Int = 0, at t: Double) -> Double {
    guard count > 0 else { return last[component * lanes + lane] }
    return value(place: component * lanes + lane, step: step(at: t), t)
  }

  /// The state of all lanes at `t`, `[dimension · lanes]`.
  public func state(at t: Double) -> [Double] {
    guard count > 0 else { return last }
    let step = step(at: t)
    return (0..<width).map { value(place: $0, step: step, t) }
  }

  /// The state of one lane at `t`, `[dimension]`.
  public func state(at t: Double, lane: Int) -> [Double] {
    guard count > 0 else { return (0..<dimension).map { last[$0 * lanes + lane] } }
    let step = step(at: t)
    return (0..<dimension).map { value(place: $0 * lanes + lane, step: step, t) }
  }

  private func value(place: Int, step: Int, _ t: Double) -> Double {
    let theta = (t - starts[step]) / (ends[step] - starts[step])
    let base = step * 5 * width + place
    let inner =
      coefficients[base + 2 * width]
      + theta * (coefficients[base + 3 * width] + (1 - theta) * coefficients[base + 4 * width])
    return coefficients[base] + theta * (coefficients[base + width] + (1 - theta) * inner)
  }

  /// A place where a function of time and state changes its sign.
  public struct Crossing: Sendable, Hashable {
    public let time: Double
    /// From below 0 to above.
    public let isRising: Bool
  }

  /// Where `function` of the time and the state of a lane crosses 0, in the order of integration.
  ///
  /// Every step is looked at in quarters, so that two crossings within a quarter of a step go unseen; each is refined to
  /// rounding on the dense output. A jump across 0 counts, at the time of the jump.
  /// - Complexity: four evaluations a step and about ten a crossing.
  public func crossings(lane: Int = 0, of function: (_ t: Double, _ state: [Double]) -> Double) -> [Crossing]
  {
    var found: [Crossing] = []
    var before = Double.nan
    func at(_ step: Int, _ t: Double) -> Double {
      function(t, (0..<dimension).map { value(place: $0 * lanes + lane, step: step, t) })
    }
    for step in 0..<count {
      let (start, size) = (starts[step], ends[step] - starts[step])
      var left = at(step, start)
      if before * left < 0 { found.append(Crossing(time: start, isRising: left > 0)) }
      for quarter in 1...4 {
        let (a, b) = (start + size * Double(quarter - 1) / 4, start + size * Double(quarter) / 4)
        let right = at(step, b)
        // A zero at a border belongs to the piece that ends there.
        if (left < 0 && right >= 0) || (left > 0 && right <= 0) {
          let time = right == 0 ? b : root(between: a, and: b) { at(step, $0) }
          found.append(Crossing(time: time, isRising: right > left))
        }
        left = right
      }
      before = left
    }
    return found
  }
}
