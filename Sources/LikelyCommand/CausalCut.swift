import ArgumentParser
import Foundation
import Likely

/// `likely causal cut`
struct CausalCut: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cut",
    abstract: "Shows or writes a diagram, before and after the surgery.",
    discussion: """
      Example:
        likely causal cut --diagram smoke.txt --do S --out drawn
        likely causal cut --diagram lawn.bif --do Sprinkler --format bif
      """)

  @OptionGroup var source: DiagramArguments

  @Option(
    name: .customLong("do"),
    help: ArgumentHelp(
      "Variables whose boxes are cut off; with a state, S=1, set to it in --format bif and json.",
      valueName: "settings"))
  var set: [String] = []

  @Option(
    help: ArgumentHelp("What is printed: text, dot, term, json, or bif of a network.", valueName: "name"))
  var format = Format.text

  @Option(
    help: ArgumentHelp(
      "Folder for diagram.dot and cut.dot, drawn as SVG where Graphviz is installed.", valueName: "folder"))
  var out: String?

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, dot, term, json, bif }

  func run() throws {
    let (diagram, network) = try source.load()
    let settings = try QueryArguments.settings(set, "do")
    let names = Set(settings.map(\.variable))
    let cut = try diagram.cutting(names)
    var changed = network
    if let known = network {
      let states = settings.compactMap { setting in setting.state.map { (setting.variable, $0) } }
      let dice = names.subtracting(states.map(\.0))
      changed = try known.cutting(dice).setting(Dictionary(states) { first, _ in first })
    }
    switch format {
    case .text: print(cut.text, terminator: "")
    case .dot: print(diagram.dot(title: names.isEmpty ? "diagram" : "cut", cut: names), terminator: "")
    case .term: print(diagram.stringDiagram.cutting(names))
    case .json: print((changed?.json ?? cut.json).pretty, terminator: "")
    case .bif:
      guard let changed else {
        throw UsageError("--format bif: the diagram is no .bif network, so its boxes have no tables")
      }
      print(changed.bif, terminator: "")
    }
    if let out {
      let files = try DiagramFiles.write(diagram, cut: names, to: URL(argument: out))
      tell("likely: written \(files.map { "\(out)/\($0)" }.joined(separator: ", "))")
      if Graphviz.find() == nil {
        tell("likely: Graphviz is not installed, so there are no pictures; dot -Tsvg makes them")
      }
    }
  }
}
