import Probability
import Torch

/// A Markov chain as a masked diffusion whose denoiser is exact.
///
/// A masked symbol depends on the nearest symbols seen on either side alone, so the forward-backward recursion comes down
/// to powers of the transition matrix: P(v | a before, b after) ∝ T^i[a, v]·T^j[v, b] at distances i and j. With nothing
/// before it is the law of its position that comes first, and with nothing after 1 that comes last.
public struct MarkovChainDenoiser: MaskedDenoiser, Sendable {
  public let chain: MarkovChain
  public let length: Int
  /// P(v | what is before), `[(length + 1)·(symbols + 1), symbols]`, by distance and symbol; the last symbol stands for
  /// nothing seen, and the distance then counts from before the first position.
  private let before: Tensor
  /// P(what is after | v), the same way.
  private let after: Tensor

  public init(_ chain: MarkovChain, length: Int) {
    precondition(length > 0, "MarkovChainDenoiser: the length is \(length)")
    (self.chain, self.length) = (chain, length)
    let ones = Tensor.ones([1, chain.symbols], dtype: .double)
    var power = Tensor.identity(chain.symbols, dtype: .double)
    // The law before the first position is never read.
    var law = ones
    var (before, after): ([Tensor], [Tensor]) = ([], [])
    for distance in 0...length {
      before.append(.concatenate([power, law]))
      after.append(.concatenate([power.transposed, ones]))
      power = power.matmul(chain.transition)
      law = distance == 0 ? chain.initial.unsqueeze(0) : law.matmul(chain.transition)
    }
    (self.before, self.after) = (.concatenate(before), .concatenate(after))
  }

  public var symbols: Int { chain.symbols }
  public var device: Device { .cpu }

  /// Exact; NaN at masks between symbols that the chain cannot connect.
  /// - Complexity: O(`length`·symbols) a row.
  public func tokenProbabilities(_ tokens: Tensor) -> Tensor {
    let parts = tokens.split(Self.rowsAtOnce).map { part in
      let product =
        Tensor.embedding(before, places(part)) * Tensor.embedding(after, places(part.flip(1)).flip(1))
      return product / product.sum(2, keep: true)
    }
    return parts.count == 1 ? parts[0] : .concatenate(parts)
  }

  /// So few that what lies between table and result stays in the cache.
  private static let rowsAtOnce = 256

  /// Where the table has what the nearest symbol seen at or before every position says, `[n, length]`.
  private func places(_ tokens: Tensor) -> Tensor {
    let positions = Tensor.range(from: 1, to: Double(length + 1))
    // 0 where nothing is seen yet, one more than its position otherwise.
    let seen = (tokens .!= Double(mask)).to(.int64) * positions
    let nearest = seen.cumulativeMaximum(1).values
    let padded = tokens.padded([1, 0], value: Double(mask))
    return (positions - nearest) * Double(symbols + 1) + padded.gather(axis: 1, nearest)
  }
}
