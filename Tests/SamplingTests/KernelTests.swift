import Foundation
import Probability
import Sampling
import Synchronization
import Testing
import Torch

@Suite("Kernels") struct KernelTests {
  /// N(0, I) that counts how often it is asked.
  private final class Counting: LogDensity {
    let densities = Atomic(0)
    let gradients = Atomic(0)
    let law = Normal.standard([2])
    func logDensity(_ x: Tensor) -> Tensor {
      densities.add(1, ordering: .relaxed)
      return law.logDensity(x)
    }
    func score(_ x: Tensor) -> Tensor {
      gradients.add(1, ordering: .relaxed)
      return law.score(x)
    }
    var counts: [Int] { [densities.load(ordering: .relaxed), gradients.load(ordering: .relaxed)] }
  }

  private func counts(_ make: (any LogDensity) throws -> some Kernel, steps: Int) throws -> [Int] {
    let target = Counting()
    let kernel = try make(target)
    var random = RandomSource(seed: 1)
    var state = try kernel.initialState(.zeros([3, 2]))
    let before = target.counts
    for _ in 0..<steps { state = kernel.step(state, using: &random).state }
    return zip(target.counts, before).map(-)
  }

  @Test("value and gradient are found once a step and kept")
  func evaluations() throws {
    #expect(try counts({ try RandomWalkMetropolis(target: $0, stepSize: 1) }, steps: 10) == [10, 0])
    #expect(try counts({ try MetropolisAdjustedLangevin(target: $0, stepSize: 1) }, steps: 10) == [10, 10])
    #expect(try counts({ try UnadjustedLangevin(target: $0, stepSize: 1) }, steps: 10) == [10, 10])
    // The density is only asked at the end of a trajectory.
    #expect(
      try counts({ try HamiltonianMonteCarlo(target: $0, stepSize: 1, leapfrogSteps: 7) }, steps: 10) == [
        10, 70,
      ])
  }

  @Test("states hold the density and the gradient of their positions")
  func states() throws {
    let law = KnownTarget.mixture
    var random = RandomSource(seed: 2)
    let start = law.sample(50, using: &random)
    for maker in KernelMaker.all {
      try check(maker.make(law))
    }
    func check<K: Kernel>(_ kernel: K) throws {
      var state = try kernel.initialState(start)
      for _ in 0..<5 {
        let (next, info) = kernel.step(state, using: &random)
        state = next
        #expect((state.logDensity - law.logDensity(state.position)).abs().max().item() < 1e-12)
        if let state = state as? GradientState {
          #expect((state.gradient - law.score(state.position)).abs().max().item() < 1e-12)
        }
        #expect(info.acceptanceProbability.min().item() >= 0 && info.acceptanceProbability.max().item() <= 1)
      }
      let rows = state.gathered(Tensor([4, 4, 0]))
      #expect(rows.position.isEqual(to: state.position.select(axis: 0, Tensor([4, 4, 0]))))
    }
  }

  @Test("autograd's score and a closed one make the same chains")
  func autograd() throws {
    let law = KnownTarget.normal
    let closure = ClosureLogDensity { law.logDensity($0) }
    var ends: [Tensor] = []
    for target in [law, closure] as [any LogDensity] {
      var random = RandomSource(seed: 3)
      let kernel = try HamiltonianMonteCarlo(target: target, stepSize: 0.3, leapfrogSteps: 4)
      ends.append(try kernel.moved(.zeros([20, 2], dtype: .double), steps: 10, using: &random))
    }
    #expect((ends[0] - ends[1]).abs().max().item() < 1e-9)
    let x = Tensor(rows: [[0.3, -1.0], [2.0, 0.5]])
    let both = law.logDensityAndScore(x)
    #expect(both.logDensity.isEqual(to: law.logDensity(x)) && both.score.isEqual(to: law.score(x)))
    let normal = try Normal(mean: [1.0, 2.0], standardDeviation: [0.5, 3.0])
    let (density, score) = normal.logDensityAndScore(x)
    #expect((density - normal.logDensity(x)).abs().max().item() < 1e-14)
    #expect(score.isEqual(to: normal.score(x)))
  }

  @Test("equal seeds give equal chains, other seeds others, and a run goes on where it ended")
  func reproducible() throws {
    for maker in KernelMaker.all { try check(maker.make(KnownTarget.mixture)) }
    func check<K: Kernel>(_ kernel: K) throws {
      func run(_ seed: UInt64, draws: Int) throws -> (ChainDraws<K>, RandomSource) {
        var random = RandomSource(seed: seed)
        let start = Tensor.zeros([7, 2], dtype: .double)
        return (try sampleChains(kernel, from: start, warmUp: 20, draws: draws, using: &random), random)
      }
      let (first, _) = try run(4, draws: 12)
      #expect(try run(4, draws: 12).0.draws.isEqual(to: first.draws))
      #expect(try !run(5, draws: 12).0.draws.isEqual(to: first.draws))
      var (short, random) = try run(4, draws: 8)
      let rest = try sampleChains(
        short.kernel, from: short.state.position, warmUp: 0, draws: 4, using: &random)
      #expect(Tensor.concatenate([short.draws, rest.draws]).isEqual(to: first.draws))
      short = try run(4, draws: 8).0
      #expect(short.draws.shape == [8, 7, 2] && short.logDensities.shape == [8, 7])
    }
  }

  @Test("thinning keeps every k-th state")
  func thinning() throws {
    let kernel = try RandomWalkMetropolis(target: KnownTarget.normal, stepSize: 1)
    func run(draws: Int, thin: Int) throws -> Tensor {
      var random = RandomSource(seed: 6)
      return try sampleChains(
        kernel, from: .zeros([3, 2], dtype: .double), warmUp: 0, draws: draws, thin: thin, using: &random
      ).draws
    }
    #expect(try run(draws: 4, thin: 3).isEqual(to: run(draws: 12, thin: 1)[.stride(from: 2, by: 3)]))
  }

  @Test("what is not finite is never moved to", arguments: KernelMaker.all)
  func notFinite(maker: KernelMaker) throws {
    try check(maker.make(BrokenNormal()))
    func check<K: Kernel>(_ kernel: K) throws {
      var random = RandomSource(seed: 7)
      let chains = try sampleChains(
        kernel, from: .zeros([200, 2], dtype: .double), warmUp: 0, draws: 60, using: &random)
      #expect(chains.logDensities.isFinite().all().item() == 1)
      #expect(chains.draws.isFinite().all().item() == 1)
      let first = chains.draws[.all, .all, 0]
      #expect(first.max().item() <= 1 && first.min().item() >= -2)
      // What is left is the normal cut to [−2, 1].
      let law = Normal.standard()
      let (low, high) = (law.cdf(Tensor(-2.0)).item(), law.cdf(Tensor(1.0)).item())
      let test = kolmogorovSmirnov(first[59], cdf: { (law.cdf($0) - low) / (high - low) })
      #expect(test.pValue > 1e-6)
    }
  }

  @Test("a step size beyond all measure diverges and leaves chains where they are")
  func divergence() throws {
    let kernel = try HamiltonianMonteCarlo(target: Normal.standard([2]), stepSize: 100, leapfrogSteps: 200)
    var random = RandomSource(seed: 8)
    let start = random.normal([5, 2], dtype: .double)
    let chains = try sampleChains(kernel, from: start, warmUp: 0, draws: 3, using: &random)
    #expect(chains.divergences == [3, 3, 3, 3, 3])
    #expect(chains.acceptanceRates.allSatisfy { $0 == 0 } && chains.state.position.isEqual(to: start))
  }

  @Test("a trajectory's energy error falls with the square of the step size")
  func energy() throws {
    // At most ε²: twelve times the step at a fixed length of time loses about 144 times the energy.
    func loss(_ stepSize: Double, _ steps: Int) throws -> Double {
      let kernel = try HamiltonianMonteCarlo(
        target: KnownTarget.normal, stepSize: stepSize, leapfrogSteps: steps)
      var random = RandomSource(seed: 9)
      let state = try kernel.initialState(KnownTarget.normal.sample(4000, using: &random))
      let info = kernel.step(state, using: &random).info
      return 1 - info.acceptanceProbability.mean().item()
    }
    let ratio = try loss(0.12, 10) / loss(0.01, 120)
    #expect(ratio > 100 && ratio < 200)
  }
}
