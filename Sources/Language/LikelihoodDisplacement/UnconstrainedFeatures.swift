import Torch

/// A language model whose hidden states are free: one vector for every context, and the table of logits (Mixon et al.
/// 2022). What a preference does to likelihoods is a closed form here (Razin et al. 2025).
///
/// All tensors are `Double`.
public struct UnconstrainedFeatures: Sendable {
  /// W, `[vocabulary, width]`.
  public var unembedding: Tensor
  /// h, `[contexts, width]`.
  public var hidden: Tensor
  /// What a step changes.
  public var trained: Set<Part> = [.unembedding, .hidden]

  public enum Part: Sendable, Hashable, CaseIterable { case unembedding, hidden }

  /// Tokens, and the context that predicts each.
  public struct Response: Sendable, Hashable {
    public var contexts: [Int]
    public var tokens: [Int]

    public init(contexts: [Int], tokens: [Int]) {
      precondition(contexts.count == tokens.count && !tokens.isEmpty, "Response: a context a token")
      (self.contexts, self.tokens) = (contexts, tokens)
    }

    /// One token.
    public init(token: Int, context: Int = 0) { self.init(contexts: [context], tokens: [token]) }
  }

  /// Two responses of which the first is preferred.
  public struct Pair: Sendable, Hashable {
    public var chosen: Response
    public var rejected: Response

    public init(chosen: Response, rejected: Response) { (self.chosen, self.rejected) = (chosen, rejected) }
  }

  public init(unembedding: Tensor, hidden: Tensor) {
    precondition(
      unembedding.rank == 2 && hidden.rank == 2 && unembedding.size(1) == hidden.size(1),
      "UnconstrainedFeatures: tables of \(unembedding.shape) and \(hidden.shape)")
    (self.unembedding, self.hidden) = (unembedding.to(.double), hidden.to(.double))
  }

  /// ln π(· | context), `[vocabulary]`.
  public func logProbabilities(context: Int) -> Tensor {
    unembedding.matmul(hidden[context].unsqueeze(1)).squeeze(1).logSoftmax(0)
  }

  public func logLikelihood(of response: Response) -> Double {
    zip(response.contexts, response.tokens).reduce(0) { sum, place in
      sum + logProbabilities(context: place.0)[place.1].item()
    }
  }

  /// u_k = e_{y_k} − π(· | y_<k) of every token, `[tokens, vocabulary]`.
  public func residuals(_ response: Response) -> Tensor {
    let states = hidden.select(axis: 0, Tensor(response.contexts))
    let probabilities = states.matmul(unembedding.transposed).softmax(-1)
    return Tensor.zeros(like: probabilities).scatterAdd(
      axis: 1, Tensor(response.tokens).unsqueeze(1), .ones([response.tokens.count, 1], dtype: .double))
      - probabilities
  }

  /// ∇ ln π(y) with respect to both tables: Σ u_k h_kᵀ, and Wᵀu_k at the context of every token; zero where a table is
  /// not trained.
  public func gradient(of response: Response) -> Gradient {
    let u = residuals(response)
    let contexts = Tensor(response.contexts)
    let zeros = Gradient(unembedding: .zeros(like: unembedding), hidden: .zeros(like: hidden))
    return Gradient(
      unembedding: trained.contains(.unembedding)
        ? u.transposed.matmul(hidden.select(axis: 0, contexts)) : zeros.unembedding,
      hidden: trained.contains(.hidden)
        ? zeros.hidden.indexAdd(axis: 0, contexts, u.matmul(unembedding)) : zeros.hidden)
  }

  public struct Gradient: Sendable {
    public var unembedding: Tensor
    public var hidden: Tensor

    /// ⟨a, b⟩ over both tables.
    public static func * (a: Gradient, b: Gradient) -> Double {
      ((a.unembedding * b.unembedding).sum() + (a.hidden * b.hidden).sum()).item()
    }

    public static func - (a: Gradient, b: Gradient) -> Gradient {
      Gradient(unembedding: a.unembedding - b.unembedding, hidden: a.hidden - b.hidden)
    }
  }

  /// d/dt ln π(y) under gradient flow on one pair, where the objective's slope in the margin is −λ.
  ///
  /// - Parameter strength: λ; β/2 for DPO where the policy is its reference.
  public func rate(of response: Response, under pair: Pair, strength: Double) -> Double {
    strength * (gradient(of: response) * (gradient(of: pair.chosen) - gradient(of: pair.rejected)))
  }

  /// The three parts of d/dt ln π(y⁺)/λ of a pair of single tokens after one context.
  public struct Drivers: Sendable, Hashable {
    /// m ≥ 0: norms, which raise it.
    public let norms: Double
    /// (1 − p₊ + p₋)⟨W₊, W₋⟩, which is taken off: aligned tokens lower it.
    public let alignment: Double
    /// Σ p_z⟨W_z, W₊ − W₋⟩ over other tokens, which is taken off.
    public let others: Double

    public var rate: Double { norms - alignment - others }
  }

  public func drivers(preferred: Int, other: Int, context: Int = 0) -> Drivers {
    let p = logProbabilities(context: context).exp()
    let (first, second) = (unembedding[preferred], unembedding[other])
    let (a, b) = (p[preferred].item(), p[other].item())
    func product(_ x: Tensor, _ y: Tensor) -> Double { (x * y).sum().item() }
    let h = hidden[context]
    let aligned = unembedding.matmul((first - second).unsqueeze(1)).squeeze(1) * p
    return Drivers(
      norms: (1 - a) * product(first, first) + b * product(second, second) + (1 - a + b) * product(h, h),
      alignment: (1 - a + b) * product(first, second),
      others: (aligned.sum() - aligned[preferred] - aligned[other]).item())
  }

  /// The shares of positive ⟨u_k, u_k'⟩, among the preferred response's own tokens and across the two.
  public func positiveShares(_ pair: Pair) -> (within: Double, across: Double) {
    let (u, v) = (residuals(pair.chosen), residuals(pair.rejected))
    func share(_ x: Tensor) -> Double { (x .> 0).to(.double).mean().item() }
    return (share(u.matmul(u.transposed)), share(u.matmul(v.transposed)))
  }

  /// The centred hidden embedding similarity of a pair, ⟨S⁺, S⁻⟩ − ‖S⁺‖², and with means in place of sums.
  public func similarity(_ pair: Pair) -> (ches: Double, meanCHES: Double) {
    let sums = [pair.chosen, pair.rejected].map { hidden.select(axis: 0, Tensor($0.contexts)).sum(0) }
    let cross = (sums[0] * sums[1]).sum().item()
    let own = sums[0].square().sum().item()
    let (n, m) = (Double(pair.chosen.tokens.count), Double(pair.rejected.tokens.count))
    return (cross - own, cross / (n * m) - own / (n * n))
  }
}

extension UnconstrainedFeatures {
  /// What a training knows of the pair it descends on.
  public struct Descent: Sendable {
    public let pair: Pair
    public let loss: PreferenceLoss
    let reference: (chosen: Double, rejected: Double)

    /// The reference is the model as it is.
    public init(_ pair: Pair, loss: PreferenceLoss, from model: UnconstrainedFeatures) {
      (self.pair, self.loss) = (pair, loss)
      reference = (model.logLikelihood(of: pair.chosen), model.logLikelihood(of: pair.rejected))
    }

    /// −∂ℓ/∂ln π(y⁺) and −∂ℓ/∂ln π(y⁻): λ and −λ where the objective sees the margin alone.
    public func strengths(_ model: UnconstrainedFeatures) -> (chosen: Double, rejected: Double) {
      let now = [model.logLikelihood(of: pair.chosen), model.logLikelihood(of: pair.rejected)]
      func one(_ x: Double) -> Tensor { Tensor([x]) }
      let (_, slopes) = valueAndGradient(
        of: { inputs in
          loss(
            ResponseLikelihoods(
              chosen: inputs[0], rejected: inputs[1], chosenLengths: one(Double(pair.chosen.tokens.count)),
              rejectedLengths: one(Double(pair.rejected.tokens.count)),
              chosenReference: one(reference.chosen), rejectedReference: one(reference.rejected))
          ).sum()
        }, at: now.map { one($0) })
      return (-slopes[0].item(), -slopes[1].item())
    }

    /// −∇ℓ.
    func direction(_ model: UnconstrainedFeatures) -> Gradient {
      let (a, b) = strengths(model)
      let (first, second) = (model.gradient(of: pair.chosen), model.gradient(of: pair.rejected))
      return Gradient(
        unembedding: a * first.unembedding + b * second.unembedding,
        hidden: a * first.hidden + b * second.hidden)
    }
  }

  /// The model after a step of gradient descent.
  public func stepped(_ descent: Descent, learningRate: Double) -> UnconstrainedFeatures {
    moved(along: descent.direction(self), by: learningRate)
  }

  /// The model after a time of gradient flow θ̇ = −∇ℓ, by a step of the classical Runge–Kutta scheme.
  public func flowed(_ descent: Descent, time: Double) -> UnconstrainedFeatures {
    let first = descent.direction(self)
    let second = descent.direction(moved(along: first, by: time / 2))
    let third = descent.direction(moved(along: second, by: time / 2))
    let fourth = descent.direction(moved(along: third, by: time))
    func mean(_ part: (Gradient) -> Tensor) -> Tensor {
      (part(first) + 2 * part(second) + 2 * part(third) + part(fourth)) / 6
    }
    return moved(
      along: Gradient(unembedding: mean { $0.unembedding }, hidden: mean { $0.hidden }), by: time)
  }

  private func moved(along direction: Gradient, by length: Double) -> UnconstrainedFeatures {
    var moved = self
    moved.unembedding = unembedding + length * direction.unembedding
    moved.hidden = hidden + length * direction.hidden
    return moved
  }
}
