import Statistics
import Testing
import Torch

@Suite("shares of sampling densities")
struct SharesCriterionTests {
  @Test("densities that do not overlap: Σ c²/α is least at α ∝ c")
  func exact() {
    let c = Tensor([1.0, 2, 3, 4])
    let criterion = SharesCriterion(densities: .identity(4, dtype: .double), numerators: c.square() / 7.5)
    for start in [[0.25, 0.25, 0.25, 0.25], [1e-3, 1e-3, 1e-3, 0.997]] as [[Double]] {
      let found = criterion.minimum(from: start, tolerance: 1e-10)
      for (share, truth) in zip(found, [0.1, 0.2, 0.3, 0.4]) { #expect(abs(share - truth) < 1e-9) }
    }
  }

  @Test("the criterion exceeds its minimum by no more than the tolerance, and shares can be 0")
  func bound() {
    var random = RandomSource(seed: 42)
    let g = random.normal([5, 300], dtype: .double).exp()
    let a = random.normal([300], dtype: .double).square()
    let criterion = SharesCriterion(densities: g, numerators: a / a.mean())
    let start = [Double](repeating: 0.2, count: 5)
    let best = criterion.minimum(from: start, tolerance: 1e-10)
    // No slope at the minimum is steeper than those of the shares that are not 0.
    let slopes = criterion.expansion(at: best).gradient.map { -$0 }
    let level = zip(slopes, best).reduce(0) { $0 + $1.0 * $1.1 }
    for (slope, share) in zip(slopes, best) {
      #expect(slope <= level * (1 + 1e-8))
      if share > 0 { #expect(abs(slope / level - 1) < 1e-8) }
    }
    #expect(abs(best.reduce(0, +) - 1) < 1e-12)
    for tolerance in [0.1, 0.01] as [Double] {
      let rough = criterion.minimum(from: [1, 0, 0, 0, 0], tolerance: tolerance)
      #expect(criterion.value(at: rough) <= criterion.value(at: best) * (1 + 2 * tolerance))
    }
    let far = Tensor.concatenate([g, g[0].unsqueeze(0) * 1e-3])
    let six = SharesCriterion(densities: far, numerators: a / a.mean())
      .minimum(from: start + [0.2], tolerance: 1e-6)
    #expect(six[5] == 0)
  }
}
