import ArgumentParser
import Files
import Foundation
import Likely

/// `likely ordinal …`
struct OrdinalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ordinal",
    abstract:
      "Probabilities of ordered classes, also of a rare last one: PRESTO, proportional odds and relatives.",
    discussion: """
      Example:
        likely ordinal fit --data grades.csv --response grade --out runs/grades
        likely ordinal predict runs/grades --data grades.csv --out probabilities.csv
      """,
    subcommands: [OrdinalFitVerb.self, OrdinalPath.self, OrdinalCompare.self, OrdinalPredict.self])
}

/// `likely ordinal fit`
struct OrdinalFitVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fit",
    abstract: "Fits weights of every transition; λ by cross-validation if it is not given.",
    discussion: """
      Example:
        likely ordinal fit --data grades.csv --response grade --out runs/grades
        likely ordinal fit --data grades.csv --response grade --form proportional
      """)

  @OptionGroup var data: OrdinalDataArguments
  @OptionGroup var model: OrdinalModelArguments
  @OptionGroup var grid: OrdinalGridArguments

  @Option(help: ArgumentHelp("The penalty; chosen by cross-validation if left out.", valueName: "λ"))
  var lambda: Double?

  @Option(
    help: ArgumentHelp("Refits on resampled rows, for intervals of the weights; 0 for none.", valueName: "n"))
  var bootstrap = 0

  @Flag(help: "Print everything as JSON.")
  var json = false

  @Option(
    help: ArgumentHelp("Folder for model.json, weights.csv and a page with plots.", valueName: "folder"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let lambda, !(lambda >= 0 && lambda.isFinite) {
      throw ValidationError("--lambda \(lambda): at least 0")
    }
    guard bootstrap == 0 || bootstrap >= 2 else {
      throw ValidationError("--bootstrap \(bootstrap): 0, or at least 2")
    }
  }

  func run() throws {
    let random = try common.startOnProcessor()
    let data = try data.load()
    let regression = try model.regression(data)
    let rare = try model.penalty.rarePlace(data)
    var path: OrdinalValidation.Path?
    var lambda = lambda ?? 0
    if regression.isPenalised, self.lambda == nil {
      path = try grid.validation(rare: rare).choose(
        regression, data.design, data.response, weights: data.weights, random: random)
      lambda = path!.lambda
    }
    let fit = try regression.fit(data.design, data.response, weights: data.weights, lambda: lambda)
    let intervals =
      bootstrap == 0
      ? nil
      : try regression.bootstrap(
        data.design, data.response, weights: data.weights, lambda: lambda, resamples: bootstrap,
        random: random.split("bootstrap"))
    let report = OrdinalReport(data: data, regression: regression, fit: fit, intervals: intervals, path: path)
    report.warn()
    if json { print(report.json.pretty, terminator: "") } else { report.show() }
    guard let out else { return }
    let folder = URL(argument: out)
    try report.page(rare: rare).write(to: folder)
    try writeAtomically(Data(report.weights.csv.utf8), to: folder.appendingPathComponent("weights.csv"))
    try OrdinalModelFile(schema: data.schema, model: fit.model, form: regression.form, lambda: lambda)
      .write(to: folder.appendingPathComponent("model.json"))
    if !json { print("model: \(out)/model.json, report: \(out)/report.html") }
  }
}

/// `likely ordinal path`
struct OrdinalPath: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "path",
    abstract: "Fits at every λ of a grid, and says what each is worth on held-out rows.",
    discussion: """
      Example:
        likely ordinal path --data grades.csv --response grade --grid 10
      """)

  @OptionGroup var data: OrdinalDataArguments
  @OptionGroup var model: OrdinalModelArguments
  @OptionGroup var grid: OrdinalGridArguments

  @Flag(help: "Print as JSON.")
  var json = false

  @Option(help: ArgumentHelp("File for λ, objective and every weight.", valueName: "file.csv"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let out, !out.hasSuffix(".csv") { throw ValidationError("--out \(out): a name that ends with .csv") }
  }

  func run() throws {
    let random = try common.startOnProcessor()
    let data = try data.load()
    let regression = try model.regression(data)
    guard regression.isPenalised else {
      throw UsageError("--form \(regression.form.rawValue): it has no λ; presto or lasso is expected")
    }
    let path = try grid.validation(rare: model.penalty.rarePlace(data)).choose(
      regression, data.design, data.response, weights: data.weights, random: random)
    let fits = try regression.path(data.design, data.response, weights: data.weights, lambdas: path.lambdas)
    var table = ReportTable(
      title: "Path; held out: \(grid.criterion.rawValue) over \(grid.folds) folds",
      columns: [
        .number("λ"), .number("objective", digits: 10), .integer("weights"), .uncertain("held out"),
        .integer("crossing rows"), .number("residual", digits: 2), .text("chosen"),
      ])
    for (place, fit) in fits.enumerated() {
      let score = path.scores[place]
      table.append([
        .number(fit.lambda), .number(fit.objective), .integer(fit.nonZero),
        .uncertain(score.value, score.standardError), .integer(fit.crossings), .number(fit.residual),
        .text(place == path.chosen ? "*" : ""),
      ])
    }
    if json { print(table.json.pretty, terminator: "") } else { print(table.plainText) }
    guard let out else { return }
    let names = data.schema.coding.names
    let transitions = fits[0].model.weights.indices
    var wide = ReportTable(
      title: "path",
      columns: [.number("lambda", digits: 17), .number("objective", digits: 17)]
        + transitions.flatMap { k in
          [.number("intercept_\(k + 1)", digits: 17)] + names.map { .number("\($0)_\(k + 1)", digits: 17) }
        })
    for fit in fits {
      wide.append(
        [.number(fit.lambda), .number(fit.objective)]
          + transitions.flatMap { k in
            [.number(fit.model.intercepts[k])] + fit.model.weights[k].map(ReportTable.Cell.number)
          })
    }
    try writeAtomically(Data(wide.csv.utf8), to: URL(argument: out))
    if !json { print("path: \(out)") }
  }
}

/// `likely ordinal compare`
struct OrdinalCompare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Held-out probabilities of PRESTO and its baselines side by side.",
    discussion: """
      Every form predicts the same held-out rows; λ is chosen inside the training rows of each fold.

      Example:
        likely ordinal compare --data grades.csv --response grade --grid 5
      """)

  @OptionGroup var data: OrdinalDataArguments
  @OptionGroup var penalty: OrdinalPenaltyArguments
  @OptionGroup var grid: OrdinalGridArguments

  @Option(
    help: ArgumentHelp(
      "Forms between commas: \(OrdinalRegression.Form.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "names"))
  var forms = "logistic,proportional,presto"

  @Flag(help: "Print as JSON.")
  var json = false

  @Option(help: ArgumentHelp("Folder for a page with the table and calibration curves.", valueName: "folder"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func run() throws {
    let random = try common.startOnProcessor()
    let data = try data.load()
    let rare = try penalty.rarePlace(data)
    guard !forms.listed.isEmpty else { throw UsageError("--forms: at least one is expected") }
    let regressions = try forms.listed.map { name in
      guard let form = OrdinalRegression.Form(rawValue: name) else {
        throw UsageError(
          "--forms \(name): expected some of \(OrdinalRegression.Form.allCases.map(\.rawValue).joined(separator: ", "))"
        )
      }
      return try penalty.regression(form, data)
    }
    let found = try grid.validation(rare: rare).compare(
      regressions, data.design, data.response, weights: data.weights, random: random)
    for comparison in found where !comparison.separated.isEmpty {
      let names = comparison.separated.map { data.schema.coding.names[$0] }
      tell(
        "likely: \(comparison.form.rawValue): \(names.joined(separator: ", ")): some classes are told apart perfectly in a "
          + "fold, and the best weight is infinite; a penalty helps")
    }
    let table = OrdinalReport.table(found, level: data.schema.levels[rare])
    if json { print(table.json.pretty, terminator: "") } else { print(table.plainText) }
    guard let out else { return }
    var page = HTMLReport(title: "Ordered classes", subtitle: "\(data.response.count) rows, held out")
    page.add(
      "Comparison", [.table(table), .plot(OrdinalReport.calibration(found, data, rare), name: "calibration")])
    try page.write(to: URL(argument: out))
    if !json { print("report: \(out)/report.html") }
  }
}

/// `likely ordinal predict`
struct OrdinalPredict: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Probabilities of the classes for the rows of a table.",
    discussion: """
      Example:
        likely ordinal fit --data grades.csv --response grade --out runs/grades
        likely ordinal predict runs/grades --data grades.csv --out probabilities.csv
      """)

  @Argument(help: ArgumentHelp("Folder of a fitted model, or its model.json.", valueName: "model"))
  var model: String

  @Option(help: ArgumentHelp("Table with the columns that the model was fitted on.", valueName: "file.csv"))
  var data: String

  @Option(
    help: ArgumentHelp(
      "Shares of classes that were kept for training, such as none=0.1: the probabilities are those without that choice.",
      valueName: "level=share"))
  var kept: String?

  @Option(help: ArgumentHelp("File for the probabilities, a row for each.", valueName: "file.csv"))
  var out: String

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard out.hasSuffix(".csv") else { throw ValidationError("--out \(out): a name that ends with .csv") }
  }

  func run() throws {
    _ = try common.startOnProcessor()
    let file = try OrdinalModelFile(path: model)
    let table = try DataTable(contentsOf: URL(argument: data))
    let rows = try OrdinalData.design(table, file.schema)
    let found = file.model.probabilities(of: rows.design)
    var levels = file.schema.levels
    if let only = file.model.only { levels = ["not \(levels[only])", levels[only]] }
    var values = found.values
    if kept != nil {
      var shares = [Double](repeating: 1, count: levels.count)
      for (level, text) in try pairs(kept, "--kept", "none=0.1") {
        guard let place = levels.firstIndex(of: level) else {
          throw UsageError("--kept \(level): expected one of \(levels.joined(separator: ", "))")
        }
        guard let share = Double(text), share > 0, share <= 1 else {
          throw UsageError("--kept \(level)=\(text): expected a share in (0, 1]")
        }
        shares[place] = share
      }
      values = OrdinalModel.corrected(values, kept: shares)
    }
    var result = ReportTable(
      title: "probabilities",
      columns: [.integer("line")] + levels.map { .number($0, digits: 17) })
    for (row, probabilities) in values.enumerated() {
      result.append([.integer(table.lines[row])] + probabilities.map(ReportTable.Cell.number))
    }
    try writeAtomically(Data(result.csv.utf8), to: URL(argument: out))
    print("\(values.count) rows: \(out)")
    if found.crossings > 0 {
      print("cumulative probabilities of \(found.crossings) rows crossed and were put in order")
    }
    if let response = rows.response, file.model.only == nil {
      let known = (0..<response.count).filter { response.lowest[$0] == response.highest[$0] }
      let metrics = OrdinalMetrics(
        known.map { values[$0] }, rareProbabilities: known.map { values[$0][levels.count - 1] },
        classes: known.map { response.lowest[$0] }, rare: levels.count - 1)
      print(
        "on the \(known.count) known classes: Brier \(formatNumber(metrics.brier)), deviance a row "
          + "\(formatNumber(metrics.deviance)), wrong \(formatNumber(100 * metrics.misclassification, digits: 3)) %"
      )
    }
  }
}
