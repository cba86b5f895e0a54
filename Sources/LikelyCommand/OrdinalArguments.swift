import ArgumentParser
import Foundation
import Files
import Likely

extension OrdinalRegression.Form: ExpressibleByArgument {}
extension OrdinalRegression.Crossing: ExpressibleByArgument {}
extension OrdinalLink: ExpressibleByArgument {}
extension OrdinalKind: ExpressibleByArgument {}
extension OrdinalCriterion: ExpressibleByArgument {}

/// An ordered response and what predicts it.
struct OrdinalDataArguments: ParsableArguments {
  @OptionGroup var table: DataTableArguments

  @Option(help: ArgumentHelp("Column of the ordered classes.", valueName: "name"))
  var response: String

  @Option(
    help: ArgumentHelp(
      "Classes from the lowest to the highest, between commas; numbers are ordered by value if left out.",
      valueName: "a,b,c"))
  var levels: String?

  @Option(help: ArgumentHelp("Column of the rows' weights.", valueName: "name"))
  var weights: String?

  func load() throws -> OrdinalData {
    var options = OrdinalData.Options(response: response, levels: levels?.listed)
    options.columns = table.columns?.listed
    options.dropped = Set(table.drop?.listed ?? [])
    options.factors = Set(table.factors?.listed ?? [])
    options.references = try table.references()
    options.weights = weights
    options.dropsMissing = table.dropMissing
    if let levels, levels.listed.count < 2 {
      throw UsageError("--levels \"\(levels)\": at least two classes, from the lowest to the highest")
    }
    let data = try OrdinalData(table.table(), options)
    if data.omitted > 0 { tell("likely: \(data.omitted) rows with missing values are left out") }
    let determined = collinearColumns(data.design).map { data.schema.coding.names[$0] }
    if !determined.isEmpty {
      tell(
        "likely: \(determined.joined(separator: ", ")): constant, or determined by the columns before; "
          + "weights without a penalty are not unique")
    }
    return data
  }
}

/// The form of the model and its penalty.
struct OrdinalModelArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "presto; or proportional, unrestricted, lasso (on weights, not differences), logistic (the rare class alone).",
      valueName: "name"))
  var form = OrdinalRegression.Form.presto

  @OptionGroup var penalty: OrdinalPenaltyArguments

  func regression(_ data: OrdinalData) throws -> OrdinalRegression {
    try penalty.regression(form, data)
  }
}

/// Everything about a regression but its form.
struct OrdinalPenaltyArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "cumulative: transitions are P(y ≤ k); sequential: P(y = k | y ≥ k), continuation ratios.",
      valueName: "name"))
  var kind = OrdinalKind.cumulative

  @Option(help: ArgumentHelp("logit, probit or cloglog.", valueName: "name"))
  var link = OrdinalLink.logit

  @Option(help: ArgumentHelp("Share of |ψ| in the penalty; the rest is ½ψ² (0 is ridge).", valueName: "a"))
  var mix = 1.0

  @Flag(inversion: .prefixedNo, help: "Penalise the first transition's weights as well.")
  var penaliseBase = true

  @Option(
    help: ArgumentHelp(
      "Factors of columns' penalties, such as age=0,region=2; 0 leaves a column free.",
      valueName: "column=factor"
    ))
  var penalty: String?

  @Option(
    help: ArgumentHelp(
      "Columns whose weights start at 0 or above and do not fall from transition to transition.",
      valueName: "names"))
  var positive: String?

  @Option(
    help: ArgumentHelp("Columns whose weights start at 0 or below and do not rise.", valueName: "names"))
  var negative: String?

  @Option(
    help: ArgumentHelp(
      "observed: only observed classes need a probability; strict: no class of a training row may have a negative one.",
      valueName: "rule"))
  var crossing = OrdinalRegression.Crossing.observed

  @Option(help: ArgumentHelp("The class that is rare; the last if left out.", valueName: "level"))
  var rare: String?

  func rarePlace(_ data: OrdinalData) throws -> Int {
    guard let rare else { return data.response.classes - 1 }
    guard let place = data.schema.levels.firstIndex(of: rare) else {
      throw UsageError("--rare \(rare): expected one of \(data.schema.levels.joined(separator: ", "))")
    }
    return place
  }

  func regression(_ form: OrdinalRegression.Form, _ data: OrdinalData) throws -> OrdinalRegression {
    guard data.response.classes >= 3 || form == .logistic || form == .lasso else {
      throw UsageError(
        "--form \(form.rawValue): the response has \(data.response.classes) classes, at least 3 are expected; "
          + "use logistic, or lasso with a penalty")
    }
    var regression = OrdinalRegression(form)
    (regression.link, regression.mix, regression.penalisesBase) = (link, mix, penaliseBase)
    (regression.crossing, regression.rare) = (crossing, try rarePlace(data))
    regression.kind = kind
    let response = data.response
    if kind == .sequential, form != .logistic,
      let row = response.lowest.indices.first(where: {
        response.lowest[$0] < response.highest[$0] && response.highest[$0] < response.classes - 1
      })
    {
      let levels = data.schema.levels
      throw StatisticsError(
        .badData, "\(data.places[row]), \(data.schema.response)",
        found: "\(levels[response.lowest[row]])..\(levels[response.highest[row]])",
        expected: "one class, or a range up to \(levels[levels.count - 1]), for --kind sequential",
        advice: "use --kind cumulative")
    }
    let coding = data.schema.coding
    func places(_ column: String, _ option: String) throws -> [Int] {
      guard let term = coding.terms.firstIndex(where: { $0.column == column }) else {
        throw UsageError(
          "\(option) \(column): expected one of \(coding.terms.map(\.column).joined(separator: ", "))")
      }
      return coding.owners.indices.filter { coding.owners[$0] == term }
    }
    if penalty != nil {
      regression.penaltyFactors = [Double](repeating: 1, count: coding.names.count)
      for (column, text) in try pairs(penalty, "--penalty", "age=0") {
        guard let factor = Double(text), factor >= 0 else {
          throw UsageError("--penalty \(column)=\(text): expected a number of at least 0, or inf")
        }
        for place in try places(column, "--penalty") { regression.penaltyFactors[place] = factor }
      }
    }
    if positive != nil || negative != nil {
      regression.signs = [Int](repeating: 0, count: coding.names.count)
      for (names, option, sign) in [(positive, "--positive", 1), (negative, "--negative", -1)] {
        for name in (names ?? "").listed {
          for place in try places(name, option) { regression.signs[place] = sign }
        }
      }
    }
    return regression
  }
}

/// λ's grid and how it is chosen.
struct OrdinalGridArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Values of λ.", valueName: "n"))
  var grid = 20

  @Option(help: ArgumentHelp("The smallest λ as a share of the largest.", valueName: "share"))
  var ratio = 0.01

  @Option(
    help: ArgumentHelp(
      "Parts of the rows for cross-validation, with equal shares of classes.", valueName: "n"))
  var folds = 5

  @Option(help: ArgumentHelp("brier, deviance, rare-log-loss or misclassification.", valueName: "name"))
  var criterion = OrdinalCriterion.brier

  @Flag(help: "Take the largest λ within a standard error of the best.")
  var oneStandardError = false

  func validate() throws {
    guard (1...10_000).contains(grid) else { throw ValidationError("--grid \(grid): from 1 to 10000") }
  }

  func validation(rare: Int) -> OrdinalValidation {
    var validation = OrdinalValidation()
    (validation.folds, validation.criterion) = (folds, criterion)
    (validation.takesOneStandardError, validation.count) = (oneStandardError, grid)
    (validation.ratio, validation.rare) = (ratio, rare)
    return validation
  }
}

/// A model with what it must know of its table, as the file `model.json`.
struct OrdinalModelFile: Codable {
  var format = "likely-ordinal-1"
  let schema: OrdinalData.Schema
  let model: OrdinalModel
  let form: OrdinalRegression.Form
  let lambda: Double

  func write(to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try writeAtomically(encoder.encode(self), to: url)
  }

  init(schema: OrdinalData.Schema, model: OrdinalModel, form: OrdinalRegression.Form, lambda: Double) {
    (self.schema, self.model, self.form, self.lambda) = (schema, model, form, lambda)
  }

  /// - Parameter path: the file, or the folder that holds it.
  init(path: String) throws {
    var isFolder: ObjCBool = false
    var file = URL(argument: path)
    if FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), isFolder.boolValue {
      file.appendPathComponent("model.json")
    }
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw StatisticsError(
        .missing, file.path, found: "no such file", expected: "a model that likely ordinal fit wrote")
    }
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: file))
    } catch {
      throw StatisticsError(
        .badData, file.path, found: "something else than an ordinal model",
        expected: "a model.json that likely ordinal fit wrote")
    }
    guard model.weights[0].count == schema.coding.names.count, model.classes == schema.levels.count else {
      throw StatisticsError(
        .badData, file.path,
        found: "\(model.weights[0].count) weights and \(model.classes) classes",
        expected: "\(schema.coding.names.count) and \(schema.levels.count), as its columns and levels")
    }
    guard format == "likely-ordinal-1" else {
      throw StatisticsError(.badData, file.path, found: "the format \(format)", expected: "likely-ordinal-1")
    }
  }
}
