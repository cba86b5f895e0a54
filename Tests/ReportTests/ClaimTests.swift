import Foundation
import Testing

import Report

@Suite("Claims")
struct ClaimTests {
  @Test(
    "rules decide exactly at their border",
    arguments: [
      (.atMost(0.05), 0.05, true), (.atMost(0.05), (0.05).nextUp, false),
      (.below(0.05), 0.05, false), (.below(0.05), (0.05).nextDown, true),
      (.atLeast(2), 2, true), (.atLeast(2), (2.0).nextDown, false),
      (.above(2), 2, false), (.above(2), (2.0).nextUp, true),
      (.within(1...2), 1, true), (.within(1...2), 2, true), (.within(1...2), (2.0).nextUp, false),
      (.within(1...2), (1.0).nextDown, false), (.near(1, tolerance: 0.25), 1.25, true),
      (.near(1, tolerance: 0.25), 0.75, true), (.near(1, tolerance: 0.25), (1.25).nextUp, false),
      (.count(atLeast: 4, of: 5), 4, true), (.count(atLeast: 4, of: 5), 3, false),
      (.count(atLeast: 4, of: 5), 6, false), (.all([.atLeast(1), .atMost(2)]), 2, true),
      (.all([.atLeast(1), .below(2)]), 2, false), (.all([]), 0, false),
    ] as [(Rule, Double, Bool)])
  func borders(rule: Rule, value: Double, holds: Bool) {
    #expect(rule.isSatisfied(by: value) == holds)
    #expect(Claim("c", measured: value, rule: rule).holds == holds)
  }

  @Test(
    "rules with uncertainties decide exactly at their border",
    arguments: [
      (.clearlyAbove(1, uncertainties: 2), 2, 0.5, false),
      (.clearlyAbove(1, uncertainties: 2), 2.01, 0.5, true),
      (.clearlyBelow(1, uncertainties: 2), 0, 0.5, false),
      (.clearlyBelow(1, uncertainties: 2), -0.01, 0.5, true),
      (.agrees(with: 1, uncertainties: 3), 2.5, 0.5, true),
      (.agrees(with: 1, uncertainties: 3), 2.51, 0.5, false),
      (.agrees(with: 1, uncertainties: 3), 1, 0, true), (.agrees(with: 1, uncertainties: 3), 1, nil, false),
      (.agrees(with: 1, uncertainties: 3), 1, .nan, false),
      (.agrees(with: 1, uncertainties: 3), 1, -1, false),
      (.agrees(with: 1, uncertainties: 3), 1, .infinity, false),
    ] as [(Rule, Double, Double?, Bool)])
  func uncertainBorders(rule: Rule, value: Double, uncertainty: Double?, holds: Bool) {
    #expect(rule.isSatisfied(by: value, uncertainty: uncertainty) == holds)
  }

  static let numericRules: [Rule] = [
    .atMost(0), .below(0), .atLeast(0), .above(0), .within(-1...1), .near(0, tolerance: .infinity),
    .count(atLeast: 0, of: 1), .clearlyAbove(0, uncertainties: 1), .clearlyBelow(0, uncertainties: 1),
    .agrees(with: 0, uncertainties: 1), .all([.atLeast(0)]),
  ]

  @Test("what is not finite never holds", arguments: numericRules, [Double.nan, .infinity, -.infinity])
  func notFinite(rule: Rule, value: Double) {
    #expect(!Claim("c", measured: value, uncertainty: 0.1, rule: rule).holds)
  }

  @Test("limits that are not numbers are never satisfied")
  func limitNaN() {
    for rule in [Rule.atMost(.nan), .atLeast(.nan), .near(.nan, tolerance: 1), .near(1, tolerance: .nan)] {
      #expect(!rule.isSatisfied(by: 1))
    }
  }

  @Test("the words carry the exact limits")
  func words() {
    #expect(Rule.atMost(0.05).words == "at most 0.05")
    #expect(Rule.within(-1...2.5).words == "from -1 to 2.5")
    #expect(Rule.near(1, tolerance: 1e-7).words == "1 to within 1e-07")
    #expect(Rule.count(atLeast: 4, of: 5).words == "at least 4 of 5")
    #expect(Rule.clearlyAbove(0, uncertainties: 3).words == "above 0 by more than 3 uncertainties")
    #expect(Rule.all([.atLeast(1), .below(2)]).words == "at least 1, and below 2")
    #expect(Rule.atMost(0.1 + 0.2).words == "at most 0.30000000000000004")
  }

  @Test("a number never satisfies a condition, nor a condition a number's rule")
  func conditions() {
    #expect(!Rule.true("it ends").isSatisfied(by: 1))
    #expect(!Rule.atLeast(0).isSatisfied(by: true))
    #expect(Claim("c", observed: true, condition: "it ends").verdict == .holds)
    #expect(Claim("c", observed: false, condition: "it ends").verdict == .fails)
  }

  @Test("rounding for people never crosses the limit")
  func faithfulRounding() {
    #expect(Claim("c", measured: 0.05004, rule: .atMost(0.05)).measuredText == "0.05004")
    #expect(Claim("c", measured: 0.0500000004, rule: .atMost(0.05)).measuredText == "0.0500000004")
    #expect(Claim("c", measured: 0.04, rule: .atMost(0.05)).measuredText == "0.04")
    #expect(
      Claim("c", measured: 0.0504, uncertainty: 0.1, rule: .atMost(0.05)).measuredText == "0.0504 ± 0.1")
    let close = Claim("c", measured: 1.99, uncertainty: 0.3, rule: .atLeast(2))
    #expect(close.measuredText == "1.99 ± 0.30")
    let closer = Claim("c", measured: 1.999, uncertainty: 0.3, rule: .atLeast(2))
    #expect(closer.measuredText == "1.999 ± 0.3")
  }

  @Test("a claim that was not run does not hold, whatever its rule")
  func notRun() {
    let claim = Claim("c", paper: 1, rule: .atMost(.infinity), notRun: "the data are absent")
    #expect(!claim.holds)
    #expect(claim.verdict == .notRun("the data are absent"))
    #expect(
      claim.json == [
        "statement": "c", "paper": 1.0, "measured": "not run: the data are absent", "uncertainty": nil,
        "rule": "at most inf", "holds": nil,
      ])
  }
}

@Suite("Reproduction results")
struct ReproductionResultTests {
  static let held = Claim("holds", paper: 1.5, measured: 1.25, uncertainty: 0.125, rule: .atMost(1.5))
  static let failed = Claim("fails", paper: "Figure 3", measured: .nan, rule: .atMost(1.5))
  static let absent = Claim("absent", rule: .atMost(1.5), notRun: "no data")

  static func result(_ claims: Claim...) -> ReproductionResult {
    ReproductionResult(slug: "a-method", seed: 7, scale: "quick", seconds: 12.5, claims: claims)
  }

  @Test("the JSON object has exactly the promised keys in the promised order")
  func json() {
    let condition = Claim("condition", observed: true, condition: "it ends")
    #expect(
      Self.result(Self.held, Self.failed, condition).json.compact == """
        {"slug":"a-method","seed":7,"scale":"quick","seconds":12.5,"claims":[\
        {"statement":"holds","paper":1.5,"measured":1.25,"uncertainty":0.125,"rule":"at most 1.5","holds":true},\
        {"statement":"fails","paper":"Figure 3","measured":"NaN","uncertainty":null,"rule":"at most 1.5",\
        "holds":false},\
        {"statement":"condition","paper":null,"measured":true,"uncertainty":null,"rule":"it ends","holds":true}]}
        """)
  }

  @Test("a seed beyond the signed integers keeps its digits")
  func largeSeed() {
    let result = ReproductionResult(slug: "s", seed: .max, scale: "quick", seconds: 0, claims: [])
    #expect(result.json["seed"] == "18446744073709551615")
  }

  @Test("the whole holds only if every claim does; a failure outranks what was not run")
  func verdict() {
    #expect(Self.result(Self.held).verdict == .holds)
    #expect(Self.result(Self.held, Self.failed).verdict == .fails)
    #expect(Self.result(Self.absent, Self.failed).verdict == .fails)
    #expect(Self.result(Self.held, Self.absent).verdict == .notRun("1 of 2 claims could not be run"))
    #expect(Self.result().verdict == .notRun("no claim was made"))
  }

  @Test("the terminal form names every verdict, figure and rule")
  func plain() {
    #expect(
      Self.result(Self.held, Self.failed, Self.absent).plainText == """
        a-method  ·  seed 7  ·  scale quick  ·  12.5 s

        HOLDS    holds
                 measured 1.25 ± 0.12  ·  paper 1.5  ·  rule: at most 1.5

        FAILS    fails
                 measured NaN  ·  paper Figure 3  ·  rule: at most 1.5

        NOT RUN  absent
                 not run: no data  ·  rule: at most 1.5

        1 of 3 claims hold, 1 fails, 1 could not be run.

        """)
  }
}
