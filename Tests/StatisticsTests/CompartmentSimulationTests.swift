import Foundation
import Probability
import Solvers
import Statistics
import Testing
import Torch

@Suite("Compartment models: simulation") struct CompartmentSimulationTests {
  private let model = CompartmentModel.meningitis

  @Test("meningitis: closed forms to 30 digits of arithmetic, integration to 1e-6, the invariant to rounding")
  func baseline() throws {
    for (phi, s, cases, deaths) in [
      (0.0, 3895.0994323991, 2669.5805713222, 394.36985712715),
      (0.05, 4314.1173440093, 7304.4771473326, 1079.0704876741),
    ] {
      let values = try model.values(["phi": phi])
      let forms = try MeningitisForms(values)
      #expect(near(forms.finalSusceptible, s, 1e-12) && near(forms.totalCases, cases, 1e-12))
      #expect(near(forms.deaths, deaths, 1e-12))
      let found = try model.simulate(values, to: 1500)
      #expect(near(found.final("S"), s, 1e-7) && near(found.final("cases"), cases, 1e-7))
      #expect(near(found.final("D"), deaths, 1e-7) && near(found.final("infections"), 99_900 - s, 1e-7))
      for t in stride(from: 0, through: 1500, by: 12.5) {
        #expect(abs(found.state(at: t)[..<6].reduce(0, +) - 1e5) < 1e-6)
      }
      #expect(near(try model.nextGeneration(values).reproductionNumber, forms.reproductionNumber, 1e-13))
    }
  }

  @Test("closed forms with infectives and immune at the start, and beside their limits")
  func moreForms() throws {
    let given: [String: Double] = ["I10": 50, "I20": 30, "immune": 20_000, "phi": 0.1, "kap": 0.7]
    let values = try model.values(given)
    let forms = try MeningitisForms(values)
    let found = try model.simulate(values, to: 3000)
    #expect(near(found.final("S"), forms.finalSusceptible, 1e-6))
    #expect(near(found.final("D"), forms.deaths, 1e-6))
    // Cases of the start are counted in the form, not by the observation.
    #expect(near(found.final("cases") + 50, forms.totalCases, 1e-6))
    // No seed: nothing happens, though the other root exists.
    let none = try MeningitisForms(try model.values(["C0": 0]))
    #expect(none.newInfections > 90_000)
    let small = try MeningitisForms(try model.values(["C0": 1e-6]))
    #expect(near(small.newInfections, none.newInfections, 1e-9))
    #expect(try MeningitisForms(try model.values(["C0": 0, "beta": 0.01])).newInfections == 0)
    // Below the threshold only a few: T ≈ seeds/(1 − R0).
    let below = try MeningitisForms(try model.values(["C0": 1, "beta": 0.02]))
    let r0 = below.reproductionNumber
    #expect(r0 < 1 && near(below.newInfections, below.infectionsByCarrier / (1 - r0), 1e-4))
    #expect(statisticsError { _ = try MeningitisForms(model.values(["om": 0.1])) }?.kind == .noAnswer)
  }

  @Test("the ratio of cases to carriers crosses th/b at the highest I1; without carriers it is missing")
  func ratio() throws {
    let values = try model.values()
    let found = try model.simulate(values, to: 200)
    let peak = found.maximum("I1")
    let ratio = try CaseCarrierRatio(found, at: [0, 20, peak.time])
    #expect(
      near(ratio.readings[2].ratio!, 0.0125, 1e-6) && near(ratio.readings[2].criticalForCases!, 0.0125, 1e-12)
    )
    #expect(ratio.crossings.count == 1 && abs(ratio.crossings[0].time - peak.time) < 1e-3)
    // In the growth phase the ratio is th/(r + b), and carriers rise, as the ratio is above its critical level.
    let next = try model.nextGeneration(values)
    #expect(near(ratio.readings[1].ratio!, 0.002 / (next.growthRate + 0.16), 0.05))
    #expect(ratio.readings[1].ratio! > ratio.readings[1].criticalForCarriers!)
    let empty = try model.simulate(try model.values(["C0": 0, "th": 0, "phi": 1, "I10": 5]), to: 10)
    #expect(try CaseCarrierRatio(empty, at: [0]).readings[0].ratio == nil)
    let sir = try CompartmentModel(text: sirText)
    #expect(
      statisticsError { _ = try CaseCarrierRatio(sir.simulate(sir.values(), to: 1), at: [0]) }?.kind
        == .noAnswer)
  }

  @Test("the implicit method gives the same course, also where rates lie far apart")
  func implicit() throws {
    let values = try model.values()
    func end(_ method: SimulationOptions.Method, _ values: [Double]) throws -> [Double] {
      try model.simulate(values, to: 400, options: SimulationOptions(method: method)).state(at: 400)
    }
    for (a, b) in zip(try end(.explicit, values), try end(.implicit, values)) { #expect(near(a, b, 1e-5)) }
    // Stage II lasts a second.
    let fast = try model.values(["g2": 86_400])
    for (a, b) in zip(
      try end(.automatic, fast), try end(.automatic, try model.values(["g2": 8640, "kap": 0.05])))
    {
      #expect(abs(a - b) < 1 + 1e-3 * abs(b))
    }
    let statistics = try model.simulate(fast, to: 400).solution.statistics
    #expect(statistics.steps < 5000)
  }

  @Test("tolerances: the error falls with each tenth")
  func tolerances() throws {
    let values = try model.values()
    let exact = try MeningitisForms(values).finalSusceptible
    let errors = try [1e-6, 1e-8, 1e-10].map { tolerance in
      abs(
        try model.simulate(
          values, to: 1500,
          options: SimulationOptions(relativeTolerance: tolerance, absoluteTolerance: tolerance / 10)
        ).final("S") / exact - 1)
    }
    #expect(errors[0] > errors[1] && errors[1] > errors[2] && errors[2] < 1e-9)
  }

  @Test("batches give what single runs give, whatever stands beside a set")
  func batches() throws {
    let sets = try (0..<19).map {
      try model.values(["beta": 0.1 + 0.02 * Double($0), "phi": 0.01 * Double($0)])
    }
    let all = try model.simulateAll(sets, to: 300) { index, trajectory in
      (index, trajectory.final("S"), trajectory.maximum("I1"))
    }
    #expect(all.map(\.0) == Array(0..<19))
    for (set, found) in zip(sets, all) {
      let single = try model.simulate(set, to: 300)
      #expect(near(found.1, single.final("S"), 1e-6))
      #expect(near(found.2.value, single.maximum("I1").value, 1e-5))
      #expect(near(found.2.time, single.maximum("I1").time, 1e-3))
    }
    #expect(throws: StatisticsError.self) {
      try model.simulateAll([sets[0], Array(repeating: -1, count: sets[0].count)], to: 10) { _, _ in 0 }
    }
  }

  @Test("interventions: rates change at their date, a pulse moves its share, and stops an epidemic")
  func interventions() throws {
    let values = try model.values()
    let base = try model.simulate(values, to: 200)
    let event = try Intervention("20: S -> R 0.75", of: model)
    #expect(event == Intervention(time: 20, action: .move(from: 0, to: 4, share: 0.75)))
    let pulsed = try model.simulate(values, to: 200, interventions: [event])
    #expect(near(pulsed.value("S", at: 19.999), base.value("S", at: 19.999), 1e-7))
    #expect(near(pulsed.value("S", at: 20), 0.25 * base.value("S", at: 20), 1e-6))
    #expect(pulsed.final("infections") < 0.2 * base.final("infections"))
    let halved = try model.simulate(
      values, to: 200, interventions: [try Intervention("20: beta *= 0.5", of: model)])
    let set = try model.simulate(values, to: 200, interventions: [try Intervention("20:beta=0.1", of: model)])
    #expect(halved.state(at: 200) == set.state(at: 200) && halved.final("S") > base.final("S"))
    // An event at the start is in force from the start; one at the end or after it does nothing.
    let from = try model.simulate(
      values, to: 50, interventions: [try Intervention("0: beta = 0.3", of: model)])
    #expect(
      near(from.final("S"), try model.simulate(try model.values(["beta": 0.3]), to: 50).final("S"), 1e-9))
    let after = try model.simulate(
      values, to: 50, interventions: [try Intervention("50: beta = 0", of: model)])
    #expect(after.final("S") == (try model.simulate(values, to: 50)).final("S"))
    let written = try CompartmentModel(text: sirText + "\nat 5 : beta *= 0")
    #expect(try written.simulate(written.values(), to: 30).maximum("I").time <= 5.001)
    for (text, words) in [
      ("beta = 1", ["no colon"]), ("x: beta = 1", ["\"x\""]), ("5: gamma = 1", ["the parameter gamma"]),
      ("5: S -> Q 0.5", ["the compartment Q"]), ("5: S -> R 1.5", ["share"]),
      ("5: S -> R", ["FROM -> TO SHARE"]),
      ("5: beta", ["NAME = VALUE"]), ("5: betta = 1", ["did you mean beta?"]),
    ] {
      let error = statisticsError { _ = try Intervention(text, of: model) }
      for word in words { #expect(error.map { "\($0)".contains(word) } == true, "\(text): \(error!)") }
    }
  }

  @Test("interventions keep parameters in their range, for the values that they meet, in every kind of run")
  func interventionRanges() throws {
    let values = try model.values()
    func refuses(_ texts: [String], _ words: String...) throws {
      let events = try texts.map { try Intervention($0, of: model) }
      let runs: [() throws -> Void] = [
        { _ = try model.simulate(values, to: 50, interventions: events) },
        { _ = try model.simulateAll([values], to: 50, interventions: events) { _, _ in 0 } },
        {
          _ = try StochasticSimulation(model).runs(
            1, values: values, times: [50], interventions: events, random: RandomSource(seed: 1))
        },
      ]
      for run in runs {
        let error = statisticsError(run)
        #expect(error?.kind == .option)
        for word in words { #expect(error.map { "\($0)".contains(word) } == true, "\(error!)") }
      }
    }
    try refuses(["30: phi = 1.5"], "\"30: phi = 1.5\"", "parameter phi", "[0.0, 1.0]")
    try refuses(["30: beta *= -1"], "\"30: beta *= -1\"", "parameter beta", "-0.2", "≥ 0")
    // In order of time: 0.4 · 3 at day 20, though 0 · 3 as written.
    try refuses(["20: phi *= 3", "10: phi = 0.4"], "\"20: phi *= 3\"")
    let late = [try Intervention("50: phi = 1.5", of: model)]
    #expect(try model.simulate(values, to: 50, interventions: late).endTime == 50)
  }

  @Test("flows that run backwards or divide by 0 are named, at the start and after an intervention")
  func rates() throws {
    func model(_ infection: String) throws -> CompartmentModel {
      try CompartmentModel(
        text: sirText.replacingOccurrences(
          of: "infection S -> I : beta*S*I/N", with: "infection S -> I : \(infection)")
          + "\nparameter sign = 1 in -1..1")
    }
    for formula in ["-beta*S*I/N", "beta*S*I/mu", "beta*S*I*log(mu)"] {
      let bad = try CompartmentModel(
        text: sirText.replacingOccurrences(
          of: "infection S -> I : beta*S*I/N", with: "infection S -> I : \(formula)"))
      for error in [
        statisticsError { _ = try bad.simulate(bad.values(), to: 10) },
        statisticsError { _ = try bad.simulateAll([bad.values()], to: 10) { _, _ in 0 } },
      ] {
        #expect(error?.kind == .noAnswer)
        #expect(error.map { "\($0)".contains("flow \(formula) at day 0") } == true, "\(error!)")
      }
    }
    let turning = try model("sign*beta*S*I/N")
    let values = try turning.values()
    #expect(try turning.simulate(values, to: 10).endTime == 10)
    let turn = [try Intervention("5: sign = -1", of: turning)]
    let error = statisticsError { _ = try turning.simulate(values, to: 10, interventions: turn) }
    #expect(error.map { "\($0)".contains("flow sign*beta*S*I/N at day 5") } == true)
    // A compartment that empties ends a little below zero: that is no fault of what leaves it.
    let decay = try CompartmentModel(
      text: "compartments A B\nparameter k = 5 per day\nA -> B : k*A\nstart A = 1000")
    let faster = try (1...9).map { try Intervention("\($0): k *= 1.5", of: decay) }
    #expect(abs(try decay.simulate(decay.values(), to: 10, interventions: faster).final("B") - 1000) < 1e-3)
  }

  @Test("seasons: a cosine and a dry season change the rates when they should")
  func seasons() throws {
    let quiet: [String: Double] = ["beta": 0, "C0": 1000, "rC": 0, "th": 0.001]
    /// Cases of a day: the share of carriers that fall ill.
    func ill(_ day: Double, _ more: [String: Double]) throws -> Double {
      let values = try model.values(quiet.merging(more) { $1 })
      let found = try model.simulate(values, to: 400)
      return found.count("cases", from: day, to: day + 1) / found.value("C", at: day)
    }
    let (summit, valley) = (try ill(0, ["Ath": 0.5]), try ill(182, ["Ath": 0.5]))
    #expect(near(summit / 0.0015, 1, 1e-3) && near(valley / 0.0005, 1, 1e-2))
    #expect(near(try ill(100, ["Ath": 0.5, "t0": 100]) / 0.0015, 1, 1e-3))
    #expect(near(try ill(50, ["Ath": 0.5, "dry": 90]) / 0.0015, 1, 1e-3))
    #expect(near(try ill(120, ["Ath": 0.5, "dry": 90]) / 0.0005, 1, 1e-3))
    #expect(near(try ill(370, ["Ath": 0.5, "dry": 90]) / 0.0015, 1, 1e-3))
  }

  @Test("horizons, populations and flows that overdraw are refused")
  func refusals() throws {
    let values = try model.values()
    for end in [0, -5, Double.nan, .infinity] {
      #expect(statisticsError { _ = try model.simulate(values, to: end) }?.kind == .option)
    }
    let nobody = try CompartmentModel(text: "compartments A B\nA -> B : 0.1*A")
    #expect(statisticsError { _ = try nobody.simulate(nobody.values(), to: 1) }?.kind == .option)
    let overdrawn = try CompartmentModel(text: "compartments A B\nA -> B : 2\nstart A = 10")
    let error = statisticsError { _ = try overdrawn.simulate(overdrawn.values(), to: 20) }
    #expect(
      error?.kind == .noAnswer && "\(error!)".contains("compartment A")
        && "\(error!)".contains("proportional"))
    let wild = try CompartmentModel(text: "compartments A B\n0 -> A : A*A\nA -> B : 0*A\nstart A = 10")
    #expect(statisticsError { _ = try wild.simulate(wild.values(), to: 20) }?.kind == .noAnswer)
  }

  @Test("the stochastic twin: whole persons, the right mean, extinction as a branching process has it")
  func stochastic() throws {
    let values = try model.values(["N": 2000, "C0": 40])
    let runs = try StochasticSimulation(model).runs(
      100, values: values, times: [0, 30, 1000], random: RandomSource(seed: 1))
    let forms = try MeningitisForms(values)
    let share = Estimate(meanOf: runs.map { 1 - $0.states[2][0] / 2000 })
    #expect(abs(share.value - forms.everInfected) < 5 * share.standardError + 0.003)
    for run in runs {
      #expect(run.states.allSatisfy { $0[..<6].allSatisfy { $0 >= 0 && $0 == $0.rounded() } })
      #expect(run.states.allSatisfy { $0[..<6].reduce(0, +) == 2000 })
      #expect(run.extinction != nil)
    }
    // One infected of SIR dies out without an epidemic with probability 1/R0 = 0.4.
    let sir = try CompartmentModel(text: sirText)
    let alone = try StochasticSimulation(sir).runs(
      2000, values: try sir.values(), times: [400], random: RandomSource(seed: 2))
    let extinct = Double(alone.count { $0.states[0][0] > 900 }) / 2000
    #expect(abs(extinct - 0.4) < 5 * (0.24 / 2000).squareRoot() + 0.01, "\(extinct)")
    // Equal seeds give equal runs, one beside many or alone.
    let again = try StochasticSimulation(model).runs(
      3, values: values, times: [0, 30, 1000], random: RandomSource(seed: 1))
    #expect(again.map(\.states) == runs[..<3].map(\.states))
  }

  @Test("more than can be counted one by one is refused by name, and never ends the program")
  func uncountable() throws {
    func error(
      _ model: CompartmentModel, _ values: [Double], _ method: StochasticSimulation.Method,
      _ events: [Intervention] = []
    ) -> String {
      let found = statisticsError {
        _ = try StochasticSimulation(model, method: method).runs(
          1, values: values, times: [5], interventions: events, random: RandomSource(seed: 1))
      }
      return found.map { "\($0)" } ?? ""
    }
    let values = try model.values(["N": 1e20])
    let pulse = [try Intervention("3: S -> R 0.5", of: model)]
    for method in [StochasticSimulation.Method.exact, .leap(0.1)] {
      let found = error(model, values, method, pulse)
      #expect(found.contains("compartment S at the start") && found.contains("deterministic"), "\(found)")
    }
    let births = try CompartmentModel(
      text: "compartments A B\nparameter b = 1e25 per day\n0 -> A : b\nA -> B : 0.1*A\nstart A = 10")
    for method in [StochasticSimulation.Method.exact, .leap(0.1)] {
      let found = error(births, try births.values(), method)
      #expect(found.contains("births by the flow b") && found.contains("deterministic"), "\(found)")
    }
    // Not many a day, but in a leap of many days.
    #expect(error(births, try births.values(["b": 5e15]), .leap(2)).contains("births by the flow b"))
    // An amplitude that is switched on: rates are looked at anew from then on.
    let wave = try CompartmentModel(
      text: """
        compartments A B
        parameter a = 0 in 0..1
        A -> B : a*step(t - 5)*A
        start A = 10
        """)
    let on = try StochasticSimulation(wave).runs(
      1, values: try wave.values(), times: [500], interventions: [Intervention("1: a = 1", of: wave)],
      random: RandomSource(seed: 1))
    #expect(on[0].states[0][1] == 10)
  }

  @Test("leaps keep everyone, stay above zero and have the exact mean for small steps")
  func leaps() throws {
    let values = try model.values(["N": 5000, "C0": 100])
    let leaps = try StochasticSimulation(model, method: .leap(0.1)).runs(
      100, values: values, times: [200], random: RandomSource(seed: 3))
    #expect(
      leaps.allSatisfy {
        $0.states[0][..<6].allSatisfy { $0 >= 0 } && $0.states[0][..<6].reduce(0, +) == 5000
      })
    let share = Estimate(meanOf: leaps.map { 1 - $0.states[0][0] / 5000 })
    #expect(abs(share.value - (try MeningitisForms(values)).everInfected) < 5 * share.standardError + 0.004)
    #expect(
      statisticsError {
        _ = try StochasticSimulation(model, method: .leap(0)).runs(
          1, values: values, times: [1], random: RandomSource(seed: 0))
      }?.kind == .option)
    // Births come from nowhere, pulses move whole persons, dates are kept.
    let sir = try CompartmentModel(text: sirText)
    let born = try StochasticSimulation(sir, method: .leap(0.5)).runs(
      200, values: try sir.values(["mu": 0.05, "I0": 0]), times: [9, 10],
      interventions: [try Intervention("10: S -> R 0.5", of: sir)], random: RandomSource(seed: 4))
    let halves = Estimate(meanOf: born.map { $0.states[1][0] })
    #expect(abs(halves.zScore(against: 500)) < 5, "\(halves)")
  }

  @Test("scans and sensitivity: R0 alone needs no run; the strong parameter is found")
  func outcomes() throws {
    let base = try model.values()
    let outcomes = try ["r0", "attack", "peak:I1", "time:I1", "end:D"].map { try ModelOutcome($0, of: model) }
    #expect(outcomes.map(\.description) == ["r0", "attack", "peak:I1", "time:I1", "end:D"])
    let row = try model.outcomes(outcomes, of: [base], to: 1000)[0]
    #expect(near(row[0], 3.375946969697, 1e-11) && near(row[2], 389.32, 1e-3) && near(row[3], 52.58, 1e-3))
    #expect(near(row[4], 394.369857, 1e-4) && near(row[1], (99_900 - 3895.0994) / 99_900, 1e-5))
    for (text, word) in [("peak:X", "X"), ("peak", "another form"), ("end:casses", "did you mean cases?")] {
      let error = statisticsError { _ = try ModelOutcome(text, of: model) }
      #expect(error.map { "\($0)".contains(word) } == true)
    }
    let study = try SensitivityStudy(
      model, ranges: [("beta", 0.1...0.3, false), ("eps", 0.5...2, true), ("d2", 0.01...0.05, false)],
      outcomes: [.reproductionNumber], horizon: 10)
    var random = RandomSource(seed: 6)
    let ranks = try study.partialRankCorrelations(base, count: 300, using: &random)[0]
    #expect(ranks.values[0] > 0.9 && ranks.values[1] > 0.9 && abs(ranks.values[2]) < 0.2)
    let sobol = try study.sobolIndices(base, count: 256, using: &random)[0]
    #expect(sobol.total[2].value < 1e-4 && sobol.first[0].value > 0.2)
    for ranges in [
      [], [("beta", 0.3...0.3, false)], [("phi", 0.5...2, false)], [("beta", 0...1, true)],
      [("x", 0...1, false)],
    ]
      as [[(parameter: String, range: ClosedRange<Double>, isLog: Bool)]]
    {
      #expect(
        statisticsError {
          _ = try SensitivityStudy(model, ranges: ranges, outcomes: [.attackRate], horizon: 10)
        }?.kind == .option)
    }
  }
}
