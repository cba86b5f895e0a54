import Testing
import Torch

@Suite("Work side by side") struct ParallelTests {
  private struct Odd: Error {}

  @Test("results come in order and do not depend on the number of pieces at work")
  func order() {
    var random = RandomSource(seed: 3)
    let x = random.normal([64, 32])
    let alone = (0..<50).map { (x * Double($0)).matmul(x.transposed).sum().item() }
    let together = concurrently(50) { (x * Double($0)).matmul(x.transposed).sum().item() }
    #expect(zip(alone, together).allSatisfy { abs($0 - $1) <= 1e-5 * abs($0) + 1e-6 })
    #expect(concurrently(0) { $0 }.isEmpty)
  }

  @Test("the error of the first piece that fails is thrown")
  func failure() {
    #expect(throws: Odd.self) { try concurrently(8) { if $0 % 2 == 1 { throw Odd() } } }
  }

  @Test("gradients are not recorded inside and recorded again after")
  func gradients() {
    let x = Tensor.ones([3]).requiringGradient()
    #expect(concurrently(4) { _ in (x * 2).requiresGradient } == [false, false, false, false])
    #expect((x * 2).requiresGradient)
  }
}

@Suite("Exponential linear units in float") struct ELUTests {
  @Test("values and slopes to second order agree with the formula in Double")
  func formula() {
    var random = RandomSource(seed: 4)
    // Past one piece of the kernel, with a tail that fills no vector.
    let x = Tensor.concatenate([
      random.normal([40_003]) * 4, Tensor([0, -0.0, 1e-8, -1e-8, -79, -81, -1e30, 1e30].map(Float.init)),
    ])
    let exact = x.to(.double)
    func relative(_ a: Tensor, _ b: Tensor) -> Double {
      ((a.to(.double) - b).abs() / (b.abs() + 1e-30)).max().item()
    }
    #expect(relative(x.elu(alpha: 1.5), Tensor.where(exact .> 0, exact, exact.expm1() * 1.5)) < 4e-7)
    #expect(relative(x.selu(), exact.selu()) < 4e-7)

    let inner = x.slice(axis: 0, start: 0, end: 40_000)
    let (_, slope) = valueAndGradient(of: { (x: Tensor) in x.selu() }, at: inner)
    let (_, expected) = valueAndGradient(of: { (x: Tensor) in x.selu() }, at: inner.to(.double))
    #expect((slope.to(.double) - expected).abs().max().item() < 1e-6)
    let ones = Tensor.ones(like: inner)
    let second = hessianVectorProduct(of: { $0.selu().square() }, at: inner, along: ones).product
    let exactly = hessianVectorProduct(
      of: { $0.selu().square() }, at: inner.to(.double), along: ones.to(.double)
    ).product
    #expect((second.to(.double) - exactly).abs().max().item() < 1e-5)
  }

  @Test("NaN and infinities keep their meaning")
  func nonFinite() {
    let y = Tensor([Float.nan, .infinity, -.infinity]).elu().doubles
    #expect(y[0].isNaN && y[1] == .infinity && y[2] == -1)
  }
}
