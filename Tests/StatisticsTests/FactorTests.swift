import Foundation
import Statistics
import Testing
import Torch

@Suite("Factors") struct FactorTests {
  let a = FiniteVariable("a", count: 2)
  let b = FiniteVariable("b", count: 3)
  let c = FiniteVariable("c", count: 2)
  let d = FiniteVariable("d", count: 4)

  private func random(_ variables: [FiniteVariable], _ seed: UInt64, batch: Int = 1) -> Factor<Double> {
    var random = RandomSource(seed: seed)
    return Factor(
      variables, batch: batch, values: random.uniforms(batch * variables.reduce(1) { $0 * $1.count }))
  }

  /// By nested loops over all variables.
  private func bruteForce(_ factors: [Factor<Double>], open: [FiniteVariable], table: Int = 0) -> [Double] {
    var all: [FiniteVariable] = []
    for variable in factors.flatMap(\.variables) where !all.contains(variable) { all.append(variable) }
    var result = Array(repeating: 0.0, count: open.reduce(1) { $0 * $1.count })
    for cell in 0..<all.reduce(1, { $0 * $1.count }) {
      var states: [String: Int] = [:]
      var rest = cell
      for variable in all.reversed() {
        states[variable.name] = rest % variable.count
        rest /= variable.count
      }
      let product = factors.reduce(1.0) { product, factor in
        product
          * factor[factor.variables.map { states[$0.name]! }, batch: factor.batch == 1 ? 0 : table]
      }
      result[open.reduce(0) { $0 * $1.count + states[$1.name]! }] += product
    }
    return result
  }

  @Test("contraction agrees with nested loops, in every order of what stays open")
  func contraction() throws {
    let factors = [
      random([a, b], 1), random([b, c], 2), random([c, d, a], 3), random([d], 4), random([], 5),
    ]
    for open in [[], [a], [d, a], [c, b, a], [a, b, c, d], [d, c, b, a]] {
      let plan = try Contraction(factors.map(\.variables), open: open)
      let found = try plan(factors)
      #expect(found.variables == open)
      for (x, y) in zip(found.values, bruteForce(factors, open: open)) { #expect(abs(x - y) < 1e-13) }
      #expect(Set(plan.order) == Set([a, b, c, d].map(\.name)).subtracting(open.map(\.name)))
    }
  }

  @Test("a batch gives what its tables give one by one, single tables counting for each")
  func batch() throws {
    let factors = [
      random([a, b], 1, batch: 7), random([b, c], 2), random([c, d, a], 3, batch: 7), random([d], 4),
    ]
    let plan = try Contraction(factors.map(\.variables), open: [c, a])
    let found = try plan(factors)
    #expect(found.batch == 7)
    for table in 0..<7 {
      let one = try plan(factors.map { $0.batch == 1 ? $0 : $0.table(table) })
      for (x, y) in zip(found.table(table).values, one.values) { #expect(abs(x - y) < 1e-13) }
    }
  }

  @Test("logarithms give the same, also where a product underflows")
  func logarithms() throws {
    let factors = [random([a, b], 1), random([b, c], 2), random([c, a], 3)]
    let plan = try Contraction(factors.map(\.variables), open: [b])
    let plain = try plan(factors)
    let logs = try plan(factors.map { $0.converted(to: LogNumber.self) })
    for (x, y) in zip(plain.values, logs.values) { #expect(abs(x - y.plain) < 1e-13) }
    let tiny = Factor([a], values: [LogNumber(log: -600), LogNumber(log: -601)])
    let product = try Contraction([[a], [a], [a]], open: [a])([tiny, tiny, tiny])
    let law = product.conditional(given: []).channel
    #expect(product.values.map(\.plain) == [0, 0])
    #expect(abs(law.values[0].plain - 1 / (1 + exp(-3.0))) < 1e-12)
  }

  @Test("dual numbers differentiate: the slope of a conditional probability in one cell")
  func duals() throws {
    let values = [0.1, 0.2, 0.3, 0.4]
    let joint = Factor(
      [a, c], values: values.enumerated().map { DualNumber($1, derivative: $0 == 0 ? 1 : 0) })
    let row = joint.conditional(given: ["a"]).channel
    // d/dx of x/(x + 0.2) is 0.2/(x + 0.2)².
    #expect(abs(row.values[0].derivative - 0.2 / 0.09) < 1e-12)
    #expect(abs(row.values[1].derivative + 0.2 / 0.09) < 1e-12)
    #expect(row.values[2].derivative == 0)
  }

  @Test("rows without mass are named, and hold nothing")
  func undetermined() {
    let joint = Factor([b, c], values: [0.5, 0.25, 0, 0, 0.25, 0])
    let conditional = joint.conditional(given: ["b"])
    #expect(conditional.undeterminedCells == ["b=1"])
    let rows: [Double] = [2 / 3, 1 / 3, 0, 0, 1, 0]
    #expect(conditional.channel.values == rows)
  }

  @Test("slices, marginals and products keep their axes")
  func operations() {
    let factor = random([a, b, c], 9)
    let slice = [factor[[0, 1, 0]], factor[[0, 1, 1]], factor[[1, 1, 0]], factor[[1, 1, 1]]]
    #expect(factor.slice(["b": 1]).values == slice)
    let marginal = factor.marginal(["c", "a"])
    let sum = factor[[0, 0, 1]] + factor[[0, 1, 1]] + factor[[0, 2, 1]]
    #expect(abs(marginal[[1, 0]] - sum) < 1e-14)
    let product = factor.multiplied(by: random([d, a], 10))
    #expect(product.variables == [a, b, c, d])
    #expect(factor.renamed(["a": "x"]).variables.map(\.name) == ["x", "b", "c"])
  }

  @Test("a table that is too large is refused with its size")
  func tooLarge() throws {
    let many = (0..<40).map { FiniteVariable("v\($0)", count: 3) }
    let error = #expect(throws: StatisticsError.self) { try Contraction(many.map { [$0] }, open: many) }
    #expect(error!.description.contains("cells") && error!.description.contains("at most 16777216"))
    let some = Array(many.prefix(18))
    let sized = #expect(throws: StatisticsError.self) { try Contraction([some], open: some.reversed()) }
    #expect(sized!.description.contains("387420489 cells"))
  }

  @Test("states are found by name, and named when there is no such")
  func states() throws {
    let dose = try FiniteVariable("dose", states: ["low", "high"])
    #expect(try dose.index(of: "high") == 1)
    let error = #expect(throws: StatisticsError.self) { try dose.index(of: "hi") }
    #expect(error!.description == "variable dose: found the state hi, expected one of low, high")
    #expect(throws: StatisticsError.self) { try FiniteVariable("dose", states: ["low", "low"]) }
    #expect(throws: StatisticsError.self) { try FiniteVariable("dose", states: []) }
    #expect(dose.numbers == nil && FiniteVariable("n", count: 3).numbers == [0, 1, 2])
  }
}
