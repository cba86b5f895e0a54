import ArgumentParser
import Foundation
import Likely

/// `likely causal identify`
struct CausalIdentify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "identify",
    abstract: "The formula of an effect in what was measured, or why there is none.",
    discussion: """
      Example:
        likely causal identify --diagram smoke.txt --do S --query C
      """)

  @OptionGroup var source: DiagramArguments
  @OptionGroup var question: QueryArguments

  @Flag(help: "The surgery of one variable by its c-component, instead of the complete algorithm.")
  var single = false

  @Flag(help: "Print the formula as LaTeX.")
  var latex = false

  @Flag(help: "Print formula, components and refusal as JSON.")
  var json = false

  func run() throws {
    let (diagram, network) = try source.load()
    let query = try question.causalQuery
    for setting in query.interventions + query.evidence {
      if let state = setting.state, let network {
        _ = try network.variable(setting.variable).index(of: state)
      }
    }
    let found: Identification
    if single {
      guard query.interventions.count == 1, query.evidence.isEmpty else {
        throw UsageError("--single: one variable in --do and none in --given")
      }
      found = try diagram.identify(query.targets, doSingle: query.interventions[0].variable)
    } else {
      found = try diagram.identify(query)
    }
    if json {
      print(Self.json(found).compact)
      // The refusal is the answer there.
      return
    }
    let formula = try found.required()
    if latex {
      print(formula.latex)
    } else {
      print("\(query.text) = \(formula.text)")
      let components = found.components.map { "{\($0.joined(separator: ", "))}" }.joined(separator: " ")
      print("tied by hidden causes: \(components)")
    }
  }

  private static func json(_ found: Identification) -> JSONValue {
    .members([
      ("query", .string(found.query.text)), ("identified", .bool(found.formula != nil)),
      ("formula", found.formula.map { .string($0.text) } ?? .null),
      ("latex", found.formula.map { .string($0.latex) } ?? .null),
      ("components", .array(found.components.map { .array($0.map { .string($0) }) })),
      (
        "refusal",
        found.refusal.map { refusal in
          [
            "variable": .string(refusal.variable), "child": .string(refusal.child),
            "path": .string(refusal.path), "larger": .array(refusal.larger.map { .string($0) }),
            "smaller": .array(refusal.smaller.map { .string($0) }), "text": .string(refusal.text),
          ]
        } ?? .null
      ),
    ])
  }
}
