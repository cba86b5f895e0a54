/// What a deterministic minimiser found.
public struct Minimum: Sendable {
  /// The arguments at the minimum, shaped as the start.
  public let arguments: [Tensor]
  public let value: Double
  /// The largest absolute entry of the gradient there.
  public let gradientNorm: Double
  public let iterations: Int
  /// Whether the gradient tolerance was met.
  public let converged: Bool
}

/// Limited-memory BFGS with a strong-Wolfe line search (Nocedal & Wright 2006, algorithms 7.4, 3.5, 3.6).
public struct LBFGS: Sendable {
  public var maximumIterations = 200
  /// Pairs of differences kept.
  public var memory = 10
  /// Stops when no entry of the gradient is larger.
  public var gradientTolerance = 1e-8

  public init(maximumIterations: Int = 200, memory: Int = 10, gradientTolerance: Double = 1e-8) {
    (self.maximumIterations, self.memory, self.gradientTolerance) = (
      maximumIterations, memory, gradientTolerance
    )
  }

  /// Minimises a smooth scalar function of tensors; Double arguments are advised.
  ///
  /// Cost: about 1.2 evaluations with gradients an iteration; memory `2·memory` vectors.
  public func minimise(_ function: ([Tensor]) -> Tensor, from start: [Tensor]) -> Minimum {
    let shapes = start.map(\.shape)
    let counts = start.map(\.count)
    func unpack(_ flat: Tensor) -> [Tensor] {
      var offset = 0
      return zip(shapes, counts).map { shape, count in
        defer { offset += count }
        return flat.slice(axis: 0, start: offset, end: offset + count).reshape(shape)
      }
    }
    func evaluate(_ flat: Tensor) -> (value: Double, gradient: Tensor) {
      let (value, gradients) = valueAndGradient(of: function, at: unpack(flat))
      return (value.item(), .concatenate(gradients.map { $0.flatten() }))
    }

    var x = Tensor.concatenate(start.map { $0.detach().flatten() })
    var (value, gradient) = evaluate(x)
    var history: [(s: Tensor, y: Tensor, rho: Double)] = []
    var iteration = 0
    var norm = gradient.abs().max().item()
    while iteration < maximumIterations, norm > gradientTolerance, value.isFinite {
      let direction = twoLoop(gradient, history)
      let slope = gradient.dot(direction).item()
      guard slope < 0 else {
        if history.isEmpty { break }
        history.removeAll()
        continue
      }
      let first = history.isEmpty ? min(1, 1 / gradient.abs().sum().item()) : 1
      guard
        let step = strongWolfe(
          value, slope, first: first,
          { alpha in
            let (v, g) = evaluate(x + direction * alpha)
            return (v, g, g.dot(direction).item())
          })
      else {
        // Near the minimum differences of gradients are rounding, and directions made of them may lead nowhere.
        if history.isEmpty { break }
        history.removeAll()
        continue
      }
      let next = x + direction * step.alpha
      let (s, y) = (next - x, step.gradient - gradient)
      let curvature = s.dot(y).item()
      if curvature > 1e-12 * y.dot(y).item() {
        history.append((s, y, 1 / curvature))
        if history.count > memory { history.removeFirst() }
      }
      (x, value, gradient) = (next, step.value, step.gradient)
      norm = gradient.abs().max().item()
      iteration += 1
    }
    return Minimum(
      arguments: unpack(x), value: value, gradientNorm: norm, iterations: iteration,
      converged: norm <= gradientTolerance)
  }

  private func twoLoop(_ gradient: Tensor, _ history: [(s: Tensor, y: Tensor, rho: Double)]) -> Tensor {
    var q = gradient
    var alphas: [Double] = []
    for pair in history.reversed() {
      let alpha = pair.rho * pair.s.dot(q).item()
      alphas.append(alpha)
      q = q - pair.y * alpha
    }
    if let last = history.last { q = q * (1 / (last.rho * last.y.dot(last.y).item())) }
    for (pair, alpha) in zip(history, alphas.reversed()) {
      q = q + pair.s * (alpha - pair.rho * pair.y.dot(q).item())
    }
    return -q
  }

  private typealias Trial = (value: Double, gradient: Tensor, slope: Double)

  private func strongWolfe(_ value0: Double, _ slope0: Double, first: Double, _ trial: (Double) -> Trial) -> (
    alpha: Double, value: Double, gradient: Tensor
  )? {
    let (decrease, curvature) = (1e-4, 0.9)
    var low: (alpha: Double, value: Double, slope: Double) = (0, value0, slope0)
    var high: (alpha: Double, value: Double)?
    var best: (alpha: Double, value: Double, gradient: Tensor)?
    var alpha = first
    for _ in 0..<30 {
      let t = trial(alpha)
      // A decrease below the digits of a value that is a sum of many cannot be seen; the slope can (Hager & Zhang 2005).
      if abs(t.value - value0) <= 512 * abs(value0).ulp, abs(t.slope) <= -curvature * slope0 {
        return (alpha, t.value, t.gradient)
      }
      if !t.value.isFinite || t.value > value0 + decrease * alpha * slope0
        || (high != nil && t.value >= low.value)
      {
        high = (alpha, t.value)
      } else {
        if abs(t.slope) <= -curvature * slope0 { return (alpha, t.value, t.gradient) }
        best = (alpha, t.value, t.gradient)
        if t.slope * ((high?.alpha ?? .infinity) - low.alpha) >= 0 { high = (low.alpha, low.value) }
        low = (alpha, t.value, t.slope)
      }
      guard let end = high else {
        alpha *= 2
        continue
      }
      // The minimum of the parabola through the low end, kept away from the ends of the bracket.
      let width = end.alpha - low.alpha
      let parabola = low.alpha - low.slope * width * width / (2 * (end.value - low.value - low.slope * width))
      let middle = low.alpha + width / 2
      let safe = parabola.isFinite && abs(parabola - middle) < 0.4 * abs(width)
      alpha = safe ? parabola : middle
      if abs(width) < 1e-14 { break }
    }
    return best
  }
}
