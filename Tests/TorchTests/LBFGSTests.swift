import Testing
import Torch

@Suite("L-BFGS") struct LBFGSTests {
  @Test("Rosenbrock's valley is followed to its end, in 2 and in 10 dimensions", arguments: [2, 10])
  func rosenbrock(dimension: Int) {
    let found = LBFGS(gradientTolerance: 1e-9).minimise(
      { x in
        let (a, b) = (x[0][0..<dimension - 1], x[0][1..<dimension])
        return ((b - a.square()).square() * 100 + (1 - a).square()).sum()
      }, from: [Tensor((0..<dimension).map { $0 % 2 == 0 ? -1.2 : 1.0 })])
    #expect(found.converged)
    // Away from (1, …, 1) the function has one more local minimum from four dimensions on, near (−1, 1, …).
    if dimension == 2 || found.value < 1 {
      expectClose(found.arguments[0], .ones([dimension], dtype: .double), 1e-7)
      #expect(found.value < 1e-14)
    } else {
      #expect(found.arguments[0][0].item() < -0.9)
    }
    #expect(found.iterations < 150)
  }

  @Test("a quadratic of several tensors is minimised where its gradient vanishes: A x = b")
  func quadratic() {
    let root = normal([6, 6])
    let a = root.matmul(root.transposed) + Tensor.identity(6, dtype: .double)
    let b = normal([6], seed: 2)
    let found = LBFGS().minimise(
      { parts in
        let x = Tensor.concatenate(parts.map { $0.flatten() })
        return x.dot(a.matmul(x)) * 0.5 - b.dot(x)
      }, from: [.zeros([2, 2], dtype: .double), .zeros([2], dtype: .double)])
    #expect(found.converged && found.gradientNorm <= 1e-8)
    #expect(found.arguments.map(\.shape) == [[2, 2], [2]])
    let x = Tensor.concatenate(found.arguments.map { $0.flatten() })
    expectClose(x, a.solve(b), 1e-7)
    #expect(abs(found.value + 0.5 * b.dot(a.solve(b)).item()) < 1e-10)
    #expect(found.iterations < 40)
  }

  @Test("a start at the minimum is left alone; too few iterations are admitted")
  func ends() {
    let there = LBFGS().minimise({ $0[0].square().sum() }, from: [.zeros([3], dtype: .double)])
    #expect(there.converged && there.iterations == 0)
    let short = LBFGS(maximumIterations: 2).minimise(
      { $0[0].pow(4).sum() + ($0[0][0] - $0[0][1]).square() * 50 }, from: [Tensor([3.0, -2])])
    #expect(!short.converged && short.iterations == 2)
  }
}
