import Solvers
import Testing
import Torch

@Suite("minima over the simplex")
struct SimplexMinimumTests {
  @Test("weights c over independent parts: Σ c²/α is least at α ∝ c")
  func exact() {
    let c = Tensor([1.0, 2, 3, 4])
    let found = simplexMinimum(from: [0.25, 0.25, 0.25, 0.25], tolerance: 1e-10) { (c / $0).square() }
    for (share, truth) in zip(found, [0.1, 0.2, 0.3, 0.4]) { #expect(abs(share - truth) < 1e-6) }
  }

  @Test("a criterion never rises, and the bound to its minimum holds")
  func monotone() {
    var random = RandomSource(seed: 42)
    let g = random.normal([300, 5], dtype: .double).exp()
    let a = random.normal([300], dtype: .double).square()
    func value(_ alpha: Tensor) -> Double { (a / g.matmul(alpha)).mean().item() }
    func slopes(_ alpha: Tensor) -> Tensor { (a / g.matmul(alpha).square()).matmul(g) / 300 }
    var last = Double.infinity
    for steps in [0, 1, 2, 4, 8, 16, 64] {
      let found = simplexMinimum(
        from: [Double](repeating: 0.2, count: 5), tolerance: 1e-14, steps: steps, slopes)
      let now = value(Tensor(found))
      #expect(now <= last * (1 + 1e-12))
      last = now
    }
    let best = value(
      Tensor(simplexMinimum(from: [Double](repeating: 0.2, count: 5), tolerance: 1e-9, steps: 20_000, slopes))
    )
    let rough = simplexMinimum(from: [1, 0, 0, 0, 0], tolerance: 0.01, slopes)
    #expect(value(Tensor(rough)) <= best * 1.0102)
  }
}
