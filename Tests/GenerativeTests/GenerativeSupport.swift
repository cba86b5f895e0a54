import Foundation
import Generative
import Probability
import Torch

/// Mixtures that several tests use.
enum Mixtures {
  static func make(_ weights: [Double], _ means: [[Double]], _ covariances: [[[Double]]]) -> GaussianMixture {
    let d = means[0].count
    return try! GaussianMixture(
      weights: weights, means: Tensor(rows: means),
      covariances: Tensor(covariances.flatMap { $0.flatMap { $0 } }, shape: [weights.count, d, d]))
  }

  /// Two modes in the plane.
  static let pair = make(
    [0.4, 0.6], [[-1, 0.5], [1.5, -0.5]], [[[0.5, 0.1], [0.1, 0.3]], [[0.2, -0.05], [-0.05, 0.6]]])
  /// Three modes in the plane.
  static let triple = make(
    [0.2, 0.3, 0.5], [[-2, 0], [2, 1], [0, -2]],
    [[[0.3, 0], [0, 0.3]], [[0.5, 0.2], [0.2, 0.4]], [[0.2, 0], [0, 0.7]]])

  static func normal(_ mean: Double, _ variance: Double) -> GaussianMixture {
    make([1], [[mean]], [[[variance]]])
  }
}

/// The largest absolute difference of two tensors.
func distance(_ a: Tensor, _ b: Tensor) -> Double { (a.to(.double) - b.to(.double)).abs().max().item() }
