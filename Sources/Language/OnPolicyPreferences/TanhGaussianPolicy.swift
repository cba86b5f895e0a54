import Foundation
import Probability
import Torch

/// Actions in (−1, 1)ᵈ: tanh of independent normals with trained means and deviations, beside a reference of tanh of
/// independent Cauchy variables. Prompts do not matter.
///
/// It begins as the normal that fits draws of the reference best. Actions are kept within ±0.99, where densities stay
/// finite, and ln of the deviations within [−20, 2].
public final class TanhGaussianPolicy: OnlinePolicy {
  public let dimension: Int
  /// Of the Cauchy variables before tanh.
  public let location: Double
  public let scale: Double
  /// `[dimension]`, in `Double`, before tanh.
  public let means: Parameter
  public let logDeviations: Parameter

  private static let limit = 0.99

  /// - Parameters:
  ///   - scale: above 0.
  ///   - random: for the draws that it is fitted to.
  public init(
    dimension: Int, location: Double = -0.7, scale: Double = 0.4, using random: inout RandomSource
  ) {
    precondition(dimension > 0 && scale > 0, "TanhGaussianPolicy: dimension \(dimension), scale \(scale)")
    (self.dimension, self.location, self.scale) = (dimension, location, scale)
    var moments = RunningMoments()
    moments.take((0..<10_000).map { _ in Self.raw(Self.referenceAction(location, scale, &random)) })
    means = Parameter(.full([dimension], moments.mean, dtype: .double))
    logDeviations = Parameter(.full([dimension], log(moments.deviation), dtype: .double))
  }

  public let ignoresPrompts = true
  public var parameters: [Parameter] { [means, logDeviations] }

  private static func kept(_ action: Double) -> Double { min(limit, max(-limit, action)) }
  private static func raw(_ action: Double) -> Double { atanh(action) }

  private static func referenceAction(_ location: Double, _ scale: Double, _ random: inout RandomSource)
    -> Double
  {
    kept(tanh(location + scale * tan(.pi * (random.uniform() - 0.5))))
  }

  private var deviations: Tensor { logDeviations.value.clamp(-20, 2).exp() }

  public func sample(_ count: Int, for prompts: [Int], from source: SampleSource, random: RandomSource)
    throws(LanguageError) -> [[[Double]]]
  {
    var random = random
    let total = prompts.count * count
    let values: [Double]
    switch source {
    case .current:
      let noise = random.normal([total, dimension], dtype: .double)
      values = withoutGradient { (means.value + deviations * noise).tanh() }.doubles.map(Self.kept)
    case .reference:
      values = (0..<total * dimension).map { _ in Self.referenceAction(location, scale, &random) }
    }
    let actions = (0..<total).map { Array(values[$0 * dimension..<($0 + 1) * dimension]) }
    return prompts.indices.map { Array(actions[$0 * count..<($0 + 1) * count]) }
  }

  public func logProbabilities(_ responses: [[Double]], owners: [Int], prompts: [Int]) -> Tensor {
    let actions = Tensor(rows: responses)
    let z = (Tensor(rows: responses.map { $0.map(Self.raw) }) - means.value) / deviations
    let normal = -0.5 * z.square() - deviations.log() - 0.5 * log(2 * Double.pi)
    return (normal - (1 - actions.square()).log()).sum(1)
  }

  public func referenceLogProbabilities(_ responses: [[Double]], owners: [Int], prompts: [Int]) -> [Double] {
    responses.map { action in
      action.reduce(0) { sum, a in
        let z = (Self.raw(a) - location) / scale
        return sum - log(.pi * scale * (1 + z * z)) - log(1 - a * a)
      }
    }
  }
}
