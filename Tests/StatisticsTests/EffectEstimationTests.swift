import Foundation
import Statistics
import Testing
import Torch
import Training

@Suite("Effects from data") struct EffectEstimationTests {
  private let counts = CountTable(
    variables: Smoking.variables, cells: Smoking.values.map { ($0 * 1000).rounded() })
  private let difference = EffectEstimate.Reading("difference", weights: [0, -1, 0, 1])
  private let ratio = EffectEstimate.Reading("ratio", weights: [0, 0, 0, 1], divisor: [0, 1, 0, 0])

  private func estimate(
    _ table: CountTable, _ method: EffectEstimate.Method?, smoothing: Double = 0,
    gaps: EffectEstimate.Gaps = .leftOut, seed: UInt64 = 0
  ) throws -> EffectEstimate {
    let found = try Smoking.diagram().identify(["C"], do: ["S"])
    return try EffectEstimate(
      try found.required(), answering: found.query, from: table, gaps: gaps, smoothing: smoothing,
      method: method, random: RandomSource(seed: seed))
  }

  @Test("counts give the effect of their shares")
  func point() throws {
    let found = try estimate(counts, nil)
    expectClose(found.law.values, Smoking.effect)
    let reading = found.read(difference)
    #expect(abs(reading.value - 0.288819663820) < 1e-12 && reading.standardError.isNaN)
  }

  @Test("smoothing is a table with α more in every cell")
  func smoothing() throws {
    let more = CountTable(variables: Smoking.variables, cells: Smoking.values.map { $0 * 1000 + 0.5 })
    expectClose(try estimate(counts, nil, smoothing: 0.5).law.values, try estimate(more, nil).law.values)
  }

  /// The slope along a record against a difference quotient of the whole formula.
  @Test("the delta method's standard error is that of difference quotients")
  func delta() throws {
    let found = try estimate(counts, .delta)
    let base = Smoking.values
    func value(_ law: [Double], _ reading: EffectEstimate.Reading) throws -> Double {
      let total = law.reduce(0, +)
      return reading.value(
        try Factor(Smoking.variables, values: law.map { $0 / total }).comb(a: "S", b: "T", c: "C").cut()
          .values)
    }
    for reading in [difference, ratio] {
      var variance = 0.0
      for k in base.indices {
        let h = 1e-6
        func moved(_ h: Double) -> [Double] { base.indices.map { (1 - h) * base[$0] + ($0 == k ? h : 0) } }
        let slope = (try value(moved(h), reading) - value(moved(-h), reading)) / (2 * h)
        variance += base[k] * slope * slope
      }
      let error = (variance / 1000).squareRoot()
      #expect(abs(found.read(reading).standardError / error - 1) < 1e-7)
    }
  }

  @Test("bootstrap, posterior and delta method agree on a large table; seeds decide")
  func methods() throws {
    let delta = try estimate(counts, .delta).read(difference)
    for method in [EffectEstimate.Method.bootstrap(4000), .posterior(4000)] {
      let found = try estimate(counts, method, smoothing: method == .posterior(4000) ? 0.5 : 0)
      let reading = found.read(difference)
      // A standard deviation of 4,000 draws has a relative error of 1 in 90.
      #expect(abs(reading.standardError / delta.standardError - 1) < 0.12)
      #expect(abs(reading.value - delta.value) < 0.3 * delta.standardError)
      #expect(abs(reading.range!.lowerBound - delta.range!.lowerBound) < 0.4 * delta.standardError)
      #expect(found.lost == 0 && found.replicates?.batch == 4000)
    }
    let first = try estimate(counts, .bootstrap(50), seed: 1)
    #expect(try estimate(counts, .bootstrap(50), seed: 1).replicates == first.replicates)
    #expect(try estimate(counts, .bootstrap(50), seed: 2).replicates != first.replicates)
  }

  @Test("resamples without a needed row are left out and counted")
  func lost() throws {
    let rare = CountTable(variables: Smoking.variables, cells: [50, 10, 1, 0, 10, 5, 2, 20])
    let found = try estimate(rare, .bootstrap(400))
    // S=0, T=1 has one record of 98: it is missing from (1 − 1/98)⁹⁸ of the resamples, about 0.366.
    #expect(abs(Double(found.lost) / 400 - 0.366) < 0.12)
    #expect(found.replicates!.batch == 400 - found.lost)
    let isFinite = found.replicates!.values.allSatisfy { $0.isFinite }
    #expect(isFinite)
    #expect(try estimate(rare, .bootstrap(400), smoothing: 0.5).lost == 0)
  }

  @Test("with gaps at random, EM recovers the law; leaving records out would bias it")
  func gaps() throws {
    var random = RandomSource(seed: 4)
    var rows: [[Int32]] = []
    for _ in 0..<20_000 {
      var u = random.uniform()
      let cell =
        Smoking.values.firstIndex {
          u -= $0; return u < 0
        } ?? 7
      var row: [Int32] = [Int32(cell / 4), Int32(cell / 2 % 2), Int32(cell % 2)]
      // T is missing more often among smokers who are ill.
      if random.uniform() < (row[0] == 1 && row[2] == 1 ? 0.7 : 0.1) { row[1] = -1 }
      rows.append(row)
    }
    let table = CountTable(variables: Smoking.variables, rows: rows)
    #expect(table.total + table.incompleteTotal == 20_000)
    let filled = try estimate(table, nil, gaps: .filled).read(difference).value
    let naive = try estimate(table, nil).read(difference).value
    // Four standard errors of 20,000 records.
    #expect(abs(filled - 0.288819663820) < 0.05)
    #expect(abs(naive - 0.288819663820) > 0.05)
    // A fixed point is a maximum of the likelihood: more iterations change nothing.
    let (law, iterations) = try GapFilling(table).fit(tolerance: 1e-12)
    #expect(iterations < 2000)
    expectClose(try GapFilling(table).fit().law, law, 1e-6)
    let small = try estimate(table, .bootstrap(20), gaps: .filled)
    #expect(small.read(difference).range!.contains(filled))
    let wrong = #expect(throws: StatisticsError.self) { try estimate(table, .delta, gaps: .filled) }
    #expect(wrong!.description.contains("a bootstrap"))
  }

  // MARK: Files

  private func table(_ text: String, states: [String: [String]] = [:]) throws -> CountTable {
    let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).csv")
    defer { try? FileManager.default.removeItem(at: url) }
    try Data(text.utf8).write(to: url)
    return try CountTable(csv: url, columns: ["S", "T"], states: states)
  }

  @Test("records and counts are the same table; numbers sort as numbers, words as told")
  func files() throws {
    let counted = try table("T,S,extra,count\nno,2,x,3\nyes,10,y,1\nno,10,z,2\n")
    #expect(counted.variables.map(\.states) == [["2", "10"], ["no", "yes"]])
    #expect(counted.records == [[0, 0], [1, 0], [1, 1]] && counted.counts == [3, 2, 1])
    let listed = try table("S;T\r\n2;no\r\n2;no\r\n\"10\";no\r\n2;no\r\n10;yes\r\n10;no\r\n")
    #expect(listed == counted)
    let told = try table("S,T\n1,yes\n", states: ["T": ["yes", "no"]])
    #expect(told.variables[1].states == ["yes", "no"] && told.records == [[0, 0]])
    let gaps = try table("S,T,n\n1,yes,2\n,yes,1\n1,NA,4\n?,,1\n")
    #expect(gaps.total == 2 && gaps.incompleteTotal == 5)
    #expect(gaps.incomplete == [[-1, 0], [0, -1]])
  }

  @Test("files that cannot be read are refused with line and column")
  func badFiles() throws {
    let cases: [(String, String)] = [
      ("S,T\n1,yes\n1,maybe\n", ":3 (T): found the state maybe, expected one of yes, no"),
      ("S,U\n1,2\n", ":1: found no column T"), ("S,T,T\n1,2,3\n", ":1: found the column T twice"),
      ("S,T,count\n1,yes,many\n", ":2 (count): found \"many\", expected a count"),
      ("S,T,count\n1,yes,-2\n", ":2 (count)"), ("S,T\n1\n", ":2: found 1 fields, expected 2"),
      ("", "found no rows"), ("S,T\n", "a header and no rows"), ("S,T,n\n1,yes,0\n", "only counts of 0"),
      ("S,T\n,yes\n,no\n", "(S): found a column without a value"),
    ]
    for (text, words) in cases {
      let error = message { _ = try table(text, states: ["T": ["yes", "no"]]) }
      #expect(error.contains(words), "\(error)")
    }
    let many = (0..<1001).map { "\($0).5,yes\n" }.joined()
    let error = #expect(throws: StatisticsError.self) { try table("S,T\n" + many) }
    #expect(error!.description.contains("more than 1000 different values"))
    #expect(throws: TableError.self) {
      try CountTable(csv: URL(fileURLWithPath: "/nowhere/x.csv"), columns: ["S"])
    }
  }

  @Test("a law that a diagram does not allow shows where, one that it allows does not")
  func independences() throws {
    let chain = try CausalDiagram(parsing: "a : -> A\nb : A -> B\nc : B -> C")
    #expect(chain.impliedIndependences.map(\.a) == ["C"] && chain.impliedIndependences[0].given == ["B"])
    let network = try StringDiagramTests.network(chain, states: 3, seed: 2)
    #expect(try chain.checkIndependences(of: network).checks[0].deviation < 1e-12)
    let denser = try StringDiagramTests.network(
      try CausalDiagram(parsing: "a : -> A\nb : A -> B\nc : A, B -> C"), states: 3, seed: 2)
    let check = try chain.checkIndependences(of: denser, records: 2000).checks[0]
    #expect(check.deviation > 0.02 && check.pValue! < 1e-4)
    #expect(check.text == "C ⫫ A | B")
    let smoking = try Smoking.diagram()
    #expect(smoking.impliedIndependences.isEmpty)
  }

  /// Under the null the p-values of many tables are uniform: their mean is ½ to within 6 standard errors.
  @Test("p-values of the G-test are uniform where the independence holds")
  func pValues() throws {
    let diagram = try CausalDiagram(parsing: "a : -> A\nb : -> B")
    let variables = [FiniteVariable("A", count: 2), FiniteVariable("B", count: 3)]
    var random = RandomSource(seed: 5)
    var values: [Double] = []
    for _ in 0..<300 {
      let rows = (0..<400).map { _ in
        [Int32(random.uniform() < 0.4 ? 0 : 1), Int32(random.integer(in: 0..<3))]
      }
      let table = CountTable(variables: variables, rows: rows)
      let checks = try diagram.checkIndependences(of: try table.distribution(), records: 400).checks
      values.append(checks[0].pValue!)
    }
    let mean = values.reduce(0, +) / 300
    #expect(abs(mean - 0.5) < 6 * (1.0 / 12 / 300).squareRoot())
  }
}
