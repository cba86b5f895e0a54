import ArgumentParser
import Foundation
import Likely

/// `likely lm generate`
struct LanguageGenerate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Draws responses to prompts.",
    discussion: """
      Example:
        likely lm generate runs/little --prompt the --tokens 60
        likely lm generate runs/little --prompt the --samples 8 --out out.jsonl
      """)

  @OptionGroup var model: LanguageModelArgument

  @Option(help: ArgumentHelp("A prompt; may be given several times.", valueName: "text"))
  var prompt: [String] = []

  @Option(help: ArgumentHelp("JSON lines with a prompt or messages each.", valueName: "file.jsonl"))
  var prompts: String?

  @Option(help: ArgumentHelp("Key of a prompt in --prompts.", valueName: "key"))
  var promptKey = "prompt"

  @Flag(help: "Prompts are what a user says: they go through the model's chat template.")
  var chat = false

  @Option(help: ArgumentHelp("What the system says first; only with --chat.", valueName: "text"))
  var system: String?

  @OptionGroup var chatTemplate: ChatTemplateArgument

  @Option(help: ArgumentHelp("The most tokens of a response.", valueName: "n"))
  var tokens = 128

  @Option(help: ArgumentHelp("Responses to a prompt.", valueName: "n"))
  var samples = 1

  @Option(help: ArgumentHelp("Logits are divided by it; 0 takes the most probable tokens.", valueName: "x"))
  var temperature = 1.0

  @Option(help: ArgumentHelp("Only the n most probable tokens.", valueName: "n"))
  var topK: Int?

  @Option(help: ArgumentHelp("Only the most probable tokens that reach this probability.", valueName: "p"))
  var topP: Double?

  @Option(
    help: ArgumentHelp("Only tokens at least p times as probable as the most probable.", valueName: "p"))
  var minP: Double?

  @Option(
    help: ArgumentHelp(
      "Only the tokens of most typical surprise that reach this probability.", valueName: "p"))
  var typicalP: Double?

  @Option(help: ArgumentHelp("Weakens tokens that the text already has; 1 leaves them.", valueName: "x"))
  var repetitionPenalty = 1.0

  @Option(help: ArgumentHelp("A text that ends a response; may be given several times.", valueName: "text"))
  var stop: [String] = []

  @Option(help: ArgumentHelp("Responses that are drawn side by side.", valueName: "n"))
  var batch = 32

  @OptionGroup var common: CommonOptions

  @Option(
    help: ArgumentHelp("File to write, .jsonl; prints the responses if left out.", valueName: "file.jsonl"))
  var out: String?

  func validate() throws {
    guard !prompt.isEmpty || prompts != nil else {
      throw ValidationError("Missing expected argument '--prompt <text>'")
    }
    guard chat || system == nil else { throw ValidationError("--system: only with --chat") }
  }

  func run() throws {
    if let out { try requireTextFile(out) }
    let random = common.start()
    let loaded = try model.load(on: common.target)
    try chatTemplate.apply(to: loaded)
    let prompts = try readPrompts(loaded)
    let tokenizer = loaded.tokenizer
    let isStreaming = out == nil && prompts.count == 1 && samples == 1
    let printer = TokenPrinter()
    if isStreaming, !chat { printer.write(Array(prompts[0].text.utf8)) }
    let found = try loaded.model.generate(
      prompts.map(\.tokens), options: options(loaded), random: random, bytes: { tokenizer.bytes(of: $0) },
      onToken: { _, _, token in
        if isStreaming, !loaded.endTokens.contains(token) { printer.write(tokenizer.bytes(of: token)) }
      })
    if isStreaming { return printer.end() }
    let objects = zip(prompts, found).flatMap { prompt, generations in
      generations.enumerated().map { object(prompt.text, $0, $1, loaded) }
    }
    if let out {
      try writeTexts(objects, to: out)
      print("\(objects.count) responses written to \(out)")
    } else {
      for object in objects { print(object.compact) }
    }
  }

  /// Prompts with their tokens, those of the command line first.
  private func readPrompts(_ loaded: PretrainedModel) throws -> [(text: String, tokens: [Int])] {
    func said(_ text: String) -> [ChatMessage] {
      (system.map { [ChatMessage(role: "system", content: $0)] } ?? [])
        + [ChatMessage(role: "user", content: text)]
    }
    func entry(_ text: String, at place: String) throws -> (String, [Int]) {
      (text, try chat ? loaded.promptTokens(said(text), at: place) : loaded.promptTokens(text, at: place))
    }
    var result = try prompt.map { try entry($0, at: "--prompt") }
    guard let prompts else { return result }
    var keys = TextKeys()
    (keys.prompt, keys.text, keys.response) = (promptKey, promptKey, promptKey)
    for record in try TextRecord.read(URL(argument: prompts), keys: keys) {
      let place = "\(prompts):\(record.line)"
      if record.messages.isEmpty {
        result.append(try entry(record.prompt, at: place))
      } else {
        let last = record.messages.last?.content ?? ""
        result.append((last, try loaded.promptTokens(record.messages, at: place)))
      }
    }
    return result
  }

  private func options(_ loaded: PretrainedModel) -> GenerationOptions {
    var options = GenerationOptions()
    (options.maximumTokens, options.samples, options.batch) = (tokens, samples, batch)
    (options.temperature, options.topK, options.topP) = (temperature, topK, topP)
    (options.minP, options.typicalP, options.repetitionPenalty) = (minP, typicalP, repetitionPenalty)
    (options.stopTexts, options.stopTokens) = (stop, Set(loaded.endTokens))
    options.statistics = 0
    return options
  }

  private func object(_ prompt: String, _ sample: Int, _ generation: Generation, _ loaded: PretrainedModel)
    -> JSONValue
  {
    var response = loaded.tokenizer.decode(generation.tokens, skippingSpecialTokens: true)
    let end: String
    switch generation.end {
    case .stopToken: end = "stop"
    case .stopText(let text):
      end = "stop"
      if let range = response.range(of: text) { response = String(response[..<range.lowerBound]) }
    case .length: end = "length"
    case .context: end = "context"
    }
    return [
      "prompt": .string(prompt), "sample": .integer(sample), "response": .string(response),
      "tokens": .integer(generation.tokens.count), "end": .string(end),
      "log_likelihood": .number(generation.logProbabilities.reduce(0, +)),
    ]
  }
}

/// Prints bytes as they come, a character as soon as it is whole.
final class TokenPrinter {
  private var waiting: [UInt8] = []

  func write(_ bytes: [UInt8]) {
    waiting += bytes
    // A character has up to four bytes, so that at most three wait for the rest of theirs.
    for held in 0...min(3, waiting.count) {
      if let text = String(validating: waiting.dropLast(held), as: UTF8.self) {
        if !text.isEmpty { FileHandle.standardOutput.write(Data(text.utf8)) }
        waiting = Array(waiting.suffix(held))
        return
      }
    }
    end(newline: false)
  }

  func end(newline: Bool = true) {
    let text = String(decoding: waiting, as: UTF8.self) + (newline ? "\n" : "")
    waiting = []
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}
