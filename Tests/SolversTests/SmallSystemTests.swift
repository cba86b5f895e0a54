import Foundation
import Solvers
import Testing
import Torch

@Suite("Small systems") struct SmallSystemTests {
  private func controller(_ tolerance: Double) -> PIDController {
    PIDController(relativeTolerance: tolerance, absoluteTolerance: tolerance)
  }

  private let pendulum: SmallField = { t, x, slope in
    slope[0] = x[1]
    slope[1] = -sin(x[0]) + 0.3 * cos(t)
  }

  @Test("the same steps and states as with tensors, at the end and in between")
  func sameAsTensors() throws {
    let field: TimeField = { t, x in
      let (q, p) = (x[.all, 0...0], x[.all, 1...1])
      return .concatenate([p, -q.sin() + cos(t) * 0.3], axis: 1)
    }
    let solver = DormandPrince5(controller: controller(1e-8))
    let tensors = try solver.integrate(field, from: state(1, 0), t0: 0, t1: 10, savingAt: [3.3, 7.7])
    let small = try solver.integrate(pendulum, dimension: 2, from: [1, 0], t0: 0, t1: 10)
    #expect(small.statistics == tensors.statistics)
    for (t, x) in zip(tensors.times, tensors.states) {
      for (a, b) in zip(small.state(at: t), x.doubles) { #expect(abs(a - b) < 1e-12, "at \(t)") }
    }
    for (a, b) in zip(small.final, small.state(at: 10)) { #expect(abs(a - b) < 1e-15) }
    #expect(abs(small.value(1, at: 3.3) - small.state(at: 3.3)[1]) < 1e-15)
  }

  @Test("backwards in time leads back to the start")
  func backwards() throws {
    let solver = DormandPrince5(controller: controller(1e-11))
    let there = try solver.integrate(pendulum, dimension: 2, from: [1, 0], t0: 0, t1: 4)
    let back = try solver.integrate(pendulum, dimension: 2, from: there.final, t0: 4, t1: 0)
    #expect(abs(back.final[0] - 1) < 1e-9 && abs(back.final[1]) < 1e-9)
    #expect(abs(back.value(0, at: 1.7) - there.value(0, at: 1.7)) < 1e-8)
  }

  @Test("lanes are problems of their own")
  func lanes() throws {
    let rates = [0.5, 1, 3]
    let solver = DormandPrince5(controller: controller(1e-10))
    let solution = try solver.integrate(
      { t, x, slope in for l in 0..<3 { slope[l] = -rates[l] * x[l] + cos(t) } }, dimension: 1, lanes: 3,
      from: [1, 1, 1], t0: 0, t1: 5)
    for (lane, a) in rates.enumerated() {
      for t in [0.0, 1.3, 5] {
        let exact = (1 - a / (1 + a * a)) * exp(-a * t) + (a * cos(t) + sin(t)) / (1 + a * a)
        #expect(abs(solution.value(0, lane: lane, at: t) - exact) < 1e-9)
      }
      #expect(solution.state(at: 1.3, lane: lane).count == 1)
    }
  }

  @Test("forward sensitivities as lanes: ∂x/∂p of logistic growth")
  func sensitivities() throws {
    // x' = p x (1 − x), x(0) = q; lanes: x, ∂x/∂p, ∂x/∂q.
    let (p, q) = (0.7, 0.1)
    let solution = try DormandPrince5(controller: controller(1e-11)).integrate(
      { _, x, slope in
        slope[0] = p * x[0] * (1 - x[0])
        slope[1] = p * (1 - 2 * x[0]) * x[1] + x[0] * (1 - x[0])
        slope[2] = p * (1 - 2 * x[0]) * x[2]
      }, dimension: 1, lanes: 3, from: [q, 0, 1], t0: 0, t1: 6)
    for t in [0.5, 3, 6] {
      let grown = exp(p * t)
      let bottom = 1 - q + q * grown
      let found = solution.state(at: t)
      #expect(abs(found[0] - q * grown / bottom) < 1e-9)
      #expect(abs(found[1] - q * (1 - q) * t * grown / (bottom * bottom)) < 1e-8)
      #expect(abs(found[2] - grown / (bottom * bottom)) < 1e-8)
    }
  }

  @Test("crossings are found in order, with their direction, to rounding of the solution")
  func crossings() throws {
    let solution = try DormandPrince5(controller: controller(1e-12)).integrate(
      { _, x, slope in
        slope[0] = x[1]
        slope[1] = -x[0]
      }, dimension: 2, from: [0, 1], t0: 0.1, t1: 10)
    // x = sin(t − 0.1).
    let found = solution.crossings { _, x in x[0] - 0.5 }
    let exact = [1.0 / 6, 5.0 / 6, 13.0 / 6, 17.0 / 6].map { $0 * Double.pi + 0.1 }
    #expect(found.map(\.isRising) == [true, false, true, false])
    for (a, b) in zip(found.map(\.time), exact) { #expect(abs(a - b) < 1e-9) }
    #expect(solution.crossings { _, _ in 1 }.isEmpty)
  }

  @Test("pieces with a jump: the state after it, and the crossing in it")
  func jumps() throws {
    let solver = DormandPrince5(controller: controller(1e-8))
    let still: SmallField = { _, _, slope in slope[0] = 0 }
    var solution = try solver.integrate(still, dimension: 1, from: [-1], t0: 0, t1: 2)
    solution.append(try solver.integrate(still, dimension: 1, from: [1], t0: 2, t1: 3))
    #expect(solution.value(0, at: 1.9) == -1 && solution.value(0, at: 2) == 1)
    let found = solution.crossings { _, x in x[0] }
    #expect(found.count == 1 && found[0].time == 2 && found[0].isRising)
    #expect(solution.endTime == 3 && solution.final == [1])
  }

  @Test("a number that is not controlled does not shorten steps")
  func uncontrolled() throws {
    let field: SmallField = { t, x, slope in
      slope[0] = -x[0]
      slope[1] = cos(40 * t)
    }
    func steps(_ isControlled: [Bool]) throws -> Int {
      try DormandPrince5(controller: controller(1e-8)).integrate(
        field, dimension: 2, from: [1, 0], t0: 0, t1: 5,
        tolerance: SmallTolerance(absolute: [1e-8, 1e-8], isControlled: isControlled)
      ).statistics.steps
    }
    let (all, one) = (try steps([true, true]), try steps([true, false]))
    #expect(all > 4 * one)
  }

  @Test("blow-up, NaN and impatience are typed errors")
  func errors() throws {
    let solver = DormandPrince5(controller: controller(1e-6))
    #expect(throws: SolverError.self) {
      try solver.integrate({ _, x, s in s[0] = x[0] * x[0] }, dimension: 1, from: [1], t0: 0, t1: 2)
    }
    #expect(throws: SolverError.nonFinite(time: 0)) {
      try solver.integrate({ _, x, s in s[0] = .nan }, dimension: 1, from: [1], t0: 0, t1: 1)
    }
    var few = controller(1e-10)
    few.maximumSteps = 5
    let error = #expect(throws: SolverError.self) {
      try DormandPrince5(controller: few).integrate(
        { t, _, s in s[0] = cos(50 * t) }, dimension: 1, from: [0], t0: 0, t1: 10)
    }
    guard case .tooManySteps(5, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  // MARK: Stiff systems

  /// x' = −1000 (x − cos t) − sin t from 1: cos t.
  private let stiff: SmallField = { t, x, slope in slope[0] = -1000 * (x[0] - cos(t)) - sin(t) }
  private let stiffDerivatives: Rosenbrock4.Derivatives = { t, x, jacobian, change in
    jacobian[0] = -1000
    change[0] = -1000 * sin(t) - cos(t)
  }

  @Test("a stiff problem takes fewer steps than with the explicit pair, whose steps the fast rate limits")
  func stiffness() throws {
    let implicit = try Rosenbrock4(controller: controller(1e-6)).integrate(
      stiff, derivatives: stiffDerivatives, dimension: 1, from: [1], t0: 0, t1: 10)
    let explicit = try DormandPrince5(controller: controller(1e-6)).integrate(
      stiff, dimension: 1, from: [1], t0: 0, t1: 10)
    for t in [0.5, 4.4, 10] { #expect(abs(implicit.value(0, at: t) - cos(t)) < 1e-5) }
    #expect(implicit.statistics.steps * 4 < explicit.statistics.steps)
    #expect(explicit.statistics.steps > 3000)
  }

  @Test("Rosenbrock's pair has order four")
  func order() throws {
    func end(_ h: Double) throws -> Double {
      let fixed = PIDController(
        relativeTolerance: 1e9, absoluteTolerance: 1e9, factorRange: 1...1, firstStep: h)
      let solution = try Rosenbrock4(controller: fixed).integrate(
        pendulum,
        derivatives: { t, x, j, change in
          (j[0], j[1], j[2], j[3]) = (0, 1, -cos(x[0]), 0)
          (change[0], change[1]) = (0, -0.3 * sin(t))
        }, dimension: 2, from: [1, 0], t0: 0, t1: 2)
      return solution.final[0]
    }
    let exact = try DormandPrince5(controller: controller(1e-13)).integrate(
      pendulum, dimension: 2, from: [1, 0], t0: 0, t1: 2
    ).final[0]
    let (coarse, fine) = (abs(try end(0.1) - exact), abs(try end(0.05) - exact))
    #expect(abs(log2(coarse / fine) - 4) < 0.5, "\(log2(coarse / fine))")
  }

  @Test("reactions of Robertson, whose rates lie nine decades apart, keep their mass")
  func robertson() throws {
    let solution = try Rosenbrock4(
      controller: PIDController(relativeTolerance: 1e-7, absoluteTolerance: 1e-12)
    )
    .integrate(
      { _, x, s in
        s[0] = -0.04 * x[0] + 1e4 * x[1] * x[2]
        s[2] = 3e7 * x[1] * x[1]
        s[1] = -s[0] - s[2]
      },
      derivatives: { _, x, j, change in
        (j[0], j[1], j[2]) = (-0.04, 1e4 * x[2], 1e4 * x[1])
        (j[6], j[7], j[8]) = (0, 6e7 * x[1], 0)
        for i in 0..<3 { j[3 + i] = -j[i] - j[6 + i] }
        (change[0], change[1], change[2]) = (0, 0, 0)
      }, dimension: 3, from: [1, 0, 0], t0: 0, t1: 40)
    // Hairer and Wanner's reference.
    let exact = [0.715827068718, 9.1855347645e-6, 0.284163745746]
    for (a, b) in zip(solution.final, exact) { #expect(abs(a - b) < 1e-5 * b) }
    #expect(abs(solution.final.reduce(0, +) - 1) < 1e-12)
  }
}

@Suite("Roots and minima") struct MinimaTests {
  @Test("roots to rounding, few evaluations, and a wide range")
  func roots() {
    var calls = 0
    let found = root(between: 0, and: 1) {
      calls += 1
      return cos($0) - $0
    }
    #expect(abs(found - 0.7390851332151607) < 1e-15 && calls < 15)
    #expect(abs(root(between: 1e3, and: 0) { $0 * $0 * $0 - 1e-9 } - 1e-3) < 1e-15)
    #expect(abs(root(between: -4, and: 3) { tanh(1e6 * ($0 - 1.25)) } - 1.25) < 1e-13)
    // No sign change: the better end.
    #expect(root(between: 1, and: 2) { $0 * $0 } == 1)
  }

  @Test("small matrices: solutions, inverses, and nil for a singular one")
  func factors() throws {
    let a = [0.0, 2, 1, 1, 0, 3, 4, 5, 6]
    let factors = try #require(SmallFactors(a, size: 3))
    let x = factors.solve([3, 4, 15])
    for (value, exact) in zip(x, [1.0, 1, 1]) { #expect(abs(value - exact) < 1e-14) }
    let inverse = factors.inverse
    var product = [Double](repeating: 0, count: 9)
    for i in 0..<3 {
      for j in 0..<3 { for k in 0..<3 { product[i * 3 + j] += a[i * 3 + k] * inverse[k * 3 + j] } }
    }
    for (i, value) in product.enumerated() { #expect(abs(value - (i % 4 == 0 ? 1 : 0)) < 1e-14) }
    #expect(SmallFactors([1, 2, 2, 4], size: 2) == nil)
    #expect(SmallFactors([1, .nan, 2, 4], size: 2) == nil)
  }

  /// 100 (y − x²)² + (1 − x)².
  private func valley(_ p: [Double]) -> Double {
    100 * pow(p[1] - p[0] * p[0], 2) + pow(1 - p[0], 2)
  }

  @Test("Nelder and Mead find the end of Rosenbrock's valley, and the centre of a bowl in six variables")
  func simplex() {
    let found = NelderMead(valueTolerance: 1e-16, pointTolerance: 1e-9).minimize(from: [-1.2, 1], valley)
    #expect(found.isConverged && found.value < 1e-14)
    #expect(abs(found.point[0] - 1) < 1e-6 && abs(found.point[1] - 1) < 1e-6)
    let bowl = NelderMead().minimize(from: Array(repeating: 0, count: 6)) { x in
      x.enumerated().reduce(0) { $0 + Double($1.offset + 1) * pow($1.element - 2, 2) }
    }
    #expect(bowl.isConverged && bowl.point.allSatisfy { abs($0 - 2) < 1e-4 })
    // A wall of infinities is walked around.
    let walled = NelderMead().minimize(from: [2]) { $0[0] < 1 ? .infinity : $0[0] }
    #expect(abs(walled.point[0] - 1) < 1e-6)
    #expect(!NelderMead(maximumEvaluations: 10).minimize(from: [-1.2, 1], valley).isConverged)
  }

  @Test("Gauss and Newton: linear problems in two steps, Rosenbrock's valley in few, and walls avoided")
  func levenbergMarquardt() throws {
    // A line through (0, 1), (1, 3), (2, 5), (3, 8).
    let data = [(0.0, 1.0), (1, 3), (2, 5), (3, 8)]
    let line = try #require(
      LevenbergMarquardt(initialDamping: 0).minimize(from: [0, 0]) { p in
        .init(residuals: data.map { p[0] + p[1] * $0.0 - $0.1 }, jacobian: data.map { [1, $0.0] })
      })
    #expect(line.isConverged && line.evaluations == 2)
    #expect(abs(line.point[0] - 0.8) < 1e-12 && abs(line.point[1] - 2.3) < 1e-12)
    let found = try #require(
      LevenbergMarquardt(tolerance: 1e-20).minimize(from: [-1.2, 1]) { p in
        .init(residuals: [10 * (p[1] - p[0] * p[0]), 1 - p[0]], jacobian: [[-20 * p[0], 10], [-1, 0]])
      })
    #expect(found.evaluations < 60 && abs(found.point[0] - 1) < 1e-8)
    let walled = try #require(
      LevenbergMarquardt(tolerance: 1e-16).minimize(from: [0.1]) { p in
        // A full step from here lands where the logarithm has no value.
        p[0] > 0 ? .init(value: p[0] - log(p[0]), gradient: [1 - 1 / p[0]], curvature: [0.5]) : nil
      })
    #expect(abs(walled.point[0] - 1) < 1e-6)
    let none = LevenbergMarquardt().minimize(from: [0]) { _ in nil }
    #expect(none == nil)
  }
}
