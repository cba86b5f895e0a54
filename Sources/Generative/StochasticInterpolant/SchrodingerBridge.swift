import Foundation
import Probability
import Solvers
import Torch
import Training

/// The entropic bridge between two laws as a max–min problem over interpolants (experimental).
///
/// max over I, min over u of ∫ E[½|u|² − (İ + (γ̇ − ε/γ) z)·u] dt, with I = (1−t)x₀ + t x₁ + t(1−t) N(t, x₀, x₁)
/// and γ = √(2εt(1−t)); at the saddle u is the forward drift of the bridge between ρ₀ and ρ₁ whose reference
/// is √(2ε) times a Brownian motion. The paper has no numerical result; see the Gaussian test for what holds.
public final class SchrodingerBridge {
  /// How the saddle is sought.
  public struct Options: Sendable {
    /// Noise level ε > 0 of the reference.
    public var epsilon = 0.5
    /// Ascents of the interpolant; each follows `descents` steps of the drift.
    public var steps = 2000
    public var descents = 4
    public var batchSize = 512
    public var learningRate = 1e-3
    /// Learning rate of the interpolant, small against the drift's.
    public var interpolantRate = 3e-4
    public var width = 128
    public var depth = 3

    public init() {}
  }

  public let options: Options
  public let dimension: Int
  private let drift: MLP
  private let bend: MLP
  private let embedding = TimeEmbedding.interpolant

  /// - Throws: ``InterpolantError`` for options out of range.
  public init(dimension: Int, options: Options = Options(), using random: inout RandomSource) throws {
    guard options.epsilon > 0, options.epsilon.isFinite else {
      throw InterpolantError.negativeEpsilon(options.epsilon)
    }
    self.options = options
    self.dimension = dimension
    let hidden = [Int](repeating: options.width, count: options.depth)
    drift = MLP([dimension + embedding.width] + hidden + [dimension], using: &random)
    bend = MLP([2 * dimension + embedding.width] + hidden + [dimension], using: &random)
  }

  /// Seeks the saddle by alternating Adam steps.
  ///
  /// - Parameters:
  ///   - start: draws from ρ₀, `[count, d]`.
  ///   - end: draws from ρ₁.
  public func fit(
    start: (_ count: Int, _ random: inout RandomSource) -> Tensor,
    end: (_ count: Int, _ random: inout RandomSource) -> Tensor, using random: inout RandomSource,
    progress: ProgressLine? = nil
  ) {
    let descent = Adam(drift.trainableParameters, learningRate: options.learningRate)
    let ascent = Adam(bend.trainableParameters, learningRate: options.interpolantRate, betas: (0.5, 0.9))
    let average = MovingAverage(drift.trainableParameters, decay: 0.998)
    for step in 0..<options.steps {
      let decay = LearningRateSchedule.cosine().factor(step: step, of: options.steps)
      descent.learningRate = options.learningRate * decay
      ascent.learningRate = options.interpolantRate * decay
      for k in 0...options.descents {
        let x0 = start(options.batchSize, &random).to(.float)
        let x1 = end(options.batchSize, &random).to(.float)
        let value = objective(x0, x1, using: &random)
        if k < options.descents {
          descent.step(gradients(of: [value], withRespectTo: descent.parameters.map(\.value)))
          average.update()
        } else {
          ascent.step(gradients(of: [-value], withRespectTo: ascent.parameters.map(\.value)))
        }
      }
      progress?.update(step + 1)
    }
    average.withAverages { averaged = drift.state().map(\.tensor) }
    for (parameter, value) in zip(drift.trainableParameters, averaged) { parameter.assign(value) }
  }

  private var averaged: [Tensor] = []

  /// ½|u|² − (İ + (γ̇ − ε/γ) z)·u, averaged over antithetic pairs, which cancel what diverges at the ends.
  private func objective(_ x0: Tensor, _ x1: Tensor, using random: inout RandomSource) -> Tensor {
    let n = x0.size(0)
    let cap = 1e-3
    let times = (0..<n).map { _ in cap + (1 - 2 * cap) * random.uniform() }
    func column(_ f: (Double) -> Double) -> Tensor { Tensor(times.map { Float(f($0)) }, shape: [n, 1]) }
    let t = column { $0 }
    let epsilon = options.epsilon
    let z = random.normal(like: x0)
    let (bent, bentDot) = bendWithRate(x0, x1, t)
    let mean = (1 - t) * x0 + t * x1 + column { $0 * (1 - $0) } * bent
    let velocity = x1 - x0 + column { 1 - 2 * $0 } * bent + column { $0 * (1 - $0) } * bentDot
    let noise = column { (2 * epsilon * $0 * (1 - $0)).squareRoot() } * z
    // γ̇ − ε/γ = −√(2εt/(1−t)).
    let kick = column { -(2 * epsilon * $0 / (1 - $0)).squareRoot() } * z
    let features = embedding(t.squeeze(1))
    func side(_ sign: Double) -> Tensor {
      let u = drift(.concatenate([mean.adding(noise, scaledBy: sign), features], axis: 1))
      return (u * (0.5 * u - velocity.adding(kick, scaledBy: sign))).sum(-1).mean()
    }
    return (side(1) + side(-1)) / 2
  }

  /// N(t, x₀, x₁) and its derivative in t, by a central difference whose error is far below the network's.
  private func bendWithRate(_ x0: Tensor, _ x1: Tensor, _ t: Tensor) -> (value: Tensor, rate: Tensor) {
    func at(_ t: Tensor) -> Tensor { bend(.concatenate([x0, x1, embedding(t.squeeze(1))], axis: 1)) }
    let h = 5e-4
    return (at(t), (at(t + h) - at(t - h)) / (2 * h))
  }

  /// The forward drift u(t, x) of the bridge, `[n, d]`.
  public func drift(_ t: Double, _ x: Tensor) -> Tensor {
    withoutGradient { drift(x, context: embedding(Tensor([t]).to(like: x)).squeeze(0)) }
  }

  /// Paths of dX = u dt + √(2ε) dW from given points, at the saved times.
  public func sample(
    from start: Tensor, steps: Int = 200, savingEvery every: Int? = nil, using random: inout RandomSource
  ) -> Solution {
    let noise = (2 * options.epsilon).squareRoot()
    let equation = StochasticEquation(drift: { self.drift($0, $1) }, diffusion: { _ in noise })
    return withoutGradient {
      integrate(
        equation, from: start.to(.float), along: TimeGrid.uniform(from: 0, to: 1, steps: steps),
        savingEvery: every,
        using: &random)
    }
  }

  /// The bridge between N(0, v₀) and N(0, v₁) in one dimension: the covariance of its ends and the variance of
  /// x_t, for the reference of variance 2ε over unit time.
  public static func gaussian(v0: Double, v1: Double, epsilon: Double) -> (
    covariance: Double, variance: (Double) -> Double
  ) {
    let c = -epsilon + (epsilon * epsilon + v0 * v1).squareRoot()
    return (c, { t in (1 - t) * (1 - t) * v0 + t * t * v1 + 2 * t * (1 - t) * (c + epsilon) })
  }
}
