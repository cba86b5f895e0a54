import Foundation
import Solvers
import Testing
import Torch

/// Ornstein–Uhlenbeck, dX = −θX dt + σ dW, on which every scheme is x ↦ a x + s ξ with numbers a and s.
@Suite("Stochastic schemes") struct StochasticTests {
  private let theta = 1.5
  private let sigma = 0.8

  private func equation(backwards: Bool = false) -> StochasticEquation {
    let (theta, sigma) = (theta, sigma)
    // Backwards one step subtracts h·f, so the sign of the drift turns round.
    return StochasticEquation(drift: { _, x in x * (backwards ? theta : -theta) }, diffusion: { _ in sigma })
  }

  /// The numbers a and s of one step.
  private func step(_ scheme: some StochasticScheme, _ h: Double) -> (a: Double, s: Double) {
    (
      scheme.step(equation(), 0, state(1), h, state(0)).item(),
      scheme.step(equation(), 0, state(0), h, state(1)).item()
    )
  }

  /// Mean factor and variance after time 1 from a point, without any sampling.
  private func moments(_ scheme: some StochasticScheme, steps: Int) -> (mean: Double, variance: Double) {
    let (a, s) = step(scheme, 1 / Double(steps))
    return (0..<steps).reduce((mean: 1, variance: 0)) { now, _ in (now.mean * a, now.variance * a * a + s * s)
    }
  }

  private var exactMean: Double { exp(-theta) }
  private var exactVariance: Double { sigma * sigma * (1 - exp(-2 * theta)) / (2 * theta) }

  @Test("Euler–Maruyama is of weak order one")
  func weakOrder() {
    let (a, s) = step(EulerMaruyama(), 0.1)
    #expect(abs(a - (1 - 0.1 * theta)) < 1e-15 && abs(s - sigma * 0.1.squareRoot()) < 1e-15)
    let (coarse, fine) = (moments(EulerMaruyama(), steps: 100), moments(EulerMaruyama(), steps: 200))
    #expect(abs((coarse.mean - exactMean) / (fine.mean - exactMean) - 2) < 0.05)
    #expect(abs((coarse.variance - exactVariance) / (fine.variance - exactVariance) - 2) < 0.05)
  }

  @Test("stochastic Heun is of order two in the drift; its variance keeps an error of order one")
  func heunOrder() {
    let (coarse, fine) = (moments(StochasticHeun(), steps: 100), moments(StochasticHeun(), steps: 200))
    #expect(abs((coarse.mean - exactMean) / (fine.mean - exactMean) - 4) < 0.1)
    // The noise of a step is carried along for the whole step.
    #expect(abs((coarse.variance - exactVariance) / (fine.variance - exactVariance) - 2) < 0.05)
  }

  @Test("the churned state keeps its time: the label `start` is of order two in time, `end` of order one")
  func labels() {
    // Without noise and with a drift of time alone, x(1) = ∫ cos 5t dt.
    let equation = StochasticEquation(drift: { t, x in x * 0 + cos(5 * t) }, diffusion: { _ in 0 })
    for (from, to) in [(0.0, 1.0), (1.0, 0.0)] {
      func error(_ label: StochasticHeun.TimeLabel, _ steps: Int) -> Double {
        var random = RandomSource(seed: 1)
        let end = integrate(
          equation, from: state(0), along: TimeGrid.uniform(from: from, to: to, steps: steps),
          scheme: StochasticHeun(label: label), using: &random
        ).final.item()
        return abs(end - (sin(5 * to) - sin(5 * from)) / 5)
      }
      #expect(abs(error(.start, 100) / error(.start, 200) - 4) < 0.1)
      #expect(abs(error(.end, 100) / error(.end, 200) - 2) < 0.1)
      #expect(error(.start, 100) < error(.end, 100) / 20)
    }
  }

  @Test("without noise the schemes are Euler's and Heun's, bit for bit")
  func deterministic() {
    let field: TimeField = { t, x in x.sin() * -cos(t) }
    let equation = StochasticEquation(drift: field, diffusion: { _ in 0 })
    let grid = TimeGrid.uniform(from: 0.9, to: 0.1, steps: 13)
    var random = RandomSource(seed: 2)
    let em = integrate(equation, from: state(1, 2), along: grid, scheme: EulerMaruyama(), using: &random)
    let heun = integrate(equation, from: state(1, 2), along: grid, scheme: StochasticHeun(), using: &random)
    #expect(em.final.isEqual(to: integrate(field, from: state(1, 2), along: grid, scheme: Euler()).final))
    #expect(heun.final.isEqual(to: integrate(field, from: state(1, 2), along: grid, scheme: Heun()).final))
    #expect(em.statistics.evaluations == 13 && heun.statistics.evaluations == 26)
  }

  private func sampled(_ scheme: some StochasticScheme, backwards: Bool, seed: UInt64) {
    let (n, steps, start) = (40_000, 8, 2.0)
    let grid =
      backwards
      ? TimeGrid.uniform(from: 1, to: 0, steps: steps) : TimeGrid.uniform(from: 0, to: 1, steps: steps)
    var random = RandomSource(seed: seed)
    let end = integrate(
      equation(backwards: backwards), from: .full([n, 1], start, dtype: .double), along: grid, scheme: scheme,
      using: &random
    ).final
    let expected = moments(scheme, steps: steps)
    // Five standard errors of mean and variance of a normal sample: 1 in 10⁶ by chance.
    let meanError = (expected.variance / Double(n)).squareRoot()
    #expect(abs(end.mean().item() - start * expected.mean) < 5 * meanError)
    let varianceError = expected.variance * (2 / Double(n)).squareRoot()
    #expect(abs(end.variance().item() - expected.variance) < 5 * varianceError)
    // Eight steps are coarse enough for the sample to tell the scheme's variance from the process's.
    #expect(abs(end.variance().item() - exactVariance) > 5 * varianceError)
  }

  @Test("samples have the scheme's own mean and variance, forwards and backwards", arguments: [false, true])
  func ornsteinUhlenbeck(backwards: Bool) {
    sampled(EulerMaruyama(), backwards: backwards, seed: 3)
    sampled(StochasticHeun(), backwards: backwards, seed: 4)
  }

  @Test("equal seeds give equal paths; coordinates and rows get their own noise")
  func noise() {
    func path(_ seed: UInt64) -> Tensor {
      var random = RandomSource(seed: seed)
      return integrate(
        equation(), from: .zeros([2, 2], dtype: .double), along: TimeGrid.uniform(from: 0, to: 1, steps: 5),
        savingEvery: 2, using: &random
      ).final
    }
    #expect(path(5).isEqual(to: path(5)))
    #expect(!path(5).isEqual(to: path(6)))
    #expect(Set(path(5).doubles).count == 4)
  }
}
