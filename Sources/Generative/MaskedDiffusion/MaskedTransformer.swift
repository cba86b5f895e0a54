import Torch

/// The size of a masked text model's network.
public struct MaskedTransformerOptions: Sendable, Hashable, Codable {
  /// Symbols in a sequence.
  public var length: Int
  public var width: Int
  /// Blocks.
  public var depth: Int
  /// Of attention; divide the width.
  public var heads: Int

  public init(length: Int = 64, width: Int = 128, depth: Int = 4, heads: Int = 4) {
    (self.length, self.width, self.depth, self.heads) = (length, width, depth, heads)
  }

  /// - Throws: ``MaskedDiffusionError`` naming the option.
  public func validate() throws(MaskedDiffusionError) {
    for (name, value) in [("length", length), ("width", width), ("depth", depth), ("heads", heads)]
    where value < 1 {
      throw .option(name, "\(value)", "at least 1")
    }
    guard width % heads == 0 else {
      throw .option("heads", "\(heads)", "a number that divides the width \(width)")
    }
  }
}

/// A bidirectional transformer that reads partly masked sequences.
///
/// Positions are learned. The time is no input: what is masked says it.
public final class MaskedTransformer: Module {
  let tokens: Embedding
  let positions: Embedding
  let blocks: [TransformerBlock]
  let norm: LayerNorm
  let output: Linear
  public let options: MaskedTransformerOptions
  /// Without the mask.
  public let symbols: Int

  /// - Parameter outputs: numbers a position; as many as symbols when `nil`.
  public init(
    symbols: Int, outputs: Int? = nil, options: MaskedTransformerOptions, using random: inout RandomSource
  ) {
    (self.options, self.symbols) = (options, symbols)
    tokens = Embedding(symbols + 1, options.width, deviation: 0.02, using: &random)
    positions = Embedding(options.length, options.width, deviation: 0.02, using: &random)
    var blocks: [TransformerBlock] = []
    for _ in 0..<options.depth {
      blocks.append(TransformerBlock(options.width, heads: options.heads, using: &random))
    }
    self.blocks = blocks
    norm = LayerNorm(options.width)
    output = Linear(options.width, outputs ?? symbols, using: &random)
  }

  /// Logits of every position's symbol, `[n, length, outputs]`, for `[n, length]` numbers up to the mask.
  public func callAsFunction(_ sequences: Tensor) -> Tensor {
    let embedded = tokens(sequences) + positions.weight.value
    return output(norm(blocks.reduce(embedded) { $1($0) }))
  }
}
