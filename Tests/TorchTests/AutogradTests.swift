import Foundation
import Testing
import Torch

@Suite("Gradients") struct AutogradTests {
  private let weight = normal([5, 5], seed: 11)
  private func field(_ x: Tensor) -> Tensor { x.matmul(weight).tanh() * x + (x * 2).sin() }
  private func scalar(_ x: Tensor) -> Tensor { (x.matmul(weight).tanh() * x).sum().exp() + x.pow(4).sum() }

  @Test("gradients agree with central differences")
  func finiteDifferences() {
    let x = normal([5]) * 0.3
    let gradient = valueAndGradient(of: scalar, at: x).gradient
    let step = 1e-5
    for i in 0..<5 {
      let e = Tensor.identity(5, dtype: .double)[i] * step
      let difference = (scalar(x + e) - scalar(x - e)).item() / (2 * step)
      #expect(abs(difference - gradient[i].item()) < 1e-8)
    }
  }

  @Test("Hessian-vector products agree with differences of gradients, and with the closed form")
  func hessian() {
    let x = normal([5]) * 0.3
    let v = normal([5], seed: 2)
    let product = hessianVectorProduct(of: scalar, at: x, along: v)
    let step = 1e-5
    func gradient(_ x: Tensor) -> Tensor { valueAndGradient(of: scalar, at: x).gradient }
    expectClose(product.product, (gradient(x + v * step) - gradient(x - v * step)) / (2 * step), 1e-7)
    expectClose(product.gradient, gradient(x))
    expectClose(product.value, scalar(x))
    // ½ xᵀ A x has Hessian A, whatever x.
    let symmetric = weight + weight.transposed
    let quadratic = hessianVectorProduct(of: { ($0.matmul(symmetric) * $0).sum() * 0.5 }, at: x, along: v)
    expectClose(quadratic.product, symmetric.matmul(v))
    // A linear function has none.
    expectClose(hessianVectorProduct(of: { $0.sum() }, at: x, along: v).product, .zeros(like: x), 0)
  }

  @Test("threads take turns in forward mode")
  func forwardModeOnThreads() {
    let (x, v) = (normal([3, 5]), normal([3, 5], seed: 3))
    let expected = jacobianVectorProduct(of: { $0.square() }, at: x, along: v).tangent
    let found = concurrently(32) { _ in jacobianVectorProduct(of: { $0.square() }, at: x, along: v).tangent }
    for tangent in found { expectClose(tangent, expected, 0) }
  }

  @Test("forward and reverse mode are adjoint: ⟨u, J v⟩ = ⟨Jᵀ u, v⟩")
  func adjoint() {
    let x = normal([3, 5])
    let (u, v) = (normal([3, 5], seed: 2), normal([3, 5], seed: 3))
    let forward = jacobianVectorProduct(of: field, at: x, along: v)
    let (value, pullback) = vectorJacobianProduct(of: field, at: x)
    expectClose(forward.value, field(x))
    expectClose(value, field(x))
    expectClose((u * forward.tangent).sum(), (pullback(u) * v).sum())
    // The pullback can be called again.
    expectClose(pullback(u), pullback(u), 0)
    let constant = jacobianVectorProduct(of: { _ in .ones([2]) }, at: x, along: v)
    #expect(constant.tangent.floats == [0, 0])
  }

  @Test("several inputs get a gradient each; an unused one gets zeros")
  func severalInputs() {
    let (a, b) = (normal([3]), normal([3], seed: 2))
    let (value, gradients) = valueAndGradient(of: { ($0[0] * $0[1].square()).sum() }, at: [a, b, b])
    expectClose(value, (a * b.square()).sum())
    expectClose(gradients[0], b.square())
    expectClose(gradients[1], a * b * 2)
    expectClose(gradients[2], .zeros([3], dtype: .double), 0)
  }

  @Test("recording stops where it is told to, and starts again")
  func recording() {
    let x = normal([3]).requiringGradient()
    #expect(x.requiresGradient && (x * 2).requiresGradient)
    #expect(!withoutGradient { x * 2 }.requiresGradient)
    #expect(withoutGradient { withGradient { x * 2 } }.requiresGradient)
    #expect(!(x * 2).detach().requiresGradient)
    struct Stop: Error {}
    #expect(throws: Stop.self) { try withoutGradient { throw Stop() } }
    #expect((x * 2).requiresGradient)
  }

  @Test("gradients flow through linear algebra: ∂ log det A = A⁻ᵀ")
  func linearAlgebra() {
    let a = weight.matmul(weight.transposed) + Tensor.identity(5, dtype: .double)
    expectClose(valueAndGradient(of: { $0.slogdet().logAbs }, at: a).gradient, a.inverse().transposed, 1e-10)
    let viaCholesky = valueAndGradient(of: { $0.cholesky().diagonal().log().sum() * 2 }, at: a).gradient
    expectClose(viaCholesky, a.inverse(), 1e-10)
  }

  @Test("the exact divergence is the trace of the Jacobian, and differentiable")
  func divergence() {
    let x = normal([4, 5])
    let exact = exactDivergence(of: field, at: x)
    var trace = Tensor.zeros([4], dtype: .double)
    for i in 0..<5 {
      let direction = Tensor.identity(5, dtype: .double)[i].expand([4, 5])
      trace += jacobianVectorProduct(of: field, at: x, along: direction).tangent[.all, i]
    }
    expectClose(exact.divergence, trace)
    expectClose(exact.value, field(x))
    // Of a linear field: the trace, without curvature.
    let linear = exactDivergence(of: { $0.matmul(weight) }, at: x)
    expectClose(linear.divergence, weight.trace().expand([4]))
    // Of a constant field: zero.
    #expect(exactDivergence(of: { _ in .ones([4, 5]) }, at: x).divergence.sum().item() == 0)
    // ∂/∂a Σ ∂(a x²)/∂x = 2 Σ x.
    let scale = valueAndGradient(
      of: { a in exactDivergence(of: { $0.square() * a }, at: x, differentiable: true).divergence.sum() },
      at: Tensor(1.0)
    ).gradient
    expectClose(scale, x.sum() * 2)
  }

  @Test("Hutchinson's estimate is unbiased, and exact where the Jacobian is diagonal")
  func hutchinson() {
    let x = normal([4, 5])
    var random = RandomSource(seed: 9)
    let probes = random.rademacher(like: .zeros([2000, 4, 5], dtype: .double))
    let exact = exactDivergence(of: field, at: x).divergence
    let each = Tensor.stack(
      (0..<2000).map { hutchinsonDivergence(of: field, at: x, probes: probes[$0].unsqueeze(0)).divergence })
    let error = each.standardDeviation(0) / 2000.0.squareRoot()
    #expect(((each.mean(0) - exact).abs() .<= error * 5).all().booleans == [true])
    // The estimate from many probes is the mean of those from one each.
    expectClose(hutchinsonDivergence(of: field, at: x, probes: probes).divergence, each.mean(0))
    // Signs square to one, so that without off-diagonal entries one probe suffices.
    let diagonal = hutchinsonDivergence(of: { $0.pow(3) }, at: x, probes: probes[0..<1])
    expectClose(diagonal.divergence, exactDivergence(of: { $0.pow(3) }, at: x).divergence)
  }
}
