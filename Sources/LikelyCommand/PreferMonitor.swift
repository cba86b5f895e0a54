import ArgumentParser
import Foundation
import Likely

/// `likely prefer monitor`
struct PreferMonitor: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "monitor",
    abstract:
      "Reads models one after the other: likelihoods of pairs against the first, and what they write.",
    discussion: """
      Example:
        likely prefer monitor runs/little runs/little --data prefs.jsonl
      """)

  @Argument(help: ArgumentHelp("Folders of models, the one before training first.", valueName: "folder"))
  var models: [String]

  @Option(
    help: ArgumentHelp(
      "JSON lines with a prompt, a chosen and a rejected response.", valueName: "file.jsonl"))
  var data: String

  @OptionGroup var chatTemplate: ChatTemplateArgument

  @OptionGroup var objective: ObjectiveArguments

  @OptionGroup var judging: JudgeArguments

  @Option(help: ArgumentHelp("Tokens whose law is looked at.", valueName: "k"))
  var top = 10

  @Flag(help: "Print one JSON object a model.")
  var json = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard !models.isEmpty else { throw ValidationError("Missing expected argument '<folder> ...'") }
    guard top >= 1 else { throw ValidationError("--top \(top): at least 1") }
  }

  func run() throws {
    let random = common.start()
    let loss = try objective.loss()
    let first = try load(models[0])
    let found = try first.preferences(contentsOf: URL(argument: data))
    for sentence in found.omissions { tell("likely: left out: \(sentence)") }
    guard !found.pairs.isEmpty else {
      throw LanguageError(
        .badValue, file: data, found: "no pairs that say anything", expected: "at least one")
    }
    if top > first.model.vocabularySize {
      tell(
        "likely: --top \(top): the vocabulary has \(first.model.vocabularySize) tokens; all of them are taken"
      )
    }
    var monitor = PreferenceMonitor(
      found.pairs, loss: loss, initial: try first.model.referenceLikelihoods(of: found.pairs))
    monitor.topTokens = top
    var policy = try judging.monitor(initial: first, random: random, device: common.target)
    policy?.topTokens = top
    var table = ReportTable(
      title: "\(found.pairs.count) pairs",
      columns: [
        .text("model"), .number("ln π(y⁺)"), .number("ln π(y⁻)"), .number("margin"), .number("displaced"),
        .number("entropy"), .number("mass"),
      ]
        + (policy == nil ? [] : [.number("EAD"), .number("length"), .number("KL")])
        + (judging.judge == nil ? [] : [.number("win"), .number("error")]))
    for (place, folder) in models.enumerated() {
      let loaded = place == 0 ? first : try load(folder)
      guard loaded.model.vocabularySize == first.model.vocabularySize else {
        throw LanguageError(
          .badValue, file: folder, place: "vocabulary", found: "\(loaded.model.vocabularySize) tokens",
          expected: "the \(first.model.vocabularySize) of \(models[0])")
      }
      let reading = try monitor.read(loaded.model)
      let written = try policy?.read(loaded.model)
      if json {
        let values = reading.metrics + (written?.metrics ?? [])
        print(
          JSONValue.object(
            .init(
              uniqueKeysWithValues: [("model", .string(folder)), ("loss", .number(reading.loss))]
                + values.map { ($0.name, .number($0.value)) })
          ).compact)
        continue
      }
      var row: [ReportTable.Cell] = [
        .text(folder), .number(reading.chosen), .number(reading.rejected), .number(reading.margin),
        .number(reading.displaced), .number(written?.topEntropy ?? reading.topEntropy),
        .number(written?.topMass ?? reading.topMass),
      ]
      if let written {
        row += [
          .number(written.diversity), .number(written.length), .number(written.divergence?.value ?? .nan),
        ]
        if let win = written.win { row += [.number(win.value), .number(win.standardError)] }
      }
      table.append(row)
    }
    if !json { print(table.plainText) }
  }

  private func load(_ folder: String) throws -> PretrainedModel {
    let loaded = try PretrainedModel(folder: URL(argument: folder))
    loaded.model.move(device: common.target)
    try chatTemplate.apply(to: loaded)
    return loaded
  }
}

extension TextDiversity.Base: ExpressibleByArgument {}
extension TextOverlap.Words: ExpressibleByArgument {}

/// `likely prefer metrics`
struct PreferMetrics: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metrics",
    abstract: "Of texts: length, distinct n-grams, and BLEU and ROUGE-L against references.",
    discussion: """
      Example:
        likely prefer metrics --data pairs.jsonl
      """)

  @Option(
    help: ArgumentHelp("JSON lines with a response each, or a list of them.", valueName: "file.jsonl"))
  var data: String

  @Option(help: ArgumentHelp("Key of a response.", valueName: "key"))
  var responseKey = "response"

  @Option(
    help: ArgumentHelp(
      "JSON lines with the responses that are expected, as many and in the same order.",
      valueName: "file.jsonl"))
  var references: String?

  @Option(
    help: ArgumentHelp(
      "Folder of a model whose tokens n-grams are of; words if left out.", valueName: "folder"))
  var tokenizer: String?

  @Option(help: ArgumentHelp("What distinct n-grams are drawn from: vocabulary or power.", valueName: "base"))
  var eadBase = TextDiversity.Base.vocabulary

  @Option(
    help: ArgumentHelp(
      "How texts become words for BLEU and ROUGE-L: spaces, or lowercased with punctuation apart.",
      valueName: "kind"))
  var words = TextOverlap.Words.spaces

  @Flag(help: "Add one to matches of n > 1 in BLEU.")
  var smooth = false

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    _ = common.start()
    let texts = try read(data)
    var (tokens, vocabulary): ([[Int]], Int)
    if let tokenizer {
      let own = try Tokenizer(contentsOf: URL(argument: tokenizer).appending(path: "tokenizer.json"))
      (tokens, vocabulary) = (texts.map { own.encode($0, addingSpecialTokens: false) }, own.vocabularySize)
    } else {
      var ids: [String: Int] = [:]
      tokens = texts.map { text in
        TextOverlap.words(text, words).map { word in
          let id = ids[word] ?? ids.count
          ids[word] = id
          return id
        }
      }
      vocabulary = max(2, ids.count)
    }
    let diversity = TextDiversity(tokens, vocabularySize: vocabulary, base: eadBase)
    let count = Double(tokens.count)
    var values: [(String, Double)] = [
      ("texts", count), ("length", Double(tokens.reduce(0) { $0 + $1.count }) / count),
      ("distinct_1", Double(diversity.distinct[0]) / Double(max(1, diversity.total[0]))),
      ("distinct_2", Double(diversity.distinct[1]) / Double(max(1, diversity.total[1]))),
      ("ead", diversity.mean),
    ]
    if let references {
      let known = try read(references)
      guard known.count == texts.count else {
        throw LanguageError(
          .badValue, file: references, found: "\(known.count) references",
          expected: "one for each of the \(texts.count) responses")
      }
      let overlap = TextOverlap(
        hypotheses: texts.map { TextOverlap.words($0, words) },
        references: known.map { TextOverlap.words($0, words) })
      values += [("bleu_4", overlap.bleu(smooths: smooth)), ("rouge_l", overlap.meanRougeL)]
    }
    if json {
      print(JSONValue.object(.init(uniqueKeysWithValues: values.map { ($0.0, .number($0.1)) })).compact)
    } else {
      for (name, value) in values { print("\(name)  \(formatNumber(value))") }
    }
  }

  private func read(_ path: String) throws -> [String] {
    var keys = TextKeys()
    (keys.response, keys.text, keys.prompt) = (responseKey, responseKey, responseKey)
    return try TextRecord.read(URL(argument: path), keys: keys).flatMap(\.responses)
  }
}
