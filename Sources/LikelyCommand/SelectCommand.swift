import ArgumentParser
import Files
import Foundation
import Likely

extension ConformalSelection.Pruning: ExpressibleByArgument {}

/// `likely select …`
struct SelectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "select",
    abstract: "Candidates whose unknown labels pass a threshold, with a guaranteed false discovery rate.",
    discussion: """
      Example:
        likely select run --units grades.csv --candidates grades.csv --label grade
      """,
    subcommands: [SelectRun.self, SelectEvaluate.self])
}

/// Where scores come from: predictions that the tables hold, or learners.
struct ScoreArguments: ParsableArguments {
  enum Direction: String, ExpressibleByArgument, CaseIterable { case large, small }
  enum Method: String, ExpressibleByArgument, CaseIterable {
    case cs, msel, full, fullMsel = "full-msel", naive, split, random
  }

  @Option(help: ArgumentHelp("Column of the labels.", valueName: "name"))
  var label: String

  @Option(help: ArgumentHelp("What a label must pass: a number, or a column of them.", valueName: "c"))
  var threshold = "0.5"

  @Option(help: ArgumentHelp("large: labels above the threshold pass; small: below.", valueName: "side"))
  var direction = Direction.large

  @Option(
    help: ArgumentHelp(
      "Columns of predictions, between commas, such as mean1,mean2/scale2.", valueName: "names"))
  var predictions: String?

  @Option(help: ArgumentHelp("Columns to learn from; all others if neither is given.", valueName: "names"))
  var features: String?

  @Option(help: ArgumentHelp("Learners between commas: \(RegressorNames.all).", valueName: "names"))
  var learners = "ridge:1,ridge:10,ridge:100"

  @Option(
    help: ArgumentHelp(
      "cs: one model; msel: the best of several; full: learners on all units; full-msel: both. To compare: naive (not valid), split, random.",
      valueName: "name"))
  var method: Method?

  @Option(help: ArgumentHelp("False discovery rates between commas.", valueName: "q"))
  var q = "0.1"

  @Option(
    help: ArgumentHelp("hete, homo or dtm: what prunes a selection whose members differ.", valueName: "name"))
  var pruning = ConformalSelection.Pruning.hete

  @Option(help: ArgumentHelp("Share of the level that the first step may use.", valueName: "β"))
  var shrink = 1.0

  @Option(help: ArgumentHelp("What a passing unit counts in a fit.", valueName: "w"))
  var positiveWeight = 1.0

  func levels() throws -> [Double] {
    try q.listed.map { text in
      guard let level = Double(text), level > 0, level < 1 else {
        throw UsageError("--q \(text): a number in (0, 1) is expected")
      }
      return level
    }
  }

  /// Whether labels pass.
  func passes(_ table: DataTable) throws -> [Bool] {
    let labels = try table.numbers(label)
    let limits = try limits(table)
    return zip(labels, limits).map { direction == .large ? $0 > $1 : $0 < $1 }
  }

  private func limits(_ table: DataTable) throws -> [Double] {
    if let number = Double(threshold) { return [Double](repeating: number, count: table.rowCount) }
    return try table.numbers(threshold)
  }

  /// Predictions of the columns named by `--predictions`, `[models][rows]`; large ones for rows that pass.
  func predicted(_ table: DataTable) throws -> [[Double]]? {
    guard let predictions else { return nil }
    return try predictions.listed.map { name in
      let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
      var values = try table.numbers(parts[0])
      if Double(threshold) == nil, parts.count == 1 {
        values = zip(values, try limits(table)).map { $0 - $1 }
      }
      if parts.count == 2 {
        let scales = try table.numbers(parts[1])
        let positive = scales.filter { $0 > 0 }.sorted()
        guard !positive.isEmpty else {
          throw StatisticsError(
            .badData, "\(table.source), \(parts[1])", found: "no scale above 0",
            expected: "scales of predictions")
        }
        let least = positive[positive.count / 20]
        let raised = scales.count { $0 < least }
        if raised > 0 {
          tell(
            "likely: \(table.source), \(parts[1]): \(raised) scales below \(formatNumber(least)) are raised to it"
          )
        }
        let limits = try limits(table)
        values = values.indices.map { (values[$0] - limits[$0]) / max(least, scales[$0]) }
      }
      return direction == .large ? values : values.map { -$0 }
    }
  }

  /// Features of two tables, coded alike.
  func designs(_ units: DataTable, _ candidates: DataTable) throws -> (Tensor, Tensor) {
    let others = Set([label, threshold])
    let columns =
      features?.listed ?? candidates.names.filter { !others.contains($0) && units.names.contains($0) }
    let coding = try DesignCoding(units, columns: columns)
    return (try coding.matrix(of: units), try coding.matrix(of: candidates))
  }

  /// The scores, and what the models are called.
  func scores(_ units: DataTable, _ candidates: DataTable, _ passes: [Bool], using random: inout RandomSource)
    throws
    -> (scores: ConformalScores, names: [String])
  {
    if let own = try predicted(units), let other = try predicted(candidates) {
      guard method != .full, method != .fullMsel else {
        throw UsageError("--method \(method!.rawValue): it fits learners itself; leave --predictions out")
      }
      return (try ConformalScores(calibration: own, passes: passes, candidates: other), predictions!.listed)
    }
    let chosen = try learners.listed.map { try RegressorNames.regressor($0) }
    let (x, z) = try designs(units, candidates)
    if method == .cs || method == .msel {
      throw UsageError(
        "--method \(method!.rawValue): it takes predictions of models fitted elsewhere; give --predictions, or use full"
      )
    }
    let used = method == .full ? Array(chosen.prefix(1)) : chosen
    let scores = try ConformalScores.pooled(
      units: x, passes: passes, candidates: z, learners: used, positiveWeight: positiveWeight, using: &random)
    return (scores, used.map(\.name))
  }

  func selection(_ level: Double) -> ConformalSelection {
    var selection = ConformalSelection(level: level, pruning: pruning)
    selection.shrinkage = shrink
    return selection
  }

  func select(_ scores: ConformalScores, _ level: Double, using random: inout RandomSource) throws
    -> ConformalSelection.Selection
  {
    if method == .cs, scores.models > 1 {
      throw UsageError("--method cs: \(scores.models) models; one is expected, or --method msel")
    }
    let selection = selection(level)
    switch method {
    case .naive: return try selection.selectNaively(scores, using: &random).selection
    case .split: return try selection.selectBySplit(scores, using: &random).selection
    case .random:
      let model = random.integer(in: 0..<scores.models)
      return try selection.selectPlain(scores.model(model), using: &random)
    default:
      return scores.models == 1
        ? try selection.selectPlain(scores, using: &random) : try selection.select(scores, using: &random)
    }
  }
}

/// `likely select run`
struct SelectRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract:
      "Selects candidates by labelled units: with predictions of any model, or with learners of its own.",
    discussion: """
      Example:
        likely select run --units grades.csv --candidates grades.csv --label grade
      """)

  @Option(help: ArgumentHelp("Table of labelled units.", valueName: "file.csv"))
  var units: String

  @Option(
    help: ArgumentHelp(
      "Table of candidates with the same columns; a label is not looked at.", valueName: "file.csv"))
  var candidates: String

  @OptionGroup var source: ScoreArguments

  @Option(help: ArgumentHelp("Column that names the candidates; their lines if left out.", valueName: "name"))
  var id: String?

  @Option(
    help: ArgumentHelp(
      "Column of both tables: how much likelier such a row is among candidates.", valueName: "name"))
  var shift: String?

  @Flag(help: "Print as JSON.")
  var json = false

  @Option(help: ArgumentHelp("File for every candidate's p- and e-value.", valueName: "file.csv"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let out, !out.hasSuffix(".csv") { throw ValidationError("--out \(out): a name that ends with .csv") }
  }

  func run() throws {
    var random = common.start()
    let units = try DataTable(contentsOf: URL(argument: units))
    let candidates = try DataTable(contentsOf: URL(argument: candidates))
    let passes = try source.passes(units)
    var (scores, names) = try source.scores(units, candidates, passes, using: &random)
    if let shift {
      scores = try ConformalScores(
        calibration: scores.calibration, passes: passes, candidates: scores.candidates,
        weights: (try units.numbers(shift), try candidates.numbers(shift)))
    }
    if source.method == .naive { tell("likely: --method naive: the false discovery rate is not held") }
    let passing = passes.count(where: \.self)
    if passing == 0 || passing == passes.count {
      tell(
        "likely: \(passing == 0 ? "no" : "every") labelled unit passes; that is valid, and the selection says little"
      )
    }
    let levels = try source.levels()
    let found = try levels.map { try source.select(scores, $0, using: &random) }
    for level in levels where Double(passes.count + 1) * level < 1 {
      tell(
        "likely: (n + 1) q = \(formatNumber(Double(passes.count + 1) * level)): with fewer units than 1/q nothing can be selected alone"
      )
    }
    let identifiers: [String]
    if let id {
      let words = try candidates.words(id)
      identifiers = words.codes.map { words.levels[$0] }
    } else {
      identifiers = candidates.lines.map(String.init)
    }
    let individual = try levels.map { level in
      try (0..<scores.models).map {
        try source.selection(level).selectPlain(scores.model($0), using: &random).chosen.count
      }
    }
    show(
      levels, found, names, individual, identifiers, passing: passing, units: passes.count,
      ties: scores.tiedShare)
    guard let out else { return }
    var table = ReportTable(
      title: "selection",
      columns: [
        .text("id"), .number("q"), .integer("selected"), .number("p", digits: 17), .number("e", digits: 17),
        .integer("R"),
        .text("model"),
      ])
    for (level, selection) in zip(levels, found) {
      let chosen = Set(selection.chosen)
      for j in identifiers.indices {
        table.append([
          .text(identifiers[j]), .number(level), .integer(chosen.contains(j) ? 1 : 0),
          .number(selection.pValues[j]),
          .number(selection.eValues[j]), .integer(selection.sizes[j]), .text(names[selection.models[j]]),
        ])
      }
    }
    try writeAtomically(Data(table.csv.utf8), to: URL(argument: out))
    if !json { print("candidates: \(out)") }
  }

  private func show(
    _ levels: [Double], _ found: [ConformalSelection.Selection], _ names: [String], _ individual: [[Int]],
    _ identifiers: [String], passing: Int, units: Int, ties: Double
  ) {
    if json {
      let rows: [JSONValue] = zip(levels, zip(found, individual)).map { level, row in
        [
          "q": .number(level), "size": .integer(row.0.chosen.count),
          "selected": .array(row.0.chosen.map { .string(identifiers[$0]) }),
          "sizes_by_model": .object(.init(uniqueKeysWithValues: zip(names, row.1.map(JSONValue.integer)))),
        ]
      }
      print(
        ([
          "units": .integer(units), "passing": .integer(passing), "tied_share": .number(ties),
          "selections": .array(rows),
        ] as JSONValue).pretty, terminator: "")
      return
    }
    print("\(units) labelled units, of which \(passing) pass; \(identifiers.count) candidates")
    if ties > 0.01 {
      print(
        "\(formatNumber(100 * ties, digits: 3)) % of the candidates are tied with a unit, which chance resolves"
      )
    }
    for (level, (selection, sizes)) in zip(levels, zip(found, individual)) {
      let shown = selection.chosen.prefix(20).map { identifiers[$0] }.joined(separator: ", ")
      print(
        "q = \(formatNumber(level)): \(selection.chosen.count) selected"
          + (selection.chosen.isEmpty ? "" : ": \(shown)\(selection.chosen.count > 20 ? ", …" : "")"))
      if names.count > 1 {
        print(
          "  each model alone would select " + zip(names, sizes).map { "\($0) \($1)" }.joined(separator: ", ")
            + "; taking the largest is not valid")
      }
    }
  }
}

/// `likely select evaluate`
struct SelectEvaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "False discoveries and power on random halves of labelled rows.",
    discussion: """
      Example:
        likely select evaluate --data grades.csv --label grade --repetitions 20
      """)

  @Option(help: ArgumentHelp("Table of labelled rows.", valueName: "file.csv"))
  var data: String

  @OptionGroup var source: ScoreArguments

  @Option(help: ArgumentHelp("Random halves.", valueName: "n"))
  var repetitions = 100

  @Flag(help: "Print as JSON.")
  var json = false

  @Option(help: ArgumentHelp("Folder for a page with curves over q.", valueName: "folder"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard repetitions >= 2 else { throw ValidationError("--repetitions \(repetitions): at least 2") }
  }

  func run() throws {
    let random = common.start()
    let table = try DataTable(contentsOf: URL(argument: data))
    let passes = try source.passes(table)
    guard table.rowCount >= 4 else { throw UsageError("--data \(data): at least 4 rows are expected") }
    let levels = try source.levels()
    let source = source
    let found = try Repetitions(repetitions).run(random) { stream -> [ConformalSelection.Outcome] in
      var order = Array(passes.indices)
      order.shuffle(using: &stream)
      let half = order.count / 2
      let (first, second) = (Array(order[..<half]), Array(order[half...]))
      let scores = try source.scores(
        table.rows(first), table.rows(second), first.map { passes[$0] }, using: &stream
      ).scores
      return try levels.map { level in
        ConformalSelection.outcome(
          try source.select(scores, level, using: &stream).chosen, passes: second.map { passes[$0] })
      }
    }
    var result = ReportTable(
      title:
        "\(repetitions) random halves of \(table.rowCount) rows, of which \(passes.count(where: \.self)) pass",
      columns: [.number("q"), .uncertain("FDR"), .uncertain("power"), .uncertain("selected")])
    var curves: [(rate: Estimate, power: Estimate)] = []
    for (l, level) in levels.enumerated() {
      let (rate, power, size) = (
        Estimate(meanOf: found.map { $0[l].falseDiscoveryProportion }),
        Estimate(meanOf: found.map { $0[l].power }),
        Estimate(meanOf: found.map { Double($0[l].selected) })
      )
      curves.append((rate, power))
      result.append([
        .number(level), .uncertain(rate.value, rate.standardError),
        .uncertain(power.value, power.standardError),
        .uncertain(size.value, size.standardError),
      ])
    }
    if json { print(result.json.pretty, terminator: "") } else { print(result.plainText) }
    guard let out else { return }
    func marks(_ values: [Estimate]) -> [Mark] {
      [
        .line(x: levels, y: values.map(\.value)),
        .errorBars(
          x: levels, lower: values.map { $0.value - 2 * $0.standardError },
          upper: values.map { $0.value + 2 * $0.standardError }),
      ]
    }
    var page = HTMLReport(title: "Conformal selection", subtitle: data)
    page.add(
      "Random halves",
      [
        .table(result),
        .plot(
          .row([
            Plot(
              "False discoveries", caption: "Dashed: the level.", x: "q", y: "FDR",
              marks: [.line(x: levels, y: levels, dashed: true)] + marks(curves.map(\.rate))),
            Plot("Power", x: "q", y: "power", marks: marks(curves.map(\.power))),
          ]), name: "curves"),
      ])
    try page.write(to: URL(argument: out))
    if !json { print("report: \(out)/report.html") }
  }
}
