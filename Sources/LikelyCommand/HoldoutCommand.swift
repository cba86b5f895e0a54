import ArgumentParser
import Foundation
import Likely

extension PrivacyNoise: ExpressibleByArgument {}
extension BudgetCalculator.Mechanism: ExpressibleByArgument {}

/// `likely holdout …`
struct HoldoutCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "holdout",
    abstract:
      "One holdout for many questions that depend on earlier answers, and still hold for the population.",
    discussion: """
      Example:
        likely holdout budget --n 10000 --tau 0.05
        likely holdout attack --n 1001 --d 501
      """,
    subcommands: [HoldoutServe.self, HoldoutBudget.self, HoldoutAttack.self])
}

/// `likely holdout budget`
struct HoldoutBudget: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "budget",
    abstract: "How many adaptive questions a sample answers to within tau, by every mechanism.",
    discussion: """
      Example:
        likely holdout budget --n 10000 --tau 0.05
      """)

  @Option(help: ArgumentHelp("Records kept back.", valueName: "n"))
  var n: Int

  @Option(help: ArgumentHelp("Largest error, as a share of a query's range.", valueName: "share"))
  var tau: Double

  @Option(help: ArgumentHelp("Probability that some answer is off by more.", valueName: "share"))
  var beta = 0.05

  @Option(
    help: ArgumentHelp(
      "Only one of \(BudgetCalculator.Mechanism.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "name"))
  var mechanism: BudgetCalculator.Mechanism?

  @Flag(help: "Print as JSON.")
  var json = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    _ = try common.startOnProcessor()
    let calculator = try BudgetCalculator(rows: n, tau: tau, beta: beta)
    let found = (mechanism.map { [$0] } ?? BudgetCalculator.Mechanism.allCases).map(calculator.certificate)
    var table = ReportTable(
      title:
        "Questions to within \(formatNumber(tau)) with probability \(formatNumber(1 - beta)), \(n) records",
      columns: [.text("mechanism"), .text("questions"), .number("noise")])
    for certificate in found {
      table.append([
        .text(certificate.mechanism.rawValue),
        .text(certificate.queries == .max ? "beyond counting" : "\(certificate.queries)"),
        certificate.scale.map(ReportTable.Cell.number) ?? .missing,
      ])
    }
    if json {
      print(table.json.pretty, terminator: "")
      return
    }
    print(table.plainText)
    let adaptive = found.filter { $0.mechanism != .nonadaptive }
    guard adaptive.count > 1, let best = adaptive.max(by: { $0.queries < $1.queries }) else { return }
    print(
      best.queries == 0
        ? "no mechanism certifies an adaptive question; take more records or a larger tau"
        : "most adaptive questions: \(best.mechanism.rawValue)")
  }
}

/// `likely holdout attack`
struct HoldoutAttack: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attack",
    abstract:
      "How accurate a vote without any signal looks on the sample that chose its signs: exactly, and simulated.",
    discussion: """
      Example:
        likely holdout attack --n 1001 --d 501 --repetitions 20
        likely holdout attack --n 1001 --d 501 --noise laplace --deviation 0.05
        likely holdout attack --n 1001 --d 501 --mechanism thresholdout
      """)

  enum Mechanism: String, ExpressibleByArgument, CaseIterable { case means, split, rounded, thresholdout }

  @Option(help: ArgumentHelp("Records, an odd number.", valueName: "n"))
  var n: Int

  @Option(help: ArgumentHelp("Features asked about, an odd number.", valueName: "n"))
  var d: Int

  @Option(help: ArgumentHelp("Noise on every answer: laplace or gaussian.", valueName: "name"))
  var noise: PrivacyNoise?

  @Option(help: ArgumentHelp("Standard deviation of the noise.", valueName: "σ"))
  var deviation: Double?

  @Option(
    help: ArgumentHelp(
      "What answers: means, with --noise; split: a part of the records each; rounded: two decimals, to within 0.1; thresholdout, with as many training records and at most 100 answers from these.",
      valueName: "name"))
  var mechanism = Mechanism.means

  @Option(help: ArgumentHelp("Simulations.", valueName: "n"))
  var repetitions = 100

  @Flag(help: "Print as JSON.")
  var json = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard repetitions >= 2 else { throw ValidationError("--repetitions \(repetitions): at least 2") }
    if let deviation, noise == nil {
      throw ValidationError("--deviation \(deviation): without --noise laplace or gaussian there is none")
    }
    guard noise == nil || mechanism == .means else {
      throw ValidationError("--noise: of the answers of --mechanism means alone")
    }
    guard mechanism != .split || d <= n else {
      throw ValidationError("--mechanism split: \(d) questions on \(n) records; a record each is expected")
    }
  }

  private func simulate(_ attack: OverfittingAttack, _ stream: inout RandomSource) throws -> (
    sample: Double, fresh: Double, answered: Int
  ) {
    let own = stream.split("mechanism")
    switch mechanism {
    case .means:
      let found = attack.simulate(using: &stream)
      return (found.sample, found.fresh, d)
    case .split:
      return attack.simulate(through: try SampleSplitting(rows: n, queries: d, random: own), using: &stream)
    case .rounded:
      let server = try RoundedMeans(rows: n, decimals: 2, tau: 0.1, beta: 0.05)
      return attack.simulate(through: server, using: &stream)
    case .thresholdout:
      // As `serve` has them.
      let unit = 1 / Double(n).squareRoot()
      let server = try Thresholdout(
        rows: n, trainingRows: n, threshold: 4 * unit, deviation: unit / 4, budget: 100, random: own)
      return attack.simulate(through: server, using: &stream)
    }
  }

  /// Refuses what this machine cannot hold, as libtorch would end the program.
  private func checkMemory(_ attack: OverfittingAttack) throws {
    let atOnce = min(repetitions, Libtorch.threads)
    let (needed, there) = (attack.bytes * Double(atOnce), Double(ProcessInfo.processInfo.physicalMemory))
    guard needed > there / 2 else { return }
    func gigabytes(_ bytes: Double) -> String { formatNumber(bytes / 1e9, digits: 3) + " GB" }
    throw UsageError(
      "--n \(n) --d \(d): \(atOnce) simulations at once take \(gigabytes(needed)) of memory, expected at most "
        + "\(gigabytes(there / 2)), half of this machine's; take fewer records or features, or --threads 1")
  }

  func run() throws {
    let random = try common.startOnProcessor()
    let attack = try OverfittingAttack(rows: n, features: d, noise: noise, deviation: deviation ?? 0)
    try checkMemory(attack)
    let found = try Repetitions(repetitions).run(random) { try simulate(attack, &$0) }
    let exact = mechanism == .means ? attack.exactAccuracy : nil
    let answered = Double(found.reduce(0) { $0 + $1.answered }) / Double(repetitions)
    let (sample, fresh) = (Estimate(meanOf: found.map(\.sample)), Estimate(meanOf: found.map(\.fresh)))
    if json {
      let object: JSONValue = [
        "exact": exact.map(JSONValue.number) ?? .null, "answered": .number(answered),
        "sample": .number(sample.value),
        "sample_error": .number(sample.standardError), "fresh": .number(fresh.value),
        "fresh_error": .number(fresh.standardError),
      ]
      print(object.compact)
    } else {
      if answered < Double(d) {
        print("answered: \(formatNumber(answered, digits: 4, trimmed: true)) of \(d) questions")
      }
      let rest = exact.map { ", exactly \(formatNumber($0, digits: 6))" } ?? ""
      print("accuracy on the sample: \(sample)\(rest)")
      print("accuracy on fresh records: \(fresh), exactly 0.5")
    }
  }
}
