import Torch
import Training

/// A bound on −log p of sequences under a masked diffusion: the cross-entropy of masked symbols, weighted by m′/m.
///
/// Source: Sahoo et al. 2024, the continuous-time bound. Times are one a sequence and stratified over the batch, which
/// spreads them evenly.
public struct MaskedLoss: Sendable {
  public let schedule: MaskedNoiseSchedule

  /// Where times start: below it a sequence of any length in use has hardly a mask, and the weight grows without limit.
  public static let earliest = 1e-3

  public init(_ schedule: MaskedNoiseSchedule = .logLinear) { self.schedule = schedule }

  /// The bound of every sequence in nats a symbol, `[n]`.
  ///
  /// - Parameters:
  ///   - logits: of partly masked sequences, `[n, length]` to `[n, length, symbols]`.
  ///   - tokens: `[n, length]` symbols.
  ///   - mask: the number of the mask.
  public func callAsFunction(
    _ logits: (Tensor) -> Tensor, _ tokens: Tensor, mask: Int, using random: inout RandomSource
  ) -> Tensor {
    let (n, length) = (tokens.size(0), tokens.size(1))
    let offset = random.uniform()
    let times = (0..<n).map {
      Self.earliest + (1 - Self.earliest) * (Double($0) + offset) / Double(n)
    }
    let shares = Tensor(times.map(schedule.maskedShare), device: tokens.device).to(.float).unsqueeze(1)
    let weights = Tensor(times.map(schedule.weight), device: tokens.device).to(.float)
    let isMasked = random.uniform([n, length], device: tokens.device) .< shares
    let guesses = logits(tokens.filled(where: isMasked, with: Double(mask))).to(.float)
    // Symbols that are seen do not count.
    let targets = tokens.filled(where: isMasked.logicalNot(), with: -100)
    let losses = guesses.reshape(n * length, -1).crossEntropy(targets.reshape(-1), reduction: .none)
    return losses.reshape(n, length).sum(1) * weights / Double(length)
  }
}
