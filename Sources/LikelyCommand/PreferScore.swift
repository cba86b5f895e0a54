import ArgumentParser
import Files
import Foundation
import Likely

extension PreferenceSimilarity.Measure: ExpressibleByArgument {}

/// `likely prefer score`
struct PreferScore: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Says of every pair how alike the model finds its responses: which will make it unlearn.",
    discussion: """
      Example:
        likely prefer score runs/little --data prefs.jsonl --out scores.jsonl
      """)

  @OptionGroup var model: LanguageModelArgument

  @Option(
    help: ArgumentHelp(
      "JSON lines with a prompt, a chosen and a rejected response, texts or messages.",
      valueName: "file.jsonl"))
  var data: String

  @OptionGroup var chatTemplate: ChatTemplateArgument

  @Flag(inversion: .prefixedNo, help: "End responses in texts with the token that ends texts.")
  var appendEos = true

  @Option(help: ArgumentHelp("Tokens that are read side by side.", valueName: "n"))
  var batchTokens = 8192

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .jsonl.", valueName: "file.jsonl"))
  var out: String

  func validate() throws {
    guard batchTokens >= 1 else { throw ValidationError("--batch-tokens \(batchTokens): at least 1") }
  }

  func run() throws {
    try requireTextFile(out)
    _ = common.start()
    let loaded = try model.load(on: common.target)
    try chatTemplate.apply(to: loaded)
    // The state after the last token is asked for, too, which takes a place.
    let found = try loaded.preferences(
      contentsOf: URL(argument: data), endsTexts: appendEos,
      contextLength: loaded.model.contextLength.map { $0 - 1 })
    for sentence in found.omissions { tell("likely: left out: \(sentence)") }
    let similarities = try loaded.model.similarities(
      of: found.pairs, endTokens: appendEos ? Set(loaded.endTokens) : [], tokensPerBatch: batchTokens)
    let scores = PreferenceScores(lines: found.pairs.map(\.line), similarities: similarities)
    try writeTexts(scores.objects(found.pairs), to: out)
    print("\(found.pairs.count) pairs")
    guard !similarities.isEmpty else { return }
    print("measure   smallest    25 %        median      75 %        largest     mean")
    for measure in PreferenceSimilarity.Measure.allCases {
      let values = similarities.map { $0[measure] }.sorted()
      let quantiles = [0, 0.25, 0.5, 0.75, 1].map { values[Int(($0 * Double(values.count - 1)).rounded())] }
      let mean = values.reduce(0, +) / Double(values.count)
      let texts =
        [measure.rawValue.padded(to: 8)] + (quantiles + [mean]).map { formatNumber($0).padded(to: 10) }
      print(texts.joined(separator: "  ").trimmingCharacters(in: .whitespaces))
    }
    print("scores: \(out)")
  }
}

/// `likely prefer filter`
struct PreferFilter: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "filter",
    abstract: "Writes the pairs whose responses are least alike, or those around a quantile.",
    discussion: """
      Example:
        likely prefer score runs/little --data prefs.jsonl --out scores.jsonl
        likely prefer filter --data prefs.jsonl --scores scores.jsonl --out few.jsonl
      """)

  @Option(help: ArgumentHelp("The pairs that were scored.", valueName: "file.jsonl"))
  var data: String

  @Option(help: ArgumentHelp("What `prefer score` wrote of them.", valueName: "file.jsonl"))
  var scores: String

  @Option(
    help: ArgumentHelp(
      "\(PreferenceSimilarity.Measure.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
  var measure = PreferenceSimilarity.Measure.meanCHES

  @Option(
    help: ArgumentHelp("Share of the pairs that stays, those with the smallest measure.", valueName: "share"))
  var keep = 0.05

  @Option(
    help: ArgumentHelp("Pairs around this quantile of the measure, in place of a share.", valueName: "q"))
  var quantile: Double?

  @Option(help: ArgumentHelp("How many pairs around the quantile.", valueName: "n"))
  var count = 128

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .jsonl.", valueName: "file.jsonl"))
  var out: String

  func validate() throws {
    guard keep > 0, keep <= 1 else { throw ValidationError("--keep \(keep): above 0, at most 1") }
    if let quantile, !(0...1).contains(quantile) {
      throw ValidationError("--quantile \(quantile): between 0 and 1")
    }
    guard count >= 1 else { throw ValidationError("--count \(count): at least 1") }
  }

  func run() throws {
    try requireTextFile(out)
    _ = common.start()
    let found = try PreferenceScores(contentsOf: URL(argument: scores))
    guard let text = FileManager.default.contents(atPath: data) else {
      throw LanguageError(.missing, file: data, found: "no file that can be read", expected: "JSON lines")
    }
    let lines = text.split(separator: 0x0a, omittingEmptySubsequences: false)
    if let beyond = found.lines.first(where: { $0 < 1 || $0 > lines.count }) {
      throw LanguageError(
        .badValue, file: scores, found: "line \(beyond)",
        expected: "lines of \(data), which has \(lines.count); these scores are of another file")
    }
    let values = found.similarities.map { $0[measure] }
    let chosen =
      quantile.map { PreferenceSimilarity.window(values, quantile: $0, count: count).sorted() }
      ?? PreferenceSimilarity.smallest(values, share: keep)
    var result = Data()
    for place in chosen {
      result += lines[found.lines[place] - 1]
      result.append(0x0a)
    }
    try writeAtomically(result, to: URL(argument: out))
    print("\(chosen.count) of \(found.lines.count) pairs written to \(out)")
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
