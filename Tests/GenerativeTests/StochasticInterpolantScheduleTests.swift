import Foundation
import Generative
import Probability
import Testing
import Torch

@Suite("Interpolant schedules and fields") struct StochasticInterpolantScheduleTests {
  static let gammas: [GammaSchedule] = [.brownian(a: 1), .brownian(a: 2), .quadratic, .sine, .sigmoid, .zero]
  static let schedules: [InterpolantSchedule] =
    gammas.flatMap { [.linear($0), .trigonometric($0), .cosine($0), .mirror($0)] } + [
      .encodeDecode, .encodeDecodeVP, .oneSidedLinear, .oneSidedTrigonometric, .oneSidedVP,
      .diffusive(a: 0.7),
    ]

  @Test("every schedule starts at x₀ and ends at x₁ without noise", arguments: schedules)
  func ends(_ schedule: InterpolantSchedule) {
    let (start, end) = (schedule.values(at: 0), schedule.values(at: 1))
    let expectedStart = schedule.kind == .mirror ? (0.0, 1.0) : (1.0, 0.0)
    #expect(abs(start.alpha - expectedStart.0) < 1e-12 && abs(start.beta - expectedStart.1) < 1e-12)
    #expect(abs(end.alpha) < 1e-12 && abs(end.beta - 1) < 1e-12)
    #expect(start.gammaSquared < 1e-12 && end.gammaSquared < 1e-12)
  }

  @Test("derivatives and the product γγ̇ are those of the coefficients", arguments: schedules)
  func derivatives(_ schedule: InterpolantSchedule) {
    let h = 1e-6
    for t in [0.07, 0.31, 0.55, 0.83] {
      let (low, mid, high) = (schedule.values(at: t - h), schedule.values(at: t), schedule.values(at: t + h))
      #expect(abs(mid.alphaDot - (high.alpha - low.alpha) / (2 * h)) < 1e-7)
      #expect(abs(mid.betaDot - (high.beta - low.beta) / (2 * h)) < 1e-7)
      #expect(abs(mid.gammaGammaDot - (high.gammaSquared - low.gammaSquared) / (4 * h)) < 1e-7)
    }
  }

  @Test("trig and enc-dec-vp keep α² + β² + γ² = 1; enc-dec falls to 1/2")
  func variancePreserving() {
    func total(_ schedule: InterpolantSchedule, _ t: Double) -> Double {
      let v = schedule.values(at: t)
      return v.alpha * v.alpha + v.beta * v.beta + v.gammaSquared
    }
    let times = (0...200).map { Double($0) / 200 }
    for t in times {
      #expect(abs(total(.trigonometric(.brownian(a: 2)), t) - 1) < 1e-12)
      #expect(abs(total(.encodeDecodeVP, t) - 1) < 1e-12)
      #expect(abs(total(.oneSidedVP, t) - 1) < 1e-12)
    }
    #expect(abs(times.map { total(.encodeDecode, $0) }.min()! - 0.5) < 1e-9)
  }

  @Test("the Brownian product is ±a/2 at the ends, where γ̇ is infinite")
  func singularEnds() {
    let schedule = InterpolantSchedule.linear(.brownian(a: 3))
    #expect(schedule.values(at: 0).gammaGammaDot == 1.5)
    #expect(schedule.values(at: 1).gammaGammaDot == -1.5)
    #expect(schedule.values(at: 0).gammaDot == .infinity)
  }

  @Test("names and schedules correspond; unknown names are refused")
  func names() {
    for name in InterpolantSchedule.names {
      #expect(InterpolantSchedule(name: name, gamma: .brownian(a: 1)) != nil)
    }
    #expect(InterpolantSchedule(name: "straight", gamma: .zero) == nil)
    #expect(GammaSchedule(name: "brown", scale: 1) == nil)
    #expect(InterpolantSchedule(name: "diffusive", gamma: .quadratic) == nil)
  }

  static let learnedSets: [(InterpolantSchedule, Set<InterpolantField>)] = [
    (.linear(.brownian(a: 1)), [.velocity, .denoiser]), (.linear(.brownian(a: 1)), [.drift, .score]),
    (.linear(.quadratic), [.drift, .denoiser]), (.trigonometric(.quadratic), [.startMean, .endMean]),
    (.cosine(.brownian(a: 2)), [.startMean, .denoiser]), (.linear(.sigmoid), [.endMean, .score]),
    (.encodeDecodeVP, [.velocity, .score]), (.oneSidedLinear, [.velocity]), (.oneSidedLinear, [.denoiser]),
    (.oneSidedTrigonometric, [.endMean]), (.oneSidedVP, [.score]), (.diffusive(a: 1), [.velocity, .score]),
  ]

  @Test("fields that follow from learned ones equal the exact fields", arguments: learnedSets)
  func conversion(_ schedule: InterpolantSchedule, _ learned: Set<InterpolantField>) throws {
    let base = schedule.kind == .oneSided ? GaussianMixture.standardNormal(dimension: 2) : Mixtures.pair
    let exact = try ExactFields(from: base, to: Mixtures.triple, schedule: schedule)
    var random = RandomSource(seed: 4)
    let x = random.normal([50, 2], dtype: .double) * 2
    var checked = 0
    for t in [0.12, 0.4, 0.77] {
      let conversion = FieldConversion(schedule, at: t, learned: learned)
      for field in [InterpolantField.velocity, .drift, .score, .denoiser, .startMean, .endMean] {
        guard let combination = conversion.combination(for: field) else { continue }
        var value = x * combination.identity
        for term in combination.terms { value = value + exact(term.field, t, x) * term.coefficient }
        #expect(distance(value, exact(field, t, x)) < 1e-8, "\(field) at \(t)")
        checked += 1
      }
    }
    #expect(checked >= 9)
  }

  @Test("a field that does not follow is not given")
  func notDerivable() {
    #expect(
      FieldConversion(.linear(.brownian(a: 1)), at: 0.3, learned: [.velocity]).combination(for: .score) == nil
    )
    #expect(FieldConversion(.linear(.zero), at: 0.3, learned: [.drift]).combination(for: .velocity) != nil)
  }

  @Test("at t = 0 the one-sided velocity from the denoiser needs the mean of x₁ only")
  func oneSidedStart() throws {
    let exact = try ExactFields(
      from: .standardNormal(dimension: 2), to: Mixtures.triple, schedule: .oneSidedLinear)
    let combination = try #require(
      FieldConversion(.oneSidedLinear, at: 0, learned: [.denoiser]).combination(for: .velocity))
    var random = RandomSource(seed: 5)
    let x = random.normal([20, 2], dtype: .double)
    let value = x * combination.identity + Mixtures.triple.mean * combination.meanOfEnd
    #expect(combination.terms.isEmpty)
    #expect(distance(value, exact(.velocity, 0, x)) < 1e-9)
  }
}
