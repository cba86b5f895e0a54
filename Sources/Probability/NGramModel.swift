import RealModule
import Torch

/// P(symbol | the order − 1 symbols before it), from counts that are smoothed by the model of one order less.
///
/// P_n(x | c) = (count(c x) + a_n P_{n−1}(x | c without its oldest symbol)) / (count(c) + a_n), down to the uniform law
/// for n = 0.
public struct NGramModel: Sendable {
  public let order: Int
  public let symbols: Int
  /// log P, `[symbols, …, symbols]` with `order` axes, oldest symbol first, `Double`.
  public let logProbabilities: Tensor

  /// Entries that a table may have: 256 MiB of `Double`.
  public static let largestTable = 1 << 25

  /// Counts a text.
  ///
  /// - Parameters:
  ///   - tokens: `[n]`, whole numbers in 0..<symbols.
  ///   - smoothing: a_1, a_2, …, each ≥ 0; the last serves all higher orders. With a_1 = 0 symbols that the text lacks have
  ///     probability 0.
  /// - Throws: ``NGramError``.
  public init(
    order: Int, counting tokens: Tensor, symbols: Int, smoothing: [Double] = [0, 1, 5]
  ) throws(NGramError) {
    guard order >= 1 else { throw .order(order) }
    guard !smoothing.isEmpty, smoothing.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
      throw .smoothing(smoothing)
    }
    guard Double.pow(Double(symbols), order) <= Double(Self.largestTable) else {
      throw .tooLarge(order: order, symbols: symbols)
    }
    guard tokens.count >= order else { throw .tooShort(found: tokens.count, order: order) }
    let tokens = tokens.reshape(-1)
    try Self.validate(tokens, symbols)
    var probabilities = Tensor.full([symbols], 1 / Double(symbols), dtype: .double)
    var size = 1
    for n in 1...order {
      let weight = smoothing[min(n, smoothing.count) - 1]
      size *= symbols
      let counts = Self.indices(tokens.unsqueeze(0), n, symbols).reshape(-1)
        .binCount(minimumLength: size).to(.double).reshape(-1, symbols)
      // The contexts of order n repeat those of order n − 1 for every symbol before them.
      let lower = probabilities.reshape(-1, symbols).tile([n == 1 ? 1 : symbols, 1])
      let total = counts.sum(1, keep: true) + weight
      // A context that never occurred and is not smoothed knows what the lower order knows.
      let smoothed = (counts + weight * lower) / total
      probabilities = Tensor.where((total .== 0).expand(smoothed.shape), lower, smoothed)
    }
    (self.order, self.symbols) = (order, symbols)
    logProbabilities = probabilities.log().reshape([Int](repeating: symbols, count: order))
  }

  /// log P of every symbol that has `order` − 1 before it, `[n, length − order + 1]`, for `[n, length]` whole numbers
  /// in 0..<symbols.
  public func logProbabilities(of tokens: Tensor) -> Tensor {
    precondition(
      tokens.rank == 2 && tokens.size(1) >= order,
      "NGramModel: tokens of shape \(tokens.shape), [n, ≥ \(order)] is expected")
    let flat = logProbabilities.reshape(-1)
    let table = tokens.device == .cpu ? flat : flat.to(device: tokens.device)
    let index = Self.indices(tokens, order, symbols)
    return table.select(axis: 0, index.reshape(-1)).reshape(index.shape)
  }

  /// The mean of log P over the symbols of every row, `[n]`.
  public func meanLogProbability(of tokens: Tensor) -> Tensor { logProbabilities(of: tokens).mean(1) }

  /// Bits a symbol of a text `[n]`: the cross-entropy.
  public func crossEntropy(of tokens: Tensor) -> Double {
    -meanLogProbability(of: tokens.reshape(1, -1)).item() / .log(2)
  }

  /// Checks that numbers are symbols.
  /// - Throws: ``NGramError`` with the position, row by row, of the first that is not.
  public func validate(_ tokens: Tensor) throws(NGramError) { try Self.validate(tokens, symbols) }

  private static func validate(_ tokens: Tensor, _ symbols: Int) throws(NGramError) {
    let isOutside = (tokens .< 0) .| (tokens .>= Double(symbols))
    guard isOutside.any().booleans[0] else { return }
    let position = isOutside.reshape(-1).booleans.firstIndex(of: true)!
    throw .symbol(position: position, found: tokens.reshape(-1)[position].integer(), symbols: symbols)
  }

  /// Where the entry of every run of `order` symbols lies in the table.
  private static func indices(_ tokens: Tensor, _ order: Int, _ symbols: Int) -> Tensor {
    let count = tokens.size(1) - order + 1
    return (1..<order).reduce(tokens.slice(axis: 1, start: 0, end: count)) { index, offset in
      index * Double(symbols) + tokens.slice(axis: 1, start: offset, end: offset + count)
    }
  }
}

/// Why symbols cannot be counted.
public enum NGramError: Error, Sendable, Hashable, CustomStringConvertible {
  case order(Int)
  case smoothing([Double])
  case tooLarge(order: Int, symbols: Int)
  case tooShort(found: Int, order: Int)
  case symbol(position: Int, found: Int, symbols: Int)

  public var description: String {
    switch self {
    case .order(let order): "an n-gram of order \(order): expected at least 1"
    case .smoothing(let values): "smoothing \(values): expected finite numbers ≥ 0, at least one"
    case .tooLarge(let order, let symbols):
      "an n-gram of order \(order) over \(symbols) symbols has a table of more than \(NGramModel.largestTable) entries; "
        + "take a smaller order or fewer symbols"
    case .tooShort(let found, let order): "\(found) symbols: an n-gram of order \(order) needs as many"
    case .symbol(let position, let found, let symbols):
      "symbol \(found) at position \(position): expected whole numbers in 0..<\(symbols)"
    }
  }
}
