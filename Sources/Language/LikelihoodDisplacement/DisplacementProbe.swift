import Torch

/// Trains a model to prefer one token to another after one prompt, and watches the whole law of the token that follows:
/// where the probability goes that the preferred one loses (Razin et al. 2025).
public struct DisplacementProbe: Sendable {
  public var prompt: [Int]
  public var preferred: Int
  public var other: Int
  public var loss = PreferenceLoss.preset(.dpo)
  public var optimiser = PreferenceOptions.Optimiser.rmsprop
  public var learningRate = 1e-7
  public var steps = 100

  public init(prompt: [Int], preferred: Int, other: Int) {
    (self.prompt, self.preferred, self.other) = (prompt, preferred, other)
  }

  /// Laws of the token that follows, before the first step and after every step.
  public struct Trajectory: Sendable {
    public let preferred: Int
    public let other: Int
    /// `[steps + 1, vocabulary]`, ln π in `Double`.
    public let logProbabilities: Tensor

    public var steps: Int { logProbabilities.size(0) - 1 }

    /// π(token) after so many steps.
    public func probability(of token: Int, step: Int) -> Double { logProbabilities[step, token].exp().item() }

    /// ln π(y⁺) − ln π(y⁻).
    public func margin(step: Int) -> Double {
      (logProbabilities[step, preferred] - logProbabilities[step, other]).item()
    }

    /// How far π(y⁺) fell below where it began, at the most; 0 where it never did.
    public var largestDrop: Double {
      let values = logProbabilities[TensorIndex.all, preferred].exp().doubles
      return max(0, values[0] - (values.min() ?? 0))
    }

    /// The tokens whose probability grew most from the beginning to the end.
    public func gainers(_ count: Int) -> [(token: Int, before: Double, after: Double)] {
      let (first, last) = (logProbabilities[0].exp(), logProbabilities[steps].exp())
      let (gains, tokens) = (last - first).top(min(count, first.count))
      return zip(gains.doubles, tokens.integers).filter { $0.0 > 0 }.map { _, token in
        (token, first[token].item(), last[token].item())
      }
    }
  }

  /// Trains the model, all its weights, and leaves it as it is after the last step.
  ///
  /// - Throws: ``LanguageError`` where tokens do not fit the model, or parameters their range.
  public func run(_ model: Transformer) throws(LanguageError) -> Trajectory {
    try loss.validate()
    func require(_ holds: Bool, _ name: String, _ found: String, _ expected: String) throws(LanguageError) {
      guard holds else {
        throw LanguageError(.badValue, file: "probe", place: name, found: found, expected: expected)
      }
    }
    try require(steps >= 1, "steps", "\(steps)", "at least 1")
    try require(learningRate > 0 && learningRate.isFinite, "lr", "\(learningRate)", "a positive number")
    try require(preferred != other, "other", "the preferred token", "another one")
    let pair = PreferencePair(prompt: prompt, chosen: [preferred], rejected: [other])
    let reference = try model.referenceLikelihoods(of: [pair])
    model.freeze(false)
    let parameters = model.trainableParameters
    let optimiser = optimiser.make(parameters, learningRate: learningRate)
    let text = Tensor(prompt).unsqueeze(0)
    func law() -> Tensor {
      withoutGradient {
        model.logits(hidden: model.hiddenStates(text)[0, prompt.count - 1]).to(.double, device: .cpu)
          .logSoftmax(0)
      }
    }
    var laws = [law()]
    for _ in 0..<steps {
      let value = loss(model.likelihoods(of: [pair], reference: reference)).mean()
      optimiser.step(gradients(of: [value], withRespectTo: parameters.map(\.value)))
      laws.append(law())
    }
    return Trajectory(preferred: preferred, other: other, logProbabilities: .stack(laws))
  }
}
