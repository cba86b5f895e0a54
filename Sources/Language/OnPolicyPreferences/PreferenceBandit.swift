import Foundation
import Probability
import Torch

/// A bandit with a hundred actions whose law, reward and divergences are all known exactly (Tajwar et al. 2024): where a
/// new objective is tried first.
///
/// The reference draws tanh(Cauchy(−0.7, 0.4)) and sorts it into equal bins of [−1, 1].
public struct PreferenceBandit: Sendable, Hashable {
  /// Where the reward has its peak, e^{−((a − peak)/width)²}.
  public enum Peak: String, Sendable, Hashable, CaseIterable {
    /// At action 70, which the reference hardly draws.
    case misaligned
    /// At action 20, beside the reference's mode.
    case aligned

    public var action: Int { self == .misaligned ? 70 : 20 }
  }

  /// ln π_ref of every action.
  public let reference: [Double]
  /// Of every action.
  public let rewards: [Double]
  /// π's mass on them is the tail mass: the least probable actions that together have at most a tenth under π_ref.
  let isTail: [Bool]

  /// - Parameters:
  ///   - width: of the peak, in actions; above 0.
  ///   - reference: ln π_ref of every action; the exact masses of the bins where `nil`.
  public init(_ peak: Peak, width: Double = 10, reference: [Double]? = nil) {
    precondition(width > 0, "PreferenceBandit: a width of \(width)")
    let reference = reference ?? Self.exactReference
    self.init(
      reference: reference,
      rewards: reference.indices.map { exp(-pow((Double($0) - Double(peak.action)) / width, 2)) })
  }

  /// A bandit of any table.
  public init(reference: [Double], rewards: [Double]) {
    precondition(reference.count == rewards.count, "PreferenceBandit: a reward an action")
    (self.reference, self.rewards) = (reference, rewards)
    var (mass, isTail) = (0.0, [Bool](repeating: false, count: reference.count))
    for action in reference.indices.sorted(by: { (reference[$0], $0) < (reference[$1], $1) }) {
      mass += exp(reference[action])
      guard mass <= 0.1 else { break }
      isTail[action] = true
    }
    self.isTail = isTail
  }

  /// ln of the mass of tanh(Cauchy(−0.7, 0.4)) in a hundred equal bins of [−1, 1].
  public static let exactReference: [Double] = {
    let edges = (0...100).map { i -> Double in
      if i == 0 || i == 100 { return i == 0 ? 0 : 1 }
      return 0.5 + atan((atanh(-1 + 0.02 * Double(i)) + 0.7) / 0.4) / .pi
    }
    return zip(edges, edges.dropFirst()).map { log($1 - $0) }
  }()

  /// ln of the shares of the bins among so many draws, half a draw added to each so that no bin is empty.
  public static func histogramReference(draws: Int, using random: inout RandomSource) -> [Double] {
    var counts = [Double](repeating: 0.5, count: 100)
    for _ in 0..<draws {
      let value = tanh(-0.7 + 0.4 * tan(.pi * (random.uniform() - 0.5)))
      counts[min(99, max(0, Int((value + 1) * 50)))] += 1
    }
    let total = counts.reduce(0, +)
    return counts.map { log($0 / total) }
  }

  public var actions: Int { reference.count }

  /// E_{π_ref} r.
  public var referenceReward: Double { zip(reference, rewards).reduce(0) { $0 + exp($1.0) * $1.1 } }

  /// How well the reference is aligned with the reward.
  public var alignment: PreferenceAlignment {
    PreferenceAlignment(
      mean: referenceReward, lowest: rewards.min() ?? 0, highest: rewards.max() ?? 0)
  }

  /// The law of a policy by ln π, `[actions]` or, a row a context, `[contexts, actions]`, of which it is the mean.
  public func law(_ logProbabilities: Tensor) -> PolicyLaw {
    withoutGradient {
      let rows = logProbabilities.to(.double, device: .cpu).reshape(-1, actions)
      let count = Double(rows.size(0))
      guard let policy = try? Categorical(logits: rows),
        let other = try? Categorical(logits: Tensor(reference).expand(rows.shape))
      else { return PolicyLaw(reward: .nan) }
      let mean = rows.exp().mean(0)
      return PolicyLaw(
        reward: mean.dot(Tensor(rewards)).item(), divergence: klDivergence(policy, other).item() / count,
        reverseDivergence: klDivergence(other, policy).item() / count,
        entropy: policy.entropy.item() / count,
        tailMass: mean.dot(Tensor(isTail.map { $0 ? 1.0 : 0 })).item())
    }
  }
}
