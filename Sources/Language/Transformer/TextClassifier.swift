import Torch

/// A transformer whose hidden states are mapped to scores: of classes, or one number, such as a reward or a value.
public final class TextClassifier: Module {
  /// Its own logits are not used, and its table of them may be missing.
  public let transformer: Transformer
  /// `[labels, width]`, without a bias.
  public let head: Projection
  public let labels: [String]

  /// A head that gives 0 everywhere.
  ///
  /// - Parameter labels: of the scores, in their order; one for a scalar.
  public convenience init(_ transformer: Transformer, labels: [String]) {
    precondition(!labels.isEmpty, "TextClassifier: no labels")
    let table = transformer.embedding.weight.value
    let weight = Tensor.zeros(
      [labels.count, transformer.configuration.width], dtype: table.dtype, device: table.device)
    self.init(transformer, weight: weight, labels: labels)
  }

  init(_ transformer: Transformer, weight: Tensor, labels: [String]) {
    (self.transformer, self.labels) = (transformer, labels)
    head = Projection(weight: weight, bias: nil)
  }

  /// Scores of texts at their last token, `[texts, labels]`, differentiable; those of a class are logits.
  ///
  /// All texts, of at least one token each, go through the transformer together, what they begin with in common once.
  public func scores(of texts: [[Int]]) -> Tensor {
    head(hiddenStates(of: texts) { [$0.last!] })
  }

  /// Scores after every token of texts, one text behind the other: `[tokens, labels]`.
  public func scoresAtEveryToken(of texts: [[Int]]) -> Tensor {
    head(hiddenStates(of: texts) { $0 })
  }

  /// Hidden states of texts in their order, at the slots that `chosen` takes from a text's own.
  private func hiddenStates(of texts: [[Int]], at chosen: ([Int]) -> [Int]) -> Tensor {
    precondition(!texts.isEmpty && texts.allSatisfy { !$0.isEmpty }, "TextClassifier: a text of no tokens")
    let batch = TreeBatch(transformer.trees(of: texts))
    let hidden = transformer.hiddenStates(batch.tokens, reach: batch.reach, positions: batch.positions)
    let paths = batch.paths.sorted { $0.text < $1.text }
    let slots = Tensor(paths.flatMap { chosen($0.slots) })
    return hidden.reshape(-1, transformer.configuration.width).select(
      axis: 0, slots.to(device: hidden.device))
  }
}

/// Heads that predict tokens further ahead: head k the one k + 2 places on, the model's own table being that of the next
/// (Gloeckle et al. 2024), each a residual layer h + silu(h Wᵀ + b) before the model's table (Cai et al. 2024).
public final class FutureTokenHeads: Module {
  public let heads: [Projection]

  /// - Parameter count: heads; at first each gives what the model itself gives, so that training starts from there.
  public init(for model: Transformer, count: Int) {
    precondition(count > 0, "FutureTokenHeads: \(count) heads")
    let (width, device) = (model.configuration.width, model.embedding.weight.value.device)
    heads = (0..<count).map { _ in
      Projection(
        weight: .zeros([width, width], device: device), bias: .zeros([width], device: device))
    }
  }

  /// Of hidden states `[…, width]` those whose products with the model's table are the logits, `[heads, …, width]`.
  public func callAsFunction(_ hidden: Tensor) -> Tensor {
    .stack(heads.map { hidden + $0(hidden).silu() })
  }

  /// −log p of the tokens that the heads predict, the mean over tokens and heads: a scalar.
  ///
  /// - Parameters:
  ///   - hidden: `[batch, length, width]`, the model's.
  ///   - tokens: `[batch, length]`, that they were found of; longer than there are heads, by two at least.
  ///   - table: the model's ``Transformer/outputTable``.
  public func loss(_ hidden: Tensor, tokens: Tensor, table: Tensor) -> Tensor {
    let length = tokens.size(1)
    precondition(length > heads.count + 1, "FutureTokenHeads: \(length) tokens for \(heads.count) heads")
    let terms = heads.enumerated().map { k, head -> Tensor in
      let own = hidden.slice(axis: 1, start: 0, end: length - k - 2)
      let targets = tokens.slice(axis: 1, start: k + 2).reshape(-1).to(device: hidden.device)
      let weights = Tensor.full(
        [targets.count], -1 / Double(targets.count * heads.count), device: hidden.device)
      return .weightedLogLikelihood(
        hidden: (own + head(own).silu()).reshape(-1, own.size(2)), table: table, targets: targets,
        weights: weights)
    }
    return terms.dropFirst().reduce(terms[0], +)
  }
}
