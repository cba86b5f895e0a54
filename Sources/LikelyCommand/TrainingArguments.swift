import ArgumentParser
import Foundation
import Likely

/// The shape of a network, on the command line.
struct NetworkArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp("mlp, unet for images, or equivariant for clouds of alike points.", valueName: "kind"))
  var net = NetworkOptions.Architecture.mlp

  @Option(
    help: ArgumentHelp("Channels×height×width of a row, for the U-Net and for pictures.", valueName: "c×h×w"))
  var imageShape: String?

  @Option(help: ArgumentHelp("Points×dimensions of a row, for the equivariant network.", valueName: "n×d"))
  var points: String?

  @Option(
    help: ArgumentHelp("Units of a hidden layer; channels of the U-Net's finest level.", valueName: "n"))
  var width = 256

  @Option(help: ArgumentHelp("Hidden layers.", valueName: "n"))
  var depth = 4

  @Option(
    help: ArgumentHelp("\(Activation.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
  var activation = Activation.silu

  @Option(
    help: ArgumentHelp(
      "How the time enters: interpolant (t, cos πt, sin πt, log(1.02 − t)), identity (t) or sinusoidal:N features.",
      valueName: "kind"))
  var timeEmbedding = TimeEmbedding.interpolant

  func options() throws -> NetworkOptions {
    NetworkOptions(
      architecture: net, width: width, depth: depth, activation: activation, timeEmbedding: timeEmbedding,
      imageShape: try shape(imageShape, "--image-shape", "channels×height×width", "1x8x8"),
      pointShape: try shape(points, "--points", "points×dimensions", "13x3"))
  }

  /// Sizes with × between them, as many as the example has.
  private func shape(_ text: String?, _ option: String, _ expected: String, _ example: String) throws
    -> [Int]?
  {
    guard let text else { return nil }
    func sizes(_ text: String) -> [Int] { text.split { "x×X".contains($0) }.compactMap { Int($0) } }
    let found = sizes(text)
    guard found.count == sizes(example).count, found.allSatisfy({ $0 > 0 }) else {
      throw UsageError("\(option) \(text): \(expected) is expected, such as \(example)")
    }
    return found
  }
}

/// The loop of a training and what it does with the rows, on the command line.
struct LoopArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Steps.", valueName: "n"))
  var steps = 4000

  @Option(help: ArgumentHelp("Rows a step.", valueName: "n"))
  var batch = 512

  @Option(help: ArgumentHelp("Learning rate of Adam.", valueName: "rate"))
  var lr = 1e-3

  @Option(
    help: ArgumentHelp(
      "Learning-rate schedule: cosine, constant, linear, or halve:N, times:F:N (every N steps).",
      valueName: "kind"))
  var lrSchedule = "cosine"

  @Option(help: ArgumentHelp("Steps of warm-up.", valueName: "n"))
  var warmUp = 0

  @Option(help: ArgumentHelp("Largest norm of the gradients; 0 does not clip.", valueName: "norm"))
  var clip = 0.0

  @Option(help: ArgumentHelp("Decay of the parameters' moving average; 0 keeps none.", valueName: "decay"))
  var ema = 0.998

  @Option(help: ArgumentHelp("Share of the rows held out for validation.", valueName: "share"))
  var validation = 0.1

  @Option(help: ArgumentHelp("Steps between validations.", valueName: "n"))
  var validateEvery = 250

  @Option(
    help: ArgumentHelp("Validations without improvement that stop training; 0 never stops.", valueName: "n"))
  var patience = 0

  @Option(help: ArgumentHelp("Steps between checkpoints.", valueName: "n"))
  var checkpointEvery = 500

  @Option(help: ArgumentHelp("float32, or bf16-mixed.", valueName: "kind"))
  var precision = Precision.float32

  @Flag(inversion: .prefixedNo, exclusivity: .chooseLast, help: "Scale columns to mean 0 and deviation 1.")
  var standardise = true

  @Option(
    help: ArgumentHelp(
      "none, uniform (dequantises whole numbers), or the deviation of Gaussian noise.", valueName: "kind"))
  var noise = "none"

  func validate() throws {
    for (name, value) in [
      ("--warm-up", warmUp), ("--validate-every", validateEvery), ("--patience", patience),
      ("--checkpoint-every", checkpointEvery),
    ] where value < 0 {
      throw ValidationError("\(name) \(value): at least 0")
    }
  }

  func options() throws -> TrainingOptions {
    guard (0..<1).contains(ema) else { throw UsageError("--ema \(ema): a decay in [0, 1) is expected") }
    return TrainingOptions(
      steps: steps, schedule: try learningRateSchedule(), warmUp: warmUp, clipNorm: clip > 0 ? clip : nil,
      averageDecay: ema > 0 ? ema : nil, validateEvery: validateEvery,
      patience: patience > 0 ? patience : nil,
      checkpointEvery: checkpointEvery, precision: precision)
  }

  private func learningRateSchedule() throws -> LearningRateSchedule {
    let parts = lrSchedule.split(separator: ":").map(String.init)
    switch (parts.first, parts.count) {
    case ("cosine", 1): return .cosine()
    case ("constant", 1): return .constant
    case ("linear", 1): return .linear()
    case ("halve", 2): if let every = Int(parts[1]), every > 0 { return .step(every: every, factor: 0.5) }
    case ("times", 3):
      if let factor = Double(parts[1]), let every = Int(parts[2]), factor > 0, every > 0 {
        return .step(every: every, factor: factor)
      }
    default: break
    }
    throw UsageError(
      "--lr-schedule \(lrSchedule): expected cosine, constant, linear, halve:N or times:F:N")
  }
}

extension NetworkOptions.Architecture: ExpressibleByArgument {}
extension Activation: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension TimeEmbedding: ExpressibleByArgument {}
