import Foundation
import Torch

/// Rotary positions: pair i of a head's numbers is turned by position · θ^(−2i/n) (Su et al. 2021), and how the angles
/// are scaled for contexts longer than the model was first trained on.
public struct RotaryPositions: Sendable, Hashable {
  public enum Scaling: Sendable, Hashable {
    case none
    /// Positions divided by the factor.
    case linear(factor: Double)
    /// A larger θ once the text is longer than the original context.
    case dynamic(factor: Double, originalLength: Int)
    /// Slow angles divided by the factor, fast ones kept, those between interpolated (Llama 3).
    case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, originalLength: Int)
    /// The same by the number of turns over the original context, with the attention sharpened (Peng et al. 2023).
    case yarn(
      factor: Double, originalLength: Int, fast: Double, slow: Double, attentionFactor: Double,
      truncates: Bool)
  }

  /// θ.
  public var base = 10000.0
  /// The share of a head's numbers that is turned.
  public var share = 1.0
  public var scaling = Scaling.none

  public init(base: Double = 10000, share: Double = 1, scaling: Scaling = .none) {
    (self.base, self.share, self.scaling) = (base, share, scaling)
  }

  /// Numbers of a head that are turned.
  func width(of headWidth: Int) -> Int { Int(Double(headWidth) * share) }

  func validate(headWidth: Int, file: String) throws(LanguageError) {
    let width = width(of: headWidth)
    guard width > 0, width % 2 == 0, width <= headWidth else {
      throw LanguageError(
        .badValue, file: file, place: "rotary share", found: "\(width) of \(headWidth) numbers of a head",
        expected: "an even number of at least 2")
    }
    guard base > 0, base.isFinite else {
      throw LanguageError(
        .badValue, file: file, place: "rope_theta", found: "\(base)", expected: "a number above 0")
    }
  }

  /// Whether angles depend on how long the text is.
  var dependsOnLength: Bool { if case .dynamic = scaling { true } else { false } }

  /// Radians a position of every pair, for a text of the given length, and the factor of sines and cosines.
  func frequencies(headWidth: Int, length: Int) -> (values: [Double], magnitude: Double) {
    let width = width(of: headWidth)
    func plain(_ base: Double) -> [Double] {
      (0..<width / 2).map { pow(base, -2 * Double($0) / Double(width)) }
    }
    switch scaling {
    case .none: return (plain(base), 1)
    case .linear(let factor): return (plain(base).map { $0 / factor }, 1)
    case .dynamic(let factor, let original):
      let ratio = Double(max(length, original)) / Double(original)
      let stretch = pow(factor * ratio - (factor - 1), Double(width) / Double(width - 2))
      return (plain(base * stretch), 1)
    case .llama3(let factor, let low, let high, let original):
      return (
        plain(base).map { frequency in
          let turns = Double(original) * frequency / (2 * .pi)
          if turns < low { return frequency / factor }
          if turns > high { return frequency }
          let share = (turns - low) / (high - low)
          return (1 - share) * frequency / factor + share * frequency
        }, 1
      )
    case .yarn(let factor, let original, let fast, let slow, let attention, let truncates):
      // The pair that makes so many turns over the original context.
      func pair(_ turns: Double) -> Double {
        Double(width) * log(Double(original) / (turns * 2 * .pi)) / (2 * log(base))
      }
      let first = max(0, truncates ? pair(fast).rounded(.down) : pair(fast))
      var last = min(Double(width - 1), truncates ? pair(slow).rounded(.up) : pair(slow))
      if last == first { last += 0.001 }
      return (
        plain(base).enumerated().map { i, frequency in
          let share = min(1, max(0, (Double(i) - first) / (last - first)))
          return share * frequency / factor + (1 - share) * frequency
        }, attention
      )
    }
  }
}

/// Cosines and sines of the positions seen so far.
final class RotaryTable {
  private let positions: RotaryPositions
  private let headWidth: Int
  private var cosines: Tensor?
  private var sines: Tensor?
  /// The text length the angles are for, where they depend on it.
  private var length = 0

  init(_ positions: RotaryPositions, headWidth: Int) {
    (self.positions, self.headWidth) = (positions, headWidth)
  }

  var dependsOnLength: Bool { positions.dependsOnLength }

  /// `[end, pairs]` for positions 0..<end at least; `like` gives type and device.
  func upTo(_ end: Int, like: Tensor) -> (cosines: Tensor, sines: Tensor) {
    let isStale =
      cosines.map { $0.size(0) < end || $0.dtype != like.dtype || $0.device != like.device } ?? true
    if isStale || (dependsOnLength && length != end) { make(end, like) }
    return (cosines!, sines!)
  }

  private func make(_ end: Int, _ like: Tensor) {
    length = end
    // Doubling, so that a text that grows token by token makes few tables.
    var rows = 64
    while rows < end { rows *= 2 }
    let (frequencies, magnitude) = positions.frequencies(headWidth: headWidth, length: end)
    // Angles in single precision, as the models were trained with.
    let rates = Tensor(frequencies.map { Float($0) }).unsqueeze(0)
    let angles = Tensor.range(to: Double(rows)).to(.float).unsqueeze(1) * rates
    cosines = (angles.cos() * magnitude).to(like: like)
    sines = (angles.sin() * magnitude).to(like: like)
  }
}
