import Language
import Torch

/// A small language of sums with known mistakes: of x₀ and k₁, k₂, k₃ the running totals modulo 5 are written, each behind
/// a filler word that says nothing.
///
/// Tokens 0 to 4 are digits, 5 parts the prompt from the solution, 6 to 11 are fillers, 12 ends a text.
package struct RunningSums: Sendable {
  package static let vocabulary = 13
  package static let separator = 5
  package static let end = 12
  /// Prompt and solution together.
  package static let length = 12
  private static let fillers = DiscreteLaw([0.45, 0.25, 0.15, 0.09, 0.04, 0.02])
  /// The probability that a total is right, given the one written before it.
  package static let care = 0.85

  package static func prompt(using random: inout RandomSource) -> [Int] {
    (0..<4).map { _ in random.integer(in: 0..<5) } + [separator]
  }

  /// A solution as the base data have it.
  package static func solution(to prompt: [Int], using random: inout RandomSource) -> [Int] {
    var (tokens, total) = ([Int](), prompt[0])
    for step in 1...3 {
      tokens.append(6 + fillers.sample(using: &random))
      let right = (total + prompt[step]) % 5
      total = random.uniform() < care ? right : (right + random.integer(in: 1..<5)) % 5
      tokens.append(total)
    }
    return tokens + [end]
  }

  /// The place of the first total that is wrong, given the prompt alone, or of the last token where one is missing; `nil`
  /// where the digits written are the three totals, whatever stands between them.
  package static func firstMistake(in solution: [Int], to prompt: [Int]) -> Int? {
    var (total, step) = (prompt[0], 1)
    for (place, token) in solution.enumerated() where token < 5 {
      guard step <= 3 else { return place }
      total = (total + prompt[step]) % 5
      guard token == total else { return place }
      step += 1
    }
    return step == 4 ? nil : max(0, solution.count - 1)
  }

  package static func isCorrect(_ solution: [Int], to prompt: [Int]) -> Bool {
    firstMistake(in: solution, to: prompt) == nil
  }

  package static var generation: GenerationOptions {
    var options = GenerationOptions()
    (options.maximumTokens, options.batch, options.stopTokens) = (7, 500, [end])
    return options
  }
}
