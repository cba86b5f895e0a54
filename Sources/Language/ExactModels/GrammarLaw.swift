import RealModule
import Torch

/// Texts of a probabilistic context-free grammar in Chomsky's normal form, each ended by a token of its own.
///
/// Conditionals are ratios of the probabilities that a text begins so (Jelinek & Lafferty 1991). Cost: O(n²) a token
/// after n of them, times the rules and the words; for small grammars.
public struct GrammarLaw: SequentialLaw {
  /// A → B C.
  public struct Branch: Sendable, Hashable {
    public let parent, left, right: Int
    public let probability: Double
    public init(_ parent: Int, _ left: Int, _ right: Int, _ probability: Double) {
      (self.parent, self.left, self.right, self.probability) = (parent, left, right, probability)
    }
  }

  /// A → word.
  public struct Word: Sendable, Hashable {
    public let parent, word: Int
    public let probability: Double
    public init(_ parent: Int, _ word: Int, _ probability: Double) {
      (self.parent, self.word, self.probability) = (parent, word, probability)
    }
  }

  /// Words are tokens 0..<words; a text ends with token `words`.
  public let words: Int
  public var endToken: Int { words }
  public var vocabularySize: Int { words + 1 }
  private let symbols: Int
  private let branches: [Branch]
  /// p(A → word), by symbol and word.
  private let lexicon: [[Double]]
  /// Σ over chains A → B …, B → C …, … of their probabilities: how often a left corner of A is B.
  private let corners: [[Double]]

  /// - Parameters:
  ///   - symbols: 0..<symbols, of which 0 is what a text is.
  /// - Throws: ``LanguageError`` where the rules of a symbol do not sum to 1, or texts never end.
  public init(symbols: Int, words: Int, branches: [Branch], lexicon: [Word]) throws(LanguageError) {
    func refuse(_ place: String?, _ found: String, _ expected: String) -> LanguageError {
      LanguageError(.badValue, file: "grammar", place: place, found: found, expected: expected)
    }
    for rule in branches
    where [rule.parent, rule.left, rule.right].contains(where: { !(0..<symbols).contains($0) }) {
      throw refuse(nil, "the rule \(rule.parent) → \(rule.left) \(rule.right)", "symbols 0 to \(symbols - 1)")
    }
    for rule in lexicon where !(0..<symbols).contains(rule.parent) || !(0..<words).contains(rule.word) {
      throw refuse(
        nil, "the rule \(rule.parent) → word \(rule.word)",
        "symbols 0 to \(symbols - 1) and words 0 to \(words - 1)")
    }
    for symbol in 0..<symbols {
      let own =
        branches.filter { $0.parent == symbol }.map(\.probability)
        + lexicon.filter { $0.parent == symbol }.map(\.probability)
      try checkLaw(own, size: own.count, file: "grammar", place: "symbol \(symbol)")
    }
    (self.symbols, self.words, self.branches) = (symbols, words, branches)
    var table = [[Double]](repeating: .init(repeating: 0, count: words), count: symbols)
    for rule in lexicon { table[rule.parent][rule.word] += rule.probability }
    self.lexicon = table
    var steps = Tensor.zeros([symbols, symbols], dtype: .double)
    for rule in branches {
      let index = [Tensor([rule.parent]), Tensor([rule.left])]
      steps = steps.putting(Tensor([rule.probability]), at: index, accumulating: true)
    }
    // (I − P)⁻¹; the chains end if P's powers vanish.
    let power = (0..<12).reduce(steps) { x, _ in x.matmul(x) }
    guard power.max().item() < 1e-6 else {
      throw refuse(nil, "a symbol that begins with itself for ever", "rules that come to an end")
    }
    let inverse = (Tensor.identity(symbols, dtype: .double) - steps).inverse()
    let values = inverse.reshape(-1).doubles
    corners = (0..<symbols).map { Array(values[$0 * symbols..<($0 + 1) * symbols]) }
  }

  /// The words so far, the probabilities that symbols make spans of them, and that a text begins with them.
  public struct State: Sendable {
    fileprivate var text: [Int] = []
    /// By first word, last word and symbol.
    fileprivate var inside: [[[Double]]] = []
    fileprivate var prefix = 1.0
    fileprivate var hasEnded = false
  }

  public var start: State { State() }

  public func state(after token: Int, in state: State) -> State {
    var result = state
    guard token != endToken, !state.hasEnded else {
      result.hasEnded = true
      return result
    }
    result.prefix = beginning(state.text + [token], state.inside)[0][0]
    result.text.append(token)
    let last = result.text.count - 1
    result.inside.append([])
    for first in (0...last).reversed() {
      var own = first == last ? lexicon.map { $0[token] } : [Double](repeating: 0, count: symbols)
      for rule in branches where first < last {
        for split in first..<last {
          own[rule.parent] +=
            rule.probability * span(result.inside, first, split)[rule.left]
            * span(result.inside, split + 1, last)[rule.right]
        }
      }
      result.inside[last].append(own)
    }
    return result
  }

  /// Spans are stored by their last word, the latest first word first.
  private func span(_ inside: [[[Double]]], _ first: Int, _ last: Int) -> [Double] {
    inside[last][last - first]
  }

  /// The probability that what a symbol makes begins with the text from word `first` on: by `first` and symbol.
  private func beginning(_ text: [Int], _ inside: [[[Double]]]) -> [[Double]] {
    let last = text.count - 1
    var result = [[Double]](repeating: .init(repeating: 0, count: symbols), count: text.count)
    for first in (0...last).reversed() {
      var own = first == last ? lexicon.map { $0[text[last]] } : [Double](repeating: 0, count: symbols)
      for rule in branches where first < last {
        for split in first..<last {
          own[rule.parent] +=
            rule.probability * span(inside, first, split)[rule.left] * result[split + 1][rule.right]
        }
      }
      for symbol in 0..<symbols {
        result[first][symbol] = (0..<symbols).reduce(0) { $0 + corners[symbol][$1] * own[$1] }
      }
    }
    return result
  }

  public func logProbabilities(in state: State) -> [Double] {
    // Behind its end a text goes on ending.
    if state.hasEnded { return Array(repeating: -.infinity, count: words) + [0] }
    var result = (0..<words).map { word in
      Double.log(beginning(state.text + [word], state.inside)[0][0] / state.prefix)
    }
    let whole = state.text.isEmpty ? 0 : span(state.inside, 0, state.text.count - 1)[0]
    result.append(.log(whole / state.prefix))
    return result
  }
}
