import Foundation
import Probability
import Sampling
import Testing
import Torch

// Every comparison is by ranks, with fixed seeds; a p-value of 10⁻⁷ or less would come by chance in one of 10⁷ seeds,
// so one run of all comparisons here fails by chance for one seed in 10⁵ at most.
@Suite("Kernels: invariance") struct KernelInvarianceTests {
  private static let count = 20_000

  @Test("exact draws stay draws", arguments: KernelMaker.all, KnownTarget.all)
  func invariance(maker: KernelMaker, target: KnownTarget) throws {
    var random = RandomSource(seed: 31)
    let kernel = try maker.make(target.law)
    let start = target.law.sample(Self.count, using: &random)
    let end = try kernel.moved(start, steps: 3, using: &random)
    let fresh = target.law.sample(Self.count, using: &random)
    #expect(leastPValue(end, fresh, target.law) > 1e-7)
    // The chains did move.
    let moved = (end .!= start).any(1).to(.double).mean().item()
    #expect(moved > 0.5)
  }

  @Test(
    "a step and its reverse have one law", arguments: KernelMaker.all.filter(\.isReversible), KnownTarget.all)
  func reversible(maker: KernelMaker, target: KnownTarget) throws {
    var random = RandomSource(seed: 32)
    let kernel = try maker.make(target.law)
    let start = target.law.sample(2 * Self.count, using: &random)
    let end = try kernel.moved(start, steps: 1, using: &random)
    // Functions of (before, after) on half of the chains against (after, before) on the other half.
    func pairs(_ a: Tensor, _ b: Tensor) -> [Tensor] {
      [a[.all, 0] - b[.all, 0].square(), a[.all, 1] - b[.all, 0] * b[.all, 1], a[.all, 0] - b[.all, 0]]
    }
    let n = Self.count
    for (forward, backward) in zip(pairs(start[0..<n], end[0..<n]), pairs(end[n...], start[n...])) {
      #expect(kolmogorovSmirnov(forward, backward).pValue > 1e-7)
    }
  }

  @Test("in single precision too", arguments: KernelMaker.all)
  func singlePrecision(maker: KernelMaker) throws {
    var random = RandomSource(seed: 33)
    let law = KnownTarget.mixture
    let kernel = try maker.make(law)
    let start = law.sample(Self.count, using: &random).to(.float)
    let end = try kernel.moved(start, steps: 3, using: &random)
    #expect(end.dtype == .float)
    #expect(leastPValue(end.to(.double), law.sample(Self.count, using: &random), law) > 1e-7)
  }

  @Test("the comparison sees a kernel that is not invariant")
  func power() throws {
    var random = RandomSource(seed: 34)
    // Not the exponential, along whose straight slope Euler's steps are exact.
    for target in KnownTarget.all.dropLast() {
      let kernel = try UnadjustedLangevin(target: target.law, stepSize: 0.25)
      let end = try kernel.moved(target.law.sample(Self.count, using: &random), steps: 3, using: &random)
      #expect(leastPValue(end, target.law.sample(Self.count, using: &random), target.law) < 1e-7)
    }
  }

  @Test("ULA has its own stationary normal", arguments: [0.05, 0.4, 1.5], [false, true])
  func unadjusted(h: Double, isScaled: Bool) throws {
    let σ = Tensor([1.0, 2.0])
    let target = try Normal(mean: [0.0, 0.0], standardDeviation: σ)
    let scales = Tensor([0.7, 1.5])
    let kernel = try UnadjustedLangevin(target: target, stepSize: h, scales: isScaled ? scales : nil)
    // A scale s is the step h s² in that coordinate.
    let steps = isScaled ? h * scales.square() : Tensor([h, h])
    let variance = σ.square() / (1 - steps / (2 * σ.square()))
    var random = RandomSource(seed: 35)
    let law = try Normal(mean: 0, standardDeviation: variance.sqrt())
    let end = try kernel.moved(law.sample(Self.count, using: &random), steps: 4, using: &random)
    for i in 0..<2 {
      let spread = variance[i].item().squareRoot()
      let test = kolmogorovSmirnov(end[.all, i] / spread, cdf: { 0.5 * ($0 * -0.5.squareRoot()).erfc() })
      #expect(test.pValue > 1e-7)
    }
    // And it comes there from elsewhere: after t steps the start is left by the factor (1 − h/σ²)ᵗ.
    let far = try kernel.moved(Tensor.zeros([Self.count, 2], dtype: .double), steps: 400, using: &random)
    let found = far.variance(0).doubles
    for (i, expected) in variance.doubles.enumerated() {
      // The variance of n normals has the relative error √(2/n).
      #expect(abs(found[i] / expected - 1) < 5.5 * (2 / Double(Self.count)).squareRoot() + 1e-3)
    }
  }

  @Test("slices are exact however narrow or wide the interval", arguments: [0.05, 1, 40], [1, 2, 9])
  func slices(width: Double, maximumSteps: Int) throws {
    let law = KnownTarget.mixture
    for lines in SliceSampler.Lines.allCases {
      var random = RandomSource(seed: 36)
      let kernel = try SliceSampler(target: law, width: width, lines: lines, maximumSteps: maximumSteps)
      let end = try kernel.moved(law.sample(Self.count, using: &random), steps: 2, using: &random)
      #expect(leastPValue(end, law.sample(Self.count, using: &random), law) > 1e-7)
    }
  }
}
