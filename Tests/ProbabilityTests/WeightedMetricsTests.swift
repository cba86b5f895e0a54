import Foundation
import Probability
import Testing
import Torch

@Suite("Metrics of weighted draws") struct WeightedMetricsTests {
  /// Draws and whole weights, and the same law with every draw repeated as often as its weight says.
  private func repeated(_ rows: Int, _ columns: Int, seed: UInt64) -> (
    x: Tensor, logWeights: Tensor, long: Tensor
  ) {
    var source = RandomSource(seed: seed)
    let x = source.normal([rows, columns], dtype: .double)
    let counts = (0..<rows).map { ($0 * 7 + Int(seed)) % 4 }
    let index = counts.enumerated().flatMap { [Int64](repeating: Int64($0.offset), count: $0.element) }
    return (x, Tensor(counts.map { 3 + log(Double($0)) }), x.select(axis: 0, Tensor(index)))
  }

  @Test("a weight counts as that many draws")
  func copies() {
    let (a, b) = (repeated(23, 3, seed: 1), repeated(31, 3, seed: 2))
    for p in [1.0, 2] {
      let weighted = marginalWassersteinDistances(
        a.x, b.x, order: p, xLogWeights: a.logWeights, yLogWeights: b.logWeights)
      let plain = marginalWassersteinDistances(a.long, b.long, order: p)
      for (u, v) in zip(weighted.doubles, plain.doubles) { #expect(close(u, v, 1e-12)) }
    }
    // libtorch's distances of a point to itself are rounded, by 1e-8.
    #expect(
      close(
        energyDistance(
          a.x, b.x, average: .biased, xLogWeights: a.logWeights, yLogWeights: b.logWeights),
        energyDistance(a.long, b.long, average: .biased), 1e-7))
    #expect(
      close(
        maximumMeanDiscrepancy(
          a.x, b.x, bandwidth: 1.3, average: .biased, xLogWeights: a.logWeights, yLogWeights: b.logWeights),
        maximumMeanDiscrepancy(a.long, b.long, bandwidth: 1.3, average: .biased), 1e-9))
    let bins = Tensor([0, 2, 2, 1] as [Int64])
    let masses = occupancy(bins, count: 4, logWeights: Tensor([1.0, 1, 2, 4].map { log($0) }))
    for (u, v) in zip(masses.doubles, [1.0 / 8, 4.0 / 8, 3.0 / 8, 0]) { #expect(close(u, v, 1e-14)) }
    #expect(close(totalVariationDistance(masses, Tensor([0.25, 0.25, 0.5, 0])), 0.25, 1e-14))
  }

  @Test("by hand: two points against one, and unequal numbers of draws")
  func byHand() {
    #expect(
      close(
        wassersteinDistance(
          Tensor([0.0, 1]), Tensor([3.0]), order: 2, xLogWeights: Tensor([log(0.25), log(0.75)])),
        (0.25 * 9 + 0.75 * 4).squareRoot(), 1e-14))
    // {0, 1, 2} against {0, 2}: levels 1/3, 1/2, 2/3 with gaps 0, 1, 1, 0.
    #expect(close(wassersteinDistance(Tensor([2.0, 0, 1]), Tensor([0.0, 2])), 1.0 / 3, 1e-14))
    // A draw without weight is not there.
    #expect(
      wassersteinDistance(Tensor([5.0, 1]), Tensor([1.0]), xLogWeights: Tensor([-Double.infinity, 0])) == 0)
  }

  @Test("a shift is the distance of every order, and the sliced distance of a shift is |δ|·√E cos²")
  func shifts() {
    var source = RandomSource(seed: 4)
    let x = source.normal([500, 2], dtype: .double)
    let shifted = x + Tensor([0.6, 0.8])
    for p in [1.0, 2, 3] {
      let found = marginalWassersteinDistances(x, shifted, order: p).doubles
      #expect(close(found[0], 0.6, 1e-12) && close(found[1], 0.8, 1e-12))
    }
    let sliced = slicedWassersteinDistance(x, shifted, projections: 4000, using: &source)
    #expect(abs(sliced - 0.5.squareRoot()) < 0.02)
  }

  @Test("importance weights move a wide normal to a narrow one")
  func importance() {
    var source = RandomSource(seed: 5)
    let wide = 2 * source.normal([40_000], dtype: .double)
    let narrow = source.normal([40_000], dtype: .double)
    let logWeights = wide.square() * (-0.5 + 0.125)
    #expect(wassersteinDistance(wide, narrow) > 0.7)
    #expect(wassersteinDistance(wide, narrow, xLogWeights: logWeights) < 0.05)
    let rows = 0..<3000
    #expect(
      maximumMeanDiscrepancy(wide[rows], narrow[rows], bandwidth: 1, xLogWeights: logWeights[rows]) < 0.005)
    #expect(maximumMeanDiscrepancy(wide[rows], narrow[rows], bandwidth: 1) > 0.02)
  }
}
