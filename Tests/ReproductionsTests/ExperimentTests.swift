import Report
import Reproductions
import Testing
import Torch

@Suite("Experiments") struct ExperimentTests {
  private func run(_ parts: [String]?, seed: UInt64 = 0) throws -> ReproductionResult {
    try Experiments.run(
      StochasticInterpolants.self, only: parts, seed: seed, scale: .quick, random: RandomSource(seed: seed)
    ).result
  }

  @Test("every experiment belongs to a listed method, and every method has one")
  func methods() throws {
    #expect(Set(Experiments.all.map { $0.slug }) == Set(Methods.all.map(\.slug)))
    for method in Methods.all { #expect(try Experiments.matching(method.slug).count == 1) }
    #expect(try Experiments.matching("all").count == Experiments.all.count)
  }

  @Test("unknown methods and parts are named with what exists")
  func unknown() {
    let method = #expect(throws: UnknownExperiment.self) { try Experiments.matching("interpolant") }
    #expect("\(method!)".contains("interpolant; expected one of stochastic-interpolants"))
    let part = #expect(throws: UnknownPart.self) { try run(["D"]) }
    #expect("\(part!)" == "no part is called D at scale quick; expected some of A, B")
  }

  /// Two parts that measure one draw each.
  private struct Draws: Experiment {
    static let slug = "draws"
    static func parts(_ scale: Scale) -> [String] { scale == .quick ? ["first"] : ["first", "second"] }
    func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) -> ExperimentOutcome {
      var random = random
      return ExperimentOutcome(claims: [
        Claim(part, measured: random.uniform(), uncertainty: nil, rule: .atMost(part == "first" ? 1 : -1))
      ])
    }
  }

  @Test("a part's claims follow from the seed alone, whichever parts run beside it")
  func streams() throws {
    func claims(_ only: [String]?, _ scale: Scale, seed: UInt64) throws -> [String] {
      try Experiments.run(
        Draws.self, only: only, seed: seed, scale: scale, random: RandomSource(seed: seed)
      ).result.claims.map(\.json.compact)
    }
    let both = try claims(nil, .laptop, seed: 3)
    #expect(try claims(["second"], .laptop, seed: 3) == [both[1]])
    #expect(try claims(nil, .quick, seed: 3) == [both[0]])
    #expect(try claims(nil, .laptop, seed: 4) != both)
  }

  @Test("the divergence of experiment B is the closed form, and its bound the corrected one")
  func bound() throws {
    let measured = try run(["B"]).claims.compactMap { claim -> Double? in
      if case .number(let value, _) = claim.outcome { value } else { nil }
    }
    // KL = (c + εd)² (1 − e^{−ε})²/(2ε²) at c = 1, d = 2, ε = ½, and (1/ε)ΔL_b + εΔL_s.
    #expect(measured.contains { abs($0 - 1.2385) < 1e-4 })
    #expect(measured.contains { abs($0 - 2) < 1e-9 })
  }
}
