import CTorch

/// An exponential moving average of parameters, updated in place after every step.
public final class MovingAverage {
  public let parameters: [Parameter]
  public let decay: Double
  /// Updates so far.
  public private(set) var updates = 0
  private let averages: [Tensor]

  /// - Parameter decay: in [0, 1). The first updates use (1 + k)/(10 + k) where that is smaller, so that the
  ///   start does not linger.
  public init(_ parameters: [Parameter], decay: Double) {
    precondition((0..<1).contains(decay), "MovingAverage: the decay \(decay) is not in [0, 1)")
    self.parameters = parameters
    self.decay = decay
    averages = parameters.map { $0.snapshot() }
  }

  public func update() {
    let effective = min(decay, (1 + Double(updates)) / (10 + Double(updates)))
    updates += 1
    let status = withPointers(averages) { a, n in
      withPointers(parameters.map(\.value)) { p, _ in ct_foreach_lerp(a, p, n, 1 - effective) }
    }
    if status != 0 { fail("MovingAverage", averages) }
  }

  /// Runs `body` with the averages in place of the parameters.
  public func withAverages<Result>(_ body: () throws -> Result) rethrows -> Result {
    let saved = parameters.map { $0.snapshot() }
    for (parameter, average) in zip(parameters, averages) { parameter.assign(average) }
    defer { for (parameter, value) in zip(parameters, saved) { parameter.assign(value) } }
    return try body()
  }

  private static let updatesName = "updates"

  /// The averages and the number of updates, by name.
  public var state: [(name: String, tensor: Tensor)] {
    averages.enumerated().map { ("average.\($0)", $1.clone()) } + [(Self.updatesName, Tensor(updates))]
  }

  /// Continues from a stored ``state``.
  /// - Throws: ``ModuleStateError`` where averages are missing or have another shape.
  public func load(_ state: [String: Tensor]) throws {
    let names = averages.indices.map { "average.\($0)" }
    let missing = (names + [Self.updatesName]).filter { state[$0] == nil }
    let misshapen = zip(names, averages).filter { name, average in
      state[name].map { $0.shape != average.shape } ?? false
    }
    guard missing.isEmpty, misshapen.isEmpty else {
      throw ModuleStateError(missing: missing, unknown: [], misshapen: misshapen.map(\.0))
    }
    for (name, average) in zip(names, averages) { copyInPlace(state[name]!, into: average) }
    updates = state[Self.updatesName]!.integer()
  }
}
