/// The shape of a transformer for text: what the configurations of GPT-2, GPT-NeoX, Llama, Mistral, Qwen2 and Qwen3 say,
/// in one set of terms.
public struct TransformerConfiguration: Sendable, Hashable {
  /// Whose names and formats files have.
  public enum Family: String, Sendable, Hashable, CaseIterable {
    case gpt2
    case gptNeoX = "gpt_neox"
    case llama, mistral, qwen2, qwen3
  }

  public enum Normalisation: Sendable, Hashable {
    /// Mean 0 and variance 1, scale and shift.
    case layer
    /// Root mean square 1, scale.
    case rootMeanSquare
  }

  public enum Activation: String, Sendable, Hashable {
    case gelu
    /// GELU by its tanh approximation.
    case geluTanh = "gelu_new"
    case silu, relu
  }

  /// How positions enter.
  public enum Positions: Sendable, Hashable {
    /// A vector a position, added to the embedding.
    case learned
    /// Queries and keys turned by angles.
    case rotary(RotaryPositions)
  }

  public var family: Family
  public var vocabularySize: Int
  /// Of the residual stream.
  public var width: Int
  public var layers: Int
  public var heads: Int
  /// Heads of keys and values, each shared by `heads / keyValueHeads` heads of queries.
  public var keyValueHeads: Int
  public var headWidth: Int
  /// Of the perceptrons.
  public var hiddenWidth: Int
  /// Tokens that the model was made for.
  public var contextLength: Int
  public var normalisation: Normalisation
  public var epsilon: Double
  public var positions: Positions
  public var activation: Activation
  /// Whether perceptrons multiply silu(gate) and a second product.
  public var isGated: Bool
  /// Whether attention and perceptron see the same input, x + a(x) + f(x).
  public var isParallel = false
  public var hasQueryKeyValueBias: Bool
  public var hasOutputBias: Bool
  public var hasFeedForwardBias: Bool
  /// Whether every head's queries and keys are normalised (Qwen3).
  public var normalisesHeads = false
  /// Whether the table of embeddings gives the logits too.
  public var tiesEmbeddings: Bool
  /// Tokens that a position sees, itself included; all before it when `nil`.
  public var slidingWindow: Int?
  /// The layers that the window holds for, from this one on.
  public var firstWindowedLayer = 0
  /// Whether positions see those behind them too.
  public var isBidirectional = false
  /// Deviation of fresh weights.
  public var initialDeviation = 0.02

  /// A model of the Llama shape.
  ///
  /// - Parameters:
  ///   - heads: divide the width.
  ///   - keyValueHeads: divide the heads; as many as these when `nil`.
  ///   - hiddenWidth: 8/3 of the width, rounded up to a multiple of 32, when `nil`.
  public static func llama(
    vocabularySize: Int, width: Int, layers: Int, heads: Int, keyValueHeads: Int? = nil,
    hiddenWidth: Int? = nil, contextLength: Int, tiesEmbeddings: Bool = false
  ) -> TransformerConfiguration {
    TransformerConfiguration(
      family: .llama, vocabularySize: vocabularySize, width: width, layers: layers, heads: heads,
      keyValueHeads: keyValueHeads ?? heads, headWidth: width / max(1, heads),
      hiddenWidth: hiddenWidth ?? (8 * width / 3 + 31) / 32 * 32, contextLength: contextLength,
      normalisation: .rootMeanSquare, epsilon: 1e-6, positions: .rotary(RotaryPositions()),
      activation: .silu, isGated: true, hasQueryKeyValueBias: false, hasOutputBias: false,
      hasFeedForwardBias: false, tiesEmbeddings: tiesEmbeddings)
  }

  /// The window of a layer.
  func window(ofLayer layer: Int) -> Int? { layer >= firstWindowedLayer ? slidingWindow : nil }

  /// - Throws: ``LanguageError`` where parts do not fit each other.
  public func validate(file: String = "configuration") throws(LanguageError) {
    let sizes = [
      ("vocabulary size", vocabularySize), ("width", width), ("layers", layers), ("heads", heads),
      ("key-value heads", keyValueHeads), ("width of a head", headWidth), ("hidden width", hiddenWidth),
      ("context length", contextLength),
    ]
    for (name, value) in sizes where value < 1 {
      throw LanguageError(.badValue, file: file, place: name, found: "\(value)", expected: "at least 1")
    }
    guard heads % keyValueHeads == 0 else {
      throw LanguageError(
        .badValue, file: file, place: "key-value heads", found: "\(keyValueHeads)",
        expected: "a divisor of the \(heads) heads")
    }
    if case .rotary(let rotary) = positions { try rotary.validate(headWidth: headWidth, file: file) }
    if let slidingWindow, slidingWindow < 1 {
      throw LanguageError(
        .badValue, file: file, place: "sliding window", found: "\(slidingWindow)", expected: "at least 1")
    }
  }
}
