import Torch

/// Columns of a design `[rows, columns]` that the columns before them determine, constant ones included; `nil` weights are ones.
///
/// A column counts as determined where less than a share `tolerance` of its variance is left beside the others. Cost:
/// one product of matrices and O(columns³).
public func collinearColumns(_ design: Tensor, tolerance: Double = 1e-9) -> [Int] {
  let p = design.size(1)
  guard p > 0, design.size(0) > 0 else { return [] }
  let x = design.to(.double)
  let centred = x - x.mean(0)
  let scale = (centred * centred).sum(0).sqrt()
  let scales = scale.doubles
  let sizes = x.abs().max(0).doubles
  let correlations =
    (centred.transposed.matmul(centred)
    / (scale.unsqueeze(1) * scale.unsqueeze(0)).clamp(.leastNormalMagnitude)).doubles
  // Rows of a Cholesky factor, of which columns without a remainder are left out.
  var factor: [[Double]] = []
  var kept: [Int] = []
  var determined: [Int] = []
  for j in 0..<p {
    guard scales[j] > 1e-12 * max(sizes[j], .leastNormalMagnitude) * Double(design.size(0)).squareRoot()
    else {
      determined.append(j)
      continue
    }
    var row: [Double] = []
    var rest = 1.0
    for (a, k) in kept.enumerated() {
      let overlap = (0..<a).reduce(correlations[j * p + k]) { $0 - row[$1] * factor[a][$1] } / factor[a][a]
      row.append(overlap)
      rest -= overlap * overlap
    }
    guard rest > tolerance else {
      determined.append(j)
      continue
    }
    factor.append(row + [rest.squareRoot()])
    kept.append(j)
  }
  return determined
}
