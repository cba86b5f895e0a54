import Foundation
import Probability
import Report
import Sampling
import Solvers
import Statistics
import Torch

/// Yaga and Saporu 2023 (arXiv 2304.00148), a carrier-driven epidemic of meningitis: closed forms against integration (E1),
/// convergence and the stochastic twin (E2), weekly cases in Germany (E3), recovery of parameters (E4), and the paper's
/// statements (P). The paper's own figures were not at hand: the numbers are ours, found in two ways.
public struct CarrierEpidemics: Experiment {
  public static let slug = "meningitis"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] {
    scale == .quick ? ["E1", "E2", "E3"] : ["E1", "E2", "E3", "E4", "P"]
  }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "E1": try baseline()
    case "E2": try convergence(random: random, log: log)
    case "E3": try germany(random: random)
    case "E4": try recovery(random: random, log: log)
    default: try statements(random: random)
    }
  }

  private var model: CompartmentModel { .meningitis }

  // MARK: E1

  /// The reference, by phi; final sizes by 30 digits of arithmetic, other numbers as far as they were known.
  private struct Reference {
    let phi, r0, growth, ratio1, ratio2, finalSusceptible, everInfected, cases, deaths: Double
    let peak, peakDay, carrierPeak, carrierDay, finalAmongLiving: Double
  }

  private static let references = [
    Reference(
      phi: 0, r0: 3.375946969697, growth: 0.169323322026, ratio1: 0.006073059107, ratio2: 0.001087102048,
      finalSusceptible: 3895.0994323991, everInfected: 0.961049005676, cases: 2669.5805713222,
      deaths: 394.36985712715,
      peak: 389.32, peakDay: 52.5, carrierPeak: 34_180.7, carrierDay: 46.5, finalAmongLiving: 3875.69957),
    Reference(
      phi: 0.05, r0: 3.283854166667, growth: 0.165231316336, ratio1: 0.044540171954, ratio2: 0.008091406993,
      finalSusceptible: 4314.1173440093, everInfected: 0.956858826560, cases: 7304.4771473326,
      deaths: 1079.0704876741,
      peak: 1249.38, peakDay: 45.5, carrierPeak: 31_780.0, carrierDay: 47.5, finalAmongLiving: 4235.50335),
  ]

  private func baseline() throws -> ExperimentOutcome {
    let clock = ContinuousClock()
    let start = clock.now
    var claims: [Claim] = []
    var plots: [ReportItem] = []
    for reference in Self.references {
      let (found, plot) = try baseline(reference)
      claims += found
      plots.append(plot)
    }
    claims += try elasticities()
    let more: [(name: String, set: [String: Double], r0: Double, ever: Double)] = [
      ("eps 0.5", ["eps": 0.5], 1.431502525, 0.536572589), ("eps 1", ["eps": 1], 2.820391414, 0.926834987),
      ("eps 2", ["eps": 2], 5.598169192, 0.996219913), ("phi 0.02", ["phi": 0.02], 3.339109848, 0.959427799),
      ("phi 0.1", ["phi": 0.1], 3.191761364, 0.952180265),
      ("phi 0.3", ["phi": 0.3], 2.823390152, 0.927141423),
    ]
    var worst = 0.0
    for item in more {
      let values = try model.values(item.set)
      let forms = try MeningitisForms(values)
      worst = max(
        worst, abs(try model.nextGeneration(values).reproductionNumber - item.r0),
        abs(forms.everInfected - item.ever))
    }
    claims.append(
      Claim(
        "E1: R0 and share ever infected at three values each of eps and phi, largest difference from the reference",
        measured: worst, rule: .atMost(1e-9)))
    let time = start.duration(to: clock.now)
    claims.append(
      Claim(
        "E1: seconds for all of E1",
        measured: Double(time.components.seconds) + Double(time.components.attoseconds) * 1e-18,
        rule: .below(1)))
    return ExperimentOutcome(claims: claims, items: plots)
  }

  private func baseline(_ reference: Reference) throws -> ([Claim], ReportItem) {
    let name = "E1, phi \(reference.phi)"
    let values = try model.values(["phi": reference.phi])
    let forms = try MeningitisForms(values)
    let next = try model.nextGeneration(values)
    let trajectory = try model.simulate(values, to: 1500)
    func relative(_ a: Double, _ b: Double) -> Double { abs(a / b - 1) }
    func exact(_ what: String, _ found: Double, _ known: Double) -> Claim {
      Claim("\(name): \(what)", measured: found, rule: .near(known, tolerance: 1e-9 * abs(known)))
    }
    let peak = trajectory.maximum("I1")
    let carriers = trajectory.maximum("C")
    let shares = next.growthShares
    var claims = [
      exact("R0 by the next-generation matrix", next.reproductionNumber, reference.r0),
      Claim(
        "\(name): R0 by the matrix and in closed form, relative difference",
        measured: relative(next.reproductionNumber, forms.reproductionNumber), rule: .atMost(1e-12)),
      exact("growth rate", next.growthRate, reference.growth),
      exact("I1/C in the growth phase", shares[1] / shares[0], reference.ratio1),
      exact("I2/C in the growth phase", shares[2] / shares[0], reference.ratio2),
      exact("susceptibles in the end", forms.finalSusceptible, reference.finalSusceptible),
      exact("share ever infected", forms.everInfected, reference.everInfected),
      exact("stage-I cases", forms.totalCases, reference.cases),
      exact("deaths", forms.deaths, reference.deaths),
      Claim(
        "\(name): susceptibles, cases and deaths integrated and in closed form, largest relative difference",
        measured: max(
          relative(trajectory.final("S"), forms.finalSusceptible),
          relative(trajectory.final("cases"), forms.totalCases),
          relative(trajectory.final("D"), forms.deaths)), rule: .atMost(1e-6)),
      Claim("\(name): highest I1", measured: peak.value, rule: .near(reference.peak, tolerance: 0.2)),
      Claim("\(name): its day", measured: peak.time, rule: .near(reference.peakDay, tolerance: 0.5)),
      Claim("\(name): highest C", measured: carriers.value, rule: .near(reference.carrierPeak, tolerance: 5)),
      Claim("\(name): its day", measured: carriers.time, rule: .near(reference.carrierDay, tolerance: 0.5)),
    ]
    let invariant = trajectory.solution.stepTimes.map { t in
      abs(trajectory.state(at: t)[..<6].reduce(0, +) / forms.population - 1)
    }.max()!
    claims.append(
      Claim("\(name): S+C+I1+I2+R+D over N less 1, largest", measured: invariant, rule: .atMost(1e-8)))
    if reference.phi == 0 {
      let ratio = trajectory.value("I1", at: peak.time) / trajectory.value("C", at: peak.time)
      claims.append(
        Claim("\(name): I1/C at the highest I1 (th/b)", measured: ratio, rule: .near(0.0125, tolerance: 1e-4))
      )
    }
    let living = try model.simulate(try model.values(["phi": reference.phi, "living": 1]), to: 1500)
    claims.append(
      Claim(
        "\(name): susceptibles in the end, contacts among the living",
        measured: living.final("S"),
        rule: .near(reference.finalAmongLiving, tolerance: 1e-6 * reference.finalAmongLiving)))
    let times = (0...150).map(Double.init)
    let marks = ["C", "I1", "I2"].map { name in
      Mark.line(x: times, y: times.map { max(1e-6, trajectory.value(name, at: $0)) }, series: name)
    }
    let plot = Plot(
      "Infected, phi \(reference.phi)", x: Axis("time", unit: "days"), y: Axis("persons", scale: .log),
      marks: marks)
    return (claims, .plot(plot, name: "infected-\(reference.phi)"))
  }

  private func elasticities() throws -> [Claim] {
    let known = [
      "beta": 1, "eps": 0.987377, "kap": 0.002338, "th": -0.015155, "rC": -0.972222, "sg": -0.001607,
      "g1": -0.007889, "d1": -0.000789, "g2": -0.001700, "d2": -0.000638,
    ]
    let values = try model.values()
    let next = try model.nextGeneration(values)
    let found = Dictionary(uniqueKeysWithValues: next.elasticities.map { ($0.parameter, $0.value) })
    let worst = known.map { abs(found[$0.key]! - $0.value) }.max()!
    let rates = Set(model.parameters.filter(\.isRate).map(\.name))
    let sum = next.elasticities.filter { rates.contains($0.parameter) }.reduce(0) { $0 + $1.value }
    let forms = try MeningitisForms(values)
    let beta = try model.criticalValue(of: "beta", values) ?? .nan
    let eps = try model.criticalValue(of: "eps", values) ?? .nan
    return [
      Claim(
        "E1: ten elasticities of R0, largest difference from the reference's six digits", measured: worst,
        rule: .atMost(5.1e-7)),
      Claim("E1: sum of the elasticities of all rates", measured: sum, rule: .near(0, tolerance: 1e-9)),
      Claim("E1: critical beta, found", measured: beta, rule: .near(0.059242636746, tolerance: 6e-11)),
      Claim("E1: critical eps, found", measured: eps, rule: .near(0.344659090909, tolerance: 3.5e-10)),
      Claim(
        "E1: both in closed form, largest difference from those found",
        measured: max(abs(forms.criticalBeta - beta), abs(forms.criticalEps - eps)), rule: .atMost(1e-11)),
    ]
  }

  // MARK: E2

  private func convergence(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let values = try model.values()
    let exact = try MeningitisForms(values).finalSusceptible
    let tolerances = [1e-6, 1e-7, 1e-8, 1e-9, 1e-10]
    let errors = try tolerances.map { tolerance in
      let options = SimulationOptions(
        method: .explicit, relativeTolerance: tolerance, absoluteTolerance: 0.1 * tolerance)
      return abs(try model.simulate(values, to: 1500, options: options).final("S") / exact - 1)
    }
    let falls = zip(errors, errors.dropFirst()).count { $1 < $0 }
    var table = ReportTable(
      title: "E2: relative error of the susceptibles in the end",
      columns: [.number("tolerance", digits: 2), .number("error", digits: 3)])
    for (tolerance, error) in zip(tolerances, errors) { table.append([.number(tolerance), .number(error)]) }

    log("E2: 200 stochastic runs")
    let small = try model.values(["N": 20_000, "C0": 200])
    let forms = try MeningitisForms(small)
    let runs = try StochasticSimulation(model).runs(200, values: small, times: [1500], random: random)
    let share = Estimate(meanOf: runs.map { 1 - $0.states[0][0] / 20_000 })
    let leaps = try StochasticSimulation(model, method: .leap(0.1)).runs(
      200, values: small, times: [1500], random: random.split("leap"))
    let leaped = Estimate(meanOf: leaps.map { 1 - $0.states[0][0] / 20_000 })
    return ExperimentOutcome(
      claims: [
        Claim(
          "E2: tolerances of 1e-7 to 1e-10 whose error of the susceptibles is below that of ten times the tolerance",
          measured: Double(falls), rule: .count(atLeast: 4, of: 4)),
        Claim("E2: the error at 1e-10", measured: errors[4], rule: .atMost(1e-8)),
        Claim(
          "E2: mean share ever infected of 200 stochastic runs of 20,000, less the closed form, relative",
          measured: share.value / forms.everInfected - 1,
          uncertainty: share.standardError / forms.everInfected, rule: .near(0, tolerance: 0.005)),
        Claim(
          "E2: the same with leaps of a tenth of a day", measured: leaped.value / forms.everInfected - 1,
          uncertainty: leaped.standardError / forms.everInfected, rule: .near(0, tolerance: 0.005)),
      ], items: [.table(table)])
  }

  // MARK: E3

  private func germany(random: RandomSource) throws -> ExperimentOutcome {
    let series = CountSeries.meningococcalDiseaseGermany
    let known = series.counts.compactMap { $0 }
    let season = try SeasonalRegression(series.counts)
    let coefficients = [2.262797, 0.388508, 0.210261]
    let others: [(name: String, found: SeasonalRegression, known: Double)] = [
      ("Poisson", try SeasonalRegression(series.counts, isPoisson: true), 877.63524),
      ("constant", try SeasonalRegression(series.counts, period: nil), 928.57007),
      ("with trend", try SeasonalRegression(series.counts, hasTrend: true), 854.19666),
    ]
    var claims = [
      Claim("E3: cases in 312 weeks", measured: Double(known.reduce(0, +)), rule: .near(3147, tolerance: 0)),
      Claim(
        "E3a: coefficients of the seasonal regression, largest difference from the reference",
        measured: zip(season.coefficients, coefficients).map { abs($0 - $1) }.max()!, rule: .atMost(1e-5)),
      Claim("E3a: its dispersion", measured: season.dispersion, rule: .near(17.3021, tolerance: 0.01)),
      Claim(
        "E3a: its negative log-likelihood", measured: season.negativeLogLikelihood,
        rule: .near(854.49924, tolerance: 0.01)),
    ]
    for other in others {
      claims.append(
        Claim(
          "E3a: negative log-likelihood, \(other.name)", measured: other.found.negativeLogLikelihood,
          rule: .near(other.known, tolerance: 0.01)))
    }

    let model = CompartmentModel.endemicCarriers
    var options = CountFitOptions(fitted: ["A", "t0", "th"])
    (options.lead, options.starts) = (520, 5)
    var fits: [CountFit] = []
    for start in 0..<5 {
      var stream = random.split(start)
      let values = try model.values([
        "A": 0.1 + 0.6 * stream.uniform(), "t0": 20 * stream.uniform(),
        "th": 1e-7 * pow(30, stream.uniform()),
      ])
      fits.append(try CountFitting(model, to: series, values: values, options: options).fit(using: &stream))
    }
    let best = fits.min { $0.negativeLogLikelihood < $1.negativeLogLikelihood }!
    var estimates = Dictionary(uniqueKeysWithValues: best.parameters.map { ($0.name, $0.value) })
    // −A half a year later is the same rate.
    if estimates["A"]! < 0 { (estimates["A"], estimates["t0"]) = (-estimates["A"]!, estimates["t0"]! + 26) }
    estimates["t0"] = (estimates["t0"]! + 104).truncatingRemainder(dividingBy: 52)
    claims += [
      Claim(
        "E3b: negative log-likelihood of the mechanism, worst of five fits from random points, each the best of five searches",
        measured: fits.map(\.negativeLogLikelihood).max()!, rule: .atMost(869.20)),
      Claim("E3b: A", measured: estimates["A"]!, rule: .near(0.4065, tolerance: 5e-4)),
      Claim("E3b: t0, weeks", measured: estimates["t0"]!, rule: .near(8.532, tolerance: 0.01)),
      Claim(
        "E3b: th per week, in 1e-7", measured: 1e7 * estimates["th"]!, rule: .near(6.5112, tolerance: 0.005)),
      Claim("E3b: dispersion", measured: estimates["dispersion"]!, rule: .near(13.446, tolerance: 0.02)),
    ]
    let plot = Plot(
      "Weekly cases in Germany and the fitted mean", x: Axis("time", unit: "weeks"), y: "cases",
      marks: [
        .points(x: series.ends, y: known.map(Double.init), series: "cases"),
        .line(x: series.ends, y: best.means, series: "mean"),
      ])
    return ExperimentOutcome(claims: claims, items: [.plot(plot, name: "germany")])
  }

  // MARK: E4

  private func recovery(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let model = self.model
    // 120 days hold 17 whole weeks: the last count ends on day 119.
    let ends = (1...17).map { 7.0 * Double($0) }
    func weekly(_ th: Double) throws -> [Double] {
      let trajectory = try model.simulate(try model.values(["th": th]), to: 119)
      return ends.map { trajectory.count("cases", from: $0 - 7, to: $0) }
    }
    // Errors of the model are errors of the parameters here, which are fixed.
    let th = root(between: 1e-4, and: 1e-2, tolerance: 1e-12) { (try? weekly($0).max()! - 500) ?? .nan }
    let means = try weekly(th)
    log("E4: 100 fits with profiles")
    let truth = (beta: 0.2, th: th)
    let results = try concurrently(100) {
      repetition -> (beta: Double, th: Double, covers: Bool, coversTh: Bool) in
      var stream = random.split(repetition)
      let law = try NegativeBinomial(mean: means, dispersion: 20.0)
      let counts = law.sample(1, using: &stream).doubles.map { Int($0) }
      let series = try CountSeries(counts: counts, length: 7)
      var options = CountFitOptions(fitted: ["beta", "th"])
      options.starts = 3
      // Not the truth.
      let fitting = CountFitting(
        model, to: series, values: try model.values(["beta": 0.25, "th": 0.004]), options: options)
      let fit = try fitting.profiles(try fitting.fit(using: &stream), only: ["beta", "th"])
      let (beta, carriers) = (fit.parameters[0], fit.parameters[1])
      return (
        beta.value, carriers.value, beta.profileInterval!.contains(truth.beta),
        carriers.profileInterval!.contains(truth.th)
      )
    }
    func medianBias(_ values: [Double], _ truth: Double) -> Double {
      let sorted = values.sorted()
      return (sorted[49] + sorted[50]) / 2 / truth - 1
    }
    return ExperimentOutcome(claims: [
      Claim("E4: highest weekly mean", measured: means.max()!, rule: .near(500, tolerance: 1e-6)),
      Claim(
        "E4: profile intervals of 95 % that hold beta, of 100", measured: Double(results.count { $0.covers }),
        rule: .within(90...99)),
      Claim(
        "E4: and th", measured: Double(results.count { $0.coversTh }), rule: .within(90...99)),
      Claim(
        "E4: median relative bias of beta", measured: medianBias(results.map(\.beta), truth.beta),
        rule: .near(0, tolerance: 0.02)),
      Claim(
        "E4: median relative bias of th", measured: medianBias(results.map(\.th), truth.th),
        rule: .near(0, tolerance: 0.02)),
    ])
  }

  // MARK: P

  private func statements(random: RandomSource) throws -> ExperimentOutcome {
    let values = try model.values()
    let varied = ["beta", "eps", "kap", "th", "rC", "sg", "g1", "d1", "g2", "d2"]
    let study = try SensitivityStudy(
      model,
      ranges: varied.map { name in
        let value = values[model.index(ofParameter: name)!]
        return (parameter: name, range: 0.5 * value...1.5 * value, isLog: false)
      }, outcomes: [.peak("I1"), .end("cases")], horizon: 600)
    var stream = random.split("hypercube")
    let ranks = try study.partialRankCorrelations(values, count: 1000, using: &stream)
    let index = Dictionary(uniqueKeysWithValues: varied.enumerated().map { ($1, $0) })
    let influential = ["beta", "eps", "th"].map { ranks[0].values[index[$0]!] }
    var table = ReportTable(
      title: "P: partial rank correlations, every parameter within half of its value",
      columns: [.text("parameter"), .number("highest I1", digits: 3), .number("all cases", digits: 3)])
    for (i, name) in varied.enumerated() {
      table.append([.text(name), .number(ranks[0].values[i]), .number(ranks[1].values[i])])
    }

    let course = try model.simulate(values, to: 400)
    let (carriers, cases) = (course.maximum("C"), course.maximum("I1"))
    let ratio = try CaseCarrierRatio(course, at: [30])
    let shares = try [0, 0.02, 0.05, 0.1, 0.3].map { phi in
      try MeningitisForms(try model.values(["phi": phi])).everInfected
    }

    // Ten years with a dry season of half a year in which carriage passes on more readily and carriers fall ill more
    // often; immunity is lost and people are born and die. The last year is looked at.
    let seasonal = try model.values([
      "beta": 0.08, "Ab": 0.4, "Ath": 0.5, "dry": 180, "om": 1.0 / 365, "mu": 1.0 / (50 * 365), "living": 1,
    ])
    let years = try model.simulate(seasonal, to: 3650, options: SimulationOptions(relativeTolerance: 1e-7))
    let days = (0..<365).map { 3285 + Double($0) }
    let incidence = days.map { years.count("cases", from: $0, to: $0 + 1) }
    let highest = days[incidence.indices.max { incidence[$0] < incidence[$1] }!] - 3285
    let rains = incidence[200...].reduce(0, +) / Double(incidence[200...].count)
    let dry = incidence[..<180].reduce(0, +) / 180
    let plot = Plot(
      "Cases a day in the tenth year", x: Axis("time", unit: "days since the dry season began"), y: "cases",
      marks: [
        .line(x: days.map { $0 - 3285 }, y: incidence), .rule(x: 180, label: "rains"),
      ])
    return ExperimentOutcome(
      claims: [
        Claim(
          "P: least partial rank correlation of beta, eps and th with the highest I1", paper: "influential",
          measured: influential.min()!, rule: .atLeast(0.7)),
        Claim(
          "P: days by which carriers turn before cases do", paper: "the ratio warns early",
          measured: cases.time - carriers.time, rule: .above(0)),
        Claim(
          "P: I1/C over its critical level on day 30, when cases still rise",
          measured: ratio.readings[0].ratio! / ratio.readings[0].criticalForCases!, rule: .below(1)),
        Claim(
          "P: spread of the share ever infected over phi from 0 to 0.3", paper: "nearly as good",
          measured: shares.max()! - shares.min()!, rule: .atMost(0.05)),
        Claim(
          "P: day of the year's highest incidence, of a dry season of days 0 to 180",
          paper: "late in the dry season",
          measured: highest, rule: .within(90...190)),
        Claim(
          "P: incidence of the rains over that of the dry season", paper: "endemic in the rains",
          measured: rains / dry, rule: .all([.above(0), .below(0.75)])),
      ], items: [.table(table), .plot(plot, name: "seasons")])
  }
}
