import Testing
import Torch

@Suite("Tensor") struct TensorTests {
  @Test("arithmetic broadcasts and promotes as libtorch does")
  func arithmetic() {
    let a = Tensor([1.0, 2, 3, 4], shape: [2, 2])
    #expect((a + Tensor([10.0, 20])).doubles == [11, 22, 13, 24])
    #expect((1 - a).doubles == [0, -1, -2, -3])
    #expect((2 / a).doubles == [2, 1, 2.0 / 3, 0.5])
    #expect((Tensor([1, 2]) + 1).dtype == .int64)
    #expect(a.sum().item() == 10)
    #expect(a.sum(0).doubles == [4, 6])
    #expect(a.matmul(a).doubles == [7, 10, 15, 22])
  }

  @Test("subscripts select, slice, mask and gather")
  func subscripts() {
    let a = Tensor.range(to: 24).reshape(2, 3, 4)
    #expect(a[1, 2, 3].integer() == 23)
    #expect(a[.all, 1..<3, 0].integers == [4, 8, 16, 20])
    #expect(a[.ellipsis, -1].shape == [2, 3])
    #expect(a[.newAxis, 0].shape == [1, 3, 4])
    #expect(a[a .> 20].integers == [21, 22, 23])
    #expect(a[Tensor([1, 0]), Tensor([2, 0])].integers == [20, 21, 22, 23, 0, 1, 2, 3])
    #expect(a[.stride(by: 1), .stride(by: 2)].shape == [2, 2, 4])
  }

  @Test("a shape that does not fit becomes a thrown error with the operation and both shapes")
  func errors() {
    let error = #expect(throws: TorchError.self) {
      try withTorchErrors { Tensor.zeros([2, 3]).matmul(.zeros([4, 5])) }
    }
    #expect(error?.operation == "matmul")
    #expect(error?.reason.contains("[2, 3], [4, 5]") == true)
  }

  @Test("equal seeds give equal draws; split streams do not depend on what was drawn")
  func randomness() {
    var a = RandomSource(seed: 7)
    var b = RandomSource(seed: 7)
    #expect(a.normal([5]).isEqual(to: b.normal([5])))
    #expect(a.split(3) == b.split(3))
    _ = a.next()
    #expect(a.split(3) == b.split(3))
    #expect(!a.normal([5]).isEqual(to: b.normal([5])))
  }

  @Test("gradients of every mode agree with the closed form")
  func gradientModes() {
    let x = Tensor([1.0, 2, 3])
    let (value, gradients) = valueAndGradient(of: { $0[0].pow(3).sum() }, at: [x])
    #expect(value.item() == 36)
    #expect(gradients[0].doubles == [3, 12, 27])
    let forward = jacobianVectorProduct(of: { $0.pow(3) }, at: x, along: Tensor([1.0, 1, 1]))
    #expect(forward.tangent.doubles == [3, 12, 27])
    let second = hessianVectorProduct(of: { $0.pow(3).sum() }, at: x, along: Tensor([1.0, 0, 1]))
    #expect(second.product.doubles == [6, 0, 18])
    let field = exactDivergence(of: { $0 * $0 }, at: x.reshape(1, 3))
    #expect(field.divergence.doubles == [12])
  }
}
