import Language
import Torch

/// Dialogues with a known truth: two digits are asked, a response with some fillers gives a digit, and it is good where
/// that is the first one; then someone is pleased or not.
///
/// Tokens 0 to 4 are digits, 5 to 8 fillers, 9 to 11 mark question, response and follow-up, 12 to 23 make phrases, 24 ends
/// a text.
package struct EchoDialogues: Sendable {
  package static let vocabulary = 25
  package static let end = 24
  /// Prompt, a response of as many tokens as are drawn, and a follow-up.
  package static let longest = 13
  private static let (question, response, followUp) = (9, 10, 11)

  /// Ten phrases each, of three tokens.
  package let followUps: FollowUpTokens
  /// The probability that a follow-up tells the truth.
  package let honesty: Double

  package init(honesty: Double, using random: inout RandomSource) {
    var phrases: [[Int]] = []
    while phrases.count < 20 {
      let phrase = (0..<3).map { _ in 12 + random.integer(in: 0..<12) }
      if !phrases.contains(phrase) { phrases.append(phrase) }
    }
    followUps = FollowUpTokens([
      .init(name: "quality", positive: Array(phrases[..<10]), negative: Array(phrases[10...]))
    ])
    self.honesty = honesty
  }

  /// What is asked, up to where a response begins.
  package static func prompt(using random: inout RandomSource) -> [Int] {
    [question, random.integer(in: 0..<5), random.integer(in: 0..<5), response]
  }

  /// A response, good or bad, up to where a follow-up begins.
  package static func response(to prompt: [Int], isGood: Bool, using random: inout RandomSource) -> [Int] {
    let fillers = (0..<random.integer(in: 0..<3)).map { _ in 5 + random.integer(in: 0..<4) }
    let digit = isGood ? prompt[1] : (prompt[1] + random.integer(in: 1..<5)) % 5
    return fillers + [digit, followUp]
  }

  /// Whether a response gives the first digit, behind fillers alone.
  package static func isGood(_ response: [Int], to prompt: [Int]) -> Bool {
    guard let digit = response.first(where: { $0 < 5 }) else { return false }
    return digit == prompt[1] && response.prefix { $0 != digit }.allSatisfy { (5...8).contains($0) }
  }

  /// Whole dialogues, half of them with good responses.
  ///
  /// - Parameter isTold: whether follow-ups depend on the response's quality.
  package func texts(_ count: Int, isTold: Bool, using random: inout RandomSource) -> [WeightedText] {
    (0..<count).map { _ in
      let prompt = Self.prompt(using: &random)
      let isGood = random.uniform() < 0.5
      let response = Self.response(to: prompt, isGood: isGood, using: &random)
      let isPleased = isTold ? (random.uniform() < honesty) == isGood : random.uniform() < 0.5
      let list = isPleased ? followUps.categories[0].positive : followUps.categories[0].negative
      let tokens = prompt + response + list[random.integer(in: 0..<10)] + [Self.end]
      return WeightedText(tokens: tokens, weights: tokens.map { _ in 1 })
    }
  }

  /// Responses end where a follow-up begins.
  package static var generation: GenerationOptions {
    var options = GenerationOptions()
    (options.maximumTokens, options.batch, options.stopTokens) = (6, 512, [followUp, end])
    return options
  }
}
