import Foundation
import Statistics
import Testing
import Torch

@Suite("effects with an invalid instrument")
struct InvalidInstrumentTests {
  /// ψ = 1, δ = 1 + x₁, hidden confounding, and an instrument that acts on the outcome.
  private static func study(_ n: Int, seed: UInt64 = 3) throws -> InstrumentData {
    var random = RandomSource(seed: seed)
    var (y, a, z, x) = ([Double](), [Double](), [Double](), [Double]())
    for _ in 0..<n {
      let (x1, x2) = (2 * random.uniform() - 1, 2 * random.uniform() - 1)
      let u = random.uniform() < 0.5 ? 1.0 : -1
      z.append(random.uniform() < 1 / (1 + exp(-0.4 * x1 + 0.4 * x2)) ? 1 : 0)
      let p = 0.06 * u + (z.last! == 1 ? 0.5 + 0.1 * x1 : 0.12 + 0.06 * x2)
      a.append(random.uniform() < p ? 1 : 0)
      y.append((1 + x1) * a.last! + (1.5 + 0.5 * x2) * z.last! + 1 + x1 - x2 + 2 * u + random.uniform() - 0.5)
      x += [x1, x2]
    }
    return try InstrumentData(outcome: y, exposure: a, instrument: z, covariates: Tensor(x, shape: [n, 2]))
  }

  private static let linear = NuisanceCandidates(
    pi: [.basis(.linear)], p: [.basis(.linear)], delta: [.basis(.linear)], mu: [.basis(.linear)],
    eta: [.basis(.intercept)])

  private static var plain: InvalidInstrument {
    var estimator = InvalidInstrument(selection: .none)
    estimator.folds = 1
    return estimator
  }

  private static func changed(
    _ data: InstrumentData, y: (Int) -> Double, z: (Double) -> Double = { $0 }
  ) throws -> InstrumentData {
    try InstrumentData(
      outcome: (0..<data.count).map(y), exposure: data.exposure, instrument: data.instrument.map(z),
      covariates: data.covariates)
  }

  @Test("the effect is found where differences and two-stage least squares are far off")
  func truth() throws {
    let data = try Self.study(20_000)
    let found = try Self.plain.estimate(data, Self.linear, random: RandomSource(seed: 1))
    // √(203/n) is its standard error.
    #expect(abs(found.effect.value - 1) < 4 * (203.0 / 20_000).squareRoot())
    #expect(try EffectComparisons(data).twoStage().value > 3)
    #expect(EffectComparisons(data).difference.value > 1.5)
    #expect(abs(found.influence.reduce(0, +)) < 1e-6 * 20_000)
  }

  @Test(
    "outcomes moved by covariates and by the instrument, other units and other labels change nothing but units"
  )
  func invariance() throws {
    let data = try Self.study(2000)
    func effect(_ data: InstrumentData) throws -> Double {
      try Self.plain.estimate(data, Self.linear, random: RandomSource(seed: 1)).effect.value
    }
    let own = try effect(data)
    let x = data.covariates.doubles
    let moved = try Self.changed(data) { i in
      data.outcome[i] + 3 - 2 * x[2 * i] + (1 + 5 * x[2 * i + 1]) * data.instrument[i]
    }
    #expect(abs(try effect(moved) - own) < 1e-7 * max(1, abs(own)))
    #expect(abs(try effect(Self.changed(data) { 10 * data.outcome[$0] }) - 10 * own) < 1e-6)
    let swapped = try Self.changed(data, y: { data.outcome[$0] }, z: { 1 - $0 })
    #expect(abs(try effect(swapped) - own) < 1e-5 * max(1, abs(own)))
  }

  @Test(
    "one-sided exposure: the general influence function is the weighted one among those with the instrument")
  func oneSided() throws {
    let all = try Self.study(3000)
    let exposure = zip(all.exposure, all.instrument).map { $0 * $1 }
    let data = try InstrumentData(
      outcome: all.outcome, exposure: exposure, instrument: all.instrument, covariates: all.covariates)
    #expect(data.isOneSided)
    let comparisons = EffectComparisons(data)
    let found = try comparisons.oneSided()
    for (general, own) in zip(comparisons.generalScores(found), found.influence) {
      #expect(abs(general - own - found.effect.value) < 1e-8 * max(1, abs(general)))
    }
    #expect(message { _ = try EffectComparisons(all).oneSided() }.contains("exposure 1 and instrument 0"))
  }

  @Test("the selection prefers what does not move, and its risks are those of the definition")
  func selection() throws {
    let data = try Self.study(4000)
    let both: [NuisanceLearner] = [.basis(.linear), .basis(.intercept)]
    let candidates = NuisanceCandidates(pi: both, p: both, delta: both, mu: both, eta: [.basis(.intercept)])
    for selection in [InvalidInstrument.Selection.minimax, .mixed, .smooth] {
      let found = try InvalidInstrument(selection: selection).estimate(
        data, candidates, random: RandomSource(seed: 2))
      #expect(found.table.count == 16)
      #expect(abs(found.effect.value - 1) < 1)
      let wrong = try #require(
        found.table.first { $0.choice == NuisanceChoice(pi: 1, p: 1, delta: 1, mu: 1, eta: 0) })
      #expect(wrong.minimax > found.table[0].minimax)
      #expect(found.sensitivity?.contains(found.table[0].effect) == true)
      #expect(found.table.allSatisfy { $0.shifts.allSatisfy { $0 >= 0 } && $0.minimax <= $0.mixed })
    }
  }

  @Test("learners in turn agree with the joint system where both are right, cross-fitted")
  func learners() throws {
    let data = try Self.study(20_000)
    let estimator = InvalidInstrument(selection: .none)
    let found = try estimator.estimate(
      data, NuisanceCandidates([.regressor(Ridge(), .linear)]), random: RandomSource(seed: 4))
    #expect(abs(found.effect.value - 1) < 4 * (203.0 / 20_000).squareRoot())
    #expect(found.strength.quantiles[2] > 0.1 && found.strength.floored == 0)
  }

  @Test("an interval of resampled studies covers the estimate, at any number of threads alike")
  func bootstrap() throws {
    let data = try Self.study(1500)
    let found = try Self.plain.bootstrap(data, Self.linear, resamples: 40, random: RandomSource(seed: 5))
    let own = try Self.plain.estimate(data, Self.linear, random: RandomSource(seed: 5)).effect
    #expect(found.interval.contains(own.value))
    #expect(found.effects.count == 40)
    #expect(
      try Self.plain.bootstrap(data, Self.linear, resamples: 40, random: RandomSource(seed: 5)).effects
        == found.effects)
  }

  @Test("an effect over the floor of |D| in most rows is refused")
  func floored() throws {
    let data = try Self.study(2000)
    var estimator = Self.plain
    let share = try estimator.estimate(data, Self.linear, random: RandomSource(seed: 6)).strength.floored
    #expect(share < 0.5)
    estimator.limits.variance = 0.24
    let told = message { _ = try estimator.estimate(data, Self.linear, random: RandomSource(seed: 6)) }
    #expect(told.contains("below its floor 0.24") && told.contains("no variance relevance"))
  }

  @Test("learners of shares are candidates of π and p alone")
  func shares() throws {
    let data = try Self.study(1000)
    let means: [NuisanceLearner] = [.basis(.linear)]
    let found = try InvalidInstrument().estimate(
      data, NuisanceCandidates(means + [.regressor(GradientBoosting(.logistic), .linear)], outcomes: means),
      random: RandomSource(seed: 7))
    #expect(found.table.count == 4 && found.effect.value.isFinite)
  }

  @Test("a covariate that is constant in the rows of a fit is named")
  func constantInPart() throws {
    let data = try Self.study(400)
    let x = data.covariates.doubles
    // The same in all rows without the instrument, and on either side of it in others: no logistic fit separates.
    let rows = (0..<400).map { i -> [Double] in
      [x[2 * i], data.instrument[i] == 1 ? Double(i % 3) - 1 : 0]
    }
    let own = try InstrumentData(
      outcome: data.outcome, exposure: data.exposure, instrument: data.instrument,
      covariates: Tensor(rows: rows), names: ["age", "rare"])
    let told = message { _ = try Self.plain.estimate(own, Self.linear, random: RandomSource(seed: 8)) }
    #expect(told.hasPrefix("rare: "), "\(told)")
  }

  @Test("studies that cannot be used are refused with the value, the cell or the reason")
  func bad() throws {
    let x = Tensor.zeros([40, 1], dtype: .double)
    func study(_ a: [Double], _ z: [Double]) throws {
      _ = try InstrumentData(
        outcome: [Double](repeating: 0, count: 40), exposure: a, instrument: z, covariates: x)
    }
    let half = (0..<40).map { Double($0 % 2) }
    #expect(
      message { try study(half.map { 2 * $0 }, half) } == "the exposure, row 2: found 2.0, expected 0 or 1")
    #expect(
      message { try study(half, half.map { _ in 1 }) }.contains("the instrument: found 1.0 in every row"))
    #expect(message { try study(half, half) }.contains("instrument 0 and exposure 1") == false)
    #expect(message { try study(half, half) }.contains("instrument 1 and exposure 0: found 0 rows"))
    // The exposure's variance is the same for both values of the instrument, and there is nothing to divide by.
    let data = try InstrumentData(
      outcome: (0..<80).map { Double($0 % 7) }, exposure: (0..<80).map { Double($0 % 2) },
      instrument: (0..<80).map { Double($0 / 2 % 2) }, covariates: .zeros([80, 1], dtype: .double))
    let constant = NuisanceCandidates([.basis(.intercept)])
    #expect(
      message { _ = try Self.plain.estimate(data, constant, random: RandomSource(seed: 1)) }
        .contains("no variance relevance"))
  }
}
