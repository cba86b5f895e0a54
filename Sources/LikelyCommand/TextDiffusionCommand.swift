import ArgumentParser
import Files
import Foundation
import Likely

/// `likely text-diffusion …`
struct TextDiffusionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "text-diffusion",
    abstract:
      "Masked diffusion of text: characters are masked in training and lifted one by one in sampling.",
    discussion: """
      Example:
        likely text-diffusion train --data notes.txt --steps 300 --out runs/notes
        likely text-diffusion sample runs/notes --count 20 --out notes.jsonl
      """,
    subcommands: [TextDiffusionTrain.self, TextDiffusionSample.self])
}

/// A text of the command line: a UTF-8 file, or a data set of the catalogue named `data:NAME`.
func readText(_ name: String) throws -> String {
  guard name.hasPrefix("data:") else { return try String(textOf: URL(argument: name)) }
  return try String(textOf: DataCatalogue.file(of: DataCatalogue.dataSet(named: String(name.dropFirst(5)))))
}

/// `likely text-diffusion train`
struct TextDiffusionTrain: TrainingCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Fits a masked diffusion to a text, character by character.",
    discussion: """
      Example:
        likely text-diffusion train --data notes.txt --steps 300 --out runs/notes
      """)

  @Option(
    help: ArgumentHelp(
      "UTF-8 file, or data:tinyshakespeare; needed unless --resume.", valueName: "file"))
  var data: String?

  @Flag(
    inversion: .prefixedNo, exclusivity: .chooseLast,
    help: "Keep only the letters a to z in lower case, with one space for everything between.")
  var letters = false

  @Option(help: ArgumentHelp("Characters of a sequence.", valueName: "n"))
  var length = 64

  @Option(help: ArgumentHelp("Width of the transformer.", valueName: "n"))
  var width = 128

  @Option(help: ArgumentHelp("Blocks of the transformer.", valueName: "n"))
  var depth = 4

  @Option(help: ArgumentHelp("Heads of attention; they divide the width.", valueName: "n"))
  var heads = 4

  @Option(
    help: ArgumentHelp(
      "How masks grow: \(MaskedNoiseSchedule.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "name"))
  var schedule = MaskedNoiseSchedule.logLinear

  @Option(help: ArgumentHelp("Steps.", valueName: "n"))
  var steps = 3000

  @Option(help: ArgumentHelp("Sequences a step.", valueName: "n"))
  var batch = 64

  @Option(help: ArgumentHelp("Learning rate of Adam.", valueName: "rate"))
  var lr = 3e-4

  @OptionGroup var loop: TextLoopArguments

  @OptionGroup var common: CommonOptions

  @OptionGroup var destination: RunDestination

  func validate() throws {
    try requireData()
  }

  mutating func run() throws {
    self = try resumed()
    let random = common.start()
    let text = try readText(data ?? "")
    let reduced = letters ? reduceToLetters(text) : text
    let vocabulary = letters ? .letters : try CharacterVocabulary(of: reduced)
    let training = try MaskedTextTraining(
      options(), tokens: try vocabulary.encode(reduced), vocabulary: vocabulary, device: common.target)
    let (run, (model, result)) = try train(steps: steps) {
      try training.fit(run: $0, resuming: $1, progress: $2, interruption: $3)
    }
    try model.write(to: run.model)
    print("\(result.steps) steps, \(model.network.parameterCount) parameters, \(vocabulary.count) characters")
    if let heldOut = training.heldOut {
      var stream = random.split("report")
      let bits = try model.bitsPerCharacter(heldOut, using: &stream)
      print("at most \(bits) bits a character on the held-out end")
    }
    print("model: \(destination.out)/model.safetensors")
  }

  private func options() -> MaskedTextOptions {
    var options = MaskedTextOptions()
    options.network = MaskedTransformerOptions(length: length, width: width, depth: depth, heads: heads)
    (options.schedule, options.batchSize, options.learningRate) = (schedule, batch, lr)
    options.training = TrainingOptions(
      steps: steps, validateEvery: loop.validateEvery, checkpointEvery: loop.checkpointEvery,
      precision: loop.precision)
    (options.validationFraction, options.seed) = (loop.validation, common.seed)
    return options
  }
}

/// `likely text-diffusion sample`
struct TextDiffusionSample: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Draws texts from a trained model, one JSON object with `text` a line.",
    discussion: """
      Example:
        likely text-diffusion sample runs/notes --prompt the --out notes.jsonl
      """)

  @OptionGroup var model: TextModelArgument

  @Option(help: ArgumentHelp("Texts to draw.", valueName: "n"))
  var count = 100

  @Option(help: ArgumentHelp("Steps in which masks are lifted.", valueName: "n"))
  var steps = 64

  @Option(help: ArgumentHelp("How every text begins.", valueName: "text"))
  var prompt = ""

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .jsonl.", valueName: "file"))
  var out: String

  func run() throws {
    try requireTextFile(out)
    let random = common.start()
    let model = try model.load(on: common.target)
    let tokens = try model.sampler(prompt: prompt).sample(count, steps: steps, random: random)
    try writeTexts(model.vocabulary.lines(tokens).map { ["text": .string($0)] }, to: out)
    print("\(count) texts written to \(out)")
  }
}

/// A text model, by its run folder or file.
struct TextModelArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp("Run folder of `text-diffusion train`, or a model.safetensors.", valueName: "run"))
  var run: String

  func load(on device: Device) throws -> MaskedTextModel {
    let model = try MaskedTextModel(contentsOf: try modelFile(run))
    model.move(to: device)
    return model
  }
}

/// Checks, before any work, that texts can go to a file of this name.
func requireTextFile(_ path: String) throws {
  guard URL(argument: path).pathExtension.lowercased() == "jsonl" else {
    throw UsageError("--out \(path): the name must end in .jsonl")
  }
}

/// Writes JSON objects, one a line.
func writeTexts(_ rows: [JSONValue], to path: String) throws {
  let text = rows.map { $0.compact + "\n" }.joined()
  try writeAtomically(Data(text.utf8), to: URL(argument: path))
}

extension MaskedNoiseSchedule: ExpressibleByArgument {}
