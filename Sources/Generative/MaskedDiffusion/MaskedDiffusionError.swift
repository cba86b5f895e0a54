/// What is wrong with a request to a masked diffusion.
public enum MaskedDiffusionError: Error, Sendable, Hashable, CustomStringConvertible {
  case option(_ name: String, _ found: String, _ expected: String)
  /// A text or prompt with a number that is no symbol.
  case symbol(position: Int, found: Int, symbols: Int)
  /// The mask where only symbols may be.
  case mask(position: Int)
  case promptLength(found: Int, expected: Int)
  /// The model gives the prompt probability 0, or answers with NaN.
  case impossiblePrompt
  case tooShort(found: Int, length: Int)

  public var description: String {
    switch self {
    case .option(let name, let found, let expected): "\(name): found \(found), expected \(expected)"
    case .symbol(let position, let found, let symbols):
      "symbol \(found) at position \(position): expected whole numbers in 0..<\(symbols), or \(symbols) for a mask in a prompt"
    case .mask(let position):
      "the mask at position \(position) of a text: only symbols are expected, masks are drawn in training"
    case .promptLength(let found, let expected):
      "a prompt of \(found) symbols: \(expected) are expected, with masks where symbols are to be drawn"
    case .impossiblePrompt:
      "the model gives no probabilities for the masked symbols of the prompt: it holds the prompt for impossible"
    case .tooShort(let found, let length):
      "a text of \(found) symbols: at least \(length) are needed, the length of a sequence"
    }
  }
}
