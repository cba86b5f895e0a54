import ArgumentParser
import Foundation
import Likely

extension SimulationOptions.Method: ExpressibleByArgument {}

/// `likely epidemic simulate`
struct EpidemicSimulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Integrates a model: the course, peaks, totals and, where known, closed forms.",
    discussion: """
      Example:
        likely epidemic simulate --until 200 --set beta=0.3 --out runs/e
        likely epidemic simulate --at 60:beta=0.1 --until 200 --every 7 --csv e.csv
      """)

  @OptionGroup var arguments: EpidemicArguments

  @Option(help: ArgumentHelp("The end, in the model's unit of time.", valueName: "t"))
  var until = 400.0

  @Option(help: ArgumentHelp("Time from one row of the table to the next.", valueName: "t"))
  var every = 1.0

  @Option(help: ArgumentHelp("Relative tolerance of a step.", valueName: "x"))
  var tolerance = 1e-8

  @Option(
    help: ArgumentHelp("automatic, explicit or implicit (for rates very far apart).", valueName: "name"))
  var method = SimulationOptions.Method.automatic

  @OptionGroup var output: EpidemicOutput
  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard until > 0, until.isFinite else { throw ValidationError("--until \(until): above 0") }
    guard every > 0, until / every <= 1e6 else {
      throw ValidationError("--every \(every): above 0, with at most a million rows")
    }
    guard tolerance > 0, tolerance < 1 else {
      throw ValidationError("--tolerance \(tolerance): between 0 and 1")
    }
  }

  func run() throws {
    _ = try common.startOnProcessor()
    let model = try arguments.chosenModel()
    let values = try arguments.values(model)
    let events = try arguments.interventions(model, until: until)
    let trajectory = try model.simulate(
      values, to: until, interventions: events,
      options: SimulationOptions(
        method: method, relativeTolerance: tolerance, absoluteTolerance: min(1e-9, tolerance)))
    let times = sampleTimes(until: until, every: every)
    let forms = events.isEmpty && model.isMeningitis ? try? MeningitisForms(values) : nil
    let ratio = try? CaseCarrierRatio(trajectory, at: times)
    // Critical levels are those of constant rates.
    let isConstant = events.isEmpty && !model.variesWithTime(values)
    let table = Self.summary(trajectory, forms)
    if output.json {
      var json = Self.json(trajectory, forms)
      if let ratio { json["case_carrier_ratio"] = Self.json(ratio, isConstant: isConstant) }
      print(json.compact)
    } else {
      print(table.plainText)
      if let forms { print(Self.check(trajectory, forms)) }
    }
    let rows = times.map { t in [t] + trajectory.state(at: t).map { Optional($0) } }
    let csv = csvTable([model.timeUnit] + model.stateNames, rows)
    var page = epidemicPage("Course of an epidemic", model, values, events)
    var items: [ReportItem] = [.table(table)]
    if let forms { items.append(.text(Self.check(trajectory, forms))) }
    items += Self.plots(trajectory, times, events)
    if let ratio { items += Self.plots(ratio, model, events, isConstant: isConstant) }
    page.add("Course", items)
    try output.write(page, table: csv)
  }

  static func summary(_ trajectory: Trajectory, _ forms: MeningitisForms?) -> ReportTable {
    let model = trajectory.model
    var table = ReportTable(
      title: "From \(model.timeUnit) 0 to \(formatNumber(trajectory.endTime, digits: 6, trimmed: true))",
      columns: [
        .text("compartment"), .number("start", digits: 6), .number("highest", digits: 6),
        .number("at", unit: model.timeUnit, digits: 4), .number("end", digits: 6),
      ])
    for name in model.stateNames {
      let peak = trajectory.maximum(name)
      table.append([
        .text(name), .number(trajectory.value(name, at: trajectory.startTime)), .number(peak.value),
        .number(peak.time),
        .number(trajectory.final(name)),
      ])
    }
    return table
  }

  /// The closed forms beside the integration.
  static func check(_ trajectory: Trajectory, _ forms: MeningitisForms) -> String {
    let end = trajectory.final("S")
    return
      "ever infected in the long run \(formatNumber(100 * forms.everInfected, digits: 6)) %, stage-I cases "
      + "\(formatNumber(forms.totalCases, digits: 6)), deaths \(formatNumber(forms.deaths, digits: 6)) (closed form); "
      + "susceptibles in the end \(formatNumber(forms.finalSusceptible, digits: 8)), integrated so far "
      + formatNumber(end, digits: 8)
  }

  static func json(_ trajectory: Trajectory, _ forms: MeningitisForms?) -> JSONValue {
    var compartments: JSONValue = [:]
    for name in trajectory.model.stateNames {
      let peak = trajectory.maximum(name)
      compartments[name] = [
        "start": .number(trajectory.value(name, at: trajectory.startTime)), "highest": .number(peak.value),
        "at": .number(peak.time), "end": .number(trajectory.final(name)),
      ]
    }
    var result: JSONValue = ["model": .string(trajectory.model.name), "compartments": compartments]
    if let forms {
      result["closed_form"] = [
        "ever_infected": .number(forms.everInfected), "final_susceptible": .number(forms.finalSusceptible),
        "cases": .number(forms.totalCases), "deaths": .number(forms.deaths),
      ]
    }
    return result
  }

  static func json(_ ratio: CaseCarrierRatio, isConstant: Bool) -> JSONValue {
    func array(_ value: (CaseCarrierRatio.Reading) -> Double?) -> JSONValue {
      .array(ratio.readings.map { value($0).map(JSONValue.number) ?? .null })
    }
    return [
      "time": array { $0.time }, "ratio": array { $0.ratio },
      "critical_for_cases": array { isConstant ? $0.criticalForCases : nil },
      "critical_for_carriers": array { isConstant ? $0.criticalForCarriers : nil },
    ]
  }

  /// I1/C beside its critical levels, one a plot: that for carriers runs over a far wider range.
  static func plots(
    _ ratio: CaseCarrierRatio, _ model: CompartmentModel, _ events: [Intervention], isConstant: Bool
  ) -> [ReportItem] {
    func line(_ series: String, _ value: (CaseCarrierRatio.Reading) -> Double?) -> Mark {
      let points = ratio.readings.compactMap { r in value(r).map { (r.time, $0) } }
      return .line(x: points.map(\.0), y: points.map(\.1), series: series)
    }
    func plot(_ title: String, _ caption: String, _ marks: [Mark], _ name: String) -> ReportItem {
      .plot(
        Plot(title, caption: caption, x: Axis("time", unit: model.timeUnit), y: Axis("I1/C"), marks: marks),
        name: name)
    }
    let course = line("I1/C") { $0.ratio }
    guard isConstant else {
      let rules = events.map { Mark.rule(x: $0.time) }
      return [
        plot("Cases by carriers", "Critical levels are known for constant rates.", [course] + rules, "ratio")
      ]
    }
    return [
      plot(
        "Cases by carriers", "Stage-I cases rise while I1/C is below its critical level.",
        [course, line("critical for cases") { $0.criticalForCases }], "ratio"),
      plot(
        "Cases by carriers, for carriers", "Carriers rise while I1/C is above this level.",
        [course, line("critical for carriers") { $0.criticalForCarriers }], "ratio-carriers"),
    ]
  }

  static func plots(_ trajectory: Trajectory, _ times: [Double], _ events: [Intervention]) -> [ReportItem] {
    let model = trajectory.model
    let x = Axis("time", unit: model.timeUnit)
    let rules = events.map { Mark.rule(x: $0.time) }
    func lines(_ names: [String]) -> [Mark] {
      names.map { name in Mark.line(x: times, y: times.map { trajectory.value(name, at: $0) }, series: name) }
    }
    let infected = model.infected.map { model.compartments[$0].name }
    var items: [ReportItem] = [
      .plot(
        Plot("Compartments", x: x, y: "persons", marks: lines(model.compartments.map(\.name)) + rules),
        name: "compartments"),
      .plot(Plot("Infected", x: x, y: "persons", marks: lines(infected) + rules), name: "infected"),
    ]
    if !model.observations.isEmpty, times.count > 1 {
      let marks = model.observations.map { observation in
        Mark.line(
          x: Array(times.dropFirst()),
          y: zip(times, times.dropFirst()).map { trajectory.count(observation.name, from: $0, to: $1) },
          series: observation.name)
      }
      items.append(
        .plot(
          Plot("Counted from one row to the next", x: x, y: "count", marks: marks + rules), name: "counts"))
    }
    return items
  }
}

/// 0, every, 2·every, … and the end.
func sampleTimes(until: Double, every: Double) -> [Double] {
  let count = Int((until / every * (1 + 1e-12)).rounded(.down))
  let times = (0...count).map { min(until, Double($0) * every) }
  return times[count] < until ? times + [until] : times
}

/// `likely epidemic stochastic`
struct EpidemicStochastic: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stochastic",
    abstract: "Runs of whole persons who move one by one: bands, chance of extinction.",
    discussion: """
      Example:
        likely epidemic stochastic --set N=5000 --set C0=2 --runs 100 --until 200
        likely epidemic stochastic --runs 50 --leap 0.25 --out runs/stochastic
      """)

  @OptionGroup var arguments: EpidemicArguments

  @Option(help: ArgumentHelp("The end, in the model's unit of time.", valueName: "t"))
  var until = 200.0

  @Option(help: ArgumentHelp("Time from one row of the table to the next.", valueName: "t"))
  var every = 1.0

  @Option(help: ArgumentHelp("Number of runs.", valueName: "n"))
  var runs = 100

  @Option(
    help: ArgumentHelp(
      "Leap over all events of so long a step; exact, one by one, if left out.", valueName: "t"))
  var leap: Double?

  @OptionGroup var output: EpidemicOutput
  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard until > 0, until.isFinite else { throw ValidationError("--until \(until): above 0") }
    guard every > 0, until / every <= 1e5 else {
      throw ValidationError("--every \(every): above 0, with at most 100000 rows")
    }
    guard (1...100_000).contains(runs) else { throw ValidationError("--runs \(runs): from 1 to 100000") }
  }

  func run() throws {
    let random = try common.startOnProcessor()
    let model = try arguments.chosenModel()
    let values = try arguments.values(model)
    let events = try arguments.interventions(model, until: until)
    let times = sampleTimes(until: until, every: every)
    let simulation = StochasticSimulation(model, method: leap.map { .leap($0) } ?? .exact)
    let found = try simulation.runs(
      runs, values: values, times: times, interventions: events, random: random.split("runs"))
    let names = model.stateNames
    let levels = [0.025, 0.5, 0.975]
    /// `[state][level][time]`
    let bands = names.indices.map { i in
      let sorted = times.indices.map { t in found.map { $0.states[t][i] }.sorted() }
      return levels.map { level in sorted.map { $0[min($0.count - 1, Int(level * Double($0.count)))] } }
    }
    // As a sum of real numbers: that of whole ones may be too large.
    let meanEvents = found.reduce(0) { $0 + Double($1.events) } / Double(runs)
    let extinct = found.count { $0.extinction != nil }
    var table = ReportTable(
      title: "\(runs) runs to \(model.timeUnit) \(formatNumber(until, digits: 6, trimmed: true))",
      columns: [.text("at the end"), .text("mean"), .number("2.5 %"), .number("median"), .number("97.5 %")])
    for (i, name) in names.enumerated() {
      let mean = Estimate(meanOf: found.map { $0.states[times.count - 1][i] })
      table.append(
        [
          .text(name),
          .text(runs > 1 ? formatNumber(mean.value, uncertainty: mean.standardError) : "\(mean.value)"),
        ]
          + levels.indices.map { .number(bands[i][$0][times.count - 1]) })
    }
    let sentence =
      "no infected left in \(extinct) of \(runs) runs; \(Int(meanEvents)) events a run"
    if output.json {
      print(
        JSONValue.object([
          "runs": .integer(runs), "extinct": .integer(extinct),
          "end": .object(
            .init(
              uniqueKeysWithValues: names.enumerated().map { i, name in
                (name, .array(found.map { .number($0.states[times.count - 1][i]) }))
              })),
        ]).compact)
    } else {
      print(table.plainText)
      print(sentence)
    }
    let columns = names.flatMap { name in ["\(name)_low", "\(name)_median", "\(name)_high"] }
    let csv = csvTable(
      [model.timeUnit] + columns,
      times.indices.map { t in
        [times[t]] + names.indices.flatMap { i in levels.indices.map { Optional(bands[i][$0][t]) } }
      })
    var page = epidemicPage("Stochastic epidemics", model, values, events)
    let deterministic = try? model.simulate(values, to: until, interventions: events)
    let plots = model.infected.map { i -> ReportItem in
      let name = names[i]
      var marks = [
        Mark.band(x: times, lower: bands[i][0], upper: bands[i][2], series: "95 % of runs"),
        Mark.line(x: times, y: bands[i][1], series: "median"),
      ]
      if let deterministic {
        marks.append(
          .line(
            x: times, y: times.map { deterministic.value(name, at: $0) }, series: "equations", dashed: true))
      }
      return .plot(
        Plot(name, x: Axis("time", unit: model.timeUnit), y: "persons", marks: marks), name: "band-\(name)")
    }
    page.add("Runs", [.table(table), .text(sentence)] + plots)
    try output.write(page, table: csv)
  }
}
