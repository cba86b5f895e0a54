import Probability
import RealModule
import Torch
import Training

/// A masked diffusion of text: a transformer that guesses masked characters, and the vocabulary.
public final class MaskedTextModel: MaskedDenoiser {
  public let network: MaskedTransformer
  public let vocabulary: CharacterVocabulary
  public let schedule: MaskedNoiseSchedule
  public let precision: Precision
  public private(set) var device = Device.cpu

  /// Sequences that go through the network at once.
  private static let rowsAtOnce = 1024

  public init(
    network: MaskedTransformer, vocabulary: CharacterVocabulary, schedule: MaskedNoiseSchedule,
    precision: Precision
  ) {
    precondition(network.symbols == vocabulary.count, "MaskedTextModel: network and vocabulary differ")
    (self.network, self.vocabulary) = (network, vocabulary)
    (self.schedule, self.precision) = (schedule, precision)
  }

  public var length: Int { network.options.length }
  public var symbols: Int { vocabulary.count }

  /// Moves the network.
  public func move(to device: Device) {
    network.move(device: device)
    self.device = device
  }

  public func tokenProbabilities(_ tokens: Tensor) -> Tensor {
    let parts = tokens.split(Self.rowsAtOnce).map { part in
      precision.run { network(part) }.to(.float).softmax(-1)
    }
    return parts.count == 1 ? parts[0] : .concatenate(parts)
  }

  /// Draws sequences; masks leave on their own as the schedule of the training says.
  /// - Parameter prompt: the beginning of every sequence; the rest is drawn.
  /// - Throws: `TextError` and ``MaskedDiffusionError`` where the prompt does not fit.
  public func sampler(prompt: String = "") throws -> MaskedSampler<MaskedTextModel> {
    let given = try vocabulary.encode(prompt)
    guard given.count <= length else {
      throw MaskedDiffusionError.promptLength(found: given.count, expected: length)
    }
    let masks = Tensor.full([length - given.count], Double(mask), dtype: .int64)
    return try MaskedSampler(
      self, unmasking: .independent(schedule), prompt: .concatenate([given.to(.int64), masks]))
  }

  /// An upper bound on the bits a character of a text takes, over its windows of the model's length.
  ///
  /// - Parameters:
  ///   - tokens: `[n]`; what does not fill a window is left out.
  ///   - windows: looked at, equally spaced.
  /// - Throws: ``MaskedDiffusionError`` for a text shorter than a window.
  public func bitsPerCharacter(_ tokens: Tensor, windows: Int = 512, using random: inout RandomSource) throws
    -> Estimate
  {
    let text = try MaskedText(tokens, length: length, symbols: symbols)
    let loss = MaskedLoss(schedule)
    let rows = text.spread(windows).to(device: device)
    let nats = withoutGradient {
      rows.split(Self.rowsAtOnce).flatMap { part in
        loss({ tokens in precision.run { network(tokens) } }, part, mask: mask, using: &random).doubles
      }
    }
    return 1 / Double.log(2) * Estimate(meanOf: nats)
  }
}

/// A text that windows are cut from.
struct MaskedText {
  /// `[n]`.
  let tokens: Tensor
  let length: Int

  /// - Throws: ``MaskedDiffusionError`` where a number is no symbol or the text is shorter than a window.
  init(_ tokens: Tensor, length: Int, symbols: Int) throws(MaskedDiffusionError) {
    guard tokens.count >= length else { throw .tooShort(found: tokens.count, length: length) }
    let isOutside = (tokens .< 0) .| (tokens .>= Double(symbols))
    if isOutside.any().booleans[0] {
      let position = isOutside.booleans.firstIndex(of: true)!
      let found = tokens[position].integer()
      if found == symbols { throw .mask(position: position) }
      throw .symbol(position: position, found: found, symbols: symbols)
    }
    (self.tokens, self.length) = (tokens, length)
  }

  /// Windows at random places, `[count, length]`.
  func draw(_ count: Int, using random: inout RandomSource) -> Tensor {
    windows(at: random.integers([count], in: 0..<tokens.count - length + 1))
  }

  /// Windows at equal distances, at most `count`.
  func spread(_ count: Int) -> Tensor {
    let available = max(1, min(count, tokens.count / length))
    let last = tokens.count - length
    return windows(
      at: Tensor((0..<available).map { Int64(available == 1 ? 0 : last * $0 / (available - 1)) }))
  }

  private func windows(at starts: Tensor) -> Tensor {
    let index = starts.unsqueeze(1) + Tensor.range(to: Double(length))
    return tokens.select(axis: 0, index.reshape(-1)).reshape(index.shape)
  }
}
