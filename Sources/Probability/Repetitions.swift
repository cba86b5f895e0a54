import Torch

/// A study run many times over streams of its own, spread over the cores; what it finds does not depend on how many there
/// are.
///
/// ```swift
/// let errors = try Repetitions(50).run(random) { stream in try study(&stream) }   // [50], in order
/// Estimate(meanOf: errors)
/// PairedComparison(errors, others).t
/// ```
public struct Repetitions: Sendable, Hashable {
  public let count: Int

  public init(_ count: Int) {
    precondition(count > 0, "Repetitions: \(count)")
    self.count = count
  }

  /// Runs `body` with stream i of `random` for i = 0, 1, …
  /// - Throws: what the first repetition that failed threw.
  public func run<Result, Failure: Error>(
    _ random: RandomSource, _ body: @Sendable (inout RandomSource) throws(Failure) -> Result
  ) throws(Failure) -> [Result] {
    try concurrently(count) { (index) throws(Failure) in
      var stream = random.split(index)
      return try body(&stream)
    }
  }
}

/// Two methods' results on the same repetitions.
public struct PairedComparison: Sendable, Hashable {
  /// Mean of a − b with its standard error.
  public let difference: Estimate
  /// Repetitions in which a is below b, and those that count: ties do not.
  public let below: Int
  public let decided: Int

  public init(_ a: [Double], _ b: [Double]) {
    precondition(a.count == b.count, "PairedComparison: \(a.count) results and \(b.count)")
    difference = Estimate(meanOf: zip(a, b).map { $0 - $1 })
    below = zip(a, b).count { $0 < $1 }
    decided = zip(a, b).count { $0 != $1 }
  }

  /// The paired t statistic of a − b.
  public var t: Double { difference.value / difference.standardError }
}
