/// Features of a time or noise level, for networks that depend on it.
public enum TimeEmbedding: Sendable, Hashable, Codable {
  /// t itself.
  case identity
  /// t, cos πt, sin πt and log(1.02 − t): smooth on [0, 1] and resolving the end near 1.
  case interpolant
  /// cos and sin of `scale`·t at `width/2` geometric frequencies from 1 down to 1/`period` (Vaswani et al. 2017).
  case sinusoidal(width: Int, scale: Double = 1000, period: Double = 10_000)

  /// The number of features.
  public var width: Int {
    switch self {
    case .identity: 1
    case .interpolant: 4
    case .sinusoidal(let width, _, _): width
    }
  }

  /// The features of times `[...]`: `[..., width]`.
  public func callAsFunction(_ t: Tensor) -> Tensor {
    switch self {
    case .identity: return t.unsqueeze(-1)
    case .interpolant:
      return .stack([t, (t * Double.pi).cos(), (t * Double.pi).sin(), (1.02 - t).log()], axis: -1)
    case .sinusoidal(let width, let scale, let period):
      precondition(width % 2 == 0 && width >= 2, "sinusoidal embedding: the width \(width) must be even")
      let half = width / 2
      let exponents = Tensor.range(to: Double(half), dtype: t.dtype, device: t.device) / Double(half)
      let angles = t.unsqueeze(-1) * (pow(period, -exponents) * scale)
      return .concatenate([angles.cos(), angles.sin()], axis: -1)
    }
  }
}

/// As a configuration writes it: `identity`, `interpolant`, `sinusoidal:64`.
extension TimeEmbedding: LosslessStringConvertible {
  /// `nil` for other names, and for a width that is not positive and even.
  public init?(_ description: String) {
    switch description.split(separator: ":", omittingEmptySubsequences: false) {
    case ["identity"]: self = .identity
    case ["interpolant"]: self = .interpolant
    case let parts where parts.count == 2 && parts[0] == "sinusoidal":
      guard let width = Int(parts[1]), width >= 2, width % 2 == 0 else { return nil }
      self = .sinusoidal(width: width)
    default: return nil
    }
  }

  public var description: String {
    switch self {
    case .identity: "identity"
    case .interpolant: "interpolant"
    case .sinusoidal(let width, _, _): "sinusoidal:\(width)"
    }
  }
}
