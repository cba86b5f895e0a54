import ArgumentParser
import Foundation
import Likely

/// What every timed task takes.
struct TaskOptions: ParsableArguments {
  @Option(help: "Where the table, the points and the model are.")
  var folder: String
  @Option(help: "Threads of an operation.")
  var threads: Int
  @Option(help: "float32 or bf16-mixed.")
  var precision: Precision = .float32

  var url: URL { URL(fileURLWithPath: folder) }
}

extension Precision: ExpressibleByArgument {}
extension Activation: ExpressibleByArgument {}

/// One line of JSON, as the peers answer.
func answer(_ facts: [String: Double]) {
  let text = facts.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ")
  print("{\(text)}")
}

/// The most memory that this process has had.
func peakMegabytes() -> Double {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return Double(usage.ru_maxrss) / 1024
}

/// The time that all threads of this process have computed, which other work on the machine disturbs little.
func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

func seconds(_ body: () throws -> Void) rethrows -> Double {
  let clock = ContinuousClock()
  let duration = try clock.measure(body)
  return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}

/// Writes what both sides read: the table, held-out points, and models trained on the table.
struct Prepare: ParsableCommand {
  @OptionGroup var options: TaskOptions

  func run() throws {
    Libtorch.threads = options.threads
    try NPY.write(Problem.rows(10_000, stream: 0), to: options.url.appendingPathComponent("table.npy"))
    try NPY.write(Problem.rows(4_000, stream: 1), to: options.url.appendingPathComponent("points.npy"))
    for activation in [Activation.selu, .silu] {
      let model = try Problem.training(steps: 1_500, precision: .float32, activation: activation).fit().model
      let name = activation.rawValue
      try model.write(to: options.url.appendingPathComponent("\(name).safetensors"))
      guard let network = (model.fields as? LearnedFields)?.network.velocity else { preconditionFailure() }
      try NPZ.write(
        network.state().map { ($0.name, $0.tensor) }, to: options.url.appendingPathComponent("\(name).npz"))
    }
  }
}

/// Training steps through the public training path, its checks on and no files written.
struct TrainingTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "training")
  @OptionGroup var options: TaskOptions
  @Option var steps = 1_000
  @Option var warmup = 50

  func run() throws {
    Libtorch.threads = options.threads
    _ = try Problem.training(steps: warmup, precision: options.precision).fit()
    let training = try Problem.training(steps: steps, precision: options.precision)
    var loss = 0.0
    let before = processorSeconds()
    let time = try seconds { loss = try training.fit().result.loss }
    answer([
      "processor": processorSeconds() - before,
      "seconds": time, "loss": loss, "gigaflops": Problem.operationsPerStep * Double(steps) / time * 1e-9,
    ])
  }
}

/// Samples of the flow by RK4.
struct SamplingTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "sampling")
  @OptionGroup var options: TaskOptions
  @Option var count = 10_000
  @Option var steps = 100
  @Option var activation = Activation.selu

  func run() throws {
    Libtorch.threads = options.threads
    let model = try Problem.model(activation, in: options.url, precision: options.precision)
    var random = RandomSource(seed: 0)
    var sampler = SamplerOptions()
    sampler.steps = 1
    _ = try model.sample(count, options: sampler, using: &random)
    sampler.steps = steps
    var points = Tensor.zeros([])
    let before = processorSeconds()
    let time = try seconds { points = try model.sample(count, options: sampler, using: &random).points }
    answer([
      "processor": processorSeconds() - before,
      "seconds": time, "mean": points.mean().item(), "deviation": points.standardDeviation().item(),
    ])
  }
}

/// Exact log-likelihoods, with their error against the fine reference and the process's peak memory.
struct LikelihoodTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "likelihood")
  @OptionGroup var options: TaskOptions
  @Option var count = 1_000
  @Option var steps = 25

  func run() throws {
    Libtorch.threads = options.threads
    let model = try Problem.model(.silu, in: options.url)
    let points = try NPY.read(contentsOf: options.url.appendingPathComponent("points.npy"))[0..<count]
    var random = RandomSource(seed: 0)
    var likelihood = LikelihoodOptions()
    likelihood.steps = 1
    _ = try model.logLikelihood(points, options: likelihood, using: &random)
    likelihood.steps = steps
    var values: [Double] = []
    let before = processorSeconds()
    let time = try seconds {
      values = try model.logLikelihood(points, options: likelihood, using: &random).values.doubles
    }
    let processor = processorSeconds() - before
    let fine = try NPY.read(contentsOf: options.url.appendingPathComponent("fine.npy")).doubles
    let error = zip(values, fine).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(fine.count)
    answer([
      "processor": processor, "seconds": time, "error": error, "megabytes": peakMegabytes(),
    ])
  }
}

/// The rate of libtorch's matrix product, the best of several.
struct PeakTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "peak")
  @OptionGroup var options: TaskOptions

  func run() throws {
    Libtorch.threads = options.threads
    var random = RandomSource(seed: 0)
    let size = 2048
    let (a, b) = (random.normal([size, size]), random.normal([size, size]))
    let best = (0..<8).map { _ in seconds { _ = a.matmul(b) } }.min()!
    // Far beyond the caches.
    let large = random.uniform([1 << 28])
    let reading = (0..<5).map { _ in seconds { _ = large.sum() } }.min()!
    answer([
      "seconds": best, "gigaflops": 2 * pow(Double(size), 3) / best * 1e-9,
      "bandwidth": Double(large.count * 4) / reading * 1e-9,
    ])
  }
}
