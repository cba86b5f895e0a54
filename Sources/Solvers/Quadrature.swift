/// Weights of Boole's rule, exact for polynomials of degree five, on a grid of equal steps.
///
/// Blocks of four steps; where the steps are no multiple of four, one closed Newton–Cotes block of five, six or
/// seven steps takes the remainder, so that the order stays. Fewer than four steps use their own lower rule.
public enum BooleRule {
  /// The closed Newton–Cotes weights of blocks of 1 to 7 steps of size 1.
  private static let blocks: [[Double]] = [
    [], [1.0 / 2, 1.0 / 2], [1, 4, 1].map { $0 / 3 }, [1, 3, 3, 1].map { $0 * 3 / 8 },
    [7, 32, 12, 32, 7].map { $0 * 2 / 45 }, [19, 75, 50, 50, 75, 19].map { $0 * 5 / 288 },
    [41, 216, 27, 272, 27, 216, 41].map { $0 / 140 },
    [751, 3577, 1323, 2989, 2989, 1323, 3577, 751].map { $0 * 7 / 17280 },
  ]

  /// `steps + 1` weights for equal steps of size `h`, at least one.
  public static func weights(steps: Int, h: Double) -> [Double] {
    precondition(steps > 0, "BooleRule: \(steps) steps")
    let first = steps < 4 ? steps : 4 + steps % 4
    var weights = [Double](repeating: 0, count: steps + 1)
    var position = 0
    while position < steps {
      let size = position == 0 ? first : 4
      for (offset, weight) in blocks[size].enumerated() { weights[position + offset] += h * weight }
      position += size
    }
    return weights
  }
}
