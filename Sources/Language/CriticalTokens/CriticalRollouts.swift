import Foundation
import Probability
import Torch

/// How often continuations of every prefix of a solution succeed, and which token made that impossible.
public struct CriticalRollouts: Sendable, Hashable {
  /// Of `count` continuations after every token of the response.
  public let successes: [Int]
  public let count: Int
  /// The critical token's place; `nil` where there is none.
  public let critical: Int?

  public init(successes: [Int], count: Int, tolerance: Int) {
    (self.successes, self.count) = (successes, count)
    critical = Self.criticalToken(successes, tolerance: tolerance)
  }

  /// The first place from which none succeeds and after which never more than `tolerance` do; where later ones do, a later
  /// place is taken, or the last one that was given up.
  public static func criticalToken(_ successes: [Int], tolerance: Int) -> Int? {
    var (candidate, givenUp): (Int?, Int?) = (nil, nil)
    for (place, found) in successes.enumerated() {
      if candidate == nil, found == 0 {
        candidate = place
      } else if candidate != nil, found > tolerance {
        (candidate, givenUp) = (nil, candidate)
      }
    }
    return candidate ?? givenUp
  }

  /// Where the probability of success after a token lies, by the law of so many successes (Clopper & Pearson 1934).
  public func interval(at place: Int, level: Double = 0.95) -> ClosedRange<Double> {
    binomialInterval(successes: successes[place], trials: count, level: level)
  }
}

extension LanguageModel {
  /// Continues every prefix of a response, the response itself among them, so many times.
  ///
  /// - Parameters:
  ///   - isCorrect: of a whole response's tokens.
  ///   - options: how continuations are drawn; their `maximumTokens` count from the response's beginning.
  ///   - tolerance: continuations that may succeed after the critical token.
  /// - Throws: ``LanguageError``.
  /// - Complexity: prefixes share what they begin with, so that the response is read once a batch.
  public func criticalRollouts(
    prompt: [Int], response: [Int], count: Int = 64, tolerance: Int = 3, options: GenerationOptions,
    random: RandomSource, isCorrect: ([Int]) -> Bool
  ) throws(LanguageError) -> CriticalRollouts {
    guard count >= 1, tolerance >= 0 else {
      throw LanguageError(
        .badValue, file: "critical tokens", place: count < 1 ? "n" : "tolerance",
        found: "\(count < 1 ? count : tolerance)", expected: "at least \(count < 1 ? 1 : 0)")
    }
    var successes: [Int] = []
    // Texts come again and again: each is judged once.
    var judged: [[Int]: Bool] = [:]
    func judge(_ text: [Int]) -> Bool {
      if let known = judged[text] { return known }
      let found = isCorrect(text)
      judged[text] = found
      return found
    }
    for end in response.indices {
      let prefix = Array(response[...end])
      let isOver = options.stopTokens.contains(response[end]) || prefix.count >= options.maximumTokens
      if isOver || contextLength.map({ prompt.count + prefix.count >= $0 }) ?? false {
        successes.append(judge(prefix) ? count : 0)
        continue
      }
      var own = options
      (own.samples, own.maximumTokens) = (count, options.maximumTokens - prefix.count)
      let drawn = try generate([prompt + prefix], options: own, random: random.split(end))[0]
      successes.append(drawn.count { judge(prefix + $0.tokens) })
    }
    return CriticalRollouts(successes: successes, count: count, tolerance: tolerance)
  }

  /// Puts other tokens in the place of one, drawn from the model's law without it, and continues each once.
  ///
  /// - Returns: how many of `count` succeed.
  /// - Throws: ``LanguageError``; where the token is the only one that the model finds possible, too.
  public func successesWithout(
    tokenAt place: Int, prompt: [Int], response: [Int], count: Int = 64, options: GenerationOptions,
    random: RandomSource, isCorrect: ([Int]) -> Bool
  ) throws(LanguageError) -> Int {
    precondition(response.indices.contains(place), "successesWithout: token \(place) of \(response.count)")
    let before = Array(response[..<place])
    try check([prompt + before])
    let law = withoutGradient { readRows([prompt + before], after: nil).logits[0].to(.double).softmax(-1) }
    let others = law.putting(Tensor(0.0).to(.double), at: [Tensor([response[place]])])
    guard others.sum().item() > 0 else {
      throw LanguageError(
        .badValue, file: "critical tokens", place: "token \(place)", found: "a token of probability 1",
        expected: "one in whose place another can stand")
    }
    var stream = random.split("replacements")
    let replacements = stream.categorical(others, count: count).integers
    var own = options
    (own.samples, own.maximumTokens) = (1, options.maximumTokens - place - 1)
    // Replacements that end the text, or leave no room, are judged as they are.
    let going = replacements.indices.filter { i in
      !options.stopTokens.contains(replacements[i]) && own.maximumTokens >= 1
        && contextLength.map { prompt.count + place + 1 < $0 } ?? true
    }
    let drawn = try generate(
      going.map { prompt + before + [replacements[$0]] }, options: own, random: random.split("continuations"))
    var rest = [[Int]](repeating: [], count: count)
    for (i, found) in zip(going, drawn) { rest[i] = found[0].tokens }
    return replacements.indices.count { isCorrect(before + [replacements[$0]] + rest[$0]) }
  }
}
