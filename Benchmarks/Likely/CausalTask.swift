import ArgumentParser
import Foundation
import Likely

/// Effects from diagrams: a formula for a network with a hidden cause, surgery on one without, and a thousand resamples. The
/// time is that of one call, the median of many; a call finds its formula and its elimination order anew, but for
/// `sachs-prepared`, which has the formula as its peer has its adjustment set.
struct CausalTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "causal")
  @OptionGroup var options: TaskOptions
  @Option var task = "sachs"
  @Option var data = ""
  @Option var calls = 50

  private func network(_ name: String) throws -> CausalNetwork {
    try CausalNetwork(bif: URL(fileURLWithPath: data).appending(path: "bayesnets/\(name).bif"))
  }

  private func median(_ call: () throws -> [Double]) throws -> (seconds: Double, values: [Double]) {
    var values = try call()
    var times: [Double] = []
    for _ in 0..<calls { times.append(try seconds { values = try call() }) }
    times.sort()
    return ((times[(calls - 1) / 2] + times[calls / 2]) / 2, values)
  }

  func run() throws {
    Libtorch.threads = options.threads
    let found: (seconds: Double, values: [Double])
    switch task {
    case "sachs":
      let network = try network("sachs").hiding(["PKC"])
      let query = CausalQuery(of: ["Erk"], do: ["Mek": "HIGH"])
      found = try median { try network.diagram.identify(query).evaluate(on: network).values }
    case "sachs-prepared":
      let network = try network("sachs").hiding(["PKC"])
      let query = CausalQuery(of: ["Erk"], do: ["Mek": "HIGH"])
      let formula = try CompiledFormula(try network.diagram.identify(query).required(), answering: query) {
        name throws(StatisticsError) in try network.variable(name)
      }
      found = try median { try formula(network).values }
    case "alarm":
      let network = try network("alarm")
      let query = CausalQuery(of: ["BP"], do: ["CO": "LOW"])
      found = try median { try network.answer(query).values }
    default:
      let diagram = try CausalDiagram(parsing: "hidden H\ns : H -> S\nt : S -> T\nc : H, T -> C")
      let variables = ["S", "T", "C"].map { FiniteVariable($0, count: 2) }
      let counts = CountTable(variables: variables, cells: [5000, 1000, 100, 200, 1000, 500, 200, 2000])
      let query = CausalQuery(of: ["C"], do: ["S": nil])
      found = try median {
        let estimate = try EffectEstimate(
          try diagram.identify(query).required(), answering: query, from: counts, method: .bootstrap(1000),
          random: RandomSource(seed: 0))
        let reading = estimate.read(.init("difference", weights: [0, -1, 0, 1]))
        return [reading.value, reading.standardError]
      }
    }
    answer(["seconds": found.seconds, "first": found.values[0], "second": found.values[1]])
  }
}
