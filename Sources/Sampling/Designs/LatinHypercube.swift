import Torch

/// Points of the unit cube of which every coordinate has one point in each of n equal slices.
///
/// The mean of a sum of functions of one coordinate each has a variance of O(n⁻³) instead of O(n⁻¹).
/// Source: McKay, Beckman & Conover 1979.
public enum LatinHypercube {
  /// `[count][dimension]`, in (0, 1); a point is uniform inside its cell. Cost: count · dimension draws.
  public static func points(_ count: Int, dimension: Int, using random: inout RandomSource) -> [[Double]] {
    precondition(count > 0 && dimension > 0, "LatinHypercube: \(count) points of \(dimension) coordinates")
    var points = [[Double]](repeating: [Double](repeating: 0, count: dimension), count: count)
    for coordinate in 0..<dimension {
      var slices = Array(0..<count)
      slices.shuffle(using: &random)
      for i in 0..<count {
        points[i][coordinate] = (Double(slices[i]) + max(random.uniform(), 0x1p-53)) / Double(count)
      }
    }
    return points
  }
}
