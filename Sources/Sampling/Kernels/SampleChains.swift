import Torch

/// Draws of many chains, with what is needed to judge and to continue them.
public struct ChainDraws<K: Kernel>: Sendable {
  /// `[draws, chains, d]`.
  public let draws: Tensor
  /// log p at the draws up to the target's constant, `[draws, chains]`.
  public let logDensities: Tensor
  /// The mean acceptance probability of every chain after warm-up, in [0, 1].
  public let acceptanceRates: [Double]
  /// The divergent steps of every chain after warm-up; any at all call for a smaller step size.
  public let divergences: [Int]
  /// As adapted: every draw was made by this kernel.
  public let kernel: K
  /// The end of the chains, from which `kernel` can go on.
  public let state: K.State

  /// The number of draws of a chain.
  public var count: Int { draws.size(0) }
}

extension ChainDraws where K: StepSizeKernel {
  /// The step size of every draw.
  public var stepSize: Double { kernel.stepSize }
}

/// Runs chains from the rows of `start` and keeps every `thin`-th state after the warm-up.
///
/// ```swift
/// let kernel = try HamiltonianMonteCarlo(target: target, stepSize: 0.1, leapfrogSteps: 10)
/// let chains = try sampleChains(kernel, from: start, warmUp: 500, draws: 1_000, using: &random)
/// let diagnostics = try ChainDiagnostics(chains.draws)
/// ```
///
/// Warm-up moves the chains, and tunes the step size of a ``StepSizeKernel`` to its target acceptance, averaged over the
/// chains, by ``DualAveraging`` from a start that doubling or halving found. After it nothing is tuned.
///
/// - Parameters:
///   - start: one row a chain, `[chains, d]`, `float` or `double`; chains are of this type and on this device.
///   - warmUp: steps before the first draw, ≥ 0; 0 keeps the kernel's step size.
///   - draws: kept states, ≥ 1.
///   - thin: steps from one kept state to the next, ≥ 1. Diagnostics lose by it; it saves memory only.
/// - Throws: ``SamplingError`` for a start without a finite density (naming the chain) and for counts out of range.
/// - Complexity: warmUp + draws·thin steps; the draws are kept on the device. One number is read back a step of the
///   warm-up, and none afterwards.
public func sampleChains<K: Kernel>(
  _ kernel: K, from start: Tensor, warmUp: Int, draws: Int, thin: Int = 1, using random: inout RandomSource
) throws(SamplingError) -> ChainDraws<K> {
  let owner = "sampleChains"
  try SamplingError.require(warmUp >= 0, owner, "warmUp", warmUp, "a whole number ≥ 0")
  try SamplingError.require(draws >= 1, owner, "draws", draws, "a whole number ≥ 1")
  try SamplingError.require(thin >= 1, owner, "thin", thin, "a whole number ≥ 1")
  var state = try kernel.initialState(start)
  let kernel = warmedUp(kernel, &state, steps: warmUp, using: &random)

  var positions: [Tensor] = []
  var logDensities: [Tensor] = []
  var acceptance = Tensor.zeros([start.size(0)], dtype: .double, device: start.device)
  var divergences = acceptance
  for step in 1...draws * thin {
    let (next, info) = kernel.step(state, using: &random)
    state = next
    acceptance += info.acceptanceProbability
    divergences += info.isDivergent
    guard step % thin == 0 else { continue }
    positions.append(state.position)
    logDensities.append(state.logDensity)
  }
  return ChainDraws(
    draws: .stack(positions), logDensities: .stack(logDensities),
    acceptanceRates: (acceptance / Double(draws * thin)).doubles, divergences: divergences.integers,
    kernel: kernel, state: state)
}

private func warmedUp<K: Kernel>(
  _ kernel: K, _ state: inout K.State, steps: Int, using random: inout RandomSource
) -> K {
  guard steps > 0 else { return kernel }
  guard let adaptive = kernel as? any StepSizeKernel else {
    for _ in 0..<steps { state = kernel.step(state, using: &random).state }
    return kernel
  }
  // The cast back always holds: setting a step size does not change the type.
  func with(_ stepSize: Double) -> K {
    var other = adaptive
    other.stepSize = stepSize
    return other as! K
  }
  func meanAcceptance(_ info: K.Info) -> Double { info.acceptanceProbability.mean().item() }

  var search = DualAveraging(
    initial: coarseStepSize(from: adaptive.stepSize) {
      meanAcceptance(with($0).step(state, using: &random).info)
    },
    targetAcceptance: adaptive.targetAcceptance)
  for _ in 0..<steps {
    let (next, info) = with(search.stepSize).step(state, using: &random)
    state = next
    search.update(acceptance: meanAcceptance(info))
  }
  return with(search.averagedStepSize)
}

/// The first step size, by doubling or halving, on the other side of an acceptance of one half.
///
/// Source: Hoffman & Gelman 2014, algorithm 4, with the mean acceptance of all chains in place of one chain's.
private func coarseStepSize(from initial: Double, _ acceptance: (Double) -> Double) -> Double {
  let grows = acceptance(initial) > 0.5
  var stepSize = initial
  // 2⁻⁶⁰ or 2⁶⁰ times the start: a flat target accepts everything, and one that is NaN nothing.
  for _ in 0..<60 {
    stepSize *= grows ? 2 : 0.5
    if (acceptance(stepSize) > 0.5) != grows { break }
  }
  return stepSize
}
