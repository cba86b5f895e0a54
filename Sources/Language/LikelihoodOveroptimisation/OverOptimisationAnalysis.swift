import Probability
import Torch

/// How the quality of what a policy writes goes with the likelihood of the responses that are preferred, over the readings
/// of a training or of several (Shi et al. 2024).
public struct OverOptimisationAnalysis: Sendable, Hashable {
  /// Root mean squares of what a polynomial of degree 1 and of degree 2 in the likelihood leaves of the win rate.
  public let linearError: Double
  public let quadraticError: Double

  /// The share of the line's error that the parabola removes; 0 where the line has none.
  public var reduction: Double { linearError > 0 ? 1 - quadraticError / linearError : 0 }

  /// - Parameters:
  ///   - likelihoods: mean log-likelihood a token of the preferred responses, at every reading.
  ///   - wins: win rates; as many.
  public init(likelihoods: [Double], wins: [Double]) {
    precondition(
      likelihoods.count == wins.count && likelihoods.count >= 1,
      "OverOptimisationAnalysis: a win rate a reading")
    linearError = Self.error(likelihoods, wins, degree: 1)
    quadraticError = Self.error(likelihoods, wins, degree: 2)
  }

  private static func error(_ x: [Double], _ y: [Double], degree: Int) -> Double {
    guard x.count > degree + 1 else { return 0 }
    // Around the mean and in its own scale, so that powers do not differ by orders of magnitude.
    let centre = x.reduce(0, +) / Double(x.count)
    let scale = x.map { abs($0 - centre) }.max()!
    guard scale > 0 else {
      let mean = y.reduce(0, +) / Double(y.count)
      return (y.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(y.count)).squareRoot()
    }
    let t = Tensor(x.map { ($0 - centre) / scale })
    let powers = Tensor.stack([.ones(like: t), t, t * t][..<(degree + 1)].map { $0 }, axis: 1)
    let target = Tensor(y).unsqueeze(1)
    let left = target - powers.matmul(powers.leastSquares(target))
    return left.square().mean().sqrt().item()
  }

  /// The readings that no other beats in both ways: a higher likelihood of the preferred responses and a lower one of the
  /// others.
  public static func front(chosen: [Double], rejected: [Double]) -> [Int] {
    chosen.indices.filter { i in
      !chosen.indices.contains { j in
        chosen[j] >= chosen[i] && rejected[j] <= rejected[i]
          && (chosen[j] > chosen[i] || rejected[j] < rejected[i])
      }
    }
  }
}
