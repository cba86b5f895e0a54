import ArgumentParser
import Files
import Foundation
import Likely

/// `likely lm score`
struct LanguageScore: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Log-likelihoods of responses to prompts, into a CSV.",
    discussion: """
      Example:
        likely lm score runs/little --data pairs.jsonl --out scores.csv
      """)

  @OptionGroup var model: LanguageModelArgument

  @Option(
    help: ArgumentHelp(
      "JSON lines with a prompt and a response (or a list of them), messages, or a plain text.",
      valueName: "file.jsonl"))
  var data: String

  @OptionGroup var textKeys: TextKeyArguments

  @OptionGroup var chatTemplate: ChatTemplateArgument

  @Option(help: ArgumentHelp("Tokens that are read side by side.", valueName: "n"))
  var batchTokens = 8192

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .csv.", valueName: "file.csv"))
  var out: String

  func validate() throws {
    guard out.lowercased().hasSuffix(".csv") else {
      throw ValidationError("--out \(out): the name must end in .csv")
    }
    guard batchTokens >= 1 else { throw ValidationError("--batch-tokens \(batchTokens): at least 1") }
  }

  func run() throws {
    _ = common.start()
    let records = try TextRecord.read(URL(argument: data), keys: textKeys.keys)
    let loaded = try model.load(on: common.target)
    try chatTemplate.apply(to: loaded)
    let items = try records.map { try loaded.scoringItem($0, file: data) }
    // A text that the model has no positions for has no likelihood, and is not cut in silence.
    let fitting = items.map { item in
      ScoringItem(
        prompt: item.prompt,
        continuations: item.continuations.filter { loaded.model.fits(item.prompt.count + $0.count) })
    }
    let scores = try loaded.model.score(fitting, tokensPerBatch: batchTokens)
    var text = "line,response,prompt_tokens,tokens,log_likelihood,mean_log_likelihood\n"
    var (total, tokens, tooLong) = (0.0, 0, 0)
    for (i, item) in items.enumerated() {
      var next = scores[i].makeIterator()
      for (j, continuation) in item.continuations.enumerated() {
        text += "\(records[i].line),\(j),\(item.prompt.count),\(continuation.count)"
        if loaded.model.fits(item.prompt.count + continuation.count), let score = next.next() {
          total += score.logLikelihood
          tokens += score.tokens
          let mean = score.tokens > 0 ? "\(score.logLikelihood / Double(score.tokens))" : ""
          text += ",\(score.logLikelihood),\(mean)\n"
        } else {
          tooLong += 1
          text += ",,\n"
        }
      }
    }
    try writeAtomically(Data(text.utf8), to: URL(argument: out))
    let count = items.reduce(0) { $0 + $1.continuations.count }
    print(
      "\(count - tooLong) responses of \(tokens) tokens: \(formatNumber(total / Double(max(1, tokens)))) nats a token"
    )
    if tooLong > 0 {
      tell(
        "likely: \(tooLong) of \(count) responses are longer than the model's \(loaded.model.contextLength ?? 0) "
          + "positions with their prompts; their likelihoods are left empty")
    }
    print("scores: \(out)")
  }
}

/// `likely lm perplexity`
struct LanguagePerplexity: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity",
    abstract: "How well a model predicts a text: nats and bits a token, a character and a byte.",
    discussion: """
      Example:
        likely lm perplexity runs/little --data notes.txt
      """)

  @OptionGroup var model: LanguageModelArgument

  @Option(help: ArgumentHelp("UTF-8 file, or data:tinyshakespeare.", valueName: "file"))
  var data: String

  @Option(
    help: ArgumentHelp("Tokens that are read at once; the model's context if left out.", valueName: "n"))
  var window: Int?

  @Option(help: ArgumentHelp("Tokens that a window adds; half of it if left out.", valueName: "n"))
  var stride: Int?

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    _ = common.start()
    let text = try readText(data)
    let loaded = try model.load(on: common.target)
    let tokens = loaded.tokenizer.encode(text, addingSpecialTokens: false)
    let found = try loaded.model.surprise(of: tokens, window: window, stride: stride)
    let (characters, bytes) = (Double(text.unicodeScalars.count), Double(text.utf8.count))
    if json {
      let object: JSONValue = [
        "tokens": .integer(found.tokens), "nats": .number(found.nats),
        "nats_per_token": .number(found.natsPerToken), "perplexity": .number(found.perplexity),
        "nats_per_character": .number(found.nats / characters),
        "bits_per_byte": .number(found.nats / bytes / log(2)),
      ]
      print(object.pretty, terminator: "")
      return
    }
    print("\(found.tokens) tokens after the first, perplexity \(formatNumber(found.perplexity))")
    print(
      "\(formatNumber(found.natsPerToken)) nats a token, \(formatNumber(found.nats / characters)) a character, "
        + "\(formatNumber(found.nats / bytes / log(2))) bits a byte")
  }
}
