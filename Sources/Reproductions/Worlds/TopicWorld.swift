import Language
import Torch

/// A small language for experiments on displacement: a topic, then words that depend on the topic and the word before,
/// until an end that comes with probability 0.2 after every word.
///
/// Token 0 ends a text, 1 to 20 are words, 21 to 28 stand for topics, one of which is the prompt.
package struct TopicWorld: Sendable {
  package static let topics = 8
  package static let words = 20
  /// The most tokens of a response, its end among them.
  package static let longest = 9
  package static let vocabulary = 1 + words + topics

  private let supports: [[Int]]
  /// By topic and the token before, 0 where there is none.
  private let laws: [[DiscreteLaw]]

  package init(using random: inout RandomSource) {
    supports = (0..<Self.topics).map { _ in
      random.permutation(Self.words).integers.prefix(8).map { $0 + 1 }
    }
    laws = (0..<Self.topics).map { _ in
      (0...Self.words).map { _ in .dirichlet(0.4, count: 8, using: &random) }
    }
  }

  package func prompt(topic: Int) -> [Int] { [1 + Self.words + topic] }

  package func response(topic: Int, using random: inout RandomSource) -> [Int] {
    var tokens: [Int] = []
    while tokens.count < Self.longest {
      if !tokens.isEmpty, random.uniform() < 0.2 { return tokens + [0] }
      tokens.append(supports[topic][laws[topic][tokens.last ?? 0].sample(using: &random)])
    }
    return tokens
  }

  package func texts(_ count: Int, using random: inout RandomSource) -> [WeightedText] {
    (0..<count).map { _ in
      let topic = random.integer(in: 0..<Self.topics)
      return WeightedText(prompt: prompt(topic: topic), response: response(topic: topic, using: &random))
    }
  }
}
