import Probability
import Torch

/// Texts in which a token depends on the order − 1 before it: an n-gram, or with order 2 a Markov chain.
///
/// At the beginning of a text, where there are fewer tokens before, the models of lower orders speak.
public struct NGramLaw: SequentialLaw {
  /// Of the orders 1, 2, …
  private let tables: [[Double]]
  public let vocabularySize: Int

  public var order: Int { tables.count }

  /// Counts a text, each order smoothed by the one below; see `NGramModel`.
  /// - Throws: `NGramError`.
  public init(order: Int, counting tokens: [Int], symbols: Int, smoothing: [Double] = [1, 1, 5])
    throws(NGramError)
  {
    guard order >= 1 else { throw .order(order) }
    var tables: [[Double]] = []
    for n in 1...order {
      let model = try NGramModel(order: n, counting: Tensor(tokens), symbols: symbols, smoothing: smoothing)
      tables.append(model.logProbabilities.reshape(-1).doubles)
    }
    (self.tables, vocabularySize) = (tables, symbols)
  }

  /// Counts a text, with `k` added to every count (Lidstone); k = 1 is Laplace's.
  /// - Throws: `NGramError`.
  public init(order: Int, counting tokens: [Int], symbols: Int, adding k: Double) throws(NGramError) {
    guard order >= 1 else { throw .order(order) }
    guard k > 0, k.isFinite else { throw .smoothing([k]) }
    guard tokens.count >= order else { throw .tooShort(found: tokens.count, order: order) }
    if let position = tokens.firstIndex(where: { !(0..<symbols).contains($0) }) {
      throw .symbol(position: position, found: tokens[position], symbols: symbols)
    }
    var (tables, size): ([[Double]], Int) = ([], 1)
    for n in 1...order {
      size *= symbols
      guard size <= NGramModel.largestTable else { throw .tooLarge(order: order, symbols: symbols) }
      var counts = [Double](repeating: k, count: size)
      for last in n - 1..<tokens.count {
        counts[tokens[last - n + 1...last].reduce(0) { $0 * symbols + $1 }] += 1
      }
      let rows = Tensor(counts, shape: [size / symbols, symbols])
      tables.append((rows / rows.sum(1, keep: true)).log().reshape(-1).doubles)
    }
    (self.tables, vocabularySize) = (tables, symbols)
  }

  public var start: [Int] { [] }

  /// The last order − 1 tokens, or as many as there are.
  public func state(after token: Int, in state: [Int]) -> [Int] { Array((state + [token]).suffix(order - 1)) }

  public func logProbabilities(in state: [Int]) -> [Double] {
    let row = state.reduce(0) { $0 * vocabularySize + $1 }
    return Array(tables[state.count][row * vocabularySize..<(row + 1) * vocabularySize])
  }
}
