import ArgumentParser
import Files
import Foundation
import Likely

/// `likely prefer probe`
struct PreferProbe: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Trains on one preference between two tokens, and shows where the probability goes.",
    discussion: """
      Example:
        likely prefer probe runs/little --prompt the --chosen c --rejected m
      """)

  @OptionGroup var model: LanguageModelArgument

  @Option(help: ArgumentHelp("The prompt.", valueName: "text"))
  var prompt: String

  @Option(help: ArgumentHelp("The preferred token.", valueName: "text"))
  var chosen: String

  @Option(help: ArgumentHelp("The other token.", valueName: "text"))
  var rejected: String

  @OptionGroup var objective: ObjectiveArguments

  @Option(help: ArgumentHelp("Steps.", valueName: "n"))
  var steps = 100

  @Option(
    help: ArgumentHelp(
      "\(PreferenceOptions.Optimiser.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
  var optimiser = PreferenceOptions.Optimiser.rmsprop

  @Option(help: ArgumentHelp("Learning rate.", valueName: "rate"))
  var lr = 1e-5

  @Option(
    help: ArgumentHelp("Tokens as good as the preferred one, between commas.", valueName: "texts"))
  var benign: String?

  @OptionGroup var chatTemplate: ChatTemplateArgument

  @Flag(help: "The prompt is what a user says: it goes through the model's chat template.")
  var chat = false

  @Option(help: ArgumentHelp("CSV with the law of the token after every step.", valueName: "file.csv"))
  var csv: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    _ = common.start()
    let loaded = try model.load(on: common.target)
    try chatTemplate.apply(to: loaded)
    let tokens =
      chat
      ? try loaded.promptTokens([ChatMessage(role: "user", content: prompt)])
      : try loaded.promptTokens(prompt, at: "--prompt")
    var probe = DisplacementProbe(
      prompt: tokens, preferred: try token(chosen, "--chosen", loaded),
      other: try token(rejected, "--rejected", loaded))
    (probe.loss, probe.optimiser) = (try objective.loss(), optimiser)
    (probe.learningRate, probe.steps) = (lr, steps)
    let good = try (benign?.listed ?? []).map { try token($0, "--benign", loaded) }
    let path = try probe.run(loaded.model)
    func line(_ name: String, _ token: Int) -> String {
      let (before, after) = (path.probability(of: token, step: 0), path.probability(of: token, step: steps))
      return "\(name) \(quoted(token, loaded)): \(formatNumber(before)) → \(formatNumber(after))"
    }
    print(line("preferred", probe.preferred))
    print(line("other", probe.other))
    print("largest drop of the preferred: \(formatNumber(path.largestDrop))")
    print("margin: \(formatNumber(path.margin(step: 0))) → \(formatNumber(path.margin(step: steps)))")
    for gainer in path.gainers(5) {
      let kind =
        gainer.token == probe.preferred
        ? "" : good.isEmpty ? "" : good.contains(gainer.token) ? " (benign)" : " (not benign)"
      print(
        "gained: \(quoted(gainer.token, loaded)) \(formatNumber(gainer.before)) → \(formatNumber(gainer.after))\(kind)"
      )
    }
    if let csv { try write(path, loaded, to: csv) }
  }

  private func quoted(_ token: Int, _ loaded: PretrainedModel) -> String {
    "\"\(loaded.tokenizer.decode([token]).replacingOccurrences(of: "\n", with: "\\n"))\""
  }

  private func token(_ text: String, _ option: String, _ loaded: PretrainedModel) throws -> Int {
    if let id = loaded.tokenizer.id(of: text) { return id }
    let tokens = loaded.tokenizer.encode(text, addingSpecialTokens: false)
    guard tokens.count == 1 else {
      throw LanguageError(
        .badValue, file: option, found: "\"\(text)\", which is \(tokens.count) tokens of this model",
        expected: "one token")
    }
    return tokens[0]
  }

  private func write(_ path: DisplacementProbe.Trajectory, _ loaded: PretrainedModel, to csv: String) throws {
    // The tokens that are ever probable; all would be a table of the whole vocabulary.
    let highest = path.logProbabilities.max(0)
    let tokens = Set(highest.top(min(50, highest.count)).indices.integers + [path.preferred, path.other])
      .sorted()
    var text = "step," + tokens.map { "token_\($0)" }.joined(separator: ",") + "\n"
    for step in 0...path.steps {
      text +=
        "\(step)," + tokens.map { "\(path.probability(of: $0, step: step))" }.joined(separator: ",") + "\n"
    }
    try writeText(text, to: csv)
    print("laws: \(csv)")
  }
}

/// Writes a text as it is.
func writeText(_ text: String, to path: String) throws {
  try writeAtomically(Data(text.utf8), to: URL(argument: path))
}
