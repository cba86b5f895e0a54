/// The place between `a` and `b` where a continuous function that changes its sign there is 0.
///
/// Inverse quadratic interpolation where it is safe, else bisection (Chandrupatla 1997); to `tolerance` times the size of
/// the place. Where the signs at the ends agree the end with the smaller value is returned.
public func root(
  between a: Double, and b: Double, tolerance: Double = 4e-16, of function: (Double) -> Double
) -> Double {
  var (x1, x2) = (b, a)
  var (f1, f2) = (function(b), function(a))
  if f1 * f2 > 0 || f1.isNaN || f2.isNaN { return abs(f1) < abs(f2) ? b : a }
  var (x3, f3) = (x1, f1)
  var share = 0.5
  for _ in 0..<200 {
    let x = x1 + share * (x2 - x1)
    let f = function(x)
    if (f > 0) == (f1 > 0) {
      (x3, f3) = (x1, f1)
    } else {
      (x3, x2, f3, f2) = (x2, x1, f2, f1)
    }
    (x1, f1) = (x, f)
    let best = abs(f1) < abs(f2) ? x1 : x2
    let reach = abs(x2 - x1)
    let least = 2 * tolerance * abs(best) + 1e-300
    if f == 0 || reach <= least { return best }
    let limit = 0.5 * least / reach
    let (xi, phi) = ((x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2))
    if phi * phi < xi && (1 - phi) * (1 - phi) < 1 - xi {
      share =
        f1 / (f2 - f1) * f3 / (f2 - f3) + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
    } else {
      share = 0.5
    }
    share = min(max(share, limit), 1 - limit)
  }
  return abs(f1) < abs(f2) ? x1 : x2
}
