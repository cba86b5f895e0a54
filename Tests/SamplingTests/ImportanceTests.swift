import Foundation
import Probability
import Sampling
import Testing
import Torch

@Suite("Importance sampling") struct ImportanceTests {
  /// 3·N(1, 0.8²): its evidence is log 3.
  private let target = ClosureLogDensity { x in
    -0.5 * ((x - 1) / 0.8).square() - log(0.8 * (2 * Double.pi).squareRoot()) + log(3)
  }
  private let proposal = try! StudentT(degreesOfFreedom: 4)

  private func samples(_ count: Int, repetitions: Int, seed: UInt64) throws -> [ImportanceSample] {
    let root = RandomSource(seed: seed)
    return try (0..<repetitions).map { i in
      var random = root.split(i)
      return try importanceSample(target: target, proposal: proposal, count: count, using: &random)
    }
  }

  /// The spread of z-scores is 1 where standard errors are right: within five of its own errors, √(1/2n), and what a
  /// skewed estimate of few draws adds.
  private func expectCalibrated(_ z: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
    let n = Double(z.count)
    let spread = (z.reduce(0) { $0 + $1 * $1 } / n).squareRoot()
    #expect(abs(spread - 1) < 5 * (1 / (2 * n)).squareRoot() + 0.03, sourceLocation: sourceLocation)
  }

  @Test("the mean weight is Z without bias, with the error that is stated", arguments: [3, 40, 1000])
  func evidence(count: Int) throws {
    let samples = try samples(count, repetitions: 1000, seed: 61)
    let mean = Estimate(meanOf: samples.map { exp($0.logEvidence.value) })
    #expect(abs(mean.zScore(against: 3)) < 5)
    guard count >= 1000 else { return }
    expectCalibrated(samples.map { $0.logEvidence.zScore(against: log(3)) })
  }

  @Test("expectations have their closed forms, with the errors that are stated")
  func expectations() throws {
    let samples = try samples(1000, repetitions: 1000, seed: 62)
    // E x = 1 and E x² = 1.64 of the normalised target; three times as much of the integral.
    for (f, exact) in [({ $0 }, 1), ({ $0.square() }, 1.64)] as [((Tensor) -> Tensor, Double)] {
      expectCalibrated(samples.map { $0.expectation(of: f).zScore(against: exact) })
      expectCalibrated(samples.map { $0.integral(of: f).zScore(against: 3 * exact) })
      let plain = Estimate(meanOf: samples.map { $0.integral(of: f).value })
      #expect(abs(plain.zScore(against: 3 * exact)) < 5)
    }
    // A constant is known exactly once weights are normalised, and is the evidence when they are not.
    let constant = samples[0].expectation { .ones(like: $0) }
    #expect(abs(constant.value - 1) < 1e-12 && constant.standardError < 1e-12)
    let one = samples[0].integral { .ones(like: $0) }
    let evidence = samples[0].logEvidence
    #expect(abs(log(one.value) - evidence.value) < 1e-12)
    #expect(abs(one.standardError / one.value - evidence.standardError) < 1e-12)
  }

  /// Target Exp(1), proposal Exp(b): the weights are Pareto with tail index 1 − 1/b, and E w² = b⁻¹/(2 − b).
  @Test(
    "the tail index and the efficiency of Pareto weights are the known ones", arguments: [1.25, 1.6, 2.5, 5])
  func tails(rate: Double) throws {
    let root = RandomSource(seed: 63)
    let (target, proposal) = (try Exponential(rate: 1), try Exponential(rate: rate))
    let samples = try (0..<60).map { i in
      var random = root.split(i)
      return try importanceSample(target: target, proposal: proposal, count: 20_000, using: &random)
    }
    let shape = Estimate(meanOf: samples.map(\.paretoShape))
    let exact = 1 - 1 / rate
    // Ten of 435 exceedances stand for the prior ½, and the rest for the fit, whose own bias is O(1/435).
    let pulled = (435 * exact + 10 * 0.5) / 445
    #expect(abs(shape.value - pulled) < 5 * shape.standardError + 0.01)
    // The error of one fit by its information is (1 + k)/√435.
    #expect(shape.standardError * 60.0.squareRoot() < 1.5 * (1 + exact) / 435.0.squareRoot())
    guard rate < 1.5 else { return }
    let efficiency = Estimate(meanOf: samples.map(\.efficiency))
    #expect(abs(efficiency.value - rate * (2 - rate)) < 0.01)
  }

  @Test("smoothed weights and tail indices as ArviZ finds them")
  func parity() {
    let stored = ArvizFixture.stored.weights
    #expect(stored.count == 12)
    for weights in stored {
      let smoothing = ParetoSmoothing(
        logWeights: weights.logWeights, relativeEfficiency: weights.efficiency)
      let shape = weights.shape ?? .infinity
      #expect(
        smoothing.shape == shape || abs(smoothing.shape - shape) < 1e-9,
        "\(weights.name): \(smoothing.shape), \(shape)")
      let total = logSumExp(smoothing.logWeights)
      let gap = zip(smoothing.logWeights, weights.smoothed).map { abs($0 - total - $1) }.max()!
      #expect(gap < 1e-9, "\(weights.name): \(gap)")
    }
  }

  @Test("smoothing keeps the order and the scale, never exceeds the largest weight, and lessens the error")
  func smoothing() throws {
    let root = RandomSource(seed: 64)
    let (target, proposal) = (try Exponential(rate: 1), try Exponential(rate: 3))
    var errors: (raw: [Double], smoothed: [Double]) = ([], [])
    for i in 0..<400 {
      var random = root.split(i)
      let sample = try importanceSample(target: target, proposal: proposal, count: 400, using: &random)
      let smoothed = sample.smoothed
      #expect(smoothed.logWeights.max()! <= sample.logWeights.max()!)
      let order = sample.logWeights.indices.sorted { sample.logWeights[$0] < sample.logWeights[$1] }
      #expect(zip(order, order.dropFirst()).allSatisfy { smoothed.logWeights[$0] <= smoothed.logWeights[$1] })
      errors.raw.append(pow(exp(sample.logEvidence.value) - 1, 2))
      errors.smoothed.append(pow(exp(smoothed.logEvidence.value) - 1, 2))
    }
    let gain = Estimate(meanOf: zip(errors.raw, errors.smoothed).map(-))
    #expect(gain.value > 0)
  }

  @Test("equal weights, one weight and no weight")
  func extremes() throws {
    var random = RandomSource(seed: 65)
    let law = Normal.standard([3])
    let equal = try importanceSample(target: law, proposal: law, count: 50, using: &random)
    #expect(equal.logEvidence.value == 0 && equal.logEvidence.standardError == 0)
    #expect(abs(equal.effectiveSampleSize - 50) < 1e-9 && abs(equal.efficiency - 1) < 1e-12)
    #expect(abs(equal.maximumWeightShare - 0.02) < 1e-15 && equal.paretoShape == -.infinity)
    let draws = Tensor([1.0, 2, 3, 4])
    let no = -Double.infinity
    let single = try ImportanceSample(draws: draws, logWeights: Tensor([no, 900, no, no]))
    #expect(single.effectiveSampleSize == 1 && single.maximumWeightShare == 1)
    #expect(abs(single.logEvidence.value - (900 - log(4))) < 1e-12)
    #expect(single.expectation { $0 }.value == 2 && single.paretoShape == .infinity)
    // What has no weight does not count, even where f is not finite.
    #expect(single.expectation { ($0 - 1).log() }.value == 0)
    let none = try ImportanceSample(draws: draws, logWeights: Tensor([no, no, no, no]))
    #expect(none.logEvidence.value == no && none.effectiveSampleSize == 0)
    #expect(none.maximumWeightShare.isNaN && none.expectation { $0 }.value.isNaN)
    #expect(none.integral { $0 }.value == 0 && none.smoothed.logWeights.allSatisfy { $0 == no })
  }

  @Test("equal seeds give equal draws")
  func reproducible() throws {
    let a = try samples(10, repetitions: 2, seed: 66)
    let b = try samples(10, repetitions: 2, seed: 66)
    #expect(a[0].draws.isEqual(to: b[0].draws) && a[1].logWeights == b[1].logWeights)
    #expect(a[0].logWeights != a[1].logWeights)
  }

  private func expectError(
    _ parts: [String], sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) {
    let error = #expect(throws: SamplingError.self, sourceLocation: sourceLocation, performing: body)
    for part in parts { #expect("\(error as Any)".contains(part), sourceLocation: sourceLocation) }
  }

  @Test("weights that are no numbers are refused with their draw; −∞ is a weight of 0")
  func input() throws {
    var random = RandomSource(seed: 67)
    let uniform = try Uniform(low: 0, high: 1)
    for value in [Double.nan, .infinity] {
      let target = ClosureLogDensity { x in x.filled(where: x .> 0.5, with: value) }
      expectError(["target's log-density of draw", "\(value)"]) {
        _ = try importanceSample(target: target, proposal: uniform, count: 20, using: &random)
      }
      expectError(["log-weight of draw 1", "\(value)"]) {
        _ = try ImportanceSample(draws: Tensor([1.0, 2]), logWeights: Tensor([0, value]))
      }
    }
    let half = ClosureLogDensity { x in (0 * x).filled(where: x .> 0.5, with: -.infinity) }
    let sample = try importanceSample(target: half, proposal: uniform, count: 4000, using: &random)
    #expect(abs(sample.logEvidence.value - log(0.5)) < 5 * sample.logEvidence.standardError)
    expectError(["count", "0", "≥ 1"]) {
      _ = try importanceSample(target: half, proposal: uniform, count: 0, using: &random)
    }
    expectError(["target's log-density", "[5, 1]", "[5]"]) {
      let matrix = ClosureLogDensity { $0.unsqueeze(1) }
      _ = try importanceSample(target: matrix, proposal: uniform, count: 5, using: &random)
    }
    expectError(["logWeights", "[3]", "[2]"]) {
      _ = try ImportanceSample(draws: Tensor([1.0, 2]), logWeights: .zeros([3]))
    }
    expectError(["draws", "[0]"]) { _ = try ImportanceSample(draws: .zeros([0]), logWeights: .zeros([0])) }
  }
}
