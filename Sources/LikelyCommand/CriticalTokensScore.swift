import ArgumentParser
import Files
import Foundation
import Likely

/// `likely critical-tokens rollouts`
struct CriticalRollout: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollouts",
    abstract:
      "Continues wrong solutions from every token, finds where success is lost, and tries other tokens.",
    discussion: """
      Example:
        likely critical-tokens rollouts runs/little --data solved.jsonl --out r.jsonl
      """)

  @OptionGroup var model: LanguageModelArgument

  @Option(
    help: ArgumentHelp("JSON lines with prompt, response and answer.", valueName: "file.jsonl"))
  var data: String

  @Option(name: .customLong("n"), help: ArgumentHelp("Continuations of a prefix.", valueName: "n"))
  var count = 64

  @Option(help: ArgumentHelp("Continuations that may succeed after the critical token.", valueName: "n"))
  var tolerance = 3

  @Flag(help: "Put other tokens in the place of the critical one, and say pass@k with and without it.")
  var replace = false

  @OptionGroup var drawing: SolutionDrawing
  @OptionGroup var checking: CheckerArguments
  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .jsonl.", valueName: "file.jsonl"))
  var out: String

  func validate() throws {
    guard count >= 1 else { throw ValidationError("--n \(count): at least 1") }
    guard tolerance >= 0 else { throw ValidationError("--tolerance \(tolerance): at least 0") }
  }

  func run() throws {
    try requireTextFile(out)
    let random = common.start()
    let checker = checking.checker
    let wrong = try SolutionRecord.read(URL(argument: data)).map { try $0.checked(checker, file: data) }
      .filter { $0.isCorrect == false && !$0.response.isEmpty }
    guard !wrong.isEmpty else {
      throw LanguageError(
        .badValue, file: data, found: "no wrong solution",
        expected: "at least one to look for critical tokens in")
    }
    let loaded = try model.load(on: common.target)
    var options = drawing.options(loaded, samples: count)
    options.stopTexts = []
    let progress = ProgressLine("rollouts", total: wrong.count, silent: common.quiet)
    var (objects, without): ([JSONValue], [Int]) = ([], [])
    var criticals = 0
    for (i, solution) in wrong.enumerated() {
      let prompt = try loaded.promptTokens(drawing.prompt(solution.prompt), at: "\(data):\(solution.line)")
      let response = loaded.tokenizer.encode(solution.response, addingSpecialTokens: false)
      var own = options
      own.maximumTokens = max(options.maximumTokens, response.count + 1)
      func isCorrect(_ tokens: [Int]) -> Bool {
        checker.isCorrect(
          loaded.tokenizer.decode(tokens, skippingSpecialTokens: true), answers: solution.answers)
      }
      let found = try loaded.model.criticalRollouts(
        prompt: prompt, response: response, count: count, tolerance: tolerance, options: own,
        random: random.split(i), isCorrect: isCorrect)
      if found.critical != nil { criticals += 1 }
      var saved: Int?
      if replace, let place = found.critical {
        saved = try loaded.model.successesWithout(
          tokenAt: place, prompt: prompt, response: response, count: count, options: own,
          random: random.split(i).split("replaced"), isCorrect: isCorrect)
        without.append(saved!)
      }
      objects.append(object(solution, response, found, saved, loaded))
      progress.update(i + 1, "")
    }
    try writeTexts(objects, to: out)
    print("\(criticals) of \(wrong.count) wrong solutions have a critical token")
    for k in [1, 4, 16, 64] where k <= count && !without.isEmpty {
      let values = try without.map { try passAtK(samples: count, correct: $0, k: k) }
      print("pass@\(k) with another token in its place: \(told(Estimate(meanOf: values)))")
    }
    print("rollouts: \(out)")
  }

  private func object(
    _ solution: SolutionRecord, _ response: [Int], _ found: CriticalRollouts, _ saved: Int?,
    _ loaded: PretrainedModel
  ) -> JSONValue {
    let intervals = response.indices.map { place -> JSONValue in
      let interval = found.interval(at: place)
      return [.number(interval.lowerBound), .number(interval.upperBound)]
    }
    return [
      "id": .string(solution.question), "line": .integer(solution.line),
      "tokens": .array(response.map { .string(loaded.tokenizer.decode([$0])) }),
      "successes": .array(found.successes.map { .integer($0) }), "rollouts": .integer(count),
      "intervals": .array(intervals), "critical": found.critical.map { .integer($0) } ?? .null,
      "successes_without": saved.map { .integer($0) } ?? .null,
    ]
  }
}

/// `likely critical-tokens score`
struct CriticalScore: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract:
      "Scores tokens by two models, one of right and one of wrong solutions: low where a token dooms.",
    discussion: """
      Example:
        likely lm finetune --model runs/little --data pairs.jsonl --out right
        likely lm finetune --model runs/little --data pairs.jsonl --out wrong
        likely critical-tokens score right wrong --data prefs.jsonl --out s.jsonl
      """)

  @Argument(help: ArgumentHelp("Model tuned on right solutions.", valueName: "positive"))
  var positive: String

  @Argument(help: ArgumentHelp("Model tuned on wrong solutions.", valueName: "negative"))
  var negative: String

  @Option(
    help: ArgumentHelp(
      "JSON lines with a prompt, a chosen and a rejected response.", valueName: "file.jsonl"))
  var data: String

  @Option(help: ArgumentHelp("How much the model of wrong solutions counts.", valueName: "β"))
  var beta = 1.0

  @Option(
    help: ArgumentHelp(
      "Leaves out tokens less probable than this share of the most probable one.", valueName: "share"))
  var plausibility: Double?

  @OptionGroup var chatTemplate: ChatTemplateArgument
  @OptionGroup var common: CommonOptions

  @Option(
    help: ArgumentHelp("Page that shows the rejected responses coloured by score.", valueName: "file.html"))
  var html: String?

  @Option(help: ArgumentHelp("File to write, .jsonl.", valueName: "file.jsonl"))
  var out: String

  func run() throws {
    try requireTextFile(out)
    _ = common.start()
    let (right, wrong) = (try load(positive), try load(negative))
    try chatTemplate.apply(to: right)
    let found = try right.preferences(contentsOf: URL(argument: data))
    for sentence in found.omissions { tell("likely: left out: \(sentence)") }
    // Two tokenisers with as many tokens may still disagree about them.
    if let pair = found.pairs.first,
      wrong.tokenizer.decode(pair.rejected) != right.tokenizer.decode(pair.rejected)
    {
      throw LanguageError(
        .badValue, file: negative, place: "tokenizer",
        found: "tokens that read otherwise than in \(positive)",
        expected: "two models with one tokeniser")
    }
    func scores(_ side: (PreferencePair) -> [Int]) throws -> [[Double]] {
      try ContrastiveEstimation.scores(
        of: found.pairs.map { ($0.prompt, side($0)) }, positive: right.model, negative: wrong.model,
        beta: beta, plausibility: plausibility)
    }
    let (chosen, rejected) = (try scores(\.chosen), try scores(\.rejected))
    let table = TokenScores(found.pairs, scores: zip(chosen, rejected).map { ($0, $1) })
    try writeTexts(table.objects, to: out)
    func mean(_ rows: [[Double]]) -> String {
      let all = rows.flatMap { $0 }
      return formatNumber(all.reduce(0, +) / Double(max(1, all.count)))
    }
    print(
      "\(found.pairs.count) pairs, mean score \(mean(chosen)) of preferred tokens, \(mean(rejected)) of others"
    )
    if let html {
      try writeText(page(found.pairs, rejected, right.tokenizer), to: html)
      print("page: \(html)")
    }
    print("scores: \(out)")
  }

  private func load(_ folder: String) throws -> PretrainedModel {
    let loaded = try PretrainedModel(folder: URL(argument: folder))
    loaded.model.move(device: common.target)
    return loaded
  }

  /// The responses with every token on a ground that is the redder the lower its score is.
  private func page(_ pairs: [PreferencePair], _ scores: [[Double]], _ tokenizer: Tokenizer) -> String {
    func escaped(_ text: String) -> String {
      text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
        .replacingOccurrences(of: "\n", with: "↵\n")
    }
    let rows = zip(pairs, scores).map { pair, row in
      let tokens = zip(pair.rejected, row).map { token, score in
        let shade = Int((1 - min(1, max(0, score))) * 100)
        return
          "<span title=\"\(formatNumber(score))\" style=\"background:color-mix(in srgb,#d33 \(shade)%,transparent)\">"
          + escaped(tokenizer.decode([token])) + "</span>"
      }
      return "<p><small>line \(pair.line)</small></p><pre>\(tokens.joined())</pre>"
    }
    return """
      <!doctype html><meta charset="utf-8"><title>Token scores</title>
      <style>body{font:16px/1.5 system-ui;max-width:50rem;margin:2rem auto;padding:0 1rem}pre{white-space:pre-wrap}</style>
      <h1>Token scores of rejected responses</h1><p>Redder tokens have lower scores: they probably doom the response.</p>
      \(rows.joined(separator: "\n"))

      """
  }
}
