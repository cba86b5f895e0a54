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
      squared-error and log-loss (clipped to "range"); {"metric": "column", "column": "age", "above": 40} and
      {"metric": "product", "columns": ["x", "y"], "range": [-1, 1]} ask the tables themselves.

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

  @Option(help: ArgumentHelp("Log of answers, which keeps the budget over runs.", valueName: "file.jsonl"))
  var state: String?

  @Flag(help: "Take the noise from --seed, for tests: an analyst who knows the seed can take it away again.")
  var reproducible = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    var random = common.start()
    if !reproducible {
      var system = SystemRandomNumberGenerator()
      random = RandomSource(seed: system.next())
    }
    let tables = HoldoutTables(
      train: try DataTable(contentsOf: URL(argument: train)),
      holdout: try DataTable(contentsOf: URL(argument: holdout)), label: label)
    var log = try state.map { try HoldoutLog(URL(argument: $0)) }
    let spent = log?.entries.count { $0.source == .holdout } ?? 0
    var server = try server(
      rows: tables.holdout.rowCount, trainingRows: tables.train.rowCount, spent: spent, random)
    let earlier = log?.entries.count ?? 0
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
        // Earlier runs have revealed something, too, which no bar here counts.
        let share = earlier == 0 ? server.errorBar(queries: served, beta: 0.05) : nil
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
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private func server(rows: Int, trainingRows: Int, spent: Int, _ random: RandomSource) throws
    -> any QueryServer
  {
    let unit = 1 / Double(rows).squareRoot()
    switch mechanism {
    case .means: return EmpiricalMeans(rows: rows)
    case .thresholdout:
      return try Thresholdout(
        rows: rows, trainingRows: trainingRows, threshold: threshold ?? 4 * unit,
        deviation: sigma ?? (noise == .laplace ? unit / 4 : unit),
        budget: max(0, budget - spent), noise: noise, random: random)
    case .guess:
      guard budget > spent else {
        throw StatisticsError(
          .noAnswer, "the budget", found: "all \(budget) corrections used in earlier runs",
          expected: "a budget that is left")
      }
      return try GuessAndCheck(
        rows: rows, corrections: budget - spent, threshold: threshold ?? 4 * unit,
        epsilons: (epsilon / 4, epsilon / 2, epsilon / 4), random: random)
    }
  }
}

/// What questions may be about.
struct HoldoutTables {
  let train: DataTable
  let holdout: DataTable
  let label: String?

  /// - Throws: `StatisticsError` with the line's number.
  func query(_ line: String, number: Int) throws(StatisticsError) -> StatisticalQuery {
    let place = "question \(number)"
    guard let object = (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any] else {
      throw StatisticsError(
        .badData, place, found: "no JSON object", expected: #"such as {"metric": "mean", "holdout": […]}"#)
    }
    let metric = object["metric"] as? String ?? ""
    let name = object["name"] as? String ?? metric
    var range = 0.0...1.0
    if let ends = object["range"] {
      guard let ends = ends as? [Double], ends.count == 2, ends[0] < ends[1] else {
        throw StatisticsError(
          .badData, place, found: "a range that is none", expected: "two numbers, the lower first")
      }
      range = ends[0]...ends[1]
    }
    func clipped(_ values: [Double]) -> [Double] {
      values.map { min(range.upperBound, max(range.lowerBound, $0)) }
    }
    func both(_ f: (DataTable, String) throws(StatisticsError) -> [Double]) throws(StatisticsError)
      -> StatisticalQuery
    {
      StatisticalQuery(name, values: try f(holdout, "holdout"), training: try f(train, "train"), range: range)
    }
    func given(_ key: String, _ table: DataTable) throws(StatisticsError) -> [Double] {
      guard let values = object[key] as? [Double] else {
        throw StatisticsError(
          .badData, "\(place), \(key)", found: object[key] == nil ? "nothing" : "something else than numbers",
          expected: "\(table.rowCount) numbers, one a row")
      }
      guard values.count == table.rowCount else {
        throw StatisticsError(
          .badData, "\(place), \(key)", found: "\(values.count) values",
          expected: "\(table.rowCount), one a row")
      }
      return values
    }
    func labels(_ table: DataTable) throws(StatisticsError) -> [Double] {
      guard let label else {
        throw StatisticsError(
          .option, place, found: "the metric \(metric) without a label", expected: "--label with a column")
      }
      return try table.numbers(label)
    }
    switch metric {
    case "mean": return try both { (table, key) throws(StatisticsError) in try given(key, table) }
    case "accuracy":
      return try both { (table, key) throws(StatisticsError) in
        zip(try given(key, table), try labels(table)).map { $0 == $1 ? 1 : 0 }
      }
    case "squared-error":
      return try both { (table, key) throws(StatisticsError) in
        clipped(zip(try given(key, table), try labels(table)).map { ($0 - $1) * ($0 - $1) })
      }
    case "log-loss":
      return try both { (table, key) throws(StatisticsError) in
        clipped(
          zip(try given(key, table), try labels(table)).map { p, y in
            -log(min(1, max(1e-15, y == 1 ? p : 1 - p)))
          })
      }
    case "column":
      guard let column = object["column"] as? String, let limit = object["above"] as? Double else {
        throw StatisticsError(
          .badData, place, found: "no column and limit", expected: #""column": a name, "above": a number"#)
      }
      return try both { (table, _) throws(StatisticsError) in
        try table.numbers(column).map { $0 > limit ? 1 : 0 }
      }
    case "product":
      guard let columns = object["columns"] as? [String], columns.count == 2 else {
        throw StatisticsError(.badData, place, found: "no two columns", expected: #""columns": two names"#)
      }
      return try both { (table, _) throws(StatisticsError) in
        clipped(zip(try table.numbers(columns[0]), try table.numbers(columns[1])).map { $0 * $1 })
      }
    default:
      throw StatisticsError(
        .badData, place, found: "the metric \"\(metric)\"",
        expected: "mean, accuracy, squared-error, log-loss, column or product")
    }
  }
}
