import ArgumentParser
import Foundation
import Likely

/// `likely epidemic thresholds`
struct EpidemicThresholds: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thresholds",
    abstract: "R0 with its elasticities, critical values, growth rate, equilibria and their stability.",
    discussion: """
      Example:
        likely epidemic thresholds --set phi=0.05
        likely epidemic thresholds --set om=0.01 --set d1=0 --set d2=0 --json
      """)

  @OptionGroup var arguments: EpidemicArguments

  @Option(
    help: ArgumentHelp("Parameters between commas whose critical values are wanted.", valueName: "names"))
  var critical: String?

  @OptionGroup var output: EpidemicOutput
  @OptionGroup var common: CommonOptions

  func run() throws {
    _ = try common.startOnProcessor()
    let model = try arguments.chosenModel()
    let values = try arguments.values(model)
    guard arguments.at.isEmpty else {
      throw UsageError("--at: thresholds are those of the parameters given by --set, without events")
    }
    let next = try model.nextGeneration(values)
    // Critical values of those that R0 depends on.
    let moving = next.elasticities.filter { abs($0.value) > 1e-6 }.map(\.parameter)
    let names = critical?.listed ?? moving
    let criticals = try names.map { ($0, try model.criticalValue(of: $0, values)) }
    let forms = model.isMeningitis ? try? MeningitisForms(values) : nil
    let equilibria: Result<Equilibria, any Error> = Result { try model.equilibria(values) }

    var elasticities = ReportTable(
      title: "d ln R0/d ln p, and the value at which R0 is 1",
      columns: [
        .text("parameter"), .number("value", digits: 6), .number("elasticity", digits: 5), .text("critical"),
      ])
    for (name, value) in next.elasticities where abs(value) > 1e-12 || names.contains(name) {
      let critical = criticals.first { $0.0 == name }
      let text = critical.map { $0.1.map { formatNumber($0, digits: 6) } ?? "none" } ?? "–"
      elasticities.append([
        .text(name), .number(values[model.index(ofParameter: name)!]), .number(value), .text(text),
      ])
    }
    let facts = Self.facts(model, next, forms, equilibria)
    if output.json {
      print(Self.json(next, criticals, forms, equilibria).compact)
    } else {
      for (name, value) in zip(facts.names, facts.values) { print("\(name): \(value)") }
      print(elasticities.plainText)
    }
    var page = epidemicPage("Thresholds of an epidemic", model, values, [])
    page.add(
      "Thresholds",
      [
        .facts(facts), .table(elasticities),
        .plot(
          Plot(
            "Elasticities of R0", x: "d ln R0/d ln p", y: "",
            marks: [
              .bars(
                elasticitiesShown(next).map(\.parameter), elasticitiesShown(next).map(\.value),
                horizontal: true)
            ]), name: "elasticities"),
      ])
    let csv =
      "parameter,value,elasticity,critical\n"
      + next.elasticities.map { name, value in
        let critical = criticals.first { $0.0 == name }.flatMap { $0.1 }.map { "\($0)" } ?? ""
        return "\(name),\(values[model.index(ofParameter: name)!]),\(value),\(critical)\n"
      }.joined()
    try output.write(page, table: csv)
  }

  private func elasticitiesShown(_ next: NextGeneration) -> [(parameter: String, value: Double)] {
    next.elasticities.filter { abs($0.value) > 1e-12 }.sorted { abs($0.value) > abs($1.value) }
  }

  private static func facts(
    _ model: CompartmentModel, _ next: NextGeneration, _ forms: MeningitisForms?,
    _ equilibria: Result<Equilibria, any Error>
  ) -> ReportItem.KeyedFacts {
    func number(_ x: Double) -> String { formatNumber(x, digits: 10, trimmed: true) }
    var facts = ReportItem.KeyedFacts()
    facts.append("R0", number(next.reproductionNumber))
    facts.append("growth rate", "\(number(next.growthRate)) per \(model.timeUnit)")
    facts.append(
      next.growthRate >= 0 ? "doubling time" : "halving time",
      "\(formatNumber(abs(next.doublingTime), digits: 5)) \(model.timeUnit)s")
    let shares = zip(next.names, next.growthShares).map { "\($0) \(formatNumber($1, digits: 5))" }
    facts.append("infected in the growth phase", shares.joined(separator: ", "))
    if let forms {
      let growth = next.growthShares
      // With phi = 1 nobody carries: a share of 0 but for rounding.
      facts.append(
        "I1/C in the growth phase",
        growth[0] > 1e-12 ? number(growth[1] / growth[0]) : "there are no carriers")
      facts.append("I1/C below which cases rise (phi = 0)", number(forms.criticalRatio))
      facts.append(
        "in the long run, closed form",
        "\(formatNumber(100 * forms.everInfected, digits: 6)) % ever infected, "
          + "\(formatNumber(forms.totalCases, digits: 6)) stage-I cases, \(formatNumber(forms.deaths, digits: 6)) deaths"
      )
      if let falls = next.elasticities.first(where: { $0.parameter == "th" }), falls.value < 0 {
        facts.append(
          "th", "lowers R0, as a patient infects fewer than a carrier; the number of cases grows with it")
      }
    }
    switch equilibria {
    case .success(let found):
      facts.append("without infection", words(model, found.diseaseFree))
      facts.append("endemic", found.endemic.map { words(model, $0) } ?? "none: the infection dies out")
    case .failure(let error): facts.append("equilibria", "\(error)")
    }
    return facts
  }

  private static func words(_ model: CompartmentModel, _ equilibrium: Equilibrium) -> String {
    let state = zip(model.compartments, equilibrium.state)
      .map { "\($0.name) \(formatNumber($1, digits: 6, trimmed: true))" }.joined(separator: ", ")
    let lead = formatNumber(equilibrium.leading, digits: 4, trimmed: true)
    return "\(equilibrium.isStable ? "stable" : "unstable") (leading eigenvalue \(lead)): \(state)"
  }

  private static func json(
    _ next: NextGeneration, _ criticals: [(String, Double?)], _ forms: MeningitisForms?,
    _ equilibria: Result<Equilibria, any Error>
  ) -> JSONValue {
    func state(_ equilibrium: Equilibrium) -> JSONValue {
      [
        "state": .array(equilibrium.state.map(JSONValue.number)), "stable": .bool(equilibrium.isStable),
        "eigenvalues": .array(
          equilibrium.eigenvalues.map { .array([.number($0.real), .number($0.imaginary)]) }),
      ]
    }
    var result: JSONValue = [
      "r0": .number(next.reproductionNumber), "growth_rate": .number(next.growthRate),
      "doubling_time": .number(next.doublingTime),
      "infected": .array(next.names.map(JSONValue.string)),
      "growth_shares": .array(next.growthShares.map(JSONValue.number)),
      "matrix": .array(next.matrix.map(JSONValue.number)),
      "elasticities": .object(
        .init(uniqueKeysWithValues: next.elasticities.map { ($0.parameter, .number($0.value)) })),
      "critical": .object(
        .init(uniqueKeysWithValues: criticals.map { ($0.0, $0.1.map(JSONValue.number) ?? .null) })),
    ]
    if let forms {
      result["closed_form"] = [
        "ever_infected": .number(forms.everInfected), "cases": .number(forms.totalCases),
        "deaths": .number(forms.deaths), "critical_ratio": .number(forms.criticalRatio),
      ]
    }
    if case .success(let found) = equilibria {
      result["disease_free"] = state(found.diseaseFree)
      result["endemic"] = found.endemic.map(state) ?? .null
    }
    return result
  }
}
