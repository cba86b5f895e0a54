import Foundation
import Probability
import Testing
import Torch

private typealias Schedule = GaussianMixtureInterpolant.Schedule

/// α = 1 − t, β = t, γ² = a t(1 − t).
private func linear(_ t: Double, a: Double = 1) -> Schedule {
  Schedule(
    alpha: 1 - t, beta: t, alphaDot: -1, betaDot: 1, gammaSquared: a * t * (1 - t),
    gammaGammaDot: a * (1 - 2 * t) / 2)
}

/// α = cos, β = sin without noise, as a one-sided interpolant has it.
private func trigonometric(_ t: Double) -> Schedule {
  let angle = 0.5 * Double.pi * t
  return Schedule(
    alpha: cos(angle), beta: sin(angle), alphaDot: -0.5 * .pi * sin(angle), betaDot: 0.5 * .pi * cos(angle))
}

/// cos²(πt) on its own side of ½, γ = sin²(πt): at ½ both ends are out of sight.
private func encodeDecode(_ t: Double) -> Schedule {
  let value = cos(.pi * t) * cos(.pi * t)
  let slope = -2 * Double.pi * cos(.pi * t) * sin(.pi * t)
  let gamma = sin(.pi * t) * sin(.pi * t)
  return Schedule(
    alpha: t < 0.5 ? value : 0, beta: t > 0.5 ? value : 0, alphaDot: t < 0.5 ? slope : 0,
    betaDot: t > 0.5 ? slope : 0, gammaSquared: gamma * gamma, gammaGammaDot: gamma * -slope)
}

@Suite("Gaussian-mixture interpolants") struct GaussianMixtureInterpolantTests {
  private func make(_ d: Int = 3) throws -> GaussianMixtureInterpolant {
    try GaussianMixtureInterpolant(
      from: randomMixture(2, d, seed: 21), to: randomMixture(3, d, seed: 22, spread: 3))
  }

  private func points(_ n: Int = 20, _ d: Int = 3) -> Tensor {
    var source = RandomSource(seed: 23)
    return 2 * source.normal([n, d], dtype: .double)
  }

  private let cases: [(String, (Double) -> Schedule)] = [
    ("linear", { linear($0) }), ("linear, a = 2", { linear($0, a: 2) }), ("trigonometric", trigonometric),
    ("encode-decode", encodeDecode),
  ]

  @Test("the density and the velocity satisfy the continuity equation")
  func continuity() throws {
    let interpolant = try make()
    let x = points()
    let h = 1e-5
    for (name, schedule) in cases {
      for t in [0.1, 0.35, 0.8] {
        let slice = interpolant.at(schedule(t))
        func density(_ steps: Double) -> Tensor {
          interpolant.at(schedule(t + steps * h)).logProbability(x)
        }
        // To the fourth order: where components meet, log ρ bends too sharply for the second.
        let change = (8 * (density(1) - density(-1)) - (density(2) - density(-2))) / (12 * h)
        // ∂ log ρ/∂t + div b + b·s = 0.
        let field = slice.velocityWithDivergence(x)
        let residual = change + field.divergence + (field.value * slice.score(x)).sum(-1)
        #expect(residual.abs().max().item() < 1e-6, "\(name) at \(t): \(residual.abs().max().item())")
      }
    }
  }

  @Test(
    "the score is the gradient of the log-density; the divergence is the trace of the velocity's Jacobian")
  func derivatives() throws {
    let interpolant = try make()
    let x = points()
    for (name, schedule) in cases {
      for t in [0, 0.3, 1] {
        let slice = interpolant.at(schedule(t))
        let gradient = valueAndGradient(of: { slice.logProbability($0) }, at: x).gradient
        expectClose(slice.score(x), gradient, 1e-10, "\(name) score at \(t)")
        let field = slice.velocityWithDivergence(x)
        let exact = exactDivergence(of: { slice.velocity($0) }, at: x)
        expectClose(field.divergence, exact.divergence, 1e-9, "\(name) divergence at \(t)")
        expectClose(field.value, exact.value, 1e-12, "\(name) velocity at \(t)")
        let both = slice.velocityAndScore(x)
        expectClose(both.velocity, field.value, 1e-12, "\(name) velocity with score at \(t)")
        expectClose(both.score, slice.score(x), 1e-12, "\(name) score with velocity at \(t)")
      }
    }
  }

  @Test("conditional means satisfy α E[x₀|x] + β E[x₁|x] + γ E[z|x] = x and make up the velocity")
  func identities() throws {
    let interpolant = try make()
    let x = points()
    for (name, schedule) in cases {
      for t in [0, 0.25, 0.5, 0.9, 1] {
        let s = schedule(t)
        let slice = interpolant.at(s)
        let (base, target) = (slice.expectedBase(x), slice.expectedTarget(x))
        expectClose(
          s.alpha * base + s.beta * target + slice.expectedScaledNoise(x), x, 1e-11, "\(name) at \(t)")
        let v = s.alphaDot * base + s.betaDot * target
        expectClose(slice.interpolantVelocity(x), v, 1e-10, "\(name) v at \(t)")
        expectClose(slice.velocity(x), v - s.gammaGammaDot * slice.score(x), 1e-10, "\(name) b at \(t)")
        expectClose(
          s.gammaSquared.squareRoot() * slice.expectedNoise(x), slice.expectedScaledNoise(x), 1e-12)
      }
    }
  }

  @Test("the ends are the given mixtures, and a point there is its own conditional mean")
  func ends() throws {
    let interpolant = try make()
    let x = points()
    let (start, end) = (interpolant.at(linear(0)), interpolant.at(linear(1)))
    expectClose(start.logProbability(x), interpolant.base.logProbability(x), 1e-12)
    expectClose(end.logProbability(x), interpolant.target.logProbability(x), 1e-12)
    expectClose(start.expectedBase(x), x, 1e-12)
    expectClose(end.expectedTarget(x), x, 1e-12)
    // The other end is independent of the point: its mean is the mixture's.
    expectClose(start.expectedTarget(x), interpolant.target.mean.expand([20, 3]), 1e-12)
    #expect(start.expectedScaledNoise(x).abs().max().item() == 0)
    // b(0, x) = E[x₁] − x − ½ s for the linear schedule with a = 1.
    let expected = interpolant.target.mean - x - 0.5 * start.score(x)
    expectClose(start.velocity(x), expected, 1e-11)
  }

  @Test("the conditional means are those of regression on draws")
  func regression() throws {
    let interpolant = try GaussianMixtureInterpolant(
      from: randomMixture(2, 1, seed: 31), to: randomMixture(2, 1, seed: 32))
    let s = linear(0.4)
    let slice = interpolant.at(s)
    var source = RandomSource(seed: 33)
    let n = 200_000
    let (x0, x1) = (interpolant.base.sample(n, using: &source), interpolant.target.sample(n, using: &source))
    let z = source.normal([n, 1], dtype: .double)
    let x = s.alpha * x0 + s.beta * x1 + s.gammaSquared.squareRoot() * z
    #expect(kolmogorovSmirnov(x[.all, 0]) { slice.marginal.cdf($0) }.pValue > 1e-6)
    // E[(x₀ − E[x₀|x]) f(x)] = 0 for every f.
    let gaps = [x0 - slice.expectedBase(x), x1 - slice.expectedTarget(x), z - slice.expectedNoise(x)]
    for gap in gaps {
      for test in [Tensor.ones(like: x), x, x.sin(), (2 * x).cos()] {
        let estimate = Estimate(meanOf: (gap * test).doubles)
        #expect(abs(estimate.zScore(against: 0)) < 6, "\(estimate)")
      }
    }
  }

  @Test("between two normals: the mean and variance follow the flow's equations")
  func gaussian() throws {
    let base = GaussianMixture.standardNormal(dimension: 1)
    let target = try GaussianMixture(
      weights: [1], means: Tensor([2.0], shape: [1, 1]), covariances: Tensor([4.0], shape: [1, 1, 1]))
    let slice = try GaussianMixtureInterpolant(from: base, to: target).at(linear(0.25))
    // m = ½, C = 0.5625 + 0.25 + 0.1875 = 1, ½Ċ = −0.75 + 0.25·4 + 0.25 = ½, ṁ = 2.
    let x = Tensor([-1.0, 0.5, 3], shape: [3, 1])
    expectClose(slice.velocity(x).doubles, [2 - 0.75, 2, 2 + 1.25], 1e-14)
    expectClose(slice.score(x).doubles, [1.5, 0, -2.5], 1e-14)
    expectClose(slice.velocityWithDivergence(x).divergence.doubles, [0.5, 0.5, 0.5], 1e-14)
  }

  @Test("far points stay finite, Float points give Float fields, and dimensions must agree")
  func edges() throws {
    let slice = try make().at(linear(0.5))
    let far = Tensor(rows: [[1e8, -1e8, 0]])
    #expect(slice.velocityWithDivergence(far).divergence.isFinite().all().item() == 1)
    #expect(slice.velocity(points().to(.float)).dtype == .float)
    #expect(slice.expectedBase(points().to(.float)).dtype == .float)
    let error = #expect(throws: ParameterError.self) {
      try GaussianMixtureInterpolant(from: .standardNormal(dimension: 2), to: .standardNormal(dimension: 3))
    }
    #expect(error?.found == "of dimension 3")
  }
}
