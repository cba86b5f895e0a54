import Foundation
import Probability
import Report
import Statistics
import Torch
import Training

/// Faletto & Bien 2023 (arXiv 2305.18700), PRESTO: exact optima on the soup tastings (B), rare classes of known
/// probability (A), held-out rows of the soups (C) and of patients whose age all but decides (D).
public struct ShrinkingTowardsProportionalOdds: Experiment {
  public static let slug = "presto"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] { scale == .quick ? ["B"] : ["A", "B", "C", "D"] }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "A": try rareClasses(repetitions: scale == .paper ? 700 : 50, random: random, log: log)
    case "B": try optima()
    case "C": try soups(random: random, log: log)
    default: try patients(random: random, log: log)
    }
  }

  // MARK: A

  private struct Setting {
    let name: String
    /// Probability of a weight, and of a difference, that is not 0; `nil` draws all of them from U(−½, ½).
    let density: Double?
    let intercepts: [Double]
  }

  /// Mean squared errors of P(y = 4 | x) of one repetition.
  private struct Errors {
    var logistic = 0.0, proportional = 0.0, presto = 0.0
  }

  private func rareClasses(repetitions: Int, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    let settings = [
      Setting(name: "sparse, half", density: 0.5, intercepts: [0, 3, 5]),
      Setting(name: "sparse, a third", density: 1.0 / 3, intercepts: [0, 3.5, 5.5]),
      Setting(name: "dense", density: nil, intercepts: [0, 3, 5]),
    ]
    var table = ReportTable(
      title: "A: mean squared error of the rare probability × 10⁴, \(repetitions) repetitions",
      columns: [
        .text("setting"), .uncertain("logistic"), .uncertain("proportional odds"), .uncertain("PRESTO"),
        .number("t, logistic"), .number("t, proportional"),
      ])
    var outcome = ExperimentOutcome()
    var ratio = 0.0
    for setting in settings {
      log("A: \(setting.name)")
      let found = try Repetitions(repetitions).run(random.split(setting.name)) { stream in
        try Self.errors(setting, &stream)
      }
      let (logistic, proportional, presto) = (
        found.map(\.logistic), found.map(\.proportional), found.map(\.presto)
      )
      let (a, b, c) = (
        1e4 * Estimate(meanOf: logistic), 1e4 * Estimate(meanOf: proportional), 1e4 * Estimate(meanOf: presto)
      )
      let againstLogistic = PairedComparison(logistic, presto)
      let againstProportional = PairedComparison(proportional, presto)
      table.append([
        .text(setting.name), .uncertain(a.value, a.standardError), .uncertain(b.value, b.standardError),
        .uncertain(c.value, c.standardError), .number(againstLogistic.t), .number(againstProportional.t),
      ])
      ratio += c.value / a.value / Double(settings.count)
      outcome.claims.append(
        Claim(
          "A, \(setting.name): PRESTO's error over the smaller of the others'",
          measured: c.value / min(a.value, b.value), uncertainty: nil, rule: .below(1)))
      outcome.claims.append(
        Claim(
          "A, \(setting.name): paired t of proportional odds over PRESTO", measured: againstProportional.t,
          uncertainty: nil, rule: .atLeast(2)))
      if setting.name != "sparse, half" {
        outcome.claims.append(
          Claim(
            "A, \(setting.name): paired t of logistic over PRESTO", measured: againstLogistic.t,
            uncertainty: nil,
            rule: .atLeast(2)))
      }
    }
    outcome.claims.append(
      Claim(
        "A: PRESTO's error over the logistic's, mean of the settings", measured: ratio, uncertainty: nil,
        rule: .atMost(0.85)))
    outcome.items = [.table(table)]
    return outcome
  }

  private static func errors(_ setting: Setting, _ stream: inout RandomSource) throws -> Errors {
    let (n, p, classes) = (2500, 10, 4)
    while true {
      var weights = [[Double]](repeating: [Double](repeating: 0, count: p), count: classes - 1)
      for j in 0..<p {
        for k in 0..<classes - 1 {
          let step: Double
          if let density = setting.density {
            let isThere = stream.uniform() < density
            let size = k == 0 ? 0.5 : stream.uniform() < 0.5 ? -0.5 : 0.5
            step = isThere ? size : 0
          } else {
            step = stream.uniform() - 0.5
          }
          weights[k][j] = (k == 0 ? 0 : weights[k - 1][j]) + step
        }
      }
      let design = stream.uniform([n, p], low: -1, high: 1, dtype: .double)
      let truth = OrdinalModel(
        link: .logit, classes: classes, intercepts: setting.intercepts, weights: weights)
      let probabilities = truth.probabilities(of: design)
      if probabilities.crossings > 0 { continue }
      let codes = probabilities.values.map { row in
        let u = stream.uniform()
        var cumulated = 0.0
        for k in 0..<classes - 1 {
          cumulated += row[k]
          if u < cumulated { return k }
        }
        return classes - 1
      }
      let counts = (0..<classes).map { k in codes.count { $0 == k } }
      // A fold must not be without a class.
      if counts.contains(where: { $0 < 2 }) { continue }
      let response = OrdinalResponse(codes, classes: classes)
      func error(_ model: OrdinalModel) -> Double {
        zip(model.probabilities(of: design).last, probabilities.last).reduce(0) {
          $0 + ($1.0 - $1.1) * ($1.0 - $1.1)
        }
          / Double(n)
      }
      let presto = OrdinalRegression(.presto)
      let lambda = try OrdinalValidation().choose(presto, design, response, random: stream.split("folds"))
        .lambda
      return Errors(
        logistic: error(try OrdinalRegression(.logistic).fit(design, response).model),
        proportional: error(try OrdinalRegression(.proportional).fit(design, response).model),
        presto: error(try presto.fit(design, response, lambda: lambda).model))
    }
  }

  // MARK: B

  private static func soup() throws -> OrdinalData {
    let url = try DataCatalogue.file(of: DataCatalogue.dataSet(named: "soup"))
    var options = OrdinalData.Options(response: "SURENESS", levels: ["6", "5", "4", "3", "2", "1"])
    options.columns = [
      "PROD", "DAY", "SOUPTYPE", "SOUPFREQ", "COLD", "EASY", "GENDER", "AGEGROUP", "LOCATION",
    ]
    options.factors = ["DAY", "EASY"]
    options.references = [
      "PROD": "Ref", "DAY": "1", "SOUPTYPE": "Self-made", "SOUPFREQ": ">1/week", "COLD": "No", "EASY": "1",
      "GENDER": "Male", "AGEGROUP": "18-30", "LOCATION": "Region 1",
    ]
    return try OrdinalData(DataTable(contentsOf: url), options)
  }

  private func optima() throws -> ExperimentOutcome {
    let data = try Self.soup()
    let n = Double(data.response.count)
    var claims: [Claim] = []
    func near(_ what: String, _ measured: Double, _ truth: Double, _ tolerance: Double) {
      claims.append(
        Claim("B: \(what)", measured: measured, uncertainty: nil, rule: .near(truth, tolerance: tolerance)))
    }
    let proportional = try OrdinalRegression(.proportional).fit(data.design, data.response)
    near("log-likelihood of proportional odds", -n * proportional.negativeLogLikelihood, -2664.7456, 1e-3)
    for (k, truth) in [-0.63852, 0.03781, 0.29571, 0.62540, 1.62144].enumerated() {
      near("intercept \(k + 1) of proportional odds", proportional.model.intercepts[k], truth, 1e-4)
    }
    let logistic = try OrdinalRegression(.logistic).fit(data.design, data.response)
    near(
      "log-likelihood of the rare class's logistic regression", -n * logistic.negativeLogLikelihood,
      -640.4697, 1e-3)
    let presto = OrdinalRegression(.presto)
    let largest = try presto.largestLambda(data.design, data.response)
    near("largest λ", largest, 0.163_552_39, 1e-7)
    let references = [
      (0.5, 1.490_814_474, 1, 0), (0.2, 1.472_058_140, 14, 0), (0.1, 1.455_313_833, 47, 0),
      (0.05, 1.435_797_316, 74, 62),
    ]
    let path = try presto.path(data.design, data.response, lambdas: references.map { $0.0 * largest })
    for (fit, (share, objective, nonZero, crossings)) in zip(path, references) {
      let where_ = "at \(formatNumber(share)) of the largest λ"
      near("objective \(where_)", fit.objective, objective, 1e-6)
      near("weights that are not 0 \(where_)", Double(fit.nonZero), Double(nonZero), 1)
      near("rows that cross \(where_)", Double(fit.crossings), Double(crossings), 0)
    }
    claims.append(
      Claim(
        "B: largest violation of the optimum's conditions", measured: path.map(\.residual).max()!,
        uncertainty: nil,
        rule: .atMost(1e-8)))
    return ExperimentOutcome(claims: claims)
  }

  // MARK: C

  private static let forms: [OrdinalRegression] = [
    OrdinalRegression(.logistic), OrdinalRegression(.proportional), OrdinalRegression(.presto),
  ]

  private func soups(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let data = try Self.soup()
    var strict = OrdinalRegression(.presto)
    strict.crossing = .strict
    var table = ReportTable(
      title: "C: held-out log-loss of sure_1, by folds",
      columns: [
        .integer("folds"), .number("logistic"), .number("proportional"), .number("PRESTO"),
        .number("PRESTO, strict"),
      ])
    var outcome = ExperimentOutcome()
    for draw in 0..<4 {
      log("C: folds \(draw + 1) of 4")
      let found = try OrdinalValidation().compare(
        Self.forms + [strict], data.design, data.response, random: random.split(draw))
      let losses = found.map(\.metrics.rareLogLoss)
      table.append([.integer(draw + 1)] + losses.map(ReportTable.Cell.number))
      outcome.claims.append(
        Claim(
          "C: folds \(draw + 1): PRESTO's held-out log-loss over the better of logistic and proportional odds",
          measured: losses[2] - min(losses[0], losses[1]), uncertainty: nil, rule: .atMost(0.003)))
    }
    outcome.items = [.table(table)]
    return outcome
  }

  // MARK: D

  private func patients(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let url = try DataCatalogue.file(of: DataCatalogue.dataSet(named: "prediabetes"))
    let table = try DataTable(contentsOf: url)
    let coding = try DesignCoding(table, columns: ["Age", "Sex", "IMD_Decile", "BMI", "HbA1C"])
    let design = try coding.matrix(of: table)
    let (before, diabetes) = (try table.numbers("Age_PreDiabetes"), try table.numbers("Age_Diabetes"))
    var outcome = ExperimentOutcome()
    var readings = ReportTable(
      title: "D: diabetes before an age, held out",
      columns: [
        .integer("age"), .text("counts"), .text("form"), .number("log-loss"), .number("AUC"),
        .number("calibration error × 10³"), .integer("crossing rows"),
      ])
    var worst = 0.0
    for age in stride(from: 30, through: 65, by: 5) {
      log("D: before \(age)")
      let codes = zip(before, diabetes).map { $1 < Double(age) ? 2 : $0 < Double(age) ? 1 : 0 }
      let counts = (0..<3).map { k in codes.count { $0 == k } }
      if age == 50 {
        outcome.claims.append(
          Claim(
            "D: before 50: patients without, with pre-diabetes and with diabetes are counted as published",
            observed: counts == [2499, 119, 441], condition: "2499, 119, 441"))
      }
      let response = OrdinalResponse(codes, classes: 3)
      let presto = OrdinalRegression(.presto)
      let lambdas = try presto.lambdas(design, response, count: 20, ratio: 1e-4)
      worst = max(worst, try presto.path(design, response, lambdas: lambdas).map(\.residual).max()!)
      let found = try OrdinalValidation().compare(Self.forms, design, response, random: random.split(age))
      for comparison in found {
        readings.append([
          .integer(age), .text(counts.map { "\($0)" }.joined(separator: "/")),
          .text(comparison.form.rawValue),
          .number(comparison.metrics.rareLogLoss), .number(comparison.metrics.rareAUC),
          .number(1000 * comparison.metrics.rareCalibration), .integer(comparison.crossings),
        ])
      }
    }
    outcome.claims.append(
      Claim(
        "D: largest violation of the optimum's conditions on the paths of all ages", measured: worst,
        uncertainty: nil, rule: .atMost(1e-8)))
    outcome.items = [.table(readings)]
    return outcome
  }
}
