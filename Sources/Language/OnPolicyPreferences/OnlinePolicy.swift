import Torch

/// A law of responses to prompts that is trained on its own draws, beside the reference that it began as.
public protocol OnlinePolicy: AnyObject {
  associatedtype Prompt
  associatedtype Response: Hashable
  /// Whether responses have the same law for every prompt: equal responses to different prompts are then one.
  var ignoresPrompts: Bool { get }
  var parameters: [Parameter] { get }
  /// Whether ``tokens(_:owners:prompts:)`` gives something.
  var hasCritic: Bool { get }
  /// `count` responses to every prompt, from the policy as it is or from its reference.
  func sample(_ count: Int, for prompts: [Prompt], from source: SampleSource, random: RandomSource)
    throws(LanguageError) -> [[Response]]
  /// ln π of responses, `[responses]`, differentiable in the parameters.
  ///
  /// - Parameter owners: of every response its prompt, not falling.
  func logProbabilities(_ responses: [Response], owners: [Int], prompts: [Prompt]) -> Tensor
  /// ln π_ref of responses.
  func referenceLogProbabilities(_ responses: [Response], owners: [Int], prompts: [Prompt])
    throws(LanguageError) -> [Double]
  /// Tokens of a response.
  func length(_ response: Response) -> Int
  /// Every token of responses by itself, for objectives with a critic; `nil` where the policy has none.
  func tokens(_ responses: [Response], owners: [Int], prompts: [Prompt]) -> TokenReadings?
}

/// Of the tokens of responses, one behind the other, differentiable: ln π of each, and what the critic expects before it.
public struct TokenReadings {
  /// `[tokens]` each.
  public var logProbabilities: Tensor
  public var values: Tensor

  public init(logProbabilities: Tensor, values: Tensor) {
    (self.logProbabilities, self.values) = (logProbabilities, values)
  }
}

extension OnlinePolicy {
  public var ignoresPrompts: Bool { false }
  public var hasCritic: Bool { false }
  public func length(_ response: Response) -> Int { 1 }
  public func tokens(_ responses: [Response], owners: [Int], prompts: [Prompt]) -> TokenReadings? { nil }
}

/// Who draws.
public enum SampleSource: Sendable, Hashable {
  case reference
  /// The policy as it is at this moment.
  case current
}

/// A policy's law as a whole, in nats: exact where responses can be counted, estimated from draws elsewhere.
public struct PolicyLaw: Sendable, Hashable {
  /// E_π r.
  public var reward: Double
  /// KL(π‖π_ref), which goes where π goes.
  public var divergence: Double?
  /// KL(π_ref‖π), which goes where the reference is.
  public var reverseDivergence: Double?
  public var entropy: Double?
  /// π's mass on the responses that are the least probable tenth of the reference (`tailQuantile`).
  public var tailMass: Double?

  public init(
    reward: Double, divergence: Double? = nil, reverseDivergence: Double? = nil, entropy: Double? = nil,
    tailMass: Double? = nil
  ) {
    (self.reward, self.divergence, self.reverseDivergence) = (reward, divergence, reverseDivergence)
    (self.entropy, self.tailMass) = (entropy, tailMass)
  }
}

/// A batch: prompts, the distinct responses to them in the order of the prompts, and what was drawn.
struct PolicyBatch<Policy: OnlinePolicy> {
  var prompts: [Policy.Prompt]
  var responses: [Policy.Response]
  var owners: [Int]
  var draws: ResponseDraws
  /// Whether a prompt's responses come from the policy itself.
  var isOwn: [Bool]
  /// ln π of the tokens of every distinct response, and the critic's values, when the batch was drawn; only with a critic.
  var drawnTokens: [[Double]]?
  var drawnValues: [[Double]]?

  /// Equal responses as one.
  static func distinct(_ drawn: [[Policy.Response]], ignoringPrompts: Bool) -> (
    responses: [Policy.Response], owners: [Int], draws: [[Int]]
  ) {
    var (responses, owners): ([Policy.Response], [Int]) = ([], [])
    var numbers: [Policy.Response: Int] = [:]
    let draws = drawn.enumerated().map { prompt, own in
      if !ignoringPrompts { numbers.removeAll(keepingCapacity: true) }
      return own.map { response in
        if let known = numbers[response] { return known }
        numbers[response] = responses.count
        responses.append(response)
        owners.append(prompt)
        return responses.count - 1
      }
    }
    return (responses, owners, draws)
  }

  /// The prompts of these numbers, with their draws.
  func selecting(_ chosen: [Int]) -> PolicyBatch {
    var places: [Int: Int] = [:]
    var kept: [Int] = []
    var newOwners: [Int] = []
    let draws = chosen.enumerated().map { place, prompt in
      self.draws.draws[prompt].map { response in
        if let known = places[response] { return known }
        places[response] = kept.count
        kept.append(response)
        newOwners.append(place)
        return kept.count - 1
      }
    }
    return PolicyBatch(
      prompts: chosen.map { prompts[$0] }, responses: kept.map { responses[$0] }, owners: newOwners,
      draws: ResponseDraws(
        draws: draws, rewards: chosen.map { self.draws.rewards[$0] },
        logProbabilities: chosen.map { self.draws.logProbabilities[$0] },
        reference: kept.map { self.draws.reference[$0] }, lengths: kept.map { self.draws.lengths[$0] }),
      isOwn: chosen.map { isOwn[$0] }, drawnTokens: drawnTokens.map { own in kept.map { own[$0] } },
      drawnValues: drawnValues.map { own in kept.map { own[$0] } })
  }
}
