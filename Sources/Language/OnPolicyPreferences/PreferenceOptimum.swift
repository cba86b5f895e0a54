import Foundation
import Probability
import Torch

/// What objectives come to with all data in the world, where a policy can be any law of so many responses: closed forms,
/// by ln π_ref and reward of every response.
public enum PreferenceOptimum {
  /// π ∝ π_ref e^{r/β}: of RWR, of DPO on all pairs with Bradley–Terry labels, and of E_π r − β KL(π‖π_ref).
  public static func tilted(reference: [Double], rewards: [Double], beta: Double) -> [Double] {
    normalised(zip(reference, rewards).map { $0 + $1 / beta })
  }

  /// The law of the best of N draws, ties broken at random: P(y) = π(y)/π(r = v) · (F(v)^N − F(v⁻)^N), v = r(y), F the
  /// distribution function of the reward.
  public static func bestOf(_ samples: Int, reference: [Double], rewards: [Double]) -> [Double] {
    var result = [Double](repeating: -.infinity, count: reference.count)
    let order = rewards.indices.sorted { rewards[$0] < rewards[$1] }
    var (start, below) = (0, -Double.infinity)
    let n = Double(samples)
    while start < order.count {
      let end = order[start...].firstIndex { rewards[$0] != rewards[order[start]] } ?? order.count
      let level = logSumExp(order[start..<end].map { reference[$0] })
      let upTo = end == order.count ? 0 : logAddExp(below, level)
      // F(v)^N − F(v⁻)^N as logarithms: both are near 0 for most values.
      let gain = n * upTo + log1mExp(n * min(0, below - upTo))
      for i in order[start..<end] { result[i] = reference[i] - level + gain }
      (start, below) = (end, upTo)
    }
    return normalised(result)
  }

  /// π ∝ π_ref e^{P(y ≻ π_ref)/τ}: of IPO with m = 1/(2τ), where the response with the higher reward wins always and ties
  /// count half.
  public static func identity(reference: [Double], rewards: [Double], tau: Double) -> [Double] {
    let wins = rewards.map { reward in
      zip(reference, rewards).reduce(0) {
        $0 + exp($1.0) * ($1.1 < reward ? 1 : $1.1 == reward ? 0.5 : 0)
      }
    }
    return normalised(zip(reference, wins).map { $0 + $1 / tau })
  }

  /// The most by which the best of N can leave the reference, ln N − (N − 1)/N; reached without ties in the limit.
  public static func bestOfBound(_ samples: Int) -> Double {
    log(Double(samples)) - Double(samples - 1) / Double(samples)
  }

  private static func normalised(_ logs: [Double]) -> [Double] {
    let total = logSumExp(logs)
    return logs.map { $0 - total }
  }
}

extension ResponseTerms {
  /// Whose preference of two responses counts.
  public enum Labels: Sendable, Hashable {
    /// y beats y′ with probability σ(r − r′).
    case bradleyTerry
    /// The higher reward wins; ties count half.
    case deterministic
  }

  /// −E ln π of responses with law ∝ π_ref e^{r/β}: what RWR minimises.
  public static func population(rewardWeighted beta: Double, reference: [Double], rewards: [Double])
    -> ResponseTerms
  {
    .likelihood(
      weights: PreferenceOptimum.tilted(reference: reference, rewards: rewards, beta: beta).map { exp($0) })
  }

  /// −E ln π of the best of N draws of the reference.
  public static func population(bestOf samples: Int, reference: [Double], rewards: [Double]) -> ResponseTerms
  {
    .likelihood(
      weights: PreferenceOptimum.bestOf(samples, reference: reference, rewards: rewards).map { exp($0) })
  }

  /// The expectation of a loss on pairs of independent draws of the reference.
  public static func population(
    pairs loss: PreferenceLoss, labels: Labels, reference: [Double], rewards: [Double]
  ) -> ResponseTerms {
    var (winners, losers, weights): ([Int], [Int], [Double]) = ([], [], [])
    for i in reference.indices {
      for j in reference.indices where i != j {
        let gap = rewards[i] - rewards[j]
        let share =
          switch labels {
          case .bradleyTerry: 1 / (1 + exp(-gap))
          case .deterministic: gap > 0 ? 1 : gap == 0 ? 0.5 : 0
          }
        guard share > 0 else { continue }
        winners.append(i)
        losers.append(j)
        weights.append(exp(reference[i] + reference[j]) * share)
      }
    }
    return .pairs(winners: winners, losers: losers, weights: weights, loss: loss)
  }
}

/// Of p = softmax(θ) and a target q: why reverse KL moves mass to where the reference has little faster than forward KL
/// does, and how a step of either moves any two responses apart.
public enum DivergenceStep {
  public enum Direction: String, Sendable, Hashable, CaseIterable {
    /// KL(q‖p), which covers modes: what maximum likelihood minimises.
    case forward
    /// KL(p‖q), which seeks them: what E_p r − β KL(p‖π_ref) maximises by minimising.
    case reverse
  }

  /// ∂/∂θ: p − q, or p (ln p/q − KL(p‖q)).
  public static func gradient(_ direction: Direction, logits: [Double], target: [Double]) -> [Double] {
    let total = logSumExp(logits)
    let logs = logits.map { $0 - total }
    switch direction {
    case .forward: return zip(logs, target).map { exp($0) - $1 }
    case .reverse:
      let gaps = zip(logs, target).map { $0 - log($1) }
      let divergence = zip(logs, gaps).reduce(0) { $0 + exp($1.0) * $1.1 }
      return zip(logs, gaps).map { exp($0) * ($1 - divergence) }
    }
  }

  /// p after a step of gradient descent of size η.
  public static func step(_ direction: Direction, logits: [Double], target: [Double], size: Double)
    -> [Double]
  {
    let slopes = gradient(direction, logits: logits, target: target)
    let moved = zip(logits, slopes).map { $0 - size * $1 }
    let total = logSumExp(moved)
    return moved.map { exp($0 - total) }
  }

  /// ln(p′ᵢ/pᵢ) − ln(p′ⱼ/pⱼ) of that step, −η(gᵢ − gⱼ) exactly.
  public static func relativeMove(
    _ direction: Direction, logits: [Double], target: [Double], size: Double, _ i: Int, _ j: Int
  ) -> Double {
    let slopes = gradient(direction, logits: logits, target: target)
    return -size * (slopes[i] - slopes[j])
  }
}
