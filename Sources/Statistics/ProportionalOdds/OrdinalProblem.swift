import Solvers
import RealModule
import Torch

/// One fit's data in columns of mean 0 and deviation 1, with the likelihood and the penalty of a form.
struct OrdinalProblem {
  let regression: OrdinalRegression
  let likelihood: any OrdinalLikelihood
  /// Intercepts that give the classes' frequencies, weights of 0.
  let start: [Double]
  private let means: [Double]
  private let deviations: [Double]
  private let classes: Int
  /// Σ w.
  private let total: Double
  private let design: Tensor

  private var transitions: Int { likelihood.dimension / width }
  private var width: Int { means.count + 1 }

  init(
    _ regression: OrdinalRegression, _ design: Tensor, _ response: OrdinalResponse, _ weights: [Double]?
  ) throws(StatisticsError) {
    let (n, p) = (design.size(0), design.size(1))
    try Self.check(regression, design, response, weights)
    let weights = weights ?? [Double](repeating: 1, count: n)
    self.regression = regression
    classes = response.classes
    self.design = design
    total = weights.reduce(0, +)
    let w = Tensor(weights).unsqueeze(1) / total
    // In units of the largest number, so that squares stay in range whatever the columns' own units are.
    let sizes = p == 0 ? [] : design.to(.double).abs().max(0).doubles.map { $0 > 0 ? $0 : 1 }
    let x = p == 0 ? design.to(.double) : design.to(.double) / Tensor(sizes)
    let mean = (w * x).sum(0)
    let centred = x - mean
    // A constant column stays as it is: all zeros after centring.
    let spreads = (w * centred * centred).sum(0).sqrt().doubles.map { $0 > 1e-12 ? $0 : 1 }
    means = zip(mean.doubles, sizes).map { $0 * $1 }
    deviations = zip(spreads, sizes).map { $0 * $1 }
    let standardised = p == 0 ? centred : centred / Tensor(spreads)
    let only = regression.rare ?? response.classes - 1
    let observed = regression.form == .logistic ? Self.against(only, response) : response
    let coordinates: TransitionCoordinates =
      regression.form == .lasso || regression.form == .unrestricted ? .weights : .differences
    let kind = regression.form == .logistic ? .cumulative : regression.kind
    likelihood =
      kind == .cumulative
      ? CumulativeLikelihood(
        standardised, observed, weights: weights, link: regression.link, coordinates: coordinates,
        isStrict: regression.crossing == .strict)
      : SequentialLikelihood(
        standardised, observed, weights: weights, link: regression.link, coordinates: coordinates)
    start = Self.start(observed, weights, regression.link, kind, width: p + 1)
  }

  /// 1 for a class, 0 for all others; either where a range holds both.
  private static func against(_ only: Int, _ response: OrdinalResponse) -> OrdinalResponse {
    let ends = zip(response.lowest, response.highest)
    return OrdinalResponse(
      lowest: ends.map { $0 == only && $1 == only ? 1 : 0 },
      highest: ends.map { ($0...$1).contains(only) ? 1 : 0 },
      classes: 2)
  }

  private static func start(
    _ response: OrdinalResponse, _ weights: [Double], _ link: OrdinalLink, _ kind: OrdinalKind, width: Int
  ) -> [Double] {
    // A class that is only known to lie in a range counts in equal parts.
    var shares = [Double](repeating: 0, count: response.classes)
    for (i, weight) in weights.enumerated() {
      let range = response.lowest[i]...response.highest[i]
      for k in range { shares[k] += weight / Double(range.count) }
    }
    let total = shares.reduce(0, +)
    var start = [Double](repeating: 0, count: (response.classes - 1) * width)
    var cumulated = 0.0
    for k in 0..<response.classes - 1 {
      let left = total - cumulated
      cumulated += shares[k]
      start[k * width] = link.quantile(kind == .cumulative ? cumulated / total : shares[k] / left)
    }
    return start
  }

  func penalty(_ lambda: Double) -> SeparablePenalty {
    var penalty = SeparablePenalty(none: likelihood.dimension)
    let isShared = regression.form == .proportional
    for k in 0..<transitions {
      for j in 0..<width - 1 {
        let place = k * width + j + 1
        let factor = regression.penaltyFactors.isEmpty ? 1 : regression.penaltyFactors[j]
        if (isShared && k > 0) || factor == .infinity {
          (penalty.lower[place], penalty.upper[place]) = (0, 0)
          continue
        }
        if !regression.signs.isEmpty {
          if regression.signs[j] > 0 { penalty.lower[place] = 0 }
          if regression.signs[j] < 0 { penalty.upper[place] = 0 }
        }
        guard regression.isPenalised, k > 0 || regression.form == .lasso || regression.penalisesBase else {
          continue
        }
        penalty.absolute[place] = lambda * factor * regression.mix
        penalty.square[place] = lambda * factor * (1 - regression.mix)
      }
    }
    return penalty
  }

  func largestLambda(_ solver: ProximalNewton) -> Double {
    let unit = penalty(1)
    var held = unit
    for j in start.indices where unit.absolute[j] > 0 || unit.square[j] > 0 {
      (held.lower[j], held.upper[j]) = (0, 0)
    }
    let null = solver.minimise(likelihood, held, from: start)
    var largest = 0.0
    for j in start.indices where unit.absolute[j] > 0 || unit.square[j] > 0 {
      // Without |ψ| nothing is ever 0; a thousandth stands for it.
      let scale = max(unit.absolute[j], 1e-3 * (unit.absolute[j] + unit.square[j]))
      let isOutward =
        (unit.upper[j] > 0 && null.gradient[j] < 0) || (unit.lower[j] < 0 && null.gradient[j] > 0)
      if isOutward { largest = max(largest, abs(null.gradient[j]) / scale) }
    }
    return largest
  }

  func fit(_ minimum: ProximalNewton.Minimum, lambda: Double) -> OrdinalFit {
    let theta = likelihood.map.weights(of: minimum.point)
    var intercepts: [Double] = []
    var weights: [[Double]] = []
    for k in 0..<transitions {
      let standard = theta[k * width + 1..<(k + 1) * width]
      let raw = zip(standard, deviations).map { $0 / $1 }
      intercepts.append(theta[k * width] - zip(raw, means).reduce(0) { $0 + $1.0 * $1.1 })
      weights.append(raw)
    }
    let isPlace = (0..<transitions * width).map { $0 % width > 0 }
    let model = OrdinalModel(
      link: regression.link, classes: classes, intercepts: intercepts, weights: weights,
      only: regression.form == .logistic ? regression.rare ?? classes - 1 : nil,
      kind: regression.form == .logistic ? .cumulative : regression.kind)
    return OrdinalFit(
      model: model, lambda: lambda, objective: minimum.objective, negativeLogLikelihood: minimum.value,
      nonZero: zip(minimum.point, isPlace).count { $0 != 0 && $1 }, residual: minimum.residual,
      iterations: minimum.iterations, isConverged: minimum.isConverged,
      crossings: model.crossings(of: design), separated: separated(minimum),
      standardErrors: regression.isPenalised && lambda > 0 ? nil : standardErrors(minimum))
  }

  /// Columns along whose weights the likelihood has all but lost its curvature while they move η far: they tell some classes
  /// apart perfectly, and their best weights are infinite.
  private func separated(_ minimum: ProximalNewton.Minimum) -> [Int] {
    let m = start.count
    let before = likelihood.expansion(at: start).hessian
    guard width > 1 else { return [] }
    let ranges = ((design.max(0) - design.min(0)) / Tensor(deviations)).doubles
    let places = (0..<m).filter { j in
      j % width > 0 && abs(minimum.point[j]) * ranges[j % width - 1] > 5 && before[j * m + j] > 0
        && minimum.hessian[j * m + j] < 1e-6 * before[j * m + j]
    }
    return Set(places.map { $0 % width - 1 }).sorted()
  }

  /// Of the intercepts and weights in the columns' own units, from the observed information; `nil` where it is singular.
  private func standardErrors(_ minimum: ProximalNewton.Minimum) -> OrdinalFit.StandardErrors? {
    let m = start.count
    let free = penalty(0)
    let places = (0..<m).filter { free.lower[$0] < free.upper[$0] }
    let n = total
    let information = Tensor(places.flatMap { a in places.map { b in n * minimum.hessian[a * m + b] } })
      .reshape(places.count, places.count)
    // Rows of the map from the free coordinates to (α, β) in raw units.
    var map = [Double](repeating: 0, count: m * places.count)
    for (c, place) in places.enumerated() {
      var unit = [Double](repeating: 0, count: m)
      unit[place] = 1
      let theta = likelihood.map.weights(of: unit)
      for k in 0..<transitions {
        var intercept = theta[k * width]
        for j in 0..<width - 1 {
          let raw = theta[k * width + 1 + j] / deviations[j]
          map[(k * width + 1 + j) * places.count + c] = raw
          intercept -= raw * means[j]
        }
        map[k * width * places.count + c] = intercept
      }
    }
    let rows = Tensor(map, shape: [m, places.count])
    guard
      let variances = try? withTorchErrors({
        let half = information.cholesky().triangularSolve(rows.transposed)
        return (half * half).sum(0).doubles
      }), variances.allSatisfy(\.isFinite)
    else { return nil }
    let errors = variances.map { $0.squareRoot() }
    return .init(
      intercepts: (0..<transitions).map { errors[$0 * width] },
      weights: (0..<transitions).map { Array(errors[$0 * width + 1..<($0 + 1) * width]) })
  }

  private static func check(
    _ regression: OrdinalRegression, _ design: Tensor, _ response: OrdinalResponse, _ weights: [Double]?
  ) throws(StatisticsError) {
    let (n, p) = (design.size(0), design.size(1))
    guard n == response.count else {
      throw StatisticsError(
        .badData, "the response", found: "\(response.count) rows", expected: "\(n), as in the design")
    }
    guard (0...1).contains(regression.mix) else {
      throw StatisticsError(.option, "mix", found: "\(regression.mix)", expected: "a share in [0, 1]")
    }
    for (what, count) in [
      ("penalty factors", regression.penaltyFactors.count), ("signs", regression.signs.count),
    ]
    where count != 0 && count != p {
      throw StatisticsError(.option, what, found: "\(count)", expected: "\(p), one a column of the design")
    }
    if let factor = regression.penaltyFactors.first(where: { !($0 >= 0) }) {
      throw StatisticsError(.option, "penalty factors", found: "\(factor)", expected: "numbers of at least 0")
    }
    if let weights {
      guard weights.count == n, weights.allSatisfy({ $0 >= 0 && $0.isFinite }),
        weights.contains(where: { $0 > 0 })
      else {
        throw StatisticsError(
          .badData, "the rows' weights", found: "\(weights.count) numbers, some below 0, infinite, or all 0",
          expected: "\(n) finite numbers of at least 0")
      }
    }
    if n * p > 0, design.isFinite().to(.double).min().item() == 0 {
      throw StatisticsError(
        .badData, "the design", found: "NaN or infinite numbers", expected: "finite numbers")
    }
    if let rare = regression.rare, !(0..<response.classes).contains(rare) {
      throw StatisticsError(
        .option, "the rare class", found: "number \(rare + 1)", expected: "1 to \(response.classes)")
    }
    if regression.kind == .sequential, regression.form != .logistic,
      let i = (0..<n).first(where: {
        response.lowest[$0] < response.highest[$0] && response.highest[$0] < response.classes - 1
      })
    {
      throw StatisticsError(
        .badData, "row \(i + 1)",
        found: "one of the classes \(response.lowest[i] + 1) to \(response.highest[i] + 1)",
        expected: "one class, or all from one on, for a sequential model", advice: "use the cumulative one")
    }
    guard response.classes >= 2 else {
      throw StatisticsError(
        .badData, "the response", found: "\(response.classes) class",
        expected: "at least 2, one above another")
    }
    guard response.classes <= n else {
      throw StatisticsError(
        .badData, "the response", found: "\(response.classes) classes for \(n) rows",
        expected: "at least a row a class")
    }
    for k in 0..<response.classes {
      let isPresent = (0..<n).contains {
        response.lowest[$0] <= k && k <= response.highest[$0] && weights?[$0] != 0
      }
      guard isPresent else {
        throw StatisticsError(
          .badData, "the response", found: "no row of class \(k + 1) of \(response.classes)",
          expected: "every class at least once", advice: "leave the class out, or merge it with a neighbour")
      }
    }
  }
}
