import ArgumentParser
import Foundation
import Likely

extension CountLaw: ExpressibleByArgument {}

/// `likely epidemic fit`
struct EpidemicFit: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fit",
    abstract: "Fits parameters to counts of cases; intervals, condition, forecast with bands.",
    discussion: """
      The table has a column of counts, and perhaps one of times, the ends of the intervals. `data:germany` is the
      weekly number of meningococcal cases in Germany 2001 to 2006, which comes with the program.

      Example:
        likely epidemic fit --data weekly.csv --fit beta,th --out runs/fit
        likely epidemic fit --model endemic-carriers --data data:germany --fit A,t0,th
      """)

  @OptionGroup var arguments: EpidemicArguments

  @Option(help: ArgumentHelp("Table of counts, or data:germany.", valueName: "file"))
  var data: String

  @Option(help: ArgumentHelp("Parameters that are fitted, between commas.", valueName: "names"))
  var fit: String

  @Option(help: ArgumentHelp("Column of the counts; the last one if left out.", valueName: "column"))
  var cases: String?

  @Option(help: ArgumentHelp("Column of the times at which intervals end.", valueName: "column"))
  var time: String?

  @Option(
    help: ArgumentHelp("Length of an interval in the model's time; a week if left out.", valueName: "t"))
  var interval: Double?

  @Flag(help: "Take empty counts for counts that are not known.")
  var missing = false

  @Option(help: ArgumentHelp("The observation whose increments are the means.", valueName: "name"))
  var observe = "cases"

  @Option(help: ArgumentHelp("negative-binomial or poisson.", valueName: "name"))
  var law = CountLaw.negativeBinomial

  @Option(
    help: ArgumentHelp("How long the model runs before the data begin; 520 for data:germany.", valueName: "t")
  )
  var lead: Double?

  @Option(help: ArgumentHelp("Starts of the search, the first at the given values.", valueName: "n"))
  var starts = 5

  @Option(help: ArgumentHelp("Level of the intervals, in (0, 1).", valueName: "x"))
  var level = 0.95

  @Option(help: ArgumentHelp("Intervals after the data that are forecast.", valueName: "n"))
  var forecast = 0

  @Option(help: ArgumentHelp("Draws of parameters for the bands.", valueName: "n"))
  var draws = 400

  @Flag(help: "Draw the bands from the posterior (Metropolis chains) instead of the normal approximation.")
  var posterior = false

  @OptionGroup var output: EpidemicOutput
  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard level > 0, level < 1 else { throw ValidationError("--level \(level): between 0 and 1") }
    guard (0...10_000).contains(forecast) else {
      throw ValidationError("--forecast \(forecast): from 0 to 10000")
    }
    guard (10...1_000_000).contains(draws) else { throw ValidationError("--draws \(draws): at least 10") }
    if let interval, !(interval > 0 && interval.isFinite) {
      throw ValidationError("--interval \(interval): above 0")
    }
    guard starts >= 1 else { throw ValidationError("--starts \(starts): at least 1") }
  }

  private func series(_ model: CompartmentModel) throws -> CountSeries {
    if data == "data:germany" { return .meningococcalDiseaseGermany }
    let lengths: [String: Double] = ["day": 7, "week": 1, "month": 12.0 / 52, "year": 1.0 / 52]
    let week = lengths[model.timeUnit] ?? 1
    return try CountSeries(
      contentsOf: URL(argument: data), column: cases, timeColumn: time, length: interval ?? week,
      allowsMissing: missing)
  }

  func run() throws {
    let random = try common.startOnProcessor()
    let model = try arguments.chosenModel()
    let values = try arguments.values(model)
    let series = try series(model)
    var options = CountFitOptions(fitted: fit.listed)
    (options.observation, options.law, options.starts) = (observe, law, starts)
    options.lead = lead ?? (data == "data:germany" ? 520 : 0)
    let last = series.ends[series.count - 1]
    let length = last - (series.count > 1 ? series.ends[series.count - 2] : series.start)
    let events = try arguments.interventions(
      model, from: series.start - options.lead, until: last + length * Double(forecast),
      end: "--data and --forecast")
    options.interventions = events
    let fitting = CountFitting(model, to: series, values: values, options: options)
    var stream = random.split("starts")
    let found = try fitting.profiles(try fitting.fit(using: &stream), level: level)
    if !found.isConverged {
      tell("likely: the search did not converge; try other values with --set, or more --starts")
    }

    if law == .negativeBinomial, found.options.law == .poisson {
      tell("likely: the counts spread no more than Poisson's, so there is no dispersion to fit")
    }
    stream = random.split("draws")
    var points: [[Double]]
    var mixing: String?
    if posterior {
      let chains = 4
      // Many more steps than draws are kept: those that follow each other are alike.
      let steps = max(1000, (draws + chains - 1) / chains)
      let (drawn, diagnostics, acceptance) = try fitting.posterior(
        found, draws: steps, chains: chains, using: &stream)
      points = (0..<draws).map { drawn[$0 * drawn.count / draws] }
      let worst = diagnostics.rHat.max() ?? .nan
      mixing =
        "posterior: R̂ at most \(formatNumber(worst, digits: 4)), "
        + "effective size at least \(formatNumber(diagnostics.bulkEffectiveSampleSize.min() ?? .nan, digits: 3)), "
        + "accepted \(formatNumber(100 * acceptance, digits: 3)) %"
    } else {
      points = try fitting.approximateDraws(found, count: draws, using: &stream)
    }
    stream = random.split("forecast")
    let bands = try fitting.forecast(found, draws: points, beyond: forecast, using: &stream)
    let baseline = try? SeasonalRegression(series.counts, isPoisson: found.options.law == .poisson)
    try show(found, bands, baseline, mixing, model, values, events)
  }

  private func show(
    _ found: CountFit, _ bands: CountFitting.Forecast, _ baseline: SeasonalRegression?, _ mixing: String?,
    _ model: CompartmentModel, _ values: [Double], _ events: [Intervention]
  ) throws {
    let percent = formatNumber(100 * level, digits: 3, trimmed: true)
    func words(_ range: ClosedRange<Double>?) -> String {
      range.map { "\(formatNumber($0.lowerBound, digits: 5)) to \(formatNumber($0.upperBound, digits: 5))" }
        ?? "–"
    }
    var table = ReportTable(
      title: "Fit to \(found.series.knownCount) counts",
      columns: [
        .text("parameter"), .number("estimate", digits: 6), .text("\(percent) % profile"), .text("95 % Wald"),
      ])
    for parameter in found.parameters {
      table.append([
        .text(parameter.name), .number(parameter.value), .text(words(parameter.profileInterval)),
        .text(words(parameter.waldInterval)),
      ])
    }
    var sentences = [
      "negative log-likelihood \(formatNumber(found.negativeLogLikelihood, digits: 8)), AIC \(formatNumber(found.akaike, digits: 7))",
      "condition number of the information \(formatNumber(found.conditionNumber, digits: 3))",
    ]
    if found.conditionNumber > 1e6 {
      let parts = zip(found.parameters, found.weakestDirection).map {
        "\($0.name) \(formatNumber($1, digits: 2))"
      }
      sentences.append(
        "the counts hardly determine this combination (log or logit scale): \(parts.joined(separator: ", ")); fix one of them"
      )
    }
    if let baseline {
      sentences.append(
        "seasonal regression without a mechanism: negative log-likelihood \(formatNumber(baseline.negativeLogLikelihood, digits: 8)), AIC \(formatNumber(baseline.akaike, digits: 7))"
      )
    }
    if let mixing { sentences.append(mixing) }
    if output.json {
      print(Self.json(found, bands, baseline).compact)
    } else {
      print(table.plainText)
      for sentence in sentences { print(sentence) }
    }
    var page = epidemicPage("Fit of an epidemic", model, found.values, events)
    page.add(
      "Fit",
      [
        .table(table), .text(sentences.joined(separator: "\n\n")),
        .plot(Self.plot(found, bands), name: "fit"),
      ])
    let counts = found.series.counts.map { $0.map(Double.init) } + Array(repeating: nil, count: forecast)
    let names = ["cases", "mean"] + bands.levels.map { "q\($0)" }
    let csv = csvTable(
      [model.timeUnit] + names,
      bands.ends.indices.map { i in
        [bands.ends[i], counts[i], bands.means[i]] + bands.quantiles.map { Optional($0[i]) }
      })
    try output.write(page, table: csv)
  }

  private static func plot(_ found: CountFit, _ bands: CountFitting.Forecast) -> Plot {
    let known = zip(found.series.ends, found.series.counts).compactMap { t, count in
      count.map { (t, Double($0)) }
    }
    let last = found.series.ends[found.series.count - 1]
    return Plot(
      "Counts, the fitted mean, and where counts are expected",
      caption: "Bands hold 50 % and 95 % of counts"
        + (bands.ends.last! > last ? "; the rule is the end of the data." : "."),
      x: Axis("time", unit: found.model.timeUnit), y: "count",
      marks: [
        .band(x: bands.ends, lower: bands.quantiles[0], upper: bands.quantiles[4], series: "95 %"),
        .band(x: bands.ends, lower: bands.quantiles[1], upper: bands.quantiles[3], series: "50 %"),
        .line(x: bands.ends, y: bands.means, series: "mean"),
        .points(x: known.map(\.0), y: known.map(\.1), series: "counts"),
      ] + (bands.ends.last! > last ? [.rule(x: last)] : []))
  }

  private static func json(
    _ found: CountFit, _ bands: CountFitting.Forecast, _ baseline: SeasonalRegression?
  ) -> JSONValue {
    func ends(_ range: ClosedRange<Double>?) -> JSONValue {
      range.map { .array([.number($0.lowerBound), .number($0.upperBound)]) } ?? .null
    }
    return [
      "parameters": .object(
        .init(
          uniqueKeysWithValues: found.parameters.map { p in
            (
              p.name,
              [
                "value": .number(p.value), "profile": ends(p.profileInterval), "wald": ends(p.waldInterval),
              ] as JSONValue
            )
          })),
      "negative_log_likelihood": .number(found.negativeLogLikelihood),
      "starts": .array(found.negativeLogLikelihoods.map(JSONValue.number)),
      "condition_number": .number(found.conditionNumber), "converged": .bool(found.isConverged),
      "seasonal_regression": baseline.map { .number($0.negativeLogLikelihood) } ?? .null,
      "ends": .array(bands.ends.map(JSONValue.number)), "means": .array(bands.means.map(JSONValue.number)),
      "levels": .array(bands.levels.map(JSONValue.number)),
      "quantiles": .array(bands.quantiles.map { .array($0.map(JSONValue.number)) }),
    ]
  }
}
