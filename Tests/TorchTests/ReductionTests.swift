import Foundation
import Testing
import Torch

@Suite("Reductions, sorting and searching") struct ReductionTests {
  let x = Tensor([3.0, -1, 2, 0, 5, 5], shape: [2, 3])

  @Test("sums, means, extremes, products, norms and variances")
  func reductions() {
    #expect(x.sum(1).doubles == [4, 10])
    #expect(x.mean(0, keep: true).shape == [1, 3])
    #expect(x.max().item() == 5 && x.min(0).doubles == [0, -1, 2])
    #expect(x.product(1).doubles == [-6, 0])
    #expect(x.argmax(1).integers == [0, 1] && x.argmin(1).integers == [1, 0])
    #expect(Tensor([3.0, 4]).norm().item() == 5)
    #expect(Tensor([3.0, -4]).norm(order: 1).item() == 7)
    #expect(Tensor([3.0, -4]).norm(order: .infinity).item() == 4)
    #expect(Tensor([1.0, 2, 3, 4]).variance().item() == 5.0 / 3)
    #expect(Tensor([1.0, 2, 3, 4]).variance(correction: 0).item() == 1.25)
    #expect(Tensor([1.0, 3]).standardDeviation(correction: 0).item() == 1)
    #expect((x .> 0).any(1).booleans == [true, true] && (x .> 0).all(1).booleans == [false, false])
    #expect(x.quantile([0, 0.5, 1], axis: 1).doubles == [-1, 0, 2, 5, 3, 5])
  }

  @Test("logsumexp neither overflows nor loses the empty sum")
  func logSumExp() {
    expectClose(Tensor([1000.0, 1000]).logSumExp(), Tensor(1000 + log(2.0)))
    #expect(Tensor([-Double.infinity, -.infinity]).logSumExp().item() == -.infinity)
    expectClose(x.logSumExp(1), x.exp().sum(1).log())
    expectClose(x.cumulativeLogSumExp(1), x.exp().cumulativeSum(1).log())
    expectClose(Tensor(1000.0).logAddExp(Tensor(1000.0)), Tensor(1000 + log(2.0)))
  }

  @Test("cumulative sums are the product with a triangle of ones")
  func cumulative() {
    let a = normal([4, 6])
    expectClose(a.cumulativeSum(1), a.matmul(Tensor.ones([6, 6], dtype: .double).upperTriangle()))
    #expect(Tensor([1, 2, 3, 4]).cumulativeProduct(0).integers == [1, 2, 6, 24])
    let (values, indices) = x.cumulativeMaximum(1)
    #expect(values.doubles == [3, 3, 3, 0, 5, 5])
    #expect(indices.integers[0..<4] == [0, 0, 0, 0])
  }

  @Test("sorting orders, is stable, and its indices gather the result")
  func sorting() {
    let a = normal([3, 50])
    let (values, indices) = a.sorted()
    #expect((values[.all, 1...] .>= values[.all, ..<49]).all().booleans == [true])
    #expect(a.gather(axis: 1, indices).isEqual(to: values))
    #expect(Tensor([1, 0, 1, 0]).sorted().indices.integers == [1, 3, 0, 2])
    #expect(Tensor([1, 0, 1, 0]).sorted(descending: true).indices.integers == [0, 2, 1, 3])
    let top = a.top(5)
    #expect(top.values.isEqual(to: a.sorted(descending: true).values[.all, ..<5]))
    #expect(a.gather(axis: 1, top.indices).isEqual(to: top.values))
    #expect(Tensor([4, 1, 3]).top(2, largest: false).values.integers == [1, 3])
  }

  @Test("searchsorted brackets every value, on the side asked for")
  func searching() {
    let edges = Tensor([0.0, 1, 1, 2])
    #expect(edges.searchSorted(Tensor([-1.0, 0, 1, 1.5, 3])).integers == [0, 0, 1, 3, 4])
    #expect(edges.searchSorted(Tensor([-1.0, 0, 1, 1.5, 3]), right: true).integers == [0, 1, 3, 3, 4])
    let sorted = normal([100]).sorted().values
    let values = normal([40], seed: 2)
    let counts = (sorted.unsqueeze(0) .< values.unsqueeze(1)).to(.int64).sum(1)
    #expect(sorted.searchSorted(values).isEqual(to: counts))
  }

  @Test("unique values rebuild the tensor and count its elements")
  func unique() {
    var random = RandomSource(seed: 3)
    let a = random.integers([7, 9], in: -3..<4)
    let (values, inverse, counts) = a.unique()
    #expect((values[1...] .> values[..<(values.count - 1)]).all().booleans == [true])
    #expect(values[inverse].isEqual(to: a))
    #expect(counts.sum().integer() == 63)
    #expect((a + 3).flatten().binCount().integers.filter { $0 > 0 } == counts.integers)
  }

  @Test("special functions at known points")
  func special() {
    expectClose(Tensor([0.0, 0.5, 1]).erf(), Tensor([0, 0.5204998778130465, 0.8427007929497149]), 1e-15)
    expectClose(Tensor([0.25]).erf().erfinv(), Tensor([0.25]), 1e-15)
    expectClose(Tensor([0.5, 5]).lgamma(), Tensor([0.5 * log(Double.pi), log(24.0)]), 1e-14)
    expectClose(Tensor([1.0]).digamma(), Tensor([-0.5772156649015329]), 1e-15)
    expectClose(Tensor([0.975]).normalQuantile(), Tensor([1.959963984540054]), 1e-14)
    // Far in the tail, log Φ(x) = −x²/2 − log(−x√(2π)) + log(1 − 1/x² + 3/x⁴ − 15/x⁶).
    let tail =
      -450 - log(30 * (2 * Double.pi).squareRoot()) + log1p(-1 / 900.0 + 3 / 810_000.0 - 15 / 729_000_000.0)
    expectClose(Tensor([-30.0]).logNormalCDF(), Tensor([tail]), 1e-9)
    expectClose(Tensor([2.0]).regularizedLowerGamma(Tensor([1.0])), Tensor([1 - 2 * exp(-1.0)]), 1e-15)
    expectClose(Tensor([800.0]).softplus(), Tensor([800.0]))
    expectClose(Tensor([-800.0]).logSigmoid(), Tensor([-800.0]))
    #expect(Tensor([0.5, 1.5, 2.5]).round().doubles == [0, 2, 2])
    #expect(Tensor([0.0]).xlogy(Tensor([0.0])).item() == 0)
  }
}
