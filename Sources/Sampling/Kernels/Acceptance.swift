import Torch

/// Metropolis' decision for every chain.
struct Acceptance {
  let info: TransitionInfo
  var mask: Tensor { info.isAccepted }

  /// - Parameters:
  ///   - logRatio: log of the Metropolis–Hastings ratio, `[chains]`. NaN and +∞, which come only from a proposal
  ///     without a density, are rejected.
  ///   - isDivergent: further chains to report, `[chains]`.
  init(logRatio: Tensor, isDivergent: Tensor? = nil, using random: inout RandomSource) {
    // u ≤ eʳ for a uniform u, as −log u is an exponential.
    let exponential = random.exponential(logRatio.shape, dtype: logRatio.dtype, device: logRatio.device)
    let isBroken = (logRatio .< .infinity).logicalNot()
    let ratio = logRatio.filled(where: isBroken, with: -.infinity)
    info = TransitionInfo(
      acceptanceProbability: ratio.clamp(-.infinity, 0).exp(), isAccepted: ratio .>= -exponential,
      isDivergent: isDivergent.map { $0 .| isBroken } ?? isBroken)
  }
}

/// The units of coordinates: the spread that a kernel takes each of them to have.
struct CoordinateScales: Sendable {
  /// `[d]`, > 0; 1 throughout when `nil`.
  let values: Tensor?

  init(_ values: Tensor?, _ owner: String) throws(SamplingError) {
    if let values {
      try SamplingError.require(
        values.rank == 1 && values.count > 0, owner, "scales", "of shape \(values.shape)", "[d]")
      let lowest = values.detach().to(.double).doubles.first { !($0 > 0 && $0.isFinite) }
      try SamplingError.require(
        lowest == nil, owner, "scales", "\(lowest ?? .nan) somewhere", "finite numbers > 0")
    }
    self.values = values?.detach()
  }

  func callAsFunction(_ x: Tensor) -> Tensor { values.map { x * $0.to(like: x) } ?? x }

  func check(against position: Tensor, _ owner: String) throws(SamplingError) {
    guard let values, position.rank == 2 else { return }
    try SamplingError.require(
      values.count == position.size(1), owner, "scales", "of \(values.count) coordinates",
      "\(position.size(1)), as the start has")
  }
}

func checkStepSize(_ stepSize: Double, _ owner: String) throws(SamplingError) {
  try SamplingError.require(
    stepSize > 0 && stepSize.isFinite, owner, "stepSize", stepSize, "a finite number > 0")
}

func checkTargetAcceptance(_ value: Double, _ owner: String) throws(SamplingError) {
  try SamplingError.require(value > 0 && value < 1, owner, "targetAcceptance", value, "a number in (0, 1)")
}
