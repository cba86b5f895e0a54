import Foundation
import Testing
import Torch

/// The textbook steps in plain Swift, on plain numbers.
private struct Reference {
  var x: [Double]
  var m: [Double]
  var v: [Double]
  var t = 0

  init(_ x: [Double]) { (self.x, m, v) = (x, x.map { _ in 0 }, x.map { _ in 0 }) }

  mutating func adam(_ g: [Double], rate: Double, decay: Double, decoupled: Bool) {
    t += 1
    for i in x.indices {
      var slope = g[i]
      if decoupled { x[i] -= rate * decay * x[i] } else { slope += decay * x[i] }
      m[i] = 0.9 * m[i] + 0.1 * slope
      v[i] = 0.999 * v[i] + 0.001 * slope * slope
      let mean = m[i] / (1 - pow(0.9, Double(t)))
      let square = v[i] / (1 - pow(0.999, Double(t)))
      x[i] -= rate * mean / (square.squareRoot() + 1e-8)
    }
  }

  mutating func sgd(_ g: [Double], rate: Double, momentum: Double, decay: Double, nesterov: Bool) {
    t += 1
    for i in x.indices {
      let slope = g[i] + decay * x[i]
      m[i] = t == 1 ? slope : momentum * m[i] + slope
      let direction = momentum == 0 ? slope : nesterov ? slope + momentum * m[i] : m[i]
      x[i] -= rate * direction
    }
  }
}

@Suite("Optimisers") struct OptimiserTests {
  private let shapes = [[3], [2, 2]]

  private func parameters(_ dtype: DType = .double) -> [Parameter] {
    shapes.enumerated().map { Parameter(normal($1, seed: UInt64($0)).to(dtype)) }
  }

  private func gradients(_ step: Int, _ dtype: DType = .double) -> [Tensor] {
    shapes.enumerated().map { normal($1, seed: UInt64(100 + 10 * step + $0)).to(dtype) }
  }

  private func flat(_ tensors: [Tensor]) -> [Double] { tensors.flatMap(\.doubles) }

  /// Runs seven steps with a learning rate that changes, next to the textbook.
  private func compare(
    _ optimiser: any Optimiser, _ reference: (inout Reference, [Double], Double) -> Void,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var expected = Reference(flat(optimiser.parameters.map(\.value)))
    for step in 0..<7 {
      let rate = 0.05 / Double(1 + step)
      optimiser.learningRate = rate
      optimiser.step(gradients(step))
      reference(&expected, flat(gradients(step)), rate)
      let found = flat(optimiser.parameters.map(\.value))
      let error = zip(found, expected.x).map { abs($0 - $1) }.max()!
      #expect(error < 1e-7, "step \(step)", sourceLocation: sourceLocation)
    }
  }

  @Test("Adam takes the textbook's steps, with and without weight decay", arguments: [0, 0.1])
  func adam(decay: Double) {
    compare(Adam(parameters(), weightDecay: decay)) {
      $0.adam($1, rate: $2, decay: decay, decoupled: false)
    }
  }

  @Test("RMSProp divides by the root of a mean that starts at 0, ε outside it")
  func rmsProp() {
    compare(RMSProp(parameters(), decay: 0.9)) { reference, g, rate in
      for i in reference.x.indices {
        reference.v[i] = 0.9 * reference.v[i] + 0.1 * g[i] * g[i]
        reference.x[i] -= rate * g[i] / (reference.v[i].squareRoot() + 1e-8)
      }
    }
  }

  @Test("AdamW decays the parameters themselves")
  func adamW() {
    compare(AdamW(parameters(), weightDecay: 0.2)) { $0.adam($1, rate: $2, decay: 0.2, decoupled: true) }
  }

  @Test(
    "gradient descent takes the textbook's steps: plain, with momentum, with Nesterov's",
    arguments: [(0, false), (0.9, false), (0.9, true)])
  func sgd(momentum: Double, nesterov: Bool) {
    let optimiser = SGD(
      parameters(), learningRate: 0.1, momentum: momentum, weightDecay: 0.03, nesterov: nesterov)
    compare(optimiser) { $0.sgd($1, rate: $2, momentum: momentum, decay: 0.03, nesterov: nesterov) }
  }

  private func continues(_ make: ([Parameter]) -> any Optimiser) throws {
    let whole = make(parameters(.float))
    let first = make(parameters(.float))
    for step in 0..<3 {
      whole.step(gradients(step, .float))
      first.step(gradients(step, .float))
    }
    let second = make(first.parameters.map { Parameter($0.snapshot()) })
    try second.load(Dictionary(uniqueKeysWithValues: first.state.map { ($0.name, $0.tensor) }))
    for step in 3..<6 {
      whole.step(gradients(step, .float))
      second.step(gradients(step, .float))
    }
    for (a, b) in zip(whole.parameters, second.parameters) { #expect(a.value.bytes == b.value.bytes) }
    // And the state is needed: without it the steps are others.
    let fresh = make(first.parameters.map { Parameter($0.snapshot()) })
    for step in 3..<6 { fresh.step(gradients(step, .float)) }
    #expect(fresh.parameters[0].value.bytes != whole.parameters[0].value.bytes)
  }

  @Test("a stored state continues bit for bit")
  func state() throws {
    try continues { AdamW($0) }
    try continues { SGD($0, learningRate: 0.1, momentum: 0.9) }
  }

  @Test("a state of other parameters is refused by name")
  func stateErrors() {
    let optimiser = Adam(parameters())
    var state = Dictionary(uniqueKeysWithValues: optimiser.state.map { ($0.name, $0.tensor) })
    state["mean.1"] = nil
    state["square.0"] = .zeros([9], dtype: .double)
    let error = #expect(throws: ModuleStateError.self) { try optimiser.load(state) }
    #expect(error?.missing == ["mean.1"])
    #expect(error?.misshapen == ["square.0"])
  }

  @Test("clipping scales the joint norm down to the limit, and leaves smaller ones alone")
  func clipping() {
    let given = gradients(0)
    let norm = flat(given).map { $0 * $0 }.reduce(0, +).squareRoot()
    let clipped = given.map { $0.clone() }
    #expect(abs(clipGradients(clipped, limit: norm / 3).item() - norm) < 1e-12)
    for (a, b) in zip(clipped, given) { expectClose(a, b / 3, 1e-6) }
    let untouched = given.map { $0.clone() }
    clipGradients(untouched, limit: norm * 2)
    for (a, b) in zip(untouched, given) { expectClose(a, b, 0) }
    #expect(abs(gradientNorm(untouched).item() - norm) < 1e-12)
    for (a, b) in zip(untouched, given) { expectClose(a, b, 0) }
  }

  @Test("a moving average follows its recursion, lends itself, and continues from its state")
  func movingAverage() throws {
    let parameter = Parameter(Tensor([1.0, -2]))
    let average = MovingAverage([parameter], decay: 0.5)
    var expected = [1.0, -2]
    for k in 0..<12 {
      parameter.assign(normal([2], seed: UInt64(k)))
      let decay = min(0.5, Double(1 + k) / Double(10 + k))
      expected = zip(expected, parameter.value.doubles).map { decay * $0 + (1 - decay) * $1 }
      average.update()
    }
    let before = parameter.value.doubles
    average.withAverages { expectClose(parameter.value.detach(), Tensor(expected), 1e-12) }
    #expect(parameter.value.doubles == before)
    struct Stop: Error {}
    #expect(throws: Stop.self) { try average.withAverages { throw Stop() } }
    #expect(parameter.value.doubles == before)

    let other = MovingAverage([Parameter(parameter.snapshot())], decay: 0.5)
    try other.load(Dictionary(uniqueKeysWithValues: average.state.map { ($0.name, $0.tensor) }))
    #expect(other.updates == 12)
    average.update()
    other.update()
    #expect(average.state[0].tensor.bytes == other.state[0].tensor.bytes)
    #expect(throws: ModuleStateError.self) { try other.load([:]) }
  }

  @Test("learning-rate schedules have their closed forms")
  func schedules() {
    func values(_ schedule: LearningRateSchedule, _ steps: [Int], warmUp: Int = 0) -> [Double] {
      steps.map { schedule.factor(step: $0, of: 100, warmUp: warmUp) }
    }
    func close(_ a: [Double], _ b: [Double]) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) < 1e-12 } }
    #expect(values(.constant, [0, 50, 99]) == [1, 1, 1])
    #expect(close(values(.step(every: 30, factor: 0.5), [0, 29, 30, 60, 99]), [1, 1, 0.5, 0.25, 0.125]))
    #expect(
      close(
        values(.cosine(), [0, 25, 50, 75]), [1, (1 + 0.5.squareRoot()) / 2, 0.5, (1 - 0.5.squareRoot()) / 2]))
    #expect(close(values(.cosine(floor: 0.2), [0, 50, 100]), [1, 0.6, 0.2]))
    #expect(close(values(.linear(floor: 0.1), [0, 50, 100]), [1, 0.55, 0.1]))
    // The warm-up ends at 1, and the rest is spread over what is left.
    #expect(close(values(.linear(), [0, 4, 9, 10, 55], warmUp: 10), [0.1, 0.5, 1, 1, 0.5]))
  }
}
