import ArgumentParser
import Foundation
import Likely

/// `likely holdout serve`
struct HoldoutServe: ParsableCommand {
  enum Mechanism: String, ExpressibleByArgument, CaseIterable { case thresholdout, guess, means }

  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Answers questions, one JSON line each, on standard output.",
    discussion: """
      A question names a metric and what the model said of each row: {"metric": "accuracy", "train": [1, 0, …],
      "holdout": [0, 1, …]}. Metrics are mean (values in "range", [0, 1] if left out), and with --label accuracy,
      squared-error and, for labels of 0 and 1, log-loss of the probability of 1 (both clipped to "range");
      {"metric": "column", "column": "age", "above": 40} and {"metric": "product", "columns": ["x", "y"],
      "range": [-1, 1]} (clipped) ask the tables themselves.

      Example:
        likely holdout serve --train grades.csv --holdout grades.csv --ask q.jsonl
      """)

  @Option(help: ArgumentHelp("Table that the analyst has seen.", valueName: "file.csv"))
  var train: String

  @Option(help: ArgumentHelp("Table that is kept back.", valueName: "file.csv"))
  var holdout: String

  @Option(
    help: ArgumentHelp("JSON lines with the questions; standard input if left out.", valueName: "file.jsonl"))
  var ask: String?

  @Option(help: ArgumentHelp("Column of what models predict.", valueName: "name"))
  var label: String?

  @Option(
    help: ArgumentHelp(
      "thresholdout; guess, which is guess and check by sparse vectors; means, without protection.",
      valueName: "name"))
  var mechanism = Mechanism.thresholdout

  @Option(
    help: ArgumentHelp(
      "Agreement within it is free, as a share of the range; 4/√n if left out.", valueName: "T"))
  var threshold: Double?

  @Option(
    help: ArgumentHelp(
      "Noise, as a share of the range; 1/(4√n), or 1/√n with gaussian, if left out.", valueName: "σ"))
  var sigma: Double?

  @Option(help: ArgumentHelp("Answers from the holdout.", valueName: "n"))
  var budget = 100

  @Option(help: ArgumentHelp("laplace or gaussian.", valueName: "name"))
  var noise = PrivacyNoise.laplace

  @Option(help: ArgumentHelp("Privacy of guess and check in all.", valueName: "ε"))
  var epsilon = 1.0

  @Option(
    help: ArgumentHelp(
      "Log of answers, which keeps the budget over runs; out of the analyst's reach.", valueName: "file.jsonl"
    ))
  var state: String?

  @Flag(help: "Take the noise from --seed, for tests: an analyst who knows the seed can take it away again.")
  var reproducible = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard budget >= 0 else { throw ValidationError("--budget \(budget): at least 0") }
    guard budget > 0 || mechanism != .guess else {
      throw ValidationError("--budget 0: guess takes at least 1")
    }
    guard epsilon > 0, epsilon.isFinite else {
      throw ValidationError("--epsilon \(epsilon): a finite number above 0")
    }
    if let threshold, !(threshold > 0 && threshold.isFinite) {
      throw ValidationError("--threshold \(threshold): a finite number above 0")
    }
    if let sigma, !(sigma >= 0 && sigma.isFinite) {
      throw ValidationError("--sigma \(sigma): a finite number of at least 0")
    }
  }

  func run() throws {
    var random = try common.startOnProcessor()
    if !reproducible {
      var system = SystemRandomNumberGenerator()
      random = RandomSource(seed: system.next())
    }
    let kept = URL(argument: holdout)
    let tables = try HoldoutTables(
      train: try DataTable(contentsOf: URL(argument: train)), holdout: try DataTable(contentsOf: kept),
      label: label)
    let rows = tables.holdout.rowCount
    var log = try state.map {
      try HoldoutLog(URL(argument: $0), holdout: kept, mechanism: described(rows: rows))
    }
    let earlier = log?.earlier ?? ServedCount()
    var server = try server(
      rows: rows, trainingRows: tables.train.rowCount, after: earlier, random)
    var served = 0
    var failed = false
    var number = 0
    var waiting = try ask.map { try questions($0).makeIterator() }
    while let line = waiting == nil ? readLine() : waiting!.next() {
      number += 1
      if line.allSatisfy(\.isWhitespace) { continue }
      do {
        let query = try tables.query(line, number: number)
        let answer = try server.answer(query)
        try log?.append(query.name, answer)
        served += 1
        // Over all runs: the budget is that of all, too.
        let share = server.errorBar(queries: earlier.queries + served, beta: 0.05)
        let bar = share.flatMap { $0 < 1 ? $0 * (query.range.upperBound - query.range.lowerBound) : nil }
        let object: JSONValue = [
          "metric": .string(query.name), "answer": .number(answer.value),
          "source": .string(answer.source.rawValue),
          "budget_left": answer.budgetLeft.map(JSONValue.integer) ?? .null,
          "error_bar": bar.map(JSONValue.number) ?? .null,
        ]
        print(object.compact)
      } catch let error as StatisticsError {
        failed = true
        print((["error": .string("\(error)")] as JSONValue).compact)
      }
      // The analyst waits for each answer.
      fflush(nil)
    }
    if failed { throw ExitCode(ExitStatus.badData) }
  }

  private func questions(_ path: String) throws -> [String] {
    guard let data = FileManager.default.contents(atPath: URL(argument: path).path) else {
      throw StatisticsError(.missing, path, found: "no such file", expected: "JSON lines with questions")
    }
    // Empty lines count, so that numbers are those of an editor. Words in JSON may hold other line breaks
    // than these.
    return String(decoding: data, as: UTF8.self)
      .split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.map(String.init)
  }

  /// T and σ, as shares of the range.
  private func scales(rows: Int) -> (threshold: Double, sigma: Double) {
    let unit = 1 / Double(rows).squareRoot()
    return (threshold ?? 4 * unit, sigma ?? (noise == .laplace ? unit / 4 : unit))
  }

  /// The mechanism with all that its guarantee depends on, for the log.
  private func described(rows: Int) -> String {
    let (threshold, sigma) = scales(rows: rows)
    let options =
      switch mechanism {
      case .means: ""
      case .thresholdout:
        ", threshold \(threshold), sigma \(sigma), noise \(noise.rawValue), budget \(budget)"
      case .guess: ", threshold \(threshold), epsilon \(epsilon), budget \(budget)"
      }
    return mechanism.rawValue + options
  }

  private func server(rows: Int, trainingRows: Int, after earlier: ServedCount, _ random: RandomSource)
    throws -> any QueryServer
  {
    let (threshold, sigma) = scales(rows: rows)
    switch mechanism {
    case .means: return EmpiricalMeans(rows: rows)
    case .thresholdout:
      return try Thresholdout(
        rows: rows, trainingRows: trainingRows, threshold: threshold, deviation: sigma, budget: budget,
        noise: noise, after: earlier, random: random)
    case .guess:
      return try GuessAndCheck(
        rows: rows, corrections: budget, threshold: threshold,
        epsilons: (epsilon / 4, epsilon / 2, epsilon / 4), after: earlier, random: random)
    }
  }
}
