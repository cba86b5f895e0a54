import Probability
import RealModule
import Torch

/// How an output goes with every input once the others are accounted for, on ranks: right for effects that only rise or
/// only fall, however curved.
///
/// Source: Iman & Conover 1979; Marino et al. 2008 for its use with Latin hypercubes.
public struct PartialRankCorrelation: Sendable, Hashable {
  /// In [−1, 1], of every input; NaN where an input or the output does not vary.
  public let values: [Double]
  /// Of every input: the probability of a correlation this far from 0 where there is none, by Student's t.
  public let pValues: [Double]

  /// - Parameters:
  ///   - inputs: `[row][input]`, more rows than inputs + 2.
  ///   - outputs: one a row.
  /// - Complexity: a sort an input, and the inverse of a matrix of inputs + 1 rows.
  public init(inputs: [[Double]], outputs: [Double]) {
    let (n, d) = (outputs.count, inputs.first?.count ?? 0)
    precondition(inputs.count == n && n > d + 2, "PartialRankCorrelation: \(n) rows of \(d) inputs")
    let columns = (0..<d).map { j in Correlation.ranks(inputs.map { $0[j] }) } + [Correlation.ranks(outputs)]
    // A constant column would make the matrix singular for all the others.
    let varies = columns.map { Set($0).count > 1 }
    let used = (0...d).filter { varies[$0] }
    var values = [Double](repeating: .nan, count: d)
    if varies[d], used.count > 1 {
      let m = used.count
      let matrix = used.flatMap { i in used.map { j in Correlation.pearson(columns[i], columns[j]).value } }
      let identity = (0..<m * m).map { $0 % (m + 1) == 0 ? 1.0 : 0 }
      let precision = Tensor(matrix, shape: [m, m]).solve(Tensor(identity, shape: [m, m])).doubles
      for (place, column) in used.dropLast().enumerated() {
        let scale = (precision[place * m + place] * precision[m * m - 1]).squareRoot()
        values[column] = max(-1, min(1, -precision[place * m + m - 1] / scale))
      }
    }
    self.values = values
    let freedom = Double(n - 2 - (d - 1))
    pValues = values.map { r in
      r.isNaN
        ? .nan
        : regularizedIncompleteBeta(freedom / 2, 0.5, max(0, 1 - r * r), complement: r * r)
    }
  }
}
