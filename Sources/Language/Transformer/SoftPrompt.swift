import Torch

/// Vectors that a transformer reads before every text, in place of tokens (prompt tuning, Lester et al. 2021): what is
/// trained while the model stays as it is.
public final class SoftPrompt: Module {
  /// `[tokens, width]`.
  public let vectors: Parameter

  public init(vectors: Tensor) {
    precondition(vectors.rank == 2, "SoftPrompt: vectors of shape \(vectors.shape), not [tokens, width]")
    self.vectors = Parameter(vectors)
  }

  /// The embeddings of a text, from which training goes on.
  public convenience init(for model: Transformer, of tokens: [Int]) throws(LanguageError) {
    try Self.check(tokens.count, model)
    let table = model.embedding.weight.value.detach().to(.float)
    self.init(vectors: table.select(axis: 0, Tensor(tokens).to(device: table.device)))
  }

  /// The embeddings of so many tokens of the vocabulary, drawn without preference.
  public convenience init(for model: Transformer, tokens: Int, using random: inout RandomSource)
    throws(LanguageError)
  {
    try Self.check(tokens, model)
    let drawn = (0..<tokens).map { _ in random.integer(in: 0..<model.vocabularySize) }
    try self.init(for: model, of: drawn)
  }

  private static func check(_ tokens: Int, _ model: Transformer) throws(LanguageError) {
    let limit = model.configuration.contextLength - 2
    guard (1...max(1, limit)).contains(tokens) else {
      throw LanguageError(
        .badValue, file: "soft prompt", place: "tokens", found: "\(tokens)", expected: "1 to \(limit)")
    }
  }

  /// How many tokens it stands for.
  public var tokens: Int { vectors.shape[0] }

  /// `[batch, tokens, width]`.
  func rows(_ batch: Int, like x: Tensor) -> Tensor {
    vectors.value.to(x.dtype).unsqueeze(0).expand([batch, tokens, vectors.shape[1]])
  }
}

extension Transformer {
  /// Lets vectors be read before every text; `nil` for none. They take positions of the model's context.
  public func attach(softPrompt: SoftPrompt?) {
    precondition(
      softPrompt.map { $0.vectors.shape[1] == configuration.width } ?? true,
      "attach: vectors of another width than the model's \(configuration.width)")
    self.softPrompt = softPrompt
  }
}
