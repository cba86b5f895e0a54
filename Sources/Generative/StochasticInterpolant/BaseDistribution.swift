import Training
import Probability
import Torch

/// The law of x₀, as a model knows it. Points are in the model's (standardised) coordinates, except those of a
/// mixture, which the user gave in the data's.
public enum BaseDistribution: Sendable {
  /// N(0, I).
  case gaussian
  /// A Gaussian mixture in the data's coordinates.
  case mixture(GaussianMixture)
  /// Known by samples `[n, d]` only: it can be drawn from, but has no density.
  case samples(Tensor)
  /// A point that every request names, as in forecasting from a present state.
  case given

  public var name: String {
    switch self {
    case .gaussian: "gaussian"
    case .mixture: "mixture"
    case .samples: "samples"
    case .given: "given"
    }
  }

  /// `count` draws in the model's coordinates, `[count, d]`.
  func sample(
    _ count: Int, dimension: Int, standardiser: Standardiser, device: Device = .cpu,
    using random: inout RandomSource
  ) -> Tensor? {
    switch self {
    case .gaussian: return random.normal([count, dimension], device: device)
    case .mixture(let mixture):
      return standardiser.standardise(mixture.sample(count, using: &random)).to(.float, device: device)
    case .samples(let points):
      let rows = random.integers([count], in: 0..<points.size(0), device: points.device)
      return points.select(axis: 0, rows).to(.float, device: device)
    case .given: return nil
    }
  }

  /// log ρ₀ at points in the model's coordinates, `[n]` in Double; `nil` where there is no density.
  func logProbability(_ x: Tensor, standardiser: Standardiser) -> Tensor? {
    let points = x.to(.double)
    switch self {
    case .gaussian:
      return -0.5 * points.square().sum(-1) - Double(x.size(1)) * 0.9189385332046727
    case .mixture(let mixture):
      // Mixtures live on the processor.
      let values = mixture.logProbability(standardiser.restore(points.to(device: .cpu)))
      return (values - standardiser.logDeterminant).to(device: x.device)
    case .samples, .given: return nil
    }
  }
}
