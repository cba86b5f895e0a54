import ArgumentParser
import Files
import Foundation
import Likely

/// `likely critical-tokens …`
struct CriticalTokensCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "critical-tokens",
    abstract:
      "Solutions with checkable answers: samples and judges them, and finds the tokens that doom them.",
    discussion: """
      Example:
        likely critical-tokens check --data solved.jsonl
      """,
    subcommands: [
      CriticalSample.self, CriticalCheck.self, CriticalSelect.self, CriticalRollout.self, CriticalScore.self,
    ])
}

extension AnswerChecker.Extraction: ExpressibleByArgument {}

/// How answers are found and compared, on the command line.
struct CheckerArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where the answer is: \(AnswerChecker.Extraction.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "place"))
  var extraction = AnswerChecker.Extraction.automatic

  @Option(help: ArgumentHelp("How far numbers may differ, as a share.", valueName: "share"))
  var answerTolerance = 1e-4

  @Flag(help: "Numbers may differ by a factor of a hundred, whether marked as percentages or not.")
  var ignoreHundred = false

  var checker: AnswerChecker {
    var checker = AnswerChecker()
    (checker.extraction, checker.relativeTolerance) = (extraction, answerTolerance)
    checker.ignoresFactorsOfHundred = ignoreHundred
    return checker
  }

  func validate() throws {
    guard answerTolerance >= 0 else {
      throw ValidationError("--answer-tolerance \(answerTolerance): at least 0")
    }
  }
}

/// How solutions are drawn, on the command line.
struct SolutionDrawing: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What a question is put into before the model reads it, with {question} in its place.",
      valueName: "text"))
  var template = "{question}"

  @Option(help: ArgumentHelp("Logits are divided by it.", valueName: "x"))
  var temperature = 1.0

  @Option(help: ArgumentHelp("Only the most probable tokens that reach this probability.", valueName: "p"))
  var topP = 0.95

  @Option(help: ArgumentHelp("The most tokens of a solution.", valueName: "n"))
  var tokens = 256

  @Option(help: ArgumentHelp("A text that ends a solution; may be given several times.", valueName: "text"))
  var stop: [String] = []

  @Option(help: ArgumentHelp("Solutions that are drawn side by side.", valueName: "n"))
  var batch = 64

  func validate() throws {
    guard template.contains("{question}") else {
      throw ValidationError("--template: {question} must stand where the question goes")
    }
  }

  func options(_ loaded: PretrainedModel, samples: Int) -> GenerationOptions {
    var options = GenerationOptions()
    (options.maximumTokens, options.samples, options.batch) = (tokens, samples, batch)
    (options.temperature, options.topP) = (temperature, topP < 1 ? topP : nil)
    (options.stopTexts, options.stopTokens) = (stop.map(Self.unescaped), Set(loaded.endTokens))
    return options
  }

  func prompt(_ question: String) -> String {
    Self.unescaped(template).replacingOccurrences(of: "{question}", with: question)
  }

  private static func unescaped(_ text: String) -> String { text.replacingOccurrences(of: "\\n", with: "\n") }
}

/// `likely critical-tokens sample`
struct CriticalSample: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Draws solutions to questions and judges their answers.",
    discussion: """
      Example:
        likely critical-tokens sample runs/little --data asked.jsonl --out s.jsonl
      """)

  @OptionGroup var model: LanguageModelArgument

  @Option(
    help: ArgumentHelp("JSON lines with a question (or prompt) and its answer.", valueName: "file.jsonl"))
  var data: String

  @Option(name: .customLong("n"), help: ArgumentHelp("Solutions to a question.", valueName: "n"))
  var count = 64

  @OptionGroup var drawing: SolutionDrawing
  @OptionGroup var checking: CheckerArguments
  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .jsonl.", valueName: "file.jsonl"))
  var out: String

  func validate() throws {
    guard count >= 1 else { throw ValidationError("--n \(count): at least 1") }
  }

  func run() throws {
    try requireTextFile(out)
    let random = common.start()
    let questions = try SolutionRecord.read(URL(argument: data), needsResponse: false)
    let loaded = try model.load(on: common.target)
    let prompts = questions.map { drawing.prompt($0.prompt) }
    let tokens = try zip(questions, prompts).map { try loaded.promptTokens($1, at: "\(data):\($0.line)") }
    let tokenizer = loaded.tokenizer
    let drawn = try loaded.model.generate(
      tokens, options: drawing.options(loaded, samples: count), random: random,
      bytes: { tokenizer.bytes(of: $0) })
    var solutions: [SolutionRecord] = []
    for ((question, prompt), found) in zip(zip(questions, prompts), drawn) {
      for generation in found {
        var solution = question
        solution.prompt = prompt
        solution.response = tokenizer.decode(generation.tokens, skippingSpecialTokens: true)
        if case .stopText(let text) = generation.end, let range = solution.response.range(of: text) {
          solution.response = String(solution.response[..<range.lowerBound])
        }
        solutions.append(try solution.checked(checking.checker, file: data))
      }
    }
    try writeTexts(solutions.map(\.object), to: out)
    printAccuracy(solutions)
    print("solutions: \(out)")
  }
}

/// An estimate with its error, where there is one.
func told(_ estimate: Estimate) -> String {
  estimate.standardError > 0 ? "\(estimate)" : formatNumber(estimate.value)
}

/// The share of right solutions.
func printAccuracy(_ solutions: [SolutionRecord]) {
  let right = solutions.count { $0.isCorrect == true }
  let interval = binomialInterval(successes: right, trials: max(1, solutions.count))
  let found = solutions.count { $0.found != nil }
  print(
    "\(right) of \(solutions.count) solutions right (95 %: \(formatNumber(interval.lowerBound)) to \(formatNumber(interval.upperBound))), \(found) with an answer"
  )
}

/// Solutions by question, in their order.
func byQuestion(_ solutions: [SolutionRecord]) -> [[SolutionRecord]] {
  var places: [String: Int] = [:]
  var groups: [[SolutionRecord]] = []
  for solution in solutions {
    if let place = places[solution.question] {
      groups[place].append(solution)
    } else {
      places[solution.question] = groups.count
      groups.append([solution])
    }
  }
  return groups
}

/// `likely critical-tokens check`
struct CriticalCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Judges the answers of solutions, and says pass@k where questions have several.",
    discussion: """
      Example:
        likely critical-tokens check --data solved.jsonl
      """)

  @Option(
    help: ArgumentHelp("JSON lines with prompt, response and answer.", valueName: "file.jsonl"))
  var data: String

  @Option(
    name: .customLong("k"), help: ArgumentHelp("k of pass@k, between commas.", valueName: "k,k,…"))
  var counts = "1"

  @OptionGroup var checking: CheckerArguments
  @OptionGroup var common: CommonOptions

  @Option(
    help: ArgumentHelp("File to write the judged solutions to, .jsonl.", valueName: "file.jsonl"))
  var out: String?

  func run() throws {
    if let out { try requireTextFile(out) }
    _ = common.start()
    let ks = counts.listed.map { Int($0) }
    guard !ks.isEmpty, !ks.contains(nil) else {
      throw UsageError("--k \(counts): whole numbers between commas are expected")
    }
    let solutions = try SolutionRecord.read(URL(argument: data)).map {
      try $0.checked(checking.checker, file: data)
    }
    printAccuracy(solutions)
    let groups = byQuestion(solutions)
    for k in ks.compactMap({ $0 }) where groups.contains(where: { $0.count > 1 }) {
      let values = try groups.map { group in
        try passAtK(samples: group.count, correct: group.count { $0.isCorrect == true }, k: k)
      }
      print("pass@\(k) of \(groups.count) questions: \(told(Estimate(meanOf: values)))")
    }
    if let out {
      try writeTexts(solutions.map(\.object), to: out)
      print("solutions: \(out)")
    }
  }
}

/// `likely critical-tokens select`
struct CriticalSelect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "select",
    abstract: "Of judged solutions, those that a model of right ones, of wrong ones, and pairs are made of.",
    discussion: """
      Example:
        likely critical-tokens select --data solved.jsonl --out selected
      """)

  @Option(
    help: ArgumentHelp("JSON lines with prompt, response and answer.", valueName: "file.jsonl"))
  var data: String

  @Option(help: ArgumentHelp("Share of the wrong solutions whose answers are taken.", valueName: "share"))
  var negativeShare = 0.5

  @OptionGroup var checking: CheckerArguments
  @OptionGroup var common: CommonOptions

  @Option(
    help: ArgumentHelp("Folder for positive.jsonl, negative.jsonl and pairs.jsonl.", valueName: "folder"))
  var out: String

  func validate() throws {
    guard negativeShare > 0, negativeShare <= 1 else {
      throw ValidationError("--negative-share \(negativeShare): above 0, at most 1")
    }
  }

  func run() throws {
    let random = common.start()
    let solutions = try SolutionRecord.read(URL(argument: data)).map {
      try $0.checked(checking.checker, file: data)
    }
    var (positive, negative, pairs): ([JSONValue], [JSONValue], [JSONValue]) = ([], [], [])
    func text(_ place: Int) -> JSONValue {
      ["prompt": .string(solutions[place].prompt), "response": .string(solutions[place].response)]
    }
    let places = Dictionary(grouping: solutions.indices) { solutions[$0].question }
    for (i, group) in byQuestion(solutions).enumerated() {
      let own = places[group[0].question]!.map {
        Solution(number: $0, answer: solutions[$0].found, isCorrect: solutions[$0].isCorrect == true)
      }
      var stream = random.split(i)
      let found = SolutionSelection(own, negativeShare: negativeShare, using: &stream)
      positive += found.positive.map(text)
      negative += found.negative.map(text)
      if let pair = found.pair {
        pairs.append([
          "prompt": .string(solutions[pair.chosen].prompt),
          "chosen": .string(solutions[pair.chosen].response),
          "rejected": .string(solutions[pair.rejected].response),
        ])
      }
    }
    for (name, rows) in [("right", positive), ("wrong", negative)] where rows.isEmpty {
      throw LanguageError(
        .badValue, file: data, found: "no \(name) solution with an answer",
        expected: "at least one; draw more, or with another temperature")
    }
    let folder = URL(argument: out)
    try createFolder(at: folder)
    for (name, rows) in [("positive", positive), ("negative", negative), ("pairs", pairs)] {
      try writeTexts(rows, to: folder.appending(path: "\(name).jsonl").path)
      print("\(rows.count) \(name == "pairs" ? "pairs" : "\(name) solutions"): \(out)/\(name).jsonl")
    }
  }
}
