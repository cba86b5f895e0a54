#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Chooses step sizes so that the estimated error of every step meets a tolerance.
///
/// A proportional–integral–derivative controller on log error (Söderlind 2003). The coefficients are
/// divided by the order of the error estimate.
public struct PIDController: Sendable, Hashable {
  /// Relative tolerance, > 0.
  public var relativeTolerance: Double
  /// Absolute tolerance, > 0.
  public var absoluteTolerance: Double
  public var proportional: Double
  public var integral: Double
  public var derivative: Double
  /// The share of the predicted step that is used.
  public var safety: Double
  /// Limits on the change from one step to the next.
  public var factorRange: ClosedRange<Double>
  /// The first step's size; chosen from the field when `nil`.
  public var firstStep: Double?
  /// Steps, accepted or not, after which the integration gives up.
  public var maximumSteps: Int

  public init(
    relativeTolerance: Double = 1e-5, absoluteTolerance: Double = 1e-5, proportional: Double = 0.4,
    integral: Double = 0.3, derivative: Double = 0, safety: Double = 0.9,
    factorRange: ClosedRange<Double> = 0.2...10, firstStep: Double? = nil, maximumSteps: Int = 10_000
  ) {
    precondition(relativeTolerance > 0 && absoluteTolerance > 0, "PIDController: tolerances must be positive")
    self.relativeTolerance = relativeTolerance
    self.absoluteTolerance = absoluteTolerance
    self.proportional = proportional
    self.integral = integral
    self.derivative = derivative
    self.safety = safety
    self.factorRange = factorRange
    self.firstStep = firstStep
    self.maximumSteps = maximumSteps
  }

  /// The factor from one step to the next, from the error ratios (error/tolerance) of this step and the two
  /// accepted before it.
  func factor(_ ratio: Double, _ previous: Double, _ beforePrevious: Double, order: Int, accepted: Bool)
    -> Double
  {
    guard ratio > 0 else { return factorRange.upperBound }
    let k = Double(order)
    // A rejected step is repeated with the size that its own error asks for.
    guard accepted else { return min(max(safety * pow(1 / ratio, 1 / k), factorRange.lowerBound), 0.9) }
    let (p, i, d) = (proportional, integral, derivative)
    let proposal =
      safety * pow(1 / ratio, (p + i + d) / k) * pow(previous, (p + 2 * d) / k)
      * pow(1 / beforePrevious, d / k)
    return min(max(proposal, factorRange.lowerBound), factorRange.upperBound)
  }
}
