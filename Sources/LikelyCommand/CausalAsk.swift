import ArgumentParser
import Files
import Foundation
import Likely

/// `likely causal query`
struct CausalAsk: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query",
    abstract: "The law of a variable when others are set, from data or a known network.",
    discussion: """
      With data, or where something is hidden, the effect is identified from what was measured;
      a network without hidden variables is cut and asked.

      Example:
        likely causal query --diagram smoke.txt --data counts.csv --do S --query C
        likely causal query --diagram lawn.bif --do Wet=yes --query Rain
      """)

  @OptionGroup var source: DiagramArguments
  @OptionGroup var question: QueryArguments

  @Option(
    help: ArgumentHelp(
      "Records, a row each, or counts with a column count, counts, n, freq or frequency; CSV with a header.",
      valueName: "file.csv"))
  var data: String?

  @Option(help: ArgumentHelp("The column that says how often a row occurred.", valueName: "name"))
  var counts: String?

  @Option(
    help: ArgumentHelp(
      "Compare with these settings instead: difference and ratio of --query C=1, or of C's mean where its states are numbers.",
      valueName: "settings"))
  var versus: [String] = []

  @Option(help: ArgumentHelp("Resamples for percentile intervals.", valueName: "n"))
  var bootstrap: Int?

  @Option(
    help: ArgumentHelp(
      "Draws of a Dirichlet posterior with --smoothing as its concentration.", valueName: "n"))
  var posterior: Int?

  @Flag(help: "Normal intervals by the delta method.")
  var delta = false

  @Option(help: ArgumentHelp("Level of the intervals.", valueName: "level"))
  var level = 0.95

  @Option(help: ArgumentHelp("Added to the count of every combination of states.", valueName: "alpha"))
  var smoothing = 0.0

  @Option(help: ArgumentHelp("Records with gaps: drop, or em to fill them.", valueName: "how"))
  var missing = Missing.drop

  @Option(
    help: ArgumentHelp(
      "Box to put in place of a network's: columns for parents, the variable, and p, or no p for a policy.",
      valueName: "file.csv"))
  var replace: [String] = []

  @Flag(help: "Print the answer as JSON.")
  var json = false

  @Option(help: ArgumentHelp("Folder for a page with plots, and the diagrams.", valueName: "folder"))
  var out: String?

  @OptionGroup var common: CommonOptions

  enum Missing: String, ExpressibleByArgument, CaseIterable { case drop, em }

  func validate() throws {
    guard level > 0, level < 1 else { throw ValidationError("--level \(level): in (0, 1)") }
    guard smoothing >= 0, smoothing.isFinite else {
      throw ValidationError("--smoothing \(smoothing): at least 0")
    }
    for (name, value) in [("bootstrap", bootstrap), ("posterior", posterior)] {
      if let value, value < 2 { throw ValidationError("--\(name) \(value): at least 2") }
    }
    let methods = [bootstrap != nil, posterior != nil, delta].count { $0 }
    guard methods <= 1 else { throw ValidationError("one of --bootstrap, --posterior and --delta") }
    guard data != nil || (methods == 0 && smoothing == 0 && missing == .drop && counts == nil) else {
      throw ValidationError(
        "--bootstrap, --posterior, --delta, --smoothing, --missing and --counts need --data")
    }
    guard data == nil || replace.isEmpty else {
      throw ValidationError("--replace is for a network whose boxes are known, not for --data")
    }
  }

  private var method: EffectEstimate.Method? {
    if let bootstrap { return .bootstrap(bootstrap) }
    if let posterior { return .posterior(posterior) }
    return delta ? .delta : nil
  }

  func run() throws {
    let random = try common.startOnProcessor()
    var (diagram, network) = try source.load()
    for file in replace {
      guard let known = network else {
        throw UsageError("--replace \(file): the diagram is no .bif network, so there are no other boxes")
      }
      let channel = try ReplacementChannel(csv: URL(argument: file), for: known)
      let replaced = try known.replacing(channel.variable, parents: channel.parents, rows: channel.rows)
      (network, diagram) = (replaced, replaced.diagram)
    }
    let contrast = try versus.isEmpty ? nil : Contrast(question, versus: versus)
    let query = try contrast?.query ?? question.causalQuery
    var answer: CausalAnswer
    if let data {
      answer = try fromData(data, diagram, network, query, random)
    } else if let network {
      answer = try fromNetwork(network, query)
    } else {
      throw UsageError("--data: a diagram without tables needs counts or records")
    }
    try answer.addContrasts(contrast, event: try question.event, level: level)
    try show(answer, diagram)
  }

  private func fromNetwork(_ network: CausalNetwork, _ query: CausalQuery) throws -> CausalAnswer {
    if network.diagram.hidden.isEmpty {
      return CausalAnswer(query: query, law: try network.answer(query), seen: try? seen(query, network))
    }
    let found = try network.diagram.identify(query)
    guard found.formula != nil else {
      tell("likely: the network knows the hidden boxes; without --hidden it is cut and asked")
      _ = try found.required()
      return CausalAnswer(query: query, law: Factor([], values: []))
    }
    return CausalAnswer(
      query: query, law: try found.evaluate(on: network), identification: found,
      seen: try? seen(query, network))
  }

  private func fromData(
    _ file: String, _ diagram: CausalDiagram, _ network: CausalNetwork?, _ query: CausalQuery,
    _ random: RandomSource
  ) throws -> CausalAnswer {
    let found = try diagram.identify(query)
    let formula = try found.required()
    let table = try CountTable(
      csv: URL(argument: file), columns: diagram.observed, states: diagram.states, countColumn: counts)
    if table.incompleteTotal > 0, missing == .drop {
      tell(
        "likely: \(wholeNumber(table.incompleteTotal)) of \(wholeNumber(table.total + table.incompleteTotal)) "
          + "records have gaps and are left out; --missing em fills them")
    }
    let estimate = try EffectEstimate(
      formula, answering: query, from: table, gaps: missing == .em ? .filled : .leftOut, smoothing: smoothing,
      method: method, random: random.split("effect"))
    if estimate.lost > 0 {
      tell("likely: \(estimate.lost) resamples lack a row that the formula reads, and are left out")
    }
    if table.total > 0 { try CausalCheck.warn(diagram, table) }
    let isFilled = missing == .em && table.incompleteTotal > 0
    let plain =
      isFilled
      ? try? seen(query, try GapFilling(table).distribution())
      : try? seen(query, try table.distribution(smoothing: smoothing))
    return CausalAnswer(
      query: query, law: estimate.law, identification: found, estimate: estimate, seen: plain,
      records: isFilled ? table.total + table.incompleteTotal : table.total)
  }

  /// Nothing is set without an intervention.
  private func seen<D: ObservedDistribution<Double>>(_ query: CausalQuery, _ distribution: D) throws
    -> Factor<Double>?
  {
    query.interventions.isEmpty ? nil : try distribution.seen(query)
  }

  private func show(_ answer: CausalAnswer, _ diagram: CausalDiagram) throws {
    if json {
      print(answer.json(level: level).compact)
    } else {
      if let formula = answer.identification?.formula { print("\(answer.query.text) = \(formula.text)\n") }
      print(answer.table(level: level).plainText)
      if let table = answer.contrastTable { print("\n" + table.plainText) }
    }
    guard let out else { return }
    let folder = URL(argument: out)
    let cut = Set(answer.query.interventions.map(\.variable))
    let files = try DiagramFiles.write(diagram, cut: cut, to: folder)
    try answer.page(diagram: diagram, level: level, files: files).write(to: folder)
    if !json {
      print("report: \(out)/report.html, diagrams: \(files.map { "\(out)/\($0)" }.joined(separator: ", "))")
    }
  }
}

/// Two settings to be compared.
struct Contrast {
  let query: CausalQuery
  let first: [CausalQuery.Setting]
  let second: [CausalQuery.Setting]

  init(_ question: QueryArguments, versus: [String]) throws {
    first = try QueryArguments.settings(question.set, "do")
    second = try QueryArguments.settings(versus, "versus")
    guard !first.isEmpty, (first + second).allSatisfy({ $0.state != nil }),
      Set(first.map(\.variable)) == Set(second.map(\.variable))
    else {
      throw UsageError(
        "--versus \(versus.joined(separator: ",")): states for the same variables as --do, which needs states too"
      )
    }
    guard !(try QueryArguments.settings(question.given, "given")).contains(where: { $0.state == nil }) else {
      throw UsageError("--given: states are needed beside --versus")
    }
    var query = try question.causalQuery
    query.interventions = first.map { CausalQuery.Setting($0.variable) }
    self.query = query
  }
}
