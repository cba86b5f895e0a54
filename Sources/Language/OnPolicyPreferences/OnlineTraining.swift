import Probability
import Torch

/// What changes while a policy trains on its draws: the steps of ``OnlinePreferenceLoop``.
struct OnlineTraining<Policy: OnlinePolicy> {
  let loop: OnlinePreferenceLoop<Policy>
  let random: RandomSource
  private let optimiser: Adam
  private var moments = RunningMoments()
  /// The loop's, with the weight of the penalty on the divergence as it is now.
  private var objective: OnlineObjective
  private var control: DivergenceControl?
  private var fixed: Prepared?
  private var queries = 0
  private var steps = 0
  /// ln π_ref below which a response belongs to the reference's least probable tenth, as its first draws have it.
  private var tail: Double?

  /// A batch or a part of one, and what is found of it once.
  private struct Compiled {
    let batch: PolicyBatch<Policy>
    let pairs: RankedPairs
    /// `nil` where it says nothing.
    let terms: ResponseTerms?
  }

  /// An iteration's data, and the law of who drew them.
  private struct Prepared {
    let all: Compiled
    let law: PolicyLaw

    init(_ all: Compiled, law: PolicyLaw) { (self.all, self.law) = (all, law) }
  }

  init(loop: OnlinePreferenceLoop<Policy>, random: RandomSource) {
    (self.loop, self.random) = (loop, random)
    objective = loop.options.objective
    if let target = loop.options.divergenceTarget, let weight = objective.divergenceWeight {
      control = DivergenceControl(target: target, weight: weight)
    }
    optimiser = Adam(loop.policy.parameters, learningRate: loop.options.learningRate)
  }

  mutating func iterate(_ iteration: Int) throws -> OnlineReading {
    let data = try prepare(iteration)
    queries = loop.options.data == .fixed ? data.all.batch.draws.total : queries + data.all.batch.draws.total
    let (last, part) = try train(data, iteration)
    let rewards = data.all.batch.draws.rewards.flatMap { $0 }
    var reading = OnlineReading(
      iteration: iteration + 1, queries: queries, steps: steps, isSkipped: last == nil, loss: last?.loss,
      gradientNorm: last?.norm, range: PreferenceAlignment(rewards), pairs: Int(data.all.pairs.total),
      law: loop.law?(loop.policy) ?? data.law)
    reading.divergenceWeight = objective.divergenceWeight
    if let divergence = reading.law.divergence, control != nil {
      control!.take(divergence)
      objective = objective.penalising(control!.weight)
    }
    if case .rewardWeighted(let beta) = loop.options.objective {
      reading.effectiveShare =
        effectiveSampleSize(logWeights: rewards.map { $0 / beta }) / Double(rewards.count)
    }
    describe(&reading, part)
    return reading
  }

  // MARK: Data

  private mutating func prepare(_ iteration: Int) throws -> Prepared {
    let options = loop.options
    let stream = random.split("iteration").split(iteration)
    switch options.data {
    case .fixed:
      if let fixed { return fixed }
      let all = prepared(
        try loop.given.map { try loop.batch(of: $0) }
          ?? loop.draw(options.prompts * options.iterations, mix: 1, random: random.split("fixed")))
      fixed = all
      return all
    case .reference: return prepared(try loop.draw(options.prompts, mix: 1, random: stream))
    case .current:
      return prepared(
        try loop.draw(options.prompts, mix: iteration == 0 ? 1 : options.mix, random: stream))
    }
  }

  private mutating func prepared(_ batch: PolicyBatch<Policy>) -> Prepared {
    var batch = batch
    if case .ppo(let advantage, _) = objective, advantage.baseline == .critic { rememberTokens(&batch) }
    objective.see(batch.draws, moments: &moments)
    return Prepared(compiled(batch), law: estimate(batch))
  }

  /// What the policy and its critic say of every token before they are trained on it.
  private func rememberTokens(_ batch: inout PolicyBatch<Policy>) {
    let found = withoutGradient {
      loop.policy.tokens(batch.responses, owners: batch.owners, prompts: batch.prompts)
    }
    guard let found else { preconditionFailure("OnlineTraining: a critic that the policy does not have") }
    func split(_ values: Tensor) -> [[Double]] {
      var rest = values.to(.double, device: .cpu).doubles[...]
      return batch.draws.lengths.map { count in
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
      }
    }
    (batch.drawnTokens, batch.drawnValues) = (split(found.logProbabilities), split(found.values))
  }

  private func compiled(_ batch: PolicyBatch<Policy>) -> Compiled {
    let threshold = loop.options.threshold
    return Compiled(
      batch: batch, pairs: batch.draws.pairs(threshold: threshold),
      terms: objective.terms(batch.draws, threshold: threshold, moments: moments))
  }

  // MARK: Steps

  /// T steps, `nil` where no batch said anything; and what was stepped on last.
  private mutating func train(_ data: Prepared, _ iteration: Int) throws -> (
    last: (loss: Double, norm: Double)?, part: Compiled
  ) {
    let (options, all) = (loop.options, data.all)
    guard all.terms != nil, let size = options.batch, size < all.batch.prompts.count else {
      return (try step(all, count: options.innerSteps, iteration), all)
    }
    var last: (loss: Double, norm: Double)?
    var latest = all
    var order: [Int] = []
    var stream = random.split("batches").split(iteration)
    for _ in 0..<options.innerSteps {
      if order.count < size { order = stream.permutation(all.batch.prompts.count).integers }
      latest = compiled(all.batch.selecting(order.prefix(size).sorted()))
      order.removeFirst(size)
      if let found = try step(latest, count: 1, iteration) { last = found }
    }
    return (last, latest)
  }

  private mutating func step(_ data: Compiled, count: Int, _ iteration: Int) throws -> (
    loss: Double, norm: Double
  )? {
    guard let terms = data.terms else { return nil }
    let (policy, batch) = (loop.policy, data.batch)
    let values = policy.parameters.map(\.value)
    let function = lossFunction(terms, batch, device: values.first?.device ?? .cpu)
    var last = (loss: 0.0, norm: 0.0)
    for step in 1...count {
      let (loss, slopes) = withGradient {
        let loss = function()
        return (loss.detach(), gradients(of: [loss], withRespectTo: values))
      }
      var norm: Tensor?
      if let limit = loop.options.clipNorm {
        norm = clipGradients(slopes, limit: limit)
      } else if step == count {
        norm = gradientNorm(slopes)
      }
      // Only the last step waits for the device, and before it changes anything.
      if step == count {
        last = (loss.item(), norm?.item() ?? 0)
        guard last.loss.isFinite, last.norm.isFinite else {
          throw LanguageError(
            .badValue, file: "online preferences", place: "iteration \(iteration + 1)",
            found: "a loss of \(last.loss) with a gradient of norm \(last.norm)",
            expected: "finite numbers; a smaller learning rate, or a limit on the norm, may help")
        }
      }
      optimiser.step(slopes)
      steps += 1
    }
    return last
  }

  /// The loss of a batch under the policy as it is when the function is called.
  private func lossFunction(_ terms: ResponseTerms, _ batch: PolicyBatch<Policy>, device: Device) -> () ->
    Tensor
  {
    let policy = loop.policy
    if case .tokens(let ratio) = terms, let old = batch.drawnTokens, let expected = batch.drawnValues {
      let function = ratio.loss(old: old, values: expected, device: device)
      return { function(policy.tokens(batch.responses, owners: batch.owners, prompts: batch.prompts)!) }
    }
    let function = terms.loss(
      reference: batch.draws.reference, lengths: batch.draws.lengths, device: device)
    return {
      function(policy.logProbabilities(batch.responses, owners: batch.owners, prompts: batch.prompts))
    }
  }

  // MARK: Readings

  /// What the policy makes of what it was trained on last, after the steps.
  private func describe(_ reading: inout OnlineReading, _ data: Compiled) {
    let batch = data.batch
    var penalties: (weights: [Double], floor: Double)?
    if case .contrast(_, let weights, let floor)? = data.terms { penalties = (weights, floor) }
    guard !data.pairs.counts.isEmpty || penalties != nil else { return }
    let now = withoutGradient {
      loop.policy.logProbabilities(batch.responses, owners: batch.owners, prompts: batch.prompts)
        .to(.double, device: .cpu).doubles
    }
    let change = zip(now, batch.draws.reference).map { $0 - $1 }
    if !data.pairs.counts.isEmpty {
      func mean(_ side: [Int]) -> Double {
        zip(side, data.pairs.counts).reduce(0) { $0 + change[$1.0] * $1.1 } / data.pairs.total
      }
      (reading.winnerChange, reading.loserChange) = (mean(data.pairs.winners), mean(data.pairs.losers))
    }
    if let (weights, floor) = penalties {
      let floored = zip(weights, change).reduce(0) { $0 + ($1.1 <= -floor ? $1.0 : 0) }
      reading.flooredShare = floored / weights.reduce(0, +)
    }
  }

  /// The law of who drew, from the draws: of KL the estimate that cannot be negative.
  private mutating func estimate(_ batch: PolicyBatch<Policy>) -> PolicyLaw {
    let draws = batch.draws
    func values(_ own: Bool, _ pick: (Int, Int) -> Double) -> [Double] {
      draws.draws.indices.filter { batch.isOwn[$0] == own }.flatMap { prompt in
        draws.draws[prompt].indices.map { pick(prompt, $0) }
      }
    }
    func known(_ prompt: Int, _ i: Int) -> Double { draws.reference[draws.draws[prompt][i]] }
    if tail == nil {
      let sorted = values(false, known).sorted()
      tail = sorted.isEmpty ? nil : sorted[sorted.count / 10]
    }
    let isOwn = batch.isOwn.contains(true)
    let rewards = values(isOwn) { draws.rewards[$0][$1] }
    let drawn = values(isOwn) { draws.logProbabilities[$0][$1] }
    let reference = values(isOwn, known)
    var law = PolicyLaw(reward: Estimate(meanOf: rewards).value, entropy: -Estimate(meanOf: drawn).value)
    law.divergence = isOwn ? klDivergence(logP: Tensor(drawn), logQ: Tensor(reference)).value : 0
    law.tailMass = tail.map { limit in
      Double(reference.count { $0 < limit }) / Double(max(1, reference.count))
    }
    return law
  }
}
