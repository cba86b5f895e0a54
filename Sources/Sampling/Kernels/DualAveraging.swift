import RealModule

/// Finds the step size at which the mean acceptance probability is a given one.
///
/// Nesterov's dual averaging of δ − α on log ε. The steps of later draws use ``averagedStepSize``, in which the noise of
/// single updates has gone. Source: Hoffman & Gelman 2014, section 3.2, with their γ = 0.05, t₀ = 10, κ = 0.75 and
/// μ = log 10ε₀.
public struct DualAveraging: Sendable, Hashable {
  /// ε of the next step.
  public private(set) var stepSize: Double
  /// exp of the weighted mean of log ε, the later the heavier; the initial ε before the first update.
  public private(set) var averagedStepSize: Double

  private let shrinkage = 0.05
  private let offset = 10.0
  private let forgetting = 0.75
  private let target: Double
  private let centre: Double
  private var updates = 0.0
  private var meanError = 0.0

  /// - Parameters:
  ///   - initial: ε₀ > 0; the search leans towards ten times as much, since large steps are cheap to try.
  ///   - targetAcceptance: δ in (0, 1).
  public init(initial: Double, targetAcceptance: Double) {
    precondition(
      initial > 0 && initial.isFinite && targetAcceptance > 0 && targetAcceptance < 1,
      "DualAveraging: initial \(initial), targetAcceptance \(targetAcceptance)")
    (stepSize, averagedStepSize, target) = (initial, initial, targetAcceptance)
    centre = .log(10 * initial)
  }

  /// - Parameter acceptance: α of the last step, in [0, 1], a mean over chains where there are several.
  public mutating func update(acceptance: Double) {
    updates += 1
    let weight = 1 / (updates + offset)
    meanError = (1 - weight) * meanError + weight * (target - acceptance)
    let logStep = centre - updates.squareRoot() / shrinkage * meanError
    let share = Double.pow(updates, -forgetting)
    // ε̄₁ is ε₁: the start does not count.
    let before = updates == 1 ? logStep : .log(averagedStepSize)
    averagedStepSize = .exp(share * logStep + (1 - share) * before)
    stepSize = .exp(logStep)
  }
}
