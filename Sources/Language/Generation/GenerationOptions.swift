/// How texts are drawn from a language model.
public struct GenerationOptions: Sendable, Hashable {
  /// The most tokens of a response.
  public var maximumTokens = 128
  /// Logits are divided by it; 0 takes the most probable token every time.
  public var temperature = 1.0
  /// Only so many of the most probable tokens.
  public var topK: Int?
  /// Only the most probable tokens that together reach this probability (Holtzman et al. 2020).
  public var topP: Double?
  /// Only tokens at least this share as probable as the most probable one.
  public var minP: Double?
  /// Only the tokens whose surprise is nearest to the entropy that together reach this probability (Meister et al. 2023).
  public var typicalP: Double?
  /// Positive logits of tokens that the text already has are divided by it, negative ones multiplied (Keskar et al.
  /// 2019); 1 leaves them.
  public var repetitionPenalty = 1.0
  /// Tokens that end a response, and are its last.
  public var stopTokens: Set<Int> = []
  /// Texts that end a response, wherever tokens break them.
  public var stopTexts: [String] = []
  /// Responses to a prompt; its tokens are read once for all.
  public var samples = 1
  /// Responses that are drawn side by side.
  public var batch = 32
  /// Takes log-probabilities and entropies of the model's own law on the way, and so many of its most probable tokens;
  /// `nil` takes none.
  public var statistics: Int?

  public init() {}

  /// - Throws: ``LanguageError`` naming the option.
  public func validate() throws(LanguageError) {
    func require(_ holds: Bool, _ name: String, _ found: Any, _ expected: String) throws(LanguageError) {
      guard holds else {
        throw LanguageError(
          .badValue, file: "generation", place: name, found: "\(found)", expected: expected)
      }
    }
    try require(maximumTokens >= 1, "maximum tokens", maximumTokens, "at least 1")
    try require(
      temperature >= 0 && temperature.isFinite, "temperature", temperature, "a number of at least 0")
    try require(topK.map { $0 >= 1 } ?? true, "top-k", topK ?? 0, "at least 1")
    for (name, value) in [("top-p", topP), ("min-p", minP), ("typical-p", typicalP)] {
      try require(value.map { $0 > 0 && $0 <= 1 } ?? true, name, value ?? 0, "above 0, at most 1")
    }
    try require(repetitionPenalty > 0, "repetition penalty", repetitionPenalty, "above 0")
    try require(samples >= 1, "samples", samples, "at least 1")
    try require(batch >= 1, "batch", batch, "at least 1")
    try require(!stopTexts.contains(""), "stop texts", "an empty text", "texts of at least one character")
    try require(statistics.map { $0 >= 0 } ?? true, "statistics", statistics ?? 0, "at least 0")
  }
}

/// One response.
public struct Generation: Sendable, Hashable {
  public enum End: Sendable, Hashable {
    /// A stop token, which is the last of the response.
    case stopToken(Int)
    /// A stop text.
    case stopText(String)
    /// As many tokens as were asked for.
    case length
    /// As many tokens as the model has positions.
    case context
  }

  /// Without those of the prompt.
  public internal(set) var tokens: [Int] = []
  /// Of every token under the model's own law, whatever was done to it in drawing; empty where none were asked for.
  public internal(set) var logProbabilities: [Double] = []
  /// Of the model's own law at every token, in nats.
  public internal(set) var entropies: [Double] = []
  /// The most probable tokens under the model's own law at every token, most probable first.
  public internal(set) var alternatives: [[Alternative]] = []
  public internal(set) var end = End.length

  public struct Alternative: Sendable, Hashable {
    public let token: Int
    public let logProbability: Double
  }
}
