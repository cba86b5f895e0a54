/// Weights of Boole's rule, exact for polynomials of degree five, on a grid of equal steps.
public enum BooleRule {
  /// `steps + 1` weights for equal steps of size `h`; `steps` is a multiple of four.
  public static func weights(steps: Int, h: Double) -> [Double] {
    precondition(steps > 0 && steps % 4 == 0, "BooleRule: \(steps) steps are not a multiple of four")
    var weights = [Double](repeating: 0, count: steps + 1)
    for block in stride(from: 0, to: steps, by: 4) {
      for (offset, weight) in [7.0, 32, 12, 32, 7].enumerated() {
        weights[block + offset] += 2 * h / 45 * weight
      }
    }
    return weights
  }
}
