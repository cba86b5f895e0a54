import Foundation
import Probability
import Statistics
import Testing
import Torch
import Training

@Suite("Fits to counts") struct CountFitTests {
  private let germany = CountSeries.meningococcalDiseaseGermany

  @Test("seasonal regression of weekly cases in Germany: the reference's likelihoods")
  func regression() throws {
    #expect(germany.count == 312 && germany.counts.compactMap { $0 }.reduce(0, +) == 3147)
    let season = try SeasonalRegression(germany.counts)
    for (a, b) in zip(season.coefficients, [2.262797, 0.388508, 0.210261]) { #expect(abs(a - b) < 1e-6) }
    #expect(abs(season.dispersion - 17.3021) < 1e-3 && abs(season.negativeLogLikelihood - 854.49924) < 1e-5)
    #expect(
      abs(try SeasonalRegression(germany.counts, isPoisson: true).negativeLogLikelihood - 877.63524) < 1e-5)
    #expect(abs(try SeasonalRegression(germany.counts, period: nil).negativeLogLikelihood - 928.57007) < 1e-5)
    #expect(
      abs(try SeasonalRegression(germany.counts, hasTrend: true).negativeLogLikelihood - 854.19666) < 1e-5)
    #expect(statisticsError { _ = try SeasonalRegression([0, 0, 0]) }?.kind == .noAnswer)
  }

  private func fitting(
    _ values: [String: Double] = ["A": 0.2, "t0": 4, "th": 1e-6], law: CountLaw = .negativeBinomial
  )
    throws -> CountFitting
  {
    var options = CountFitOptions(fitted: ["A", "t0", "th"])
    (options.lead, options.starts, options.law) = (520, 1, law)
    let model = CompartmentModel.endemicCarriers
    return CountFitting(model, to: germany, values: try model.values(values), options: options)
  }

  @Test("the mechanism's optimum is the reference's; intervals, information and forecast belong to it")
  func mechanism() throws {
    var random = RandomSource(seed: 1)
    let fitting = try fitting()
    let fit = try fitting.profiles(try fitting.fit(using: &random))
    #expect(fit.isConverged && abs(fit.negativeLogLikelihood - 869.1838) < 1e-3)
    let found = fit.parameters.map(\.value)
    for (a, b) in zip(found, [0.4065, 8.532, 6.5112e-7, 13.446]) { #expect(abs(a / b - 1) < 1e-3) }
    for parameter in fit.parameters {
      let profile = try #require(parameter.profileInterval)
      #expect(profile.contains(parameter.value) && parameter.waldInterval.contains(parameter.value))
      // Close to each other, as 312 counts make the likelihood nearly normal.
      let ratio =
        (profile.upperBound - profile.lowerBound)
        / (parameter.waldInterval.upperBound - parameter.waldInterval.lowerBound)
      #expect((0.9...1.15).contains(ratio), "\(parameter.name) \(ratio)")
    }
    #expect(fit.conditionNumber > 1 && fit.conditionNumber < 1e4 && fit.means.count == 312)
    let draws = try fitting.approximateDraws(fit, count: 200, using: &random)
    let forecast = try fitting.forecast(fit, draws: draws, beyond: 52, using: &random)
    #expect(forecast.ends.count == 364 && forecast.ends.last == 364 && forecast.failures == 0)
    // Most counts lie in the bands of 95 %.
    let inside = germany.counts.indices.count {
      let y = Double(germany.counts[$0]!)
      return y >= forecast.quantiles[0][$0] && y <= forecast.quantiles[4][$0]
    }
    #expect((285...308).contains(inside), "\(inside)")
    #expect(zip(forecast.quantiles[1], forecast.quantiles[3]).allSatisfy { $0 <= $1 })
  }

  @Test("the profile's end is where the likelihood falls by half a quantile")
  func profileEnd() throws {
    var random = RandomSource(seed: 1)
    let fitting = try fitting()
    let fit = try fitting.profiles(try fitting.fit(using: &random), only: ["A"])
    #expect(fit.parameters[1].profileInterval == nil)
    var options = fitting.options
    options.fitted = ["t0", "th"]
    for end in [fit.parameters[0].profileInterval!.lowerBound, fit.parameters[0].profileInterval!.upperBound]
    {
      let model = CompartmentModel.endemicCarriers
      let values = try model.values(["A": end, "t0": 8.5, "th": 6.5e-7])
      let held = try CountFitting(model, to: germany, values: values, options: options).fit(using: &random)
      let drop = 2 * (held.negativeLogLikelihood - fit.negativeLogLikelihood)
      #expect(abs(drop - 3.841459) < 0.01, "\(drop)")
    }
  }

  @Test("the posterior's draws agree with the normal approximation, and the chains with each other")
  func posterior() throws {
    // A small problem: 20 counts of a model whose mean is a parameter.
    let model = try CompartmentModel(
      text:
        "time week\ncompartments A B\nparameter m = 5 per week\nparameter n = 100\nA -> B : 0*A\nstart A = n\nobserve cases : m"
    )
    let counts: [Int?] = [3, 5, 8, 4, 6, 7, 2, 5, 6, 9, 4, 3, 5, 6, 8, 5, 4, 7, 6, nil]
    var options = CountFitOptions(fitted: ["m"])
    options.law = .poisson
    let series = try CountSeries(counts: counts, length: 1)
    let fitting = CountFitting(model, to: series, values: try model.values(["m": 2]), options: options)
    var random = RandomSource(seed: 3)
    let fit = try fitting.profiles(try fitting.fit(using: &random))
    let total = Double(counts.compactMap { $0 }.reduce(0, +))
    #expect(abs(fit.parameters[0].value - total / 19) < 1e-6 && fit.dispersion == .infinity)
    #expect(
      abs(fit.parameters[0].waldInterval.upperBound - total / 19 * exp(1.959964 / total.squareRoot())) < 1e-4)
    // Flat in log m, the posterior of m is gamma with the total as its shape and 19 as its rate.
    let (points, diagnostics, _) = try fitting.posterior(fit, draws: 2000, chains: 4, using: &random)
    let mean = points.map { exp($0[0]) }.reduce(0, +) / Double(points.count)
    #expect(abs(mean - total / 19) < 0.05 && diagnostics.rHat[0] < 1.02)
    let spread = (points.map { pow(exp($0[0]) - mean, 2) }.reduce(0, +) / Double(points.count)).squareRoot()
    #expect(abs(spread / (total.squareRoot() / 19) - 1) < 0.08)
  }

  @Test("sensitivities: the gradient is that of finite differences, with starts, events and limits in it")
  func recovery() throws {
    let model = CompartmentModel.meningitis
    // Simulated without noise of counting: the fit has to find the very parameters.
    let truth: [String: Double] = ["beta": 0.22, "th": 0.004, "C0": 150, "phi": 0.02]
    let events = [
      try Intervention("40: beta *= 0.7", of: model), try Intervention("60: S -> R 0.2", of: model),
    ]
    let values = try model.values(truth)
    let course = try model.simulate(values, to: 140, interventions: events)
    let counts = (1...20).map {
      Optional(Int(course.count("cases", from: 7 * Double($0 - 1), to: 7 * Double($0)).rounded()))
    }
    var options = CountFitOptions(fitted: ["beta", "th", "C0", "phi"])
    (options.law, options.interventions, options.starts) = (.poisson, events, 1)
    let fitting = CountFitting(
      model, to: try CountSeries(counts: counts, length: 7),
      values: try model.values(["beta": 0.2, "th": 0.003, "C0": 100, "phi": 0.03]), options: options)
    var random = RandomSource(seed: 2)
    let fit = try fitting.fit(using: &random)
    for parameter in fit.parameters {
      #expect(abs(parameter.value / truth[parameter.name]! - 1) < 0.05, "\(parameter)")
    }
    #expect(fit.isConverged)
  }

  @Test("parameters that only act as a product are told: a huge condition number, and the direction")
  func identifiability() throws {
    let model = CompartmentModel.endemicCarriers
    var options = CountFitOptions(fitted: ["A", "th", "N"])
    (options.lead, options.starts, options.law) = (520, 1, .poisson)
    let fitting = CountFitting(model, to: germany, values: try model.values(), options: options)
    var random = RandomSource(seed: 1)
    let fit = try fitting.fit(using: &random)
    #expect(fit.conditionNumber > 1e6)
    // th up, N down: the same counts.
    let (th, n) = (fit.weakestDirection[1], fit.weakestDirection[2])
    #expect(abs(abs(th) - 0.5.squareRoot()) < 1e-3 && abs(th + n) < 1e-3)
  }

  @Test("tables of counts: columns, times, missing, and what is refused")
  func tables() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "likely-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appending(path: "weekly.csv")
    func read(_ text: String, cases: String? = nil, time: String? = nil, missing: Bool = false) throws
      -> CountSeries
    {
      try Data(text.utf8).write(to: url)
      return try CountSeries(
        contentsOf: url, column: cases, timeColumn: time, length: 7, allowsMissing: missing)
    }
    #expect(try read("cases\n3\n0\n12\n").counts == [3, 0, 12])
    #expect(try read("cases\n3\n0\n12\n").ends == [7, 14, 21])
    let timed = try read("day,deaths,cases\n7,0,3\n14,1,5\n28,0,9\n", cases: "cases", time: "day")
    #expect(timed.start == 0 && timed.ends == [7, 14, 28] && timed.counts == [3, 5, 9])
    #expect(try read("week,cases\n1,3\n2,\n3,4\n", missing: true).counts == [3, nil, 4])
    for (text, words) in [
      ("cases\n3\n2.5\n", [".csv:3, cases", "2.5", "whole"]), ("cases\n3\n-1\n", [".csv:3, cases", "-1"]),
      ("week,cases\n1,3\n2,\n", [".csv:3, cases", "--missing"]),
    ] {
      let error = statisticsError { _ = try read(text) }
      for word in words { #expect(error.map { "\($0)".contains(word) } == true, "\(error!)") }
    }
    let order = statisticsError { _ = try read("day,cases\n14,3\n7,2\n", cases: "cases", time: "day") }
    #expect(order.map { "\($0)".contains("rising times") } == true)
    let word = statisticsError { _ = try read("cases\nthree\n") }
    #expect(word.map { "\($0)".contains(".csv:2, cases: found \"three\"") } == true)
    #expect(statisticsError { _ = try read("a,b\n1,2\n", cases: "cases") }?.kind == .option)
    #expect(statisticsError { _ = try CountSeries(counts: [nil, nil], length: 7) }?.kind == .badData)
    #expect(statisticsError { _ = try CountSeries(counts: [1], length: 0) }?.kind == .option)
  }

  @Test("options of a fit that contradict the model are refused by name")
  func refusals() throws {
    let model = CompartmentModel.meningitis
    let series = try CountSeries(counts: [1, 2, 3], length: 7)
    var random = RandomSource(seed: 1)
    func error(_ change: (inout CountFitOptions) -> Void) throws -> String {
      var options = CountFitOptions(fitted: ["beta"])
      change(&options)
      let fitting = CountFitting(model, to: series, values: try model.values(), options: options)
      return statisticsError { _ = try fitting.fit(using: &random) }.map { "\($0)" } ?? ""
    }
    #expect(try error { $0.fitted = ["betta"] }.contains("did you mean beta?"))
    #expect(try error { $0.fitted = [] }.contains("one name at least"))
    #expect(try error { $0.fitted = ["beta", "beta"] }.contains("twice"))
    #expect(try error { $0.observation = "deaths" }.contains("cases, infections"))
    #expect(try error { $0.lead = -1 }.contains("lead"))
    #expect(try error { $0.starts = 0 }.contains("starts"))
    var options = CountFitOptions(fitted: ["beta"])
    options.starts = 1
    let dead = CountFitting(model, to: series, values: try model.values(["th": 0]), options: options)
    #expect(statisticsError { _ = try dead.fit(using: &random) }?.kind == .noAnswer)
  }
}
