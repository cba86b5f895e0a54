import ArgumentParser
import Foundation
import Likely

/// Experiment A's mixture and reward.
private struct TiltedMixture {
  let mixture: GaussianMixture
  let direction = Tensor([1, 0.5])

  init() throws {
    let identity = Tensor.identity(2, dtype: .double)
    mixture = try GaussianMixture(
      weights: [0.5, 0.3, 0.2], means: Tensor(rows: [[-2.0, 0], [2, 0], [0, 3]]),
      covariances: .stack([0.5, 0.7, 0.4].map { $0 * $0 * identity }))
  }

  var reward: ClosureReward {
    ClosureReward { [direction] in $0.to(.double).matmul(direction) }
  }
}

/// Experiment A of FK steering, all groups at once.
struct SteeringTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "steering")
  @OptionGroup var options: TaskOptions
  @Option var groups = 1000
  @Option var particles = 8
  @Option var steps = 20

  func run() throws {
    Libtorch.threads = options.threads
    let problem = try TiltedMixture()
    var steering = SteeringOptions()
    (steering.groups, steering.particles, steering.steps) = (groups, particles, steps)
    (steering.resampling, steering.threshold) = (.multinomial, nil)
    func run(_ seed: UInt64) throws -> SteeringResult {
      try steer(
        MixtureDenoiser(problem.mixture), .vpCosine(), reward: problem.reward, options: steering,
        random: RandomSource(seed: seed))
    }
    _ = try run(1)
    var result: SteeringResult?
    let before = processorSeconds()
    let time = try seconds { result = try run(2) }
    answer([
      "processor": processorSeconds() - before, "seconds": time, "logEvidence": result!.logEvidence.value,
    ])
  }
}

/// Experiment A of the correctors: q³.
struct CorrectorTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "correctors")
  @OptionGroup var options: TaskOptions
  @Option var particles = 20_000
  @Option var steps = 400

  func run() throws {
    Libtorch.threads = options.threads
    let mixture = try GaussianMixture(
      weights: [0.3, 0.7], means: Tensor([-2, 1.5]).unsqueeze(1),
      covariances: Tensor([0.36, 0.81]).reshape(2, 1, 1))
    var correcting = CorrectorOptions()
    (correcting.particles, correcting.steps) = (particles, steps)
    func run(_ seed: UInt64) throws -> CorrectorResult {
      try correct(
        .annealed(MixtureDenoiser(mixture), exponent: 3), .vpLinear(), options: correcting,
        random: RandomSource(seed: seed))
    }
    _ = try run(1)
    var result: CorrectorResult?
    let before = processorSeconds()
    let time = try seconds { result = try run(2) }
    answer([
      "processor": processorSeconds() - before, "seconds": time, "logEvidence": result!.logEvidence.value,
      "mean": result!.mean { $0.squeeze(1) }.value,
    ])
  }
}

/// What steering costs beyond the same draws without it and the reward, as a share of those draws.
struct OverheadTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "overhead")
  @OptionGroup var options: TaskOptions
  @Option(help: "unet, mixture or correctors.")
  var model = "unet"
  @Option var rounds = 5

  func run() throws {
    Libtorch.threads = options.threads
    if model == "correctors" { return try correctors() }
    if model == "mixture" {
      let problem = try TiltedMixture()
      try measure(MixtureDenoiser(problem.mixture), .vpCosine(), groups: 1000, particles: 8, steps: 20) {
        try problem.reward($0)
      }
      return
    }
    var training = DiffusionOptions()
    training.network = NetworkOptions(architecture: .unet, width: 44, imageShape: [1, 16, 16])
    let rows = Tensor.zeros([2, 256], dtype: .double)
    let network = try DiffusionTraining(training, target: .rows(rows)).makeModel()
    let parameters = network.network.trainableParameters.reduce(0) { $0 + $1.value.count }
    try measure(
      network.denoiser(), .vpCosine(), groups: 1, particles: 64, steps: 20,
      facts: ["parameters": Double(parameters)]
    ) { $0.to(.double).mean(1) }
  }

  /// What a composition of two perceptrons costs beyond their scores, as a share of all.
  private func correctors() throws {
    let rows = Tensor.zeros([2, 16], dtype: .double)
    let networks = try (0..<2).map { seed in
      var training = DiffusionOptions()
      (training.seed, training.schedule) = (UInt64(seed), .vpLinear())
      return try DiffusionTraining(training, target: .rows(rows)).makeModel()
    }
    let experts = try TimedExperts(ExpertList(networks.map { try $0.denoiser() }))
    var correcting = CorrectorOptions()
    (correcting.particles, correcting.steps, correcting.stopsOnCollapse) = (2000, 100, false)
    var shares: [Double] = []
    var totals: [Double] = []
    for round in 0...rounds {
      experts.reset()
      let total = try seconds {
        _ = try correct(
          ComposedTarget(experts, exponents: .constant([1, 1])), .vpLinear(), options: correcting,
          random: RandomSource(seed: UInt64(round)))
      }
      guard round > 0 else { continue }
      totals.append(total)
      shares.append(1 - experts.seconds / total)
    }
    shares.sort()
    answer(["seconds": totals.min()!, "share": shares[shares.count / 2], "least": shares[0]])
  }

  /// Both in turn; the shares' median.
  private func measure(
    _ model: some ReverseDiffusion, _ schedule: NoiseSchedule, groups: Int, particles: Int, steps: Int,
    facts: [String: Double] = [:], reward: @escaping @Sendable (Tensor) throws -> Tensor
  ) throws {
    let clock = RewardClock(reward)
    var steering = SteeringOptions()
    (steering.groups, steering.particles, steering.steps) = (groups, particles, steps)
    func steered(_ seed: UInt64) throws {
      _ = try steer(model, schedule, reward: clock, options: steering, random: RandomSource(seed: seed))
    }
    func plain(_ seed: UInt64) {
      _ = DiffusionSampler.ddpm.sample(
        model, schedule, count: groups * particles, steps: steps, random: RandomSource(seed: seed))
    }
    try steered(0)
    plain(0)
    var rounds: [(plain: Double, extra: Double)] = []
    for round in 1...self.rounds {
      let drawing = seconds { plain(UInt64(round)) }
      clock.reset()
      let steering = try seconds { try steered(UInt64(round)) }
      rounds.append((drawing, steering - clock.seconds - drawing))
    }
    let shares = rounds.map { $0.extra / $0.plain }.sorted()
    var answers = facts
    answers["seconds"] = rounds.map(\.plain).min()!
    answers["share"] = shares[shares.count / 2]
    answers["least"] = shares[0]
    answer(answers)
  }
}

/// Under a name that properties do not hide.
private func timed(_ body: () throws -> Void) rethrows -> Double { try seconds(body) }

/// Experts that know how long their scores took.
private final class TimedExperts: Experts, @unchecked Sendable {
  private let base: ExpertList
  private(set) var seconds = 0.0

  init(_ base: ExpertList) { self.base = base }

  func reset() { seconds = 0 }
  var count: Int { base.count }
  var eventShape: [Int] { base.eventShape }
  var dtype: DType { base.dtype }
  var device: Device { base.device }

  func scores(_ x: Tensor, at level: DiffusionLevel) -> Tensor {
    var result = x
    seconds += timed { result = base.scores(x, at: level) }
    return result
  }
}

/// A reward that knows how long it took.
private final class RewardClock: Reward, @unchecked Sendable {
  private let reward: @Sendable (Tensor) throws -> Tensor
  private(set) var seconds = 0.0

  init(_ reward: @escaping @Sendable (Tensor) throws -> Tensor) { self.reward = reward }

  func reset() { seconds = 0 }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    var result = x
    seconds += try timed { result = try reward(x) }
    return result
  }
}
