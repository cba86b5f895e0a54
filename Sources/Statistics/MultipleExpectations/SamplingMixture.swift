import Foundation
import Probability
import RealModule
import Sampling
import Torch

/// What a study draws from: Σ α_l g_l, with a share of the inputs' own laws where asked for.
///
/// Written as JSON, it serves another study of the same inputs (``MultipleExpectations/estimate(_:from:using:of:)``).
public struct SamplingMixture: Sendable {
  /// g_l, one an expectation it was made for.
  public let components: [GaussianMixture]
  /// α, summing to 1.
  public let shares: [Double]
  /// Share of the laws themselves, in [0, 1).
  public let defensive: Double
  /// All parts of all components.
  private let parts: GaussianMixture

  /// - Throws: ``StatisticsError`` if numbers do not fit together.
  public init(components: [GaussianMixture], shares: [Double], defensive: Double = 0) throws(StatisticsError)
  {
    let dimensions = Set(components.map(\.dimension))
    guard components.count == shares.count, dimensions.count == 1 else {
      throw StatisticsError(
        .badData, "a sampling density",
        found: "\(components.count) components, \(shares.count) shares and dimensions \(dimensions.sorted())",
        expected: "a share a component, and one dimension")
    }
    let total = shares.reduce(0, +)
    guard shares.allSatisfy({ $0 >= 0 }), total > 0, total.isFinite, (0..<1).contains(defensive) else {
      throw StatisticsError(
        .badData, "a sampling density", found: "shares \(shares), defensive \(defensive)",
        expected: "shares ≥ 0, and a defensive share in [0, 1)")
    }
    (self.components, self.shares) = (components, shares.map { $0 / total })
    self.defensive = defensive
    parts = .mixing(components, shares: self.shares)
  }

  public var dimension: Int { parts.dimension }

  /// log g_l, `[L, n]`.
  static func logComponents(_ components: [GaussianMixture], _ x: Tensor) -> Tensor {
    guard components.contains(where: { $0.components > 1 }) else {
      let equal = [Double](repeating: 1, count: components.count)
      return GaussianMixture.mixing(components, shares: equal).componentLogProbabilities(x).transposed
        .contiguous()
    }
    return .stack(components.map { $0.logProbability(x) }, axis: 0)
  }

  /// Σ α_l g_l with the defensive share, `[n]`, from g_l, `[L, n]`, and the laws' equal mixture, `[n]`, all over one density.
  func density(_ components: Tensor, laws: @autoclosure () -> Tensor) -> Tensor {
    let own = Tensor(shares).matmul(components)
    return defensive > 0 ? own * (1 - defensive) + laws() * defensive : own
  }

  /// log of the density at points `[n, d]`, from the log of the laws' equal mixture there, `[n]`.
  func logDensity(at x: Tensor, _ logLaws: Tensor) -> Tensor {
    logDensity(logOwn: parts.logProbability(x), logLaws)
  }

  /// The same from log Σ α_l g_l.
  private func logDensity(logOwn own: Tensor, _ logLaws: Tensor) -> Tensor {
    guard defensive > 0 else { return own }
    return Tensor.stack([own + .log(1 - defensive), logLaws + .log(defensive)], axis: 0).logSumExp(0)
  }

  /// The density's logarithm, `[n]`, and g_l over it, `[L, n]`, from log g_l and the log of the laws' equal mixture.
  func components(_ logComponents: Tensor, _ logLaws: Tensor) -> (logDensity: Tensor, components: Tensor) {
    let top = logComponents.max(0)
    let scaled = (logComponents - top).exp()
    let density = logDensity(logOwn: Tensor(shares).matmul(scaled).log() + top, logLaws)
    return (density, scaled * (top - density).exp())
  }

  func sample(_ count: Int, _ laws: [MultipleExpectations.Law], using random: inout RandomSource) -> Tensor {
    guard defensive > 0 else { return parts.sample(count, using: &random) }
    let own = (0..<count).count { _ in random.uniform() < defensive }
    var drawn = own < count ? [parts.sample(count - own, using: &random)] : []
    for (j, law) in laws.enumerated() {
      let share = (j + 1) * own / laws.count - j * own / laws.count
      if share > 0 { drawn.append(law.sample(share, &random)) }
    }
    return .concatenate(drawn)
  }

  /// Points of a randomised Sobol' sequence: its first coordinate chooses the part, the others are normal scores.
  func quasiSample(_ count: Int, using random: inout RandomSource) -> Tensor {
    var sequence = SobolSequence(dimension: dimension + 1, using: &random)
    let points = sequence.next(count)
    var levels = parts.weights
    for i in levels.indices.dropFirst() { levels[i] += levels[i - 1] }
    let chosen = points.map { point in levels.firstIndex { point[0] < $0 } ?? levels.count - 1 }
    // A point of the sequence may be 0, whose normal score is not finite.
    let z = Tensor(rows: points.map { $0.dropFirst().map { $0 + 0x1p-33 } }).normalQuantile()
    let index = Tensor(chosen)
    let scaled = parts.factors.select(axis: 0, index).matmul(z.unsqueeze(-1)).squeeze(-1)
    return parts.means.select(axis: 0, index) + scaled
  }
}

extension SamplingMixture: Codable {
  private struct Component: Codable {
    let share: Double
    let weights: [Double]
    let means: [[Double]]
    let covariances: [[[Double]]]
  }

  private static func rows(_ matrix: Tensor) -> [[Double]] {
    (0..<matrix.size(0)).map { matrix[$0].doubles }
  }

  private enum CodingKeys: String, CodingKey { case components, defensive }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(
      zip(shares, components).map { share, g in
        Component(
          share: share, weights: g.weights, means: Self.rows(g.means),
          covariances: (0..<g.components).map { Self.rows(g.covariances[$0]) })
      }, forKey: .components)
    try container.encode(defensive, forKey: .defensive)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let parts = try container.decode([Component].self, forKey: .components)
    try self.init(
      components: parts.map { part in
        let d = part.means.first?.count ?? 0
        let shapes = [part.weights.count, part.means.count, part.covariances.count]
        guard Set(shapes).count == 1, !part.weights.isEmpty, d > 0, part.means.allSatisfy({ $0.count == d }),
          part.covariances.allSatisfy({ $0.count == d && $0.allSatisfy { $0.count == d } })
        else {
          throw StatisticsError(
            .badData, "a sampling density", found: "numbers that do not fit together",
            expected: "a weight, a mean and a covariance a part")
        }
        return try GaussianMixture(
          weights: part.weights, means: Tensor(rows: part.means),
          covariances: .stack(part.covariances.map { Tensor(rows: $0) }))
      }, shares: parts.map(\.share), defensive: try container.decode(Double.self, forKey: .defensive))
  }
}
