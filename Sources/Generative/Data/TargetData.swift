import Torch

/// Noise that gives discrete or degenerate data a density; fresh in every batch, in the data's units.
public enum DataNoise: Sendable, Hashable, Codable {
  case none
  /// Uniform on [0, 1): dequantises whole numbers, so that −log p bounds the code length of the integers.
  case uniform
  /// N(0, σ²).
  case gaussian(Double)

  /// The rows with noise.
  public func callAsFunction(_ x: Tensor, using random: inout RandomSource) -> Tensor {
    switch self {
    case .none: x
    case .uniform: x + random.uniform(x.shape, dtype: x.dtype, device: x.device)
    case .gaussian(let deviation): x.adding(random.normal(like: x), scaledBy: deviation)
    }
  }
}

/// Where a model's data come from.
public enum TargetData {
  /// `[n, d]`.
  case rows(Tensor)
  /// Fresh draws, `[count, d]`, in float or Double.
  case generator(dimension: Int, (_ count: Int, _ random: inout RandomSource) -> Tensor)

  var dimension: Int {
    switch self {
    case .rows(let rows): rows.size(1)
    case .generator(let dimension, _): dimension
    }
  }
}
