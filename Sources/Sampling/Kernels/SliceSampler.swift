import Probability
import RealModule
import Torch

/// Slice sampling along lines: no step size to tune, no gradient, and every step moves.
///
/// A level below p(x) is drawn, an interval that covers the line's part above it is stepped out to, and points of the
/// interval are drawn, the interval shrinking towards x, until one lies above the level (Neal 2003, figures 3 and 5).
/// Stepping out looks at all of its m + 1 places in one batch, so only shrinking asks the device, once an attempt,
/// whether a chain is left. Cost of a line: m + 1 densities for stepping out and one for every attempt of the slowest
/// chain, a few; `coordinates` takes d lines a step.
public struct SliceSampler: Kernel {
  /// Which lines a step goes along.
  public enum Lines: String, Sendable, Hashable, CaseIterable {
    /// Every axis in turn: d lines. Best where coordinates are nearly independent.
    case coordinates
    /// One random direction (hit and run). Best where coordinates are few or correlated.
    case direction
  }

  public let target: any LogDensity
  /// w, the first interval's width, in units of `scales`.
  public let width: Double
  public let lines: Lines
  /// m ≥ 1: an interval is at most m·w wide. The law is exact for every m.
  public let maximumSteps: Int
  private let scales: CoordinateScales

  /// Attempts at shrinking after which a chain stays where it is. The interval is then narrower than numbers can
  /// tell, so that only a density which gives two values at one point gets there.
  static let attempts = 100

  /// - Parameters:
  ///   - target: rows `[chains, d]` to log-densities.
  ///   - width: w > 0; about two of the target's standard deviations.
  ///   - lines: axes in turn, or one random direction.
  ///   - maximumSteps: m ≥ 1.
  ///   - scales: `[d]`, > 0; the target's standard deviations where they are known, else 1.
  /// - Throws: ``SamplingError/parameter(owner:name:found:expected:)``.
  public init(
    target: any LogDensity, width: Double = 2, lines: Lines = .coordinates, maximumSteps: Int = 6,
    scales: Tensor? = nil
  ) throws(SamplingError) {
    let owner = "SliceSampler"
    try SamplingError.require(width > 0 && width.isFinite, owner, "width", width, "a finite number > 0")
    try SamplingError.require(maximumSteps >= 1, owner, "maximumSteps", maximumSteps, "a whole number ≥ 1")
    self.scales = try CoordinateScales(scales, owner)
    (self.target, self.width, self.lines, self.maximumSteps) = (target, width, lines, maximumSteps)
  }

  public func initialState(_ position: Tensor) throws(SamplingError) -> DensityState {
    try scales.check(against: position, "SliceSampler")
    return try target.startingDensity(position, "SliceSampler")
  }

  public func step(_ state: DensityState, using random: inout RandomSource) -> (
    state: DensityState, info: SliceInfo
  ) {
    let shape = state.position.shape
    var info = SliceInfo(chainsOf: state)
    switch lines {
    case .direction:
      let normal = random.normal(like: state.position)
      let unit = normal / normal.norm(1, keep: true)
      return (along(scales(unit), state, &info, using: &random), info)
    case .coordinates:
      let axes = scales(Tensor.identity(shape[1], dtype: state.position.dtype, device: state.position.device))
      let next = (0..<shape[1]).reduce(state) { along(axes[$1].expand(shape), $0, &info, using: &random) }
      return (next, info)
    }
  }

  /// A slice along the rows of `direction`, `[chains, d]`.
  private func along(
    _ direction: Tensor, _ state: DensityState, _ info: inout SliceInfo, using random: inout RandomSource
  ) -> DensityState {
    let line = Line(state: state, direction: direction)
    func uniform() -> Tensor { random.uniform(line.shape, dtype: line.dtype, device: line.device) }
    // The level in the type of the density, the place on the line in that of the position.
    let level =
      state.logDensity - random.exponential(line.shape, dtype: state.logDensity.dtype, device: line.device)
    var (low, high) = stepOut(line, level, start: uniform(), share: uniform())
    info.evaluations += maximumSteps + 1

    var place = Tensor.zeros(line.shape, dtype: line.dtype, device: line.device)
    var density = state.logDensity
    var isLeft = Tensor.ones(line.shape, dtype: .bool, device: line.device)
    for _ in 0..<Self.attempts {
      let attempt = low + uniform() * (high - low)
      let value = target.densityOnLine(line.points(attempt))
      info.evaluations += 1
      let isInside = Self.isInside(value, level)
      let isDone = isLeft .& isInside
      place = .where(isDone, attempt, place)
      density = .where(isDone, value, density)
      isLeft = isLeft .& isInside.logicalNot()
      let isBelow = attempt .< 0
      low = .where(isBelow, attempt, low)
      high = .where(isBelow, high, attempt)
      if isLeft.any().item() == 0 { break }
    }
    info.isDivergent = info.isDivergent .| isLeft
    return DensityState(position: line.points(place), logDensity: density)
  }

  /// The interval (low, high) around 0, at most m widths wide.
  ///
  /// All places where its ends may come to rest lie on one grid: the first interval's share of the m widths is random.
  private func stepOut(_ line: Line, _ level: Tensor, start: Tensor, share: Tensor) -> (Tensor, Tensor) {
    let m = Double(maximumSteps)
    let left = (share * m).floor().clamp(0, m - 1).unsqueeze(1)
    let numbers = Tensor.range(to: m + 1, dtype: line.dtype, device: line.device)
    let grid = width * (numbers - left - start.unsqueeze(1))
    let values = target.densityOnLine(line.points(grid).flatten(0, 1)).reshape(line.shape + [-1])
    let isOutside = Self.isInside(values, level.unsqueeze(1)).logicalNot()
    let first = Tensor.where(isOutside .& (numbers .<= left), numbers, numbers * 0).max(1, keep: true)
    let last = Tensor.where(isOutside .& (numbers .> left), numbers, numbers * 0 + m).min(1, keep: true)
    func at(_ number: Tensor) -> Tensor { grid.gather(axis: 1, number.to(.int64)).squeeze(1) }
    return (at(first), at(last))
  }

  /// NaN and +∞ are no densities to move to.
  private static func isInside(_ value: Tensor, _ level: Tensor) -> Tensor {
    (value .>= level) .& (value .< .infinity)
  }
}

/// A line through every chain's position.
private struct Line {
  let state: DensityState
  let direction: Tensor

  var shape: [Int] { [state.position.size(0)] }
  var dtype: DType { state.position.dtype }
  var device: Device { state.position.device }

  /// The points at places `[chains]` or `[chains, k]`: `[chains, d]` or `[chains, k, d]`.
  func points(_ places: Tensor) -> Tensor {
    places.rank == 1
      ? state.position.adding(places.unsqueeze(1), times: direction)
      : state.position.unsqueeze(1).adding(places.unsqueeze(2), times: direction.unsqueeze(1))
  }
}

extension LogDensity {
  fileprivate func densityOnLine(_ x: Tensor) -> Tensor { withoutGradient { logDensity(x).detach() } }
}

/// The outcome of a slice sampler's step.
public struct SliceInfo: KernelInfo {
  /// 1: a slice is never refused.
  public let acceptanceProbability: Tensor
  /// Whether shrinking found nothing and the chain stayed along a line.
  public internal(set) var isDivergent: Tensor
  /// Densities evaluated for every chain.
  public internal(set) var evaluations = 0

  init(chainsOf state: DensityState) {
    acceptanceProbability = .ones(like: state.logDensity)
    isDivergent = .zeros(state.logDensity.shape, dtype: .bool, device: state.logDensity.device)
  }
}
