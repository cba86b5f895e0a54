import Torch

/// Points that attract and repel each other in a harmonic well, at a temperature:
///
///     E(x) = Σ_{i<j} (r_ij⁻¹² − 2 r_ij⁻⁶) + ½ Σᵢ |xᵢ − x̄|²,   p(x) ∝ exp(−E(x)/T).
///
/// Pairs are at rest at distance 1 with energy −1. A row is the points' coordinates one after another. E does not
/// depend on where the centre lies, so p is a law of centred rows.
public struct LennardJonesCluster: LogDensity {
  public let points: Int
  public let dimensions: Int
  /// T > 0.
  public let temperature: Double

  public init(points: Int, dimensions: Int = 3, temperature: Double) {
    precondition(
      points >= 2 && dimensions >= 1 && temperature > 0,
      "LennardJonesCluster: \(points) points in \(dimensions) dimensions at temperature \(temperature)")
    (self.points, self.dimensions, self.temperature) = (points, dimensions, temperature)
  }

  /// E of rows `[n, points·dimensions]`, `[n]`; +∞ where two points coincide.
  public func energy(_ x: Tensor) -> Tensor { parts(x).energy }

  public func logDensity(_ x: Tensor) -> Tensor { energy(x) * (-1 / temperature) }

  public func score(_ x: Tensor) -> Tensor { logDensityAndScore(x).score }

  public func logDensityAndScore(_ x: Tensor) -> (logDensity: Tensor, score: Tensor) {
    let parts = parts(x)
    // ∂E/∂xᵢ = Σⱼ 12 (s⁻⁴ − s⁻⁷)(xᵢ − xⱼ) + xᵢ − x̄ with s = r².
    let inverse = parts.inverse
    let cube = inverse * inverse * inverse
    let slope = 12 * inverse * (cube - cube * cube)
    let pull = (slope.unsqueeze(3) * parts.differences).sum(2) + parts.centred
    return (parts.energy * (-1 / temperature), (pull * (-1 / temperature)).flatten(1))
  }

  /// Rows with their centre at the origin.
  public func centred(_ x: Tensor) -> Tensor {
    let rows = x.reshape(x.size(0), points, dimensions)
    return (rows - rows.mean(1, keep: true)).flatten(1)
  }

  /// xᵢ − x̄, xᵢ − xⱼ and 1/r²ᵢⱼ, 0 where i = j.
  private func parts(_ x: Tensor) -> (energy: Tensor, centred: Tensor, differences: Tensor, inverse: Tensor) {
    let rows = x.reshape(x.size(0), points, dimensions)
    let centred = rows - rows.mean(1, keep: true)
    let differences = rows.unsqueeze(2) - rows.unsqueeze(1)
    let isSelf = Tensor.identity(points, dtype: x.dtype, device: x.device)
    let squares = differences.square().sum(3)
    let inverse = 1 / (squares + isSelf) - isSelf
    let cube = inverse * inverse * inverse
    let pairs = 0.5 * (cube * (cube - 2)).sum(1, 2)
    return (pairs + 0.5 * centred.square().sum(1, 2), centred, differences, inverse)
  }
}
