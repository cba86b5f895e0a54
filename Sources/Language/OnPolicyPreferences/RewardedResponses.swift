import Files
import Foundation

/// Responses to one prompt with their rewards, as tokens.
public struct RewardedResponses: Sendable, Hashable {
  public var prompt: [Int]
  public var responses: [[Int]]
  public var rewards: [Double]
}

extension PretrainedModel {
  /// Reads JSON lines with a `prompt`, a `response` and a `reward` each; lines with one prompt make one entry, in the order
  /// in which prompts first come. A response ends with the token that ends texts, where the model has one.
  ///
  /// - Throws: ``LanguageError`` with file and line, for rewards that are no finite numbers, and for texts that do not fit
  ///   the model, too.
  public func rewardedResponses(contentsOf url: URL) throws(LanguageError) -> [RewardedResponses] {
    guard let data = FileManager.default.contents(atPath: url.path) else {
      throw LanguageError(.missing, file: url.path, found: "no file that can be read", expected: "JSON lines")
    }
    var found: [RewardedResponses] = []
    var places: [[Int]: Int] = [:]
    try JSONLine.forEach(in: data, file: url.path) { line throws(LanguageError) in
      guard let text = try line.text("prompt"), let response = try line.text("response") else {
        throw line.failure(line.keys, "\"prompt\", \"response\" and \"reward\"")
      }
      let reward: Double
      switch line["reward"] {
      case .integer(let value)?: reward = Double(value)
      case .number(let value)? where value.isFinite: reward = value
      default: throw line.failure("no finite number as \"reward\"", "the response's reward")
      }
      let place = "\(url.path):\(line.number)"
      let prompt = try promptTokens(text, at: place)
      let tokens = tokenizer.encode(response, addingSpecialTokens: false) + endTokens.prefix(1)
      guard !tokens.isEmpty else { throw line.failure("an empty response", "at least one token") }
      guard model.fits(prompt.count + tokens.count) else {
        throw LanguageError(
          .tooLong, file: place, found: "\(prompt.count + tokens.count) tokens",
          expected: "at most the model's \(model.contextLength ?? 0) positions")
      }
      if let known = places[prompt] {
        found[known].responses.append(tokens)
        found[known].rewards.append(reward)
      } else {
        places[prompt] = found.count
        found.append(RewardedResponses(prompt: prompt, responses: [tokens], rewards: [reward]))
      }
    }
    return found
  }
}
