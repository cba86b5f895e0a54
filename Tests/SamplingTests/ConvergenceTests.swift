import Foundation
import Probability
import Sampling
import Testing
import Torch

@Suite("Kernels: convergence") struct ConvergenceTests {
  /// Five coordinates with correlation 0.5 and spreads from 1 to 3.
  private static let normal: MultivariateNormal = {
    let spreads = Tensor([1, 1.5, 2, 2.5, 3])
    let correlation = 0.5 * Tensor.identity(5, dtype: .double) + 0.5
    return try! MultivariateNormal(
      mean: Tensor.full([5], 2, dtype: .double), covariance: correlation * spreads.outer(spreads))
  }()

  /// Means and squares within five standard errors (one in a million by chance), and R̂ below 1.01.
  private func expectMoments(
    _ kernel: any Kernel, _ draws: Tensor, means: [Double], variances: [Double]
  ) throws {
    let first = try ChainDiagnostics(draws)
    let second = try ChainDiagnostics((draws - Tensor(means)).square())
    for i in means.indices {
      #expect(abs(first.means[i].zScore(against: means[i])) < 5)
      #expect(abs(second.means[i].zScore(against: variances[i])) < 5)
      #expect(first.rHat[i] < 1.01, "\(type(of: kernel))")
      #expect(first.bulkEffectiveSampleSize[i] > 400)
      #expect(first.tailEffectiveSampleSize[i] > 400)
    }
  }

  private func run(_ kernel: some Kernel, draws: Int, start: Tensor, thin: Int = 1) throws -> Tensor {
    var random = RandomSource(seed: 41)
    return try sampleChains(kernel, from: start, warmUp: 300, draws: draws, thin: thin, using: &random).draws
  }

  @Test("a correlated normal from far away")
  func correlated() throws {
    let law = KnownTarget.normal
    let start = 10 * RandomSource(seed: 40).drawing { $0.normal([32, 2], dtype: .double) }
    let scales = law.variance.sqrt()
    let kernels: [(any Kernel, thin: Int)] = [
      (try HamiltonianMonteCarlo(target: law, stepSize: 1, leapfrogSteps: 5, jitter: 0.3), 1),
      (try MetropolisAdjustedLangevin(target: law, stepSize: 1, scales: scales), 6),
      (try RandomWalkMetropolis(target: law, stepSize: 1, scales: scales), 20),
      (try SliceSampler(target: law, lines: .coordinates, scales: scales), 2),
      (try SliceSampler(target: law, lines: .direction, scales: scales), 3),
    ]
    for (kernel, thin) in kernels {
      let draws = try run(kernel, draws: 500, start: start, thin: thin)
      try expectMoments(kernel, draws, means: law.mean.doubles, variances: law.variance.doubles)
    }
  }

  @Test("two modes that a trajectory can join")
  func modes() throws {
    let law = KnownTarget.mixture
    let start = Tensor.zeros([32, 2], dtype: .double)
    let responsibilities = [0.3, 0.7]
    let means = [0, 1].map { j in
      responsibilities.indices.reduce(0) { $0 + responsibilities[$1] * law.means[$1, j].item() }
    }
    let variances = [0, 1].map { j in
      responsibilities.indices.reduce(0) { sum, k in
        let offset = law.means[k, j].item() - means[j]
        return sum + responsibilities[k] * (law.covariances[k, j, j].item() + offset * offset)
      }
    }
    let kernels: [(any Kernel, thin: Int)] = [
      (try HamiltonianMonteCarlo(target: law, stepSize: 0.5, leapfrogSteps: 6, jitter: 0.4), 2),
      (try RandomWalkMetropolis(target: law, stepSize: 1), 12),
      (try SliceSampler(target: law, width: 4), 2),
    ]
    for (kernel, thin) in kernels {
      try expectMoments(
        kernel, run(kernel, draws: 300, start: start, thin: thin), means: means, variances: variances)
    }
  }

  /// v ~ N(0, 1) and x ~ N(0, eᵛ): narrow where v is low, wide where it is high.
  @Test("a funnel's throat and mouth have their share")
  func funnel() throws {
    let target = ClosureLogDensity { x in
      let v = x[.all, 0]
      return -0.5 * v.square() - 0.5 * v - 0.5 * x[.all, 1].square() * (-v).exp()
    }
    let start = Tensor.zeros([32, 2], dtype: .double)
    let kernels: [any Kernel] = [
      try HamiltonianMonteCarlo(
        target: target, stepSize: 0.3, leapfrogSteps: 8, jitter: 0.5, targetAcceptance: 0.9),
      try SliceSampler(target: target, width: 3),
    ]
    for kernel in kernels {
      // E x² = E eᵛ = √e.
      try expectMoments(
        kernel, run(kernel, draws: 1000, start: start, thin: 3), means: [0, 0], variances: [1, exp(0.5)])
    }
  }

  @Test("dual averaging reaches its target acceptance from any start", arguments: [1e-4, 1, 300])
  func adaptation(stepSize: Double) throws {
    let law = Self.normal
    var random = RandomSource(seed: 42)
    let start = law.sample(64, using: &random)
    for target in [0.4, 0.65, 0.8, 0.9] {
      var kernels: [any StepSizeKernel] = [
        try RandomWalkMetropolis(target: law, stepSize: stepSize, targetAcceptance: target),
        try MetropolisAdjustedLangevin(target: law, stepSize: stepSize, targetAcceptance: target),
      ]
      // Close to the longest stable step HMC's acceptance falls off a cliff: there is no step with 0.65.
      if target >= 0.8 {
        kernels.append(
          try HamiltonianMonteCarlo(
            target: law, stepSize: stepSize, leapfrogSteps: 5, targetAcceptance: target))
      }
      for kernel in kernels {
        func check<K: StepSizeKernel>(_ kernel: K) throws {
          let chains = try sampleChains(kernel, from: start, warmUp: 500, draws: 200, using: &random)
          let rate = chains.acceptanceRates.reduce(0, +) / 64
          #expect(abs(rate - target) < 0.03, "\(K.self): \(rate) at \(chains.stepSize)")
          #expect(chains.stepSize == chains.kernel.stepSize)
        }
        try check(kernel)
      }
    }
  }

  @Test("dual averaging on a known curve")
  func dualAveraging() {
    // α(ε) = e^(−ε): 0.8 at 0.2231.
    var search = DualAveraging(initial: 5, targetAcceptance: 0.8)
    for _ in 0..<2000 { search.update(acceptance: exp(-search.stepSize)) }
    #expect(abs(exp(-search.averagedStepSize) - 0.8) < 0.005)
    // One update by hand: H̄ = (δ − α)/11, log ε = log 10ε₀ − H̄/0.05.
    var once = DualAveraging(initial: 0.5, targetAcceptance: 0.65)
    once.update(acceptance: 0.15)
    #expect(abs(once.stepSize - 5 * exp(-0.5 / 11 / 0.05)) < 1e-12)
    #expect(once.averagedStepSize == once.stepSize)
  }
}

extension RandomSource {
  /// A draw of a copy.
  func drawing<T>(_ body: (inout RandomSource) -> T) -> T {
    var copy = self
    return body(&copy)
  }
}
