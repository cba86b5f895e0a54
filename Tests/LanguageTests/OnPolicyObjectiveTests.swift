import Foundation
import Language
import Testing
import Torch

@Suite("Objectives on drawn responses (OnPolicy)")
struct OnPolicyObjectiveTests {
  private func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-14) -> Bool { abs(a - b) <= tolerance }

  private func batch(_ draws: [[Int]], _ rewards: [[Double]], reference: [Double]) -> ResponseDraws {
    ResponseDraws(
      draws: draws, rewards: rewards, logProbabilities: draws.map { $0.map { reference[$0] } },
      reference: reference, lengths: Array(repeating: 1, count: reference.count))
  }

  private let reference = [-1.0, -2, -0.5, -3]

  private func terms(_ objective: OnlineObjective, _ batch: ResponseDraws, threshold: Double = 0)
    -> ResponseTerms?
  {
    var moments = RunningMoments()
    objective.see(batch, moments: &moments)
    return objective.terms(batch, threshold: threshold, moments: moments)
  }

  /// Loss and its slopes in the log-probabilities.
  private func slopes(_ terms: ResponseTerms, at logs: [Double]) -> (loss: Double, slopes: [Double]) {
    let loss = terms.loss(reference: reference)
    let (value, slopes) = valueAndGradient(of: { loss($0[0]) }, at: [Tensor(logs)])
    return (value.item(), slopes[0].doubles)
  }

  @Test("pairs need a gap above the threshold; ties and copies make none; equal pairs are counted")
  func pairs() {
    let draws = batch([[0, 1, 2, 0], [3, 1]], [[1, 0.5, 0.5, 1], [0.2, 0.7]], reference: reference)
    let all = draws.pairs(threshold: 0)
    #expect((all.winners, all.losers) == ([0, 0, 1], [1, 2, 3]))
    #expect(all.counts == [2, 2, 1] && all.total == 5)
    #expect(draws.pairs(threshold: 0.5).counts.isEmpty)
    #expect(draws.pairs(threshold: 0.49).total == 5)
    // A noisy reward of one response says nothing about it against itself.
    #expect(batch([[0, 0]], [[1, 0]], reference: reference).pairs(threshold: 0).counts.isEmpty)
  }

  @Test("the loss on distinct pairs is the mean over all pairs as they were drawn")
  func pairLoss() throws {
    var random = RandomSource(seed: 1)
    let draws = (0..<20).map { _ in (0..<5).map { _ in random.integer(in: 0..<4) } }
    let worth = [0.3, 0.9, 0.1, 0.3]
    let data = batch(draws, draws.map { $0.map { worth[$0] } }, reference: reference)
    let logs = [-1.4, -0.9, -2.2, -1.1]
    func mean(_ loss: (Double) -> Double) -> Double {
      var (sum, count) = (0.0, 0.0)
      for own in draws {
        for i in own {
          for j in own where worth[i] - worth[j] > 0.25 {
            sum += loss((logs[i] - reference[i]) - (logs[j] - reference[j]))
            count += 1
          }
        }
      }
      return sum / count
    }
    let dpo = try #require(terms(.named(.dpo, beta: 0.5), data, threshold: 0.25))
    #expect(near(slopes(dpo, at: logs).loss, mean { log1p(exp(-0.5 * $0)) }, 1e-13))
    let ipo = try #require(terms(.named(.ipo, margin: 3), data, threshold: 0.25))
    #expect(near(slopes(ipo, at: logs).loss, mean { ($0 - 3) * ($0 - 3) }, 1e-12))
    // Pref-FT: the winners of the same pairs, counted by loss gap 0.
    guard case .likelihood(let weights)? = terms(.preferred, data, threshold: 0.25) else {
      Issue.record("no likelihood")
      return
    }
    #expect(near(weights.reduce(0, +), 1, 1e-14) && weights[1] > 0 && weights[2] == 0)
  }

  @Test("the best of N is shared by draws that tie, never the first of them")
  func bestOfN() {
    let data = batch([[1, 0, 2], [2, 3, 3]], [[5, 1, 5], [1, 0, 0]], reference: reference)
    #expect(terms(.best, data) == .likelihood(weights: [0, 0.25, 0.75, 0]))
  }

  @Test("weights of RWR do not overflow, and count in proportion to e^{r/β}")
  func rewardWeighted() {
    let data = batch([[0, 1], [2, 2]], [[1e6, 1e6 - 0.1], [1e6 - 0.2, 1e6 - 0.2]], reference: reference)
    guard case .likelihood(let weights)? = terms(.rewardWeighted(beta: 0.1), data) else {
      Issue.record("no likelihood")
      return
    }
    #expect(near(weights.reduce(0, +), 1))
    #expect(near(weights[1] / weights[0], exp(-1), 1e-9) && near(weights[2] / weights[0], 2 * exp(-2), 1e-9))
  }

  @Test("advantages by prompt, batch and everything so far; without a negative gradient none is below 0")
  func advantages() {
    let data = batch([[0, 1], [2, 3]], [[1, 3], [10, 20]], reference: reference)
    func weights(_ change: (inout OnlineObjective.Advantage) -> Void, _ moments: inout RunningMoments)
      -> [Double]
    {
      var advantage = OnlineObjective.Advantage()
      change(&advantage)
      let objective = OnlineObjective.reinforce(advantage)
      objective.see(data, moments: &moments)
      guard case .likelihood(let weights)? = objective.terms(data, threshold: 0, moments: moments) else {
        return []
      }
      return weights
    }
    var moments = RunningMoments()
    for (a, b) in zip(weights({ $0.baseline = .prompt }, &moments), [-0.25, 0.25, -0.25, 0.25]) {
      #expect(near(a, b, 1e-11))
    }
    moments = RunningMoments()
    let rewards = [1.0, 3, 10, 20]
    let deviation = (rewards.reduce(0) { $0 + ($1 - 8.5) * ($1 - 8.5) } / 4).squareRoot()
    for (a, b) in zip(weights({ $0.baseline = .batch }, &moments), rewards) {
      #expect(near(a, (b - 8.5) / deviation / 4, 1e-11))
    }
    // Everything so far has four zeros more.
    moments = RunningMoments()
    moments.take([0, 0, 0, 0])
    let all = [0.0, 0, 0, 0] + rewards
    let spread = (all.reduce(0) { $0 + ($1 - 4.25) * ($1 - 4.25) } / 8).squareRoot()
    for (a, b) in zip(weights({ $0.baseline = .running }, &moments), rewards) {
      #expect(near(a, (b - 4.25) / spread / 4, 1e-11))
    }
    #expect(moments.count == 8)
    let positive = weights(
      {
        $0.isPositive = true
        $0.baseline = .prompt
      }, &moments)
    #expect(positive.min()! >= 0 && near(positive[1], 0.5, 1e-11))
    // A penalty on the log-ratio changes nothing where the reference drew; a bonus on entropy prefers the rarer draw.
    let penalised = weights(
      {
        $0.divergenceWeight = 5
        $0.baseline = .batch
      }, &moments)
    #expect(penalised == weights({ $0.baseline = .batch }, &moments))
    let bonus = weights(
      {
        $0.entropyWeight = 1e6
        $0.baseline = .prompt
      }, &moments)
    #expect(near(bonus[1], 0.25, 1e-9) && near(bonus[3], 0.25, 1e-9))
  }

  @Test("PPO's first slopes are REINFORCE's, and none are left beyond the clip")
  func ppo() throws {
    let data = batch([[0, 1, 2]], [[1, 0.2, 0.6]], reference: reference)
    let advantage = OnlineObjective.Advantage()
    let policyGradient = try #require(terms(.reinforce(advantage), data))
    let clipped = try #require(terms(.ppo(advantage, clip: 0.2), data))
    let (a, b) = (slopes(policyGradient, at: reference).slopes, slopes(clipped, at: reference).slopes)
    for (x, y) in zip(a, b) { #expect(near(x, y, 1e-12)) }
    // The best has risen and the worst fallen by more than the clip allows; the third has gone the wrong way.
    let far = slopes(clipped, at: [-0.5, -3, -0.1, -3]).slopes
    #expect(far[0] == 0 && far[1] == 0)
  }

  @Test("the negative part of Best-of-N: worst, mean or sum, down to a floor")
  func contrast() throws {
    let data = batch([[0, 1, 2], [3, 3, 3]], [[3, 1, 2], [1, 1, 1]], reference: reference)
    func found(_ against: OnlineObjective.Contrast, at logs: [Double]) throws -> [Double] {
      let objective = OnlineObjective.contrastedBest(beta: 0.5, against: against, floor: 4)
      return slopes(try #require(terms(objective, data)), at: logs).slopes
    }
    // The second prompt, all of whose draws are alike, says nothing.
    #expect(try found(.worst, at: reference) == [-1, 0.5, 0, 0])
    #expect(try found(.mean, at: reference) == [-1, 0.25, 0.25, 0])
    #expect(try found(.sum, at: reference) == [-1, 0.5, 0.5, 0])
    #expect(try found(.sum, at: [-1, -6.1, -2, -3]) == [-1, 0, 0.5, 0])
    #expect(terms(.named(.bestWorst), batch([[0, 1]], [[1, 1]], reference: reference)) == nil)
  }

  @Test("running moments are those of all values at once")
  func moments() {
    var random = RandomSource(seed: 2)
    let values = (0..<1000).map { _ in 1e6 + random.uniform() }
    var moments = RunningMoments()
    moments.take(Array(values[..<300]))
    moments.take(Array(values[300...]))
    let mean = values.reduce(0, +) / 1000
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1000).squareRoot()
    #expect(near(moments.mean, mean, 1e-8) && near(moments.deviation, deviation, 1e-8))
  }

  @Test("names are read, and an unknown one is answered with those that there are")
  func names() throws {
    for name in OnlineObjective.Name.allCases {
      #expect(try OnlineObjective.Name(parsing: name.rawValue) == name)
      try OnlineObjective.named(name).validate()
    }
    let error = #expect(throws: LanguageError.self) { try OnlineObjective.Name(parsing: "dopo") }
    #expect(error?.kind == .unsupported)
    for name in OnlineObjective.Name.allCases { #expect("\(error!)".contains(name.rawValue)) }
  }
}
