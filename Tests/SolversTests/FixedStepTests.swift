import Foundation
import Solvers
import Testing
import Torch

@Suite("Fixed-step schemes") struct FixedStepTests {
  /// x' = x cos t has the solution exp(sin t): neither linear in t nor autonomous.
  private func error(_ scheme: some FixedStepScheme, steps: Int, from t0: Double, to t1: Double) -> Double {
    let solution = integrate(
      { t, x in x * cos(t) }, from: state(exp(sin(t0))),
      along: TimeGrid.uniform(from: t0, to: t1, steps: steps), scheme: scheme)
    return abs(solution.final.item() - exp(sin(t1)))
  }

  private func expectOrder(_ scheme: some FixedStepScheme, steps: Int) {
    for (t0, t1) in [(0.0, 1.3), (1.3, 0)] {
      let ratio =
        error(scheme, steps: steps, from: t0, to: t1) / error(scheme, steps: 2 * steps, from: t0, to: t1)
      #expect(abs(log2(ratio) - Double(scheme.order)) < 0.1, "from \(t0) to \(t1): \(ratio)")
    }
  }

  @Test("halving the step divides the error by 2 to the order, forwards and backwards in time")
  func orders() {
    expectOrder(Euler(), steps: 200)
    expectOrder(Heun(), steps: 200)
    expectOrder(RungeKutta4(), steps: 40)
    #expect(Euler().order == 1 && Heun().order == 2 && RungeKutta4().order == 4)
  }

  @Test("quadratures are exact for polynomials below the order")
  func polynomials() {
    func integral(_ scheme: some FixedStepScheme, _ power: Double) -> Double {
      integrate(
        { t, x in .full(x.shape, pow(t, power), dtype: .double) }, from: state(0), along: [1, 1.7, 3],
        scheme: scheme
      )
      .final.item()
    }
    for power in [0.0, 1, 2, 3] {
      let exact = (pow(3, power + 1) - 1) / (power + 1)
      #expect(abs(integral(RungeKutta4(), power) - exact) < 1e-13 * exact)
      // Heun's rule is the trapezoidal one, Euler's the left end.
      #expect((abs(integral(Heun(), power) - exact) < 1e-13 * exact) == (power <= 1))
      #expect((abs(integral(Euler(), power) - exact) < 1e-13 * exact) == (power == 0))
    }
  }

  @Test("states are saved as asked, every grid point is observed, and evaluations are counted")
  func bookkeeping() {
    var calls = 0
    var seen: [Double] = []
    let solution = integrate(
      { _, x in
        calls += 1
        return -x
      }, from: state(1), along: TimeGrid.uniform(from: 0, to: 1, steps: 10), scheme: RungeKutta4(),
      savingEvery: 4
    ) { _, t, _ in seen.append(t) }
    #expect(calls == 40)
    #expect(solution.statistics == SolverStatistics(evaluations: 40, steps: 10))
    #expect(solution.times == [0.4, 0.8, 1])
    #expect(seen == TimeGrid.uniform(from: 0, to: 1, steps: 10))
    for (t, x) in zip(solution.times, solution.states) { #expect(abs(x.item() - exp(-t)) < 1e-5) }
    #expect(integrate({ _, x in x }, from: state(1), along: [0, 1, 2]).times == [2])
  }

  @Test("rows are independent problems")
  func rows() {
    let start = Tensor([1.0, 2, 3], shape: [3, 1])
    let together = integrate(
      { t, x in x.square() * -t }, from: start, along: TimeGrid.uniform(from: 0, to: 1, steps: 20)
    ).final
    for (i, x) in start.doubles.enumerated() {
      let alone = integrate(
        { t, x in x.square() * -t }, from: state(x), along: TimeGrid.uniform(from: 0, to: 1, steps: 20)
      ).final
      #expect(together[i].item() == alone.item())
    }
  }

  @Test("a uniform grid has both ends exactly, in either direction")
  func grid() {
    #expect(TimeGrid.uniform(from: 1, to: 0.1, steps: 3) == [1, 0.7, 0.4, 0.1])
    let fine = TimeGrid.uniform(from: 0.001, to: 0.999, steps: 7)
    #expect(fine.count == 8 && fine[0] == 0.001 && fine[7] == 0.999)
  }

  @Test("Gauss's rule of n nodes is exact to degree 2n - 1 and no further")
  func gauss() {
    for (count, low, high) in [(1, 0.0, 1.0), (2, -1.0, 2.0), (5, 1.0, -0.5)] {
      let nodes = GaussLegendre.nodes(count, from: low, to: high)
      #expect(nodes.count == count)
      for degree in 0...2 * count {
        let sum = nodes.reduce(0) { $0 + $1.weight * pow($1.t, Double(degree)) }
        let exact = (pow(high, Double(degree + 1)) - pow(low, Double(degree + 1))) / Double(degree + 1)
        #expect((abs(sum - exact) < 1e-12) == (degree < 2 * count), "degree \(degree)")
      }
    }
  }

  @Test("Gauss's rule stays accurate for many nodes, which lie in order inside the interval")
  func manyNodes() {
    let nodes = GaussLegendre.nodes(501, from: 1, to: 0)
    #expect(abs(nodes.reduce(0) { $0 + $1.weight * exp($1.t) } + M_E - 1) < 1e-12)
    #expect(zip(nodes, nodes.dropFirst()).allSatisfy { $0.t > $1.t } && nodes[0].t < 1 && nodes[500].t > 0)
  }
}
