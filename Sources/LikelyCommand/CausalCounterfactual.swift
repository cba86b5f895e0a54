import ArgumentParser
import Files
import Foundation
import Likely

/// `likely causal counterfactual`
struct CausalCounterfactual: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "counterfactual",
    abstract: "What would have been in the case that was seen, had a variable been another.",
    discussion: """
      The boxes after the set variables must be functions; randomness is in variables of its own.

      Example:
        likely causal counterfactual --diagram xor.bif --do X=1 --query Y --given Y=1
      """)

  @OptionGroup var source: DiagramArguments
  @OptionGroup var question: QueryArguments

  @Flag(help: "Print the answer as JSON.")
  var json = false

  @Option(
    help: ArgumentHelp("Folder for twin.dot, drawn as SVG where Graphviz is installed.", valueName: "folder"))
  var out: String?

  func run() throws {
    let network = try source.loadNetwork()
    let settings = try QueryArguments.settings(question.set, "do")
    guard !settings.isEmpty, settings.allSatisfy({ $0.state != nil }) else {
      throw UsageError("--do: a state for every variable, such as X=1")
    }
    guard Set(settings.map(\.variable)).count == settings.count else {
      throw UsageError("--do: a variable twice")
    }
    let seen = try QueryArguments.settings(question.given, "given")
    let targets = try question.targets.map(\.variable)
    let twin = try TwinNetwork(
      network, do: Dictionary(uniqueKeysWithValues: settings.map { ($0.variable, $0.state!) }))
    let law = try twin.answer(of: targets, given: seen)
    let event = try question.event
    for (name, state) in event { _ = try network.variable(name).index(of: state) }
    let title =
      "P(\(targets.joined(separator: ", ")) had \(settings.map { "\($0.variable)=\($0.state!)" }.joined(separator: ", "))"
      + (seen.isEmpty
        ? ")" : " | \(seen.map { $0.variable + ($0.state.map { "=\($0)" } ?? "") }.joined(separator: ", ")))")
    let cells = law.values.indices.filter { cell in
      let states = law.variables.states(of: cell)
      return zip(law.variables, states).allSatisfy { variable, state in
        // Where the factual state is open too, what is asked for is that of the copy.
        let isCopy = variable.name.hasSuffix(TwinNetwork.mark)
        let name = isCopy ? String(variable.name.dropLast()) : variable.name
        let isFactual = !isCopy && law.variables.contains { $0.name == name + TwinNetwork.mark }
        return isFactual || (event[name] ?? state) == state
      }
    }
    if json {
      let rows = cells.map { cell -> JSONValue in
        let states = zip(law.variables, law.variables.states(of: cell)).map {
          ($0.name, JSONValue.string($1))
        }
        return .members(states + [("probability", .number(law.values[cell]))])
      }
      print(JSONValue.members([("query", .string(title)), ("rows", .array(rows))]).compact)
    } else {
      var table = ReportTable(
        title: title, columns: law.variables.map { .text($0.name) } + [.number("probability", digits: 6)])
      for cell in cells {
        let states = law.variables.states(of: cell).map { ReportTable.Cell.text($0) }
        table.append(states + [.number(law.values[cell])])
      }
      print(table.plainText)
    }
    if let out {
      let folder = URL(argument: out)
      try createFolder(at: folder)
      let dot = twin.network.diagram.dot(title: "twin")
      try writeAtomically(Data(dot.utf8), to: folder.appending(path: "twin.dot"))
      if let program = Graphviz.find() {
        try Graphviz.draw(dot, to: folder.appending(path: "twin.svg"), program: program)
      }
    }
  }
}
