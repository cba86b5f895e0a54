import Torch

/// What a masked diffusion of symbols knows: the law of every symbol given those that are not masked.
///
/// Symbols are 0..<`symbols`; the number `symbols` itself is the mask. The time does not enter: given the symbols that
/// are seen, the law of the others is the same at every time (Ou et al. 2024).
public protocol MaskedDenoiser {
  /// Symbols in a sequence.
  var length: Int { get }
  /// Without the mask.
  var symbols: Int { get }
  var device: Device { get }
  /// P(xᵢ = v | the symbols seen), `[n, length, symbols]`, for partly masked `[n, length]` `Int64`.
  ///
  /// Only masked positions are read. They need not sum to 1 exactly.
  func tokenProbabilities(_ tokens: Tensor) throws -> Tensor
}

extension MaskedDenoiser {
  /// The number that stands for a masked symbol.
  public var mask: Int { symbols }
}
