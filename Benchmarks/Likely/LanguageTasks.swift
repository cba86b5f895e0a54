import ArgumentParser
import Foundation
import Likely

/// A decoder of the Llama shape with 10 million parameters, fresh weights and a tokeniser, as a Hugging Face folder that
/// both sides read.
struct LanguagePrepare: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "language-prepare")
  @OptionGroup var options: TaskOptions

  func run() throws {
    let text = try String(textOf: try DataCatalogue.file(of: DataCatalogue.dataSet(named: "tinyshakespeare")))
    try Data(text.utf8.prefix(1_000_000)).write(to: options.url.appendingPathComponent("text.txt"))
    let tokenizer = try Tokenizer.bytePairs(trainedOn: [text], vocabularySize: 8192)
    var random = RandomSource(seed: 0)
    let model = try Transformer(
      .llama(
        vocabularySize: 8192, width: 256, layers: 8, heads: 8, keyValueHeads: 4, hiddenWidth: 688,
        contextLength: 2048), using: &random)
    try PretrainedModel(model: model, tokenizer: tokenizer).write(
      to: options.url.appendingPathComponent("language"))
  }
}

/// One piece of work with the prepared model.
struct LanguageTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "language")
  @OptionGroup var options: TaskOptions
  @Option(help: "greedy, batch, train, score or tokenize.")
  var task = "greedy"

  /// The same in the peer's program.
  private func tokens(_ row: Int, _ count: Int) -> [Int] {
    (0..<count).map { (row * 7919 + $0 * 104_729 + 13) % 8192 }
  }

  func run() throws {
    Libtorch.threads = options.threads
    let folder = options.url.appendingPathComponent("language")
    if task == "tokenize" { return try tokenize(folder) }
    let isLow = options.precision == .bf16Mixed
    let model = try Transformer(folder: folder, dtype: isLow && task != "train" ? .bfloat16 : .float)
    switch task {
    case "greedy": try generate(model, rows: 1, tokens: 256, temperature: 0)
    case "batch": try generate(model, rows: 16, tokens: 128, temperature: 1)
    case "train": try train(model)
    default: try score(model)
    }
  }

  private func measure(_ facts: [String: Double] = [:], _ body: () throws -> Double) throws {
    let before = processorSeconds()
    var value = 0.0
    let time = try seconds { value = try body() }
    var facts = facts
    (facts["seconds"], facts["processor"], facts["value"]) = (time, processorSeconds() - before, value)
    facts["megabytes"] = peakMegabytes()
    answer(facts)
  }

  private func generate(_ model: Transformer, rows: Int, tokens count: Int, temperature: Double) throws {
    var generation = GenerationOptions()
    (generation.temperature, generation.maximumTokens, generation.batch) = (temperature, count, rows)
    let prompts = (0..<rows).map { tokens($0, 16) }
    func run(_ count: Int) throws -> [[Generation]] {
      var own = generation
      own.maximumTokens = count
      return try model.generate(prompts, options: own, random: RandomSource(seed: 0))
    }
    _ = try run(8)
    // Every weight but the embedding's is read once a token.
    let bytes = Double((model.parameterCount - model.embedding.weight.count) * 4)
    try measure(["tokens": Double(rows * count), "gigabytes": bytes * Double(count) / 1e9]) {
      Double(try run(count).reduce(0) { $0 + $1[0].tokens.count })
    }
  }

  private func train(_ model: Transformer) throws {
    let steps = 10
    let optimiser = Adam(model.trainableParameters, learningRate: 1e-4, weightDecay: 0.01, decoupled: true)
    let rows = Tensor(rows: (0..<8).map { tokens($0, 257) })
    let weights = Tensor.full([8 * 256], -1 / Double(8 * 256))
    func step() -> Double {
      let loss = options.precision.run { () -> Tensor in
        let hidden = model.hiddenStates(rows.slice(axis: 1, start: 0, end: 256)).reshape(-1, 256)
        return .weightedLogLikelihood(
          hidden: hidden, table: model.outputTable, targets: rows.slice(axis: 1, start: 1).reshape(-1),
          weights: weights)
      }
      let slopes = gradients(of: [loss], withRespectTo: optimiser.parameters.map(\.value))
      clipGradients(slopes, limit: 1)
      optimiser.step(slopes)
      return loss.item()
    }
    for _ in 0..<2 { _ = step() }
    try measure(["steps": Double(steps)]) {
      var loss = 0.0
      for _ in 0..<steps { loss = step() }
      return loss
    }
  }

  private func score(_ model: Transformer) throws {
    let items = (0..<64).map { row in
      ScoringItem(prompt: tokens(row, 200), continuations: (0..<8).map { tokens(1000 + 8 * row + $0, 30) })
    }
    _ = try model.score(Array(items.prefix(2)))
    // 440 tokens of a prompt go through the blocks, and 240 through the table of logits.
    let table = Double(model.outputTable.count)
    let blocks = Double(model.parameterCount - model.embedding.weight.count) - table
    try measure(["gigaflop": 2 * 64 * (440 * blocks + 240 * table) / 1e9]) {
      try model.score(items).joined().reduce(0) { $0 + $1.logLikelihood }
    }
  }

  private func tokenize(_ folder: URL) throws {
    let tokenizer = try Tokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json"))
    let text = try String(textOf: options.url.appendingPathComponent("text.txt"))
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    _ = tokenizer.encode(Array(lines.prefix(100)))
    try measure { Double(tokenizer.encode(lines).reduce(0) { $0 + $1.count }) }
  }
}
