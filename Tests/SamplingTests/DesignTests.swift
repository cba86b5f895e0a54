import Foundation
import Probability
import Sampling
import Testing
import Torch

@Suite("Designs of experiments") struct DesignTests {
  @Test("Sobol's sequence is scipy's, in forty dimensions")
  func sobol() {
    // scipy 1.17.1: qmc.Sobol(40, scramble=False).random(1024)[row, column].
    let reference: [(row: Int, column: Int, value: Double)] = [
      (1, 0, 0.5), (2, 1, 0.25), (7, 4, 0.125), (100, 7, 0.4765625), (513, 30, 0.6220703125),
      (1000, 2, 0.5185546875), (999, 39, 0.7919921875), (1023, 20, 0.8662109375),
    ]
    var sequence = SobolSequence(dimension: 40)
    let points = sequence.next(1024)
    for item in reference { #expect(points[item.row][item.column] == item.value) }
    #expect(points[0].allSatisfy { $0 == 0 })
  }

  @Test("with a random shift too, every slice of 2⁻¹⁰ has one of 1024 points in each coordinate")
  func shifted() {
    var random = RandomSource(seed: 3)
    var sequence = SobolSequence(dimension: 40, using: &random)
    let points = sequence.next(1024)
    for j in 0..<40 { #expect(Set(points.map { Int($0[j] * 1024) }).count == 1024, "coordinate \(j)") }
    var other = RandomSource(seed: 4)
    #expect(SobolSequence(dimension: 40, using: &other).firstPoint != points[0])
  }

  @Test("a Latin hypercube has one point in every slice; equal seeds give equal ones")
  func latin() {
    var (a, b) = (RandomSource(seed: 1), RandomSource(seed: 1))
    let points = LatinHypercube.points(100, dimension: 7, using: &a)
    #expect(points == LatinHypercube.points(100, dimension: 7, using: &b))
    for j in 0..<7 {
      #expect(Set(points.map { Int($0[j] * 100) }).count == 100)
      #expect(points.allSatisfy { $0[j] > 0 && $0[j] < 1 })
    }
    // The orders of two coordinates have nothing to do with each other.
    #expect(abs(Correlation.pearson(points.map { $0[0] }, points.map { $0[1] }).value) < 0.35)
  }

  @Test("Sobol's indices of Ishigami's function are the exact ones")
  func ishigami() {
    var random = RandomSource(seed: 2)
    let design = SobolIndices.design(4096, dimension: 4, using: &random)
    let outputs = design.map { u -> Double in
      let x = u.map { .pi * (2 * $0 - 1) }
      // The fourth input does nothing.
      return sin(x[0]) + 7 * pow(sin(x[1]), 2) + 0.1 * pow(x[2], 4) * sin(x[0])
    }
    let found = SobolIndices(outputs: outputs, dimension: 4, using: &random)
    let (first, total) = ([0.313905, 0.442411, 0, 0], [0.557589, 0.442411, 0.243684, 0])
    for i in 0..<4 {
      #expect(abs(found.first[i].value - first[i]) < 0.02, "first \(i): \(found.first[i])")
      #expect(abs(found.total[i].value - total[i]) < 0.02, "total \(i): \(found.total[i])")
      #expect(found.first[i].standardError < 0.06)
    }
    #expect(found.total[3].value == 0 && abs(found.mean - 3.5) < 0.05 && abs(found.variance - 13.8446) < 0.2)
  }

  @Test("partial rank correlations see through a strong input, and do not mind a curve")
  func partialRanks() {
    var random = RandomSource(seed: 5)
    let inputs = LatinHypercube.points(500, dimension: 3, using: &random)
    // The second acts weakly behind the first, the third not at all.
    let outputs = inputs.map { exp(6 * $0[0]) * (1 + 0.2 * $0[1]) }
    let found = PartialRankCorrelation(inputs: inputs, outputs: outputs)
    #expect(found.values[0] > 0.99 && found.values[1] > 0.8 && abs(found.values[2]) < 0.15)
    #expect(found.pValues[1] < 1e-10 && found.pValues[2] > 1e-3)
    // Against a plain rank correlation, which the first input drowns.
    #expect(Correlation.spearman(inputs.map { $0[1] }, outputs).value < 0.2)
  }

  @Test("two inputs: the textbook's formula of the partial correlation of ranks")
  func formula() {
    let inputs = [[1.0, 5], [2, 3], [3, 4], [4, 1], [5, 2], [6, 6]]
    let outputs = [2.0, 1, 4, 3, 6, 5]
    let found = PartialRankCorrelation(inputs: inputs, outputs: outputs).values[0]
    func r(_ a: [Double], _ b: [Double]) -> Double { Correlation.spearman(a, b).value }
    let (x, z) = (inputs.map { $0[0] }, inputs.map { $0[1] })
    let exact =
      (r(x, outputs) - r(x, z) * r(outputs, z))
      / ((1 - r(x, z) * r(x, z)) * (1 - r(outputs, z) * r(outputs, z))).squareRoot()
    #expect(abs(found - exact) < 1e-12)
    // An input that does not vary has none, and does not harm the others.
    let constant = PartialRankCorrelation(inputs: inputs.map { [$0[0], 7] }, outputs: outputs)
    #expect(abs(constant.values[0] - r(x, outputs)) < 1e-12 && constant.values[1].isNaN)
  }
}

extension SobolSequence {
  fileprivate var firstPoint: [Double] {
    var copy = self
    return copy.next()
  }
}
