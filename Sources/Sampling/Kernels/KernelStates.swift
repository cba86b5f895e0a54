import Probability
import Torch

/// Chains of a kernel that only compares densities.
public struct DensityState: ChainState {
  public let position: Tensor
  public let logDensity: Tensor

  public func gathered(_ rows: Tensor) -> DensityState {
    DensityState(position: position.gathered(rows), logDensity: logDensity.gathered(rows))
  }

  /// The other state where the mask `[chains]` holds.
  func replaced(where mask: Tensor, by other: DensityState) -> DensityState {
    DensityState(
      position: .where(mask.unsqueeze(1), other.position, position),
      logDensity: .where(mask, other.logDensity, logDensity))
  }
}

/// Chains of a kernel that follows the gradient, with the gradient at their positions: it is found once a step.
public struct GradientState: ChainState {
  public let position: Tensor
  public let logDensity: Tensor
  /// ∇ log p at the positions, `[chains, d]`; finite.
  public let gradient: Tensor

  public func gathered(_ rows: Tensor) -> GradientState {
    GradientState(
      position: position.gathered(rows), logDensity: logDensity.gathered(rows),
      gradient: gradient.gathered(rows))
  }

  /// The other state where the mask `[chains]` holds.
  func replaced(where mask: Tensor, by other: GradientState) -> GradientState {
    let rows = mask.unsqueeze(1)
    return GradientState(
      position: .where(rows, other.position, position),
      logDensity: .where(mask, other.logDensity, logDensity),
      gradient: .where(rows, other.gradient, gradient))
  }
}

// Evaluation at proposals. Nothing is cleaned here: a proposal with NaN or ±∞ is never accepted.
extension LogDensity {
  func densityState(_ x: Tensor) -> DensityState {
    DensityState(position: x, logDensity: withoutGradient { logDensity(x).detach() })
  }

  func gradientState(_ x: Tensor) -> GradientState {
    // Parameters of the target that record gradients must not make chains into one long graph.
    let (value, gradient) = withoutGradient { logDensityAndScore(x) }
    return GradientState(position: x, logDensity: value.detach(), gradient: gradient.detach())
  }

  /// The density at the start, checked.
  func startingDensity(_ position: Tensor, _ owner: String) throws(SamplingError) -> DensityState {
    try checkStart(position, owner)
    let state = densityState(position.detach())
    try checkDensity(state.logDensity, position, owner)
    return state
  }

  /// The density and the gradient at the start, checked.
  func startingGradient(_ position: Tensor, _ owner: String) throws(SamplingError) -> GradientState {
    try checkStart(position, owner)
    let state = gradientState(position.detach())
    try checkDensity(state.logDensity, position, owner)
    let shape = state.gradient.shape
    try SamplingError.require(
      shape == position.shape, owner, "the target's score", "of shape \(shape)", "\(position.shape)")
    try checkFinite("gradient", state.gradient)
    return state
  }

  private func checkStart(_ position: Tensor, _ owner: String) throws(SamplingError) {
    let shape = position.shape
    try SamplingError.require(
      shape.count == 2 && !shape.contains(0), owner, "the start", "of shape \(shape)",
      "one row a chain, [chains, d]")
    try SamplingError.require(
      position.dtype == .float || position.dtype == .double, owner, "the start", "of type \(position.dtype)",
      "float or double")
    try checkFinite("position", position)
  }

  private func checkDensity(_ value: Tensor, _ position: Tensor, _ owner: String) throws(SamplingError) {
    try SamplingError.require(
      value.shape == [position.size(0)], owner, "the target's log-density", "of shape \(value.shape)",
      "one value a chain, [\(position.size(0))]")
    try checkFinite("log-density", value)
  }

  private func checkFinite(_ what: String, _ values: Tensor) throws(SamplingError) {
    let bad = values.isFinite().logicalNot()
    guard bad.any().item() != 0 else { return }
    let place = bad.reshape(-1).booleans.firstIndex(of: true)!
    let value = values.reshape(-1)[place].item()
    throw .start(what: what, chain: place / (values.count / values.size(0)), value: value)
  }
}
