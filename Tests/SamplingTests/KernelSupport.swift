import Foundation
import Probability
import Sampling
import Torch

/// A law that chains can be started in exactly.
struct KnownTarget: Sendable, CustomStringConvertible {
  let description: String
  let law: any ContinuousDistribution

  /// A correlated normal, two modes, and an edge of the support.
  static let all: [KnownTarget] = [
    KnownTarget(description: "normal", law: normal), KnownTarget(description: "mixture", law: mixture),
    KnownTarget(description: "exponential", law: exponential),
  ]

  static let normal = try! MultivariateNormal(
    mean: [1.0, -2.0], covariance: Tensor(rows: [[1.0, 0.6], [0.6, 0.5]]))

  static let mixture = try! GaussianMixture(
    weights: [0.3, 0.7], means: Tensor(rows: [[-1.5, 0.0], [1.0, 1.0]]),
    covariances: Tensor([0.3, 0.1, 0.1, 0.8, 1.0, -0.4, -0.4, 0.5], shape: [2, 2, 2]))

  static let exponential = try! Exponential(rate: [0.3, 0.6])
}

/// How a kernel for a target is made.
struct KernelMaker: Sendable, CustomStringConvertible {
  let description: String
  /// Whether one step is reversible: a sweep along all axes in order is not.
  var isReversible = true
  let make: @Sendable (any LogDensity) throws -> any Kernel

  static let scales = Tensor([1.3, 0.6])

  static let all: [KernelMaker] = [
    KernelMaker(description: "random walk") { try RandomWalkMetropolis(target: $0, stepSize: 0.8) },
    KernelMaker(description: "random walk, scaled") {
      try RandomWalkMetropolis(target: $0, stepSize: 0.9, scales: scales)
    },
    KernelMaker(description: "MALA") { try MetropolisAdjustedLangevin(target: $0, stepSize: 0.25) },
    KernelMaker(description: "MALA, scaled") {
      try MetropolisAdjustedLangevin(target: $0, stepSize: 0.3, scales: scales)
    },
    KernelMaker(description: "HMC") {
      try HamiltonianMonteCarlo(target: $0, stepSize: 0.45, leapfrogSteps: 5)
    },
    KernelMaker(description: "HMC, scaled and jittered") {
      try HamiltonianMonteCarlo(
        target: $0, stepSize: 0.5, leapfrogSteps: 4, jitter: 0.5, scales: scales)
    },
    KernelMaker(description: "slice along axes", isReversible: false) { try SliceSampler(target: $0) },
    KernelMaker(description: "slice along a direction, narrow and few steps") {
      try SliceSampler(target: $0, width: 0.5, lines: .direction, maximumSteps: 3, scales: scales)
    },
  ]
}

extension Kernel {
  /// Positions after some steps from exact draws of a law.
  func moved(_ start: Tensor, steps: Int, using random: inout RandomSource) throws -> Tensor {
    var state = try initialState(start)
    for _ in 0..<steps { state = step(state, using: &random).state }
    return state.position
  }
}

/// The least of the p-values of Kolmogorov and Smirnov's test of two samples `[n, 2]`, by what separates laws on the
/// plane: both coordinates, a product and the log-density.
func leastPValue(_ x: Tensor, _ y: Tensor, _ law: any LogDensity) -> Double {
  func statistics(_ x: Tensor) -> [Tensor] {
    [x[.all, 0], x[.all, 1], x[.all, 0] * x[.all, 1], law.logDensity(x)]
  }
  return zip(statistics(x), statistics(y)).map { kolmogorovSmirnov($0, $1).pValue }.min()!
}

/// N(0, 1) cut to pieces by its log-density: NaN above 1, +∞ below −2.
struct BrokenNormal: AutogradLogDensity {
  func logDensity(_ x: Tensor) -> Tensor {
    let first = x[.all, 0]
    return (-0.5 * x.square().sum(1)).filled(where: first .> 1, with: .nan)
      .filled(where: first .< -2, with: .infinity)
  }
}
