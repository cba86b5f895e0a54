import ArgumentParser
import Foundation
import Likely

/// `likely lm train`
struct LanguageTrain: TrainingCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a transformer of the Llama shape on a text, from the beginning.",
    discussion: """
      Example:
        likely lm train --data notes.txt --steps 300 --out runs/little
      """)

  @Option(
    help: ArgumentHelp("UTF-8 file, or data:tinyshakespeare; needed unless --resume.", valueName: "file"))
  var data: String?

  @Option(
    help: ArgumentHelp(
      "characters, bpe:N or words:N for one made of the text, or a tokenizer.json.", valueName: "kind"))
  var tokenizer = "characters"

  @Option(help: ArgumentHelp("Tokens that the model sees at once.", valueName: "n"))
  var context = 128

  @Option(help: ArgumentHelp("Width of the residual stream.", valueName: "n"))
  var width = 128

  @Option(help: ArgumentHelp("Blocks.", valueName: "n"))
  var depth = 6

  @Option(help: ArgumentHelp("Heads of attention; they divide the width.", valueName: "n"))
  var heads = 4

  @Option(
    help: ArgumentHelp("Heads of keys and values; as many as of attention if left out.", valueName: "n"))
  var keyValueHeads: Int?

  @Flag(inversion: .prefixedNo, help: "One table for embeddings and logits.")
  var tied = true

  @Option(help: ArgumentHelp("Steps.", valueName: "n"))
  var steps = 2000

  @Option(help: ArgumentHelp("Windows a step.", valueName: "n"))
  var batch = 16

  @Option(help: ArgumentHelp("Learning rate of AdamW at its highest.", valueName: "rate"))
  var lr = 2e-3

  @Option(help: ArgumentHelp("Weight decay of AdamW.", valueName: "rate"))
  var weightDecay = 0.1

  @OptionGroup var loop: TextLoopArguments

  @OptionGroup var common: CommonOptions

  @OptionGroup var destination: RunDestination

  func validate() throws {
    try requireData()
    guard heads >= 1, width % heads == 0, width / heads % 2 == 0 else {
      throw ValidationError("--heads \(heads): heads divide the width of \(width) into even parts")
    }
  }

  mutating func run() throws {
    self = try resumed()
    _ = common.start()
    let text = try readText(data ?? "")
    let (tokenizer, end) = try makeTokenizer(text)
    let tokens = tokenizer.encode(text, addingSpecialTokens: false)
    let shape = TransformerConfiguration.llama(
      vocabularySize: tokenizer.vocabularySize, width: width, layers: depth, heads: heads,
      keyValueHeads: keyValueHeads, contextLength: context, tiesEmbeddings: tied)
    let training = try TextTraining(options(), configuration: shape, tokens: tokens, device: common.target)
    let (run, (model, result)) = try train(steps: steps) {
      try training.fit(run: $0, resuming: $1, progress: $2, interruption: $3)
    }
    let trained = try PretrainedModel(
      model: model, tokenizer: tokenizer, beginToken: end, endTokens: end.map { [$0] } ?? [])
    try trained.write(to: run.url)
    print("\(result.steps) steps, \(model.parameterCount) parameters, \(tokenizer.vocabularySize) tokens")
    if let heldOut = training.heldOut {
      let surprise = try model.surprise(of: heldOut, window: min(context, heldOut.count))
      let characters = tokenizer.decode(heldOut).unicodeScalars.count
      print(
        "held-out end: \(formatNumber(surprise.natsPerToken)) nats a token, "
          + "\(formatNumber(surprise.nats / Double(characters))) a character")
    }
    print("model: \(destination.out)")
  }

  /// The tokeniser, and its token that ends a text.
  private func makeTokenizer(_ text: String) throws -> (Tokenizer, end: Int?) {
    let parts = tokenizer.split(separator: ":", maxSplits: 1).map(String.init)
    let made: Tokenizer
    switch (parts.first, parts.count > 1 ? Int(parts[1]) : nil) {
    case ("characters", nil) where parts.count == 1: made = try .characters(of: [text])
    case ("bpe", let size?): made = try .bytePairs(trainedOn: [text], vocabularySize: size)
    case ("words", let size?): made = try .words(of: [text], vocabularySize: size)
    default:
      guard FileManager.default.fileExists(atPath: tokenizer) else {
        throw UsageError(
          "--tokenizer \(tokenizer): characters, bpe:N, words:N or a tokenizer.json is expected")
      }
      made = try Tokenizer(contentsOf: URL(argument: tokenizer))
    }
    return (made, made.id(of: "<|endoftext|>"))
  }

  private func options() -> TextTrainingOptions {
    var options = TextTrainingOptions()
    (options.batchSize, options.learningRate, options.weightDecay) = (batch, lr, weightDecay)
    options.training = TrainingOptions(
      steps: steps, schedule: .cosine(floor: 0.05), warmUp: min(100, steps / 10), clipNorm: 1,
      validateEvery: loop.validateEvery, checkpointEvery: loop.checkpointEvery, precision: loop.precision)
    (options.validationFraction, options.seed) = (loop.validation, common.seed)
    return options
  }
}
