import Foundation
import Probability
import Solvers
import Torch

/// The noise level ε(t) of the stochastic generators; chosen after training.
public enum NoiseLevel: Sendable, Hashable, Codable {
  case constant(Double)
  /// ε · (noise scale of the schedule): vanishes where the score diverges, so that ε s stays bounded.
  case scheduled(Double)

  func callAsFunction(_ t: Double, _ schedule: InterpolantSchedule) -> Double {
    switch self {
    case .constant(let epsilon): epsilon
    case .scheduled(let epsilon): epsilon * schedule.noiseScale(schedule.values(at: t))
    }
  }

  var amount: Double {
    switch self {
    case .constant(let epsilon), .scheduled(let epsilon): epsilon
    }
  }
}

/// How a model generates.
public struct SamplerOptions: Sendable, Hashable {
  public enum Generator: String, Sendable, CaseIterable {
    /// dX = b dt, from x₀ to x₁.
    case ode
    /// dX = (b + ε s) dt + √(2ε) dW, from x₀ to x₁.
    case forward = "sde-forward"
    /// dX = (b − ε s) dt + √(2ε) dW^B, from x₁ to x₀.
    case backward = "sde-backward"
    /// dX = b dt, from x₁ to x₀.
    case backwardODE = "ode-backward"
  }
  public enum Integrator: String, Sendable, CaseIterable {
    case rk4, heun, euler, dopri5
    case eulerMaruyama = "euler-maruyama"
    case stochasticHeun = "stochastic-heun"
    /// The churned state takes the step's end as its time, as the reference code has it.
    case stochasticHeunEnd = "stochastic-heun-end"
  }

  public var generator = Generator.ode
  /// `rk4` for the ODE and `stochastic-heun` for the SDEs when `nil`.
  public var integrator: Integrator?
  public var epsilon = NoiseLevel.constant(0.5)
  public var steps = 100
  /// Times between which the equation is integrated; chosen by ``InterpolantModel/timeRange(_:)`` when `nil`.
  public var start: Double?
  public var end: Double?
  /// Steps of the denoising recursion from `end` to 1; 0 for none.
  public var denoisingSteps = 0
  /// Times saved on the way, equally spaced; 0 saves only the end.
  public var trajectories = 0
  /// Tolerance of dopri5.
  public var tolerance = 1e-5

  public init() {}

  var isStochastic: Bool { generator == .forward || generator == .backward }
  var isBackward: Bool { generator == .backward || generator == .backwardODE }
}

/// Rows that a model generated.
public struct InterpolantSamples: Sendable {
  /// `[n, d]`, in the data's coordinates.
  public let points: Tensor
  /// The saved states on the way with their times, the end included.
  public let trajectory: [(time: Double, points: Tensor)]
  public let statistics: SolverStatistics
}

extension InterpolantModel {
  /// The default times of integration. Where the fields come from networks, the score is −η/γ and diverges
  /// where γ vanishes, so stochastic generators stay 10⁻³ away from such ends.
  public func timeRange(_ options: SamplerOptions) -> (start: Double, end: Double) {
    let isExact = fields is ExactFields
    let inset = options.isStochastic || needsInset ? 1e-3 : 0
    let low = isExact || schedule.kind == .oneSided || usesDiffusiveDrift(options) ? 0 : inset
    return (options.start ?? low, options.end ?? (isExact ? 1 : 1 - inset))
  }

  /// Whether the velocity itself is derived by a division that fails at the ends.
  private var needsInset: Bool {
    guard let learned = fields as? LearnedFields else { return false }
    if learned.network.fields.contains(.velocity) { return false }
    return schedule.kind != .oneSided || schedule == .oneSidedVP
      || !learned.network.fields.contains(.denoiser)
  }

  /// Whether the drift is the diffusive schedule's own: learned directly and asked for at its noise level.
  private func usesDiffusiveDrift(_ options: SamplerOptions) -> Bool {
    guard let strength = schedule.diffusiveStrength, fields.provides(.diffusiveDrift) else { return false }
    return options.generator == .forward && options.epsilon == .constant(strength)
  }

  private var learnsDiffusiveDriftOnly: Bool {
    (fields as? LearnedFields)?.network.fields == [.diffusiveDrift]
  }

  func validate(_ options: SamplerOptions) throws -> (start: Double, end: Double) {
    let range = timeRange(options)
    for time in [range.start, range.end] where !(0...1).contains(time) {
      throw InterpolantError.timeOutside(time)
    }
    guard range.start < range.end else {
      throw InterpolantError.timeOrder(start: range.start, end: range.end)
    }
    guard options.steps > 0 else {
      throw InterpolantError.invalidOption(name: "--steps", found: "\(options.steps)", expected: "at least 1")
    }
    guard options.epsilon.amount >= 0, options.epsilon.amount.isFinite else {
      throw InterpolantError.negativeEpsilon(options.epsilon.amount)
    }
    if schedule.kind == .mirror, !options.isStochastic { throw InterpolantError.mirrorFlowIsIdentity }
    if usesDiffusiveDrift(options) { return range }
    if learnsDiffusiveDriftOnly {
      throw InterpolantError.invalidOption(
        name: "--sampler", found: "\(options.generator.rawValue) with --epsilon \(options.epsilon.amount)",
        expected:
          "sde-forward with --epsilon \(schedule.diffusiveStrength ?? 0), the noise level that u was trained for"
      )
    }
    try require(.velocity)
    if options.isStochastic, options.epsilon.amount > 0 { try requireScore() }
    return range
  }

  /// - Throws: ``InterpolantError`` where the field does not follow from the learned ones.
  func require(_ field: InterpolantField) throws {
    guard fields.provides(field) else {
      throw InterpolantError.notDerivable(
        field: field.rawValue, learned: (fields as? LearnedFields)?.network.fields.map(\.rawValue) ?? [])
    }
  }

  func requireScore() throws {
    guard schedule.hasNoise || fields is ExactFields else {
      throw InterpolantError.noScore("the schedule has no noise (γ = 0)")
    }
    try require(.score)
  }

  /// Generates rows.
  ///
  /// Without recording for gradients; rows are worked on in blocks that stay in the processor's cache.
  /// - Parameters:
  ///   - count: rows; ignored where `start` is given.
  ///   - start: where to start from, in the data's coordinates: x₀ forwards, x₁ backwards. Drawn from the base
  ///     when `nil` (forwards only).
  ///   - condition: `[n, k]` for conditional models.
  /// - Throws: ``InterpolantError``, `SolverError` from the adaptive integrator.
  public func sample(
    _ count: Int, start: Tensor? = nil, condition: Tensor? = nil, options: SamplerOptions = SamplerOptions(),
    using random: inout RandomSource
  ) throws -> InterpolantSamples {
    let range = try validate(options)
    try validate(condition: condition)
    var stream = random.split("start")
    let first: Tensor
    if let start {
      let entered = try enter(start)
      first = entered
    } else {
      guard !options.isBackward else {
        throw InterpolantError.invalidOption(
          name: "--sampler", found: options.generator.rawValue,
          expected: "--from with the points x₁ to start from")
      }
      guard
        let drawn = base.sample(
          count, dimension: dimension, standardiser: standardiser, device: device, using: &stream)
      else { throw InterpolantError.conditionRequired("the points to start from with --from") }
      first = drawn.to(workingType)
    }
    if let condition, condition.size(0) != first.size(0) {
      throw InterpolantError.pairsDiffer(base: condition.size(0), target: first.size(0))
    }
    let noise = random.split("noise")
    _ = random.next()
    let blocks = try inBlocks(first, size: blockSize) { model, index, rows in
      var blockNoise = noise.split(index)
      return try model.generate(
        first[rows], condition: condition.map { $0[rows].to(device: model.device) }, options, range,
        using: &blockNoise)
    }
    let trajectory = blocks[0].times.indices.map { k in
      (
        time: blocks[0].times[k],
        points: standardiser.restore(.concatenate(blocks.map { $0.states[k] }).to(.double))
      )
    }
    return InterpolantSamples(
      points: trajectory[trajectory.count - 1].points, trajectory: trajectory,
      statistics: blocks[0].statistics)
  }

  private func generate(
    _ x: Tensor, condition: Tensor?, _ options: SamplerOptions, _ range: (start: Double, end: Double),
    using random: inout RandomSource
  ) throws -> Solution {
    let (from, to) = options.isBackward ? (range.end, range.start) : (range.start, range.end)
    let grid = TimeGrid.uniform(from: from, to: to, steps: options.steps)
    let every = options.trajectories > 0 ? max(1, options.steps / options.trajectories) : nil
    let solution: Solution
    if options.isStochastic {
      let (schedule, epsilon) = (schedule, options.epsilon)
      let sign: Double = options.isBackward ? -1 : 1
      let isDiffusive = usesDiffusiveDrift(options)
      let equation = StochasticEquation(
        drift: { [fields] t, x in
          let sum =
            isDiffusive ? .diffusiveDrift : FieldSum([(.velocity, 1), (.score, sign * epsilon(t, schedule))])
          return fields(sum, t, x, condition: condition)
        }, diffusion: { (2 * epsilon($0, schedule)).squareRoot() })
      func solve(_ scheme: some StochasticScheme) -> Solution {
        integrate(equation, from: x, along: grid, scheme: scheme, savingEvery: every, using: &random)
      }
      switch options.integrator {
      case .eulerMaruyama: solution = solve(EulerMaruyama())
      case .stochasticHeunEnd: solution = solve(StochasticHeun(label: .end))
      default: solution = solve(StochasticHeun())
      }
    } else {
      let field: TimeField = { [fields] t, x in fields(.velocity, t, x, condition: condition) }
      solution = try integrateODE(field, x, grid, every, options)
    }
    guard options.denoisingSteps > 0, !options.isBackward, range.end < 1 else { return solution }
    let tail = denoise(solution.final, from: range.end, steps: options.denoisingSteps, condition: condition)
    return Solution(
      times: solution.times.dropLast() + [1], states: solution.states.dropLast() + [tail],
      statistics: solution.statistics)
  }

  private func integrateODE(
    _ field: TimeField, _ x: Tensor, _ grid: [Double], _ every: Int?, _ options: SamplerOptions
  ) throws -> Solution {
    switch options.integrator ?? .rk4 {
    case .euler: return integrate(field, from: x, along: grid, scheme: Euler(), savingEvery: every)
    case .heun: return integrate(field, from: x, along: grid, scheme: Heun(), savingEvery: every)
    case .rk4: return integrate(field, from: x, along: grid, scheme: RungeKutta4(), savingEvery: every)
    case .dopri5:
      let controller = PIDController(
        relativeTolerance: options.tolerance, absoluteTolerance: options.tolerance)
      let saved =
        every.map { every in grid.indices.filter { $0 > 0 && $0 % every == 0 }.map { grid[$0] } } ?? []
      return try DormandPrince5(controller: controller).integrate(
        field, from: x, t0: grid[0], t1: grid[grid.count - 1], savingAt: saved)
    case .eulerMaruyama, .stochasticHeun, .stochasticHeunEnd:
      throw InterpolantError.invalidOption(
        name: "--integrator", found: options.integrator!.rawValue,
        expected: "rk4, heun, euler or dopri5 for the ODE")
    }
  }

  /// From x_t at `time` to t = 1: X_{j+1} = (β_{j+1}/β_j) X_j + (α_{j+1} − α_j β_{j+1}/β_j) η_z(t_j, X_j), a
  /// consistent scheme for the one-sided flow; for two-sided schedules the noise's scale takes α's place and the
  /// mean of x₀ is kept.
  func denoise(_ x: Tensor, from time: Double, steps: Int, condition: Tensor?) -> Tensor {
    let grid = TimeGrid.uniform(from: time, to: 1, steps: steps)
    var x = x
    for (t, next) in zip(grid, grid.dropFirst()) {
      let (now, then) = (schedule.values(at: t), schedule.values(at: next))
      if schedule.kind == .oneSided {
        let ratio = then.beta / now.beta
        let noise = fields(.denoiser, t, x, condition: condition)
        x = (x * ratio).adding(noise, scaledBy: then.alpha - now.alpha * ratio)
      } else if fields.provides(.endMean), fields.provides(.startMean) {
        let mean = fields(.startMean, t, x, condition: condition) * then.alpha
        let end = fields(.endMean, t, x, condition: condition)
        let noise = fields(.denoiser, t, x, condition: condition)
        x = mean.adding(end, scaledBy: then.beta).adding(noise, scaledBy: then.gamma)
      } else {
        x = x.adding(fields(.velocity, t, x, condition: condition), scaledBy: next - t)
      }
    }
    return x
  }

  /// Rows a block: enough to keep a core busy, few enough that activations stay in its cache.
  /// Mixtures bound their own memory, and prepare once a time and block.
  private var blockSize: Int { fields is ExactFields ? 1 << 16 : 512 }

  /// Works on blocks of the rows of `x`, on the processor one a core: a block depends on nothing but its rows and
  /// index, so the result does not depend on who works on it. Without recording for gradients.
  func inBlocks<Result>(
    _ x: Tensor, size: Int,
    _ body: (_ model: InterpolantModel, _ index: Int, _ rows: Range<Int>) throws -> Result
  ) throws -> [Result] {
    let blocks = rowBlocks(x.size(0), size: size)
    guard x.device == .cpu, fields is LearnedFields else {
      return try withoutGradient { try blocks.enumerated().map { try body(self, $0, $1) } }
    }
    // Sampling only reads the networks, which are classes for the sake of training.
    nonisolated(unsafe) let (model, body) = (packed(rows: size), body)
    return try concurrently(blocks.count) { try body(model, $0, blocks[$0]) }
  }
}

/// 0..<count in consecutive blocks.
func rowBlocks(_ count: Int, size: Int) -> [Range<Int>] {
  stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
}
