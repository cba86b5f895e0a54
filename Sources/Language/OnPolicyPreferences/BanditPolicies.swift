import Torch

/// A policy of bandits: its law is a table of ln π, a row a context.
public protocol BanditPolicy: OnlinePolicy where Response == Int {
  /// ln π of every action, `[contexts, actions]`, differentiable.
  func logProbabilities(_ contexts: [Prompt]) -> Tensor
  /// ln π_ref of every action.
  var reference: [Double] { get }
  /// Contexts over which its law is a mean.
  var measuredContexts: [Prompt] { get }
  /// So many contexts.
  func contexts(_ count: Int, using random: inout RandomSource) -> [Prompt]
}

extension BanditPolicy {
  public func sample(_ count: Int, for prompts: [Prompt], from source: SampleSource, random: RandomSource)
    throws(LanguageError) -> [[Int]]
  {
    var stream = random
    let weights = withoutGradient {
      switch source {
      // One row for all where contexts do not matter.
      case .current: ignoresPrompts ? logProbabilities([prompts[0]]) : logProbabilities(prompts)
      case .reference: Tensor(reference).unsqueeze(0)
      }
    }.to(.double).exp()
    let rows = weights.size(0)
    let drawn = stream.categorical(weights, count: prompts.count / rows * count).reshape(prompts.count, count)
      .integers
    return prompts.indices.map { Array(drawn[$0 * count..<($0 + 1) * count]) }
  }

  public func referenceLogProbabilities(_ responses: [Int], owners: [Int], prompts: [Prompt]) -> [Double] {
    responses.map { reference[$0] }
  }
}

extension OnlinePreferenceLoop where Policy: BanditPolicy {
  /// Training on a bandit, whose law every reading has exactly.
  /// - Throws: ``LanguageError`` naming the option that does not fit.
  public init(_ policy: Policy, bandit: PreferenceBandit, options: OnlinePreferenceOptions)
    throws(LanguageError)
  {
    try self.init(
      policy, options: options, prompts: { policy.contexts($0, using: &$1) },
      reward: { _, actions in actions.map { $0.map { bandit.rewards[$0] } } },
      law: { bandit.law($0.logProbabilities($0.measuredContexts)) })
  }
}

/// A logit an action, which begins as the reference; contexts do not matter.
public final class TabularPolicy: BanditPolicy {
  public let reference: [Double]
  /// `[actions]`, in `Double`.
  public let logits: Parameter

  /// - Parameter reference: ln π_ref of every action.
  public init(reference: [Double]) {
    (self.reference, logits) = (reference, Parameter(Tensor(reference)))
  }

  public convenience init(_ bandit: PreferenceBandit) { self.init(reference: bandit.reference) }

  public var ignoresPrompts: Bool { true }
  public var parameters: [Parameter] { [logits] }
  public var measuredContexts: [Int] { [0] }
  public func contexts(_ count: Int, using random: inout RandomSource) -> [Int] { Array(0..<count) }

  /// ln π, `[actions]`.
  public var table: Tensor { logits.value.logSoftmax(0) }

  public func logProbabilities(_ contexts: [Int]) -> Tensor {
    let row = table.unsqueeze(0)
    return contexts.count == 1 ? row : row.expand([contexts.count, reference.count])
  }

  public func logProbabilities(_ responses: [Int], owners: [Int], prompts: [Int]) -> Tensor {
    table.select(axis: 0, Tensor(responses))
  }
}

/// The paper's network of a context in [0, 1]¹⁰⁰ that says nothing about the reward: 100 → 50 → layer norm → 256 → 256 →
/// actions with ReLU between, in single precision.
public final class NetworkPolicy: Module, BanditPolicy {
  public let reference: [Double]
  public let input: Linear
  public let norm: LayerNorm
  public let layers: [Linear]
  private let contextSource: RandomSource

  static let contextSize = 100

  /// A network whose law has been fitted to the reference: 100 Adam steps of 0.01 on KL(π‖π_ref).
  ///
  /// Weights are uniform with Xavier's bound times 0.01, biases 0.
  public init(reference: [Double], using random: inout RandomSource) {
    func linear(_ inputs: Int, _ outputs: Int) -> Linear {
      let bound = 0.01 * (6 / Double(inputs + outputs)).squareRoot()
      return Linear(
        weight: random.uniform([outputs, inputs], low: -bound, high: bound), bias: .zeros([outputs]))
    }
    self.reference = reference
    (input, norm) = (linear(Self.contextSize, 50), LayerNorm(50))
    layers = [linear(50, 256), linear(256, 256), linear(256, reference.count)]
    contextSource = random.split("contexts")
    super.init()
    fit()
  }

  public convenience init(_ bandit: PreferenceBandit, using random: inout RandomSource) {
    self.init(reference: bandit.reference, using: &random)
  }

  private func fit() {
    let optimiser = Adam(parameters, learningRate: 0.01)
    let (values, target) = (parameters.map(\.value), Tensor(reference).to(.float))
    let contexts = measuredContexts
    for _ in 0..<100 {
      optimiser.step(
        withGradient {
          let logs = logProbabilities(contexts)
          let loss = (logs.exp() * (logs - target)).sum(1).mean()
          return gradients(of: [loss], withRespectTo: values)
        })
    }
  }

  public var parameters: [Parameter] { trainableParameters }

  public var measuredContexts: [[Float]] {
    var stream = contextSource
    return Self.contexts(100, using: &stream)
  }

  private static func contexts(_ count: Int, using random: inout RandomSource) -> [[Float]] {
    let values = random.uniforms(count * contextSize).map(Float.init)
    return (0..<count).map { Array(values[$0 * contextSize..<($0 + 1) * contextSize]) }
  }

  public func contexts(_ count: Int, using random: inout RandomSource) -> [[Float]] {
    Self.contexts(count, using: &random)
  }

  public func logProbabilities(_ contexts: [[Float]]) -> Tensor {
    let first = norm(input(Tensor(rows: contexts))).relu()
    return layers.dropFirst().reduce(layers[0](first)) { $1($0.relu()) }.logSoftmax(1)
  }

  public func logProbabilities(_ responses: [Int], owners: [Int], prompts: [[Float]]) -> Tensor {
    let places = zip(owners, responses).map { $0 * reference.count + $1 }
    return logProbabilities(prompts).flatten().select(axis: 0, Tensor(places))
  }
}
