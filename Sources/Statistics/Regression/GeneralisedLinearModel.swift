import Solvers
import RealModule
import Torch

/// A mean that depends on a linear predictor: logistic, Poisson and negative-binomial regression by Newton's method, with
/// standard errors from the model, robust to it, or by clusters of rows.
///
/// Cost: about six products of the design with itself.
public struct GeneralisedLinearModel: Regressor, Hashable {
  public enum Family: Sendable, Hashable {
    /// Targets in [0, 1], mean σ(η).
    case logistic
    /// Counts, mean e^η.
    case poisson
    /// Counts with variance m + m²/k, mean e^η; k > 0.
    case negativeBinomial(size: Double)
  }

  public var family: Family
  /// λ of ½λ|β|² on the weights, the likelihood a row being counted once; the intercept is free.
  public var penalty: Double

  public init(_ family: Family = .logistic, penalty: Double = 0) {
    precondition(penalty >= 0, "GeneralisedLinearModel: the penalty \(penalty)")
    (self.family, self.penalty) = (family, penalty)
  }

  public var name: String {
    switch family {
    case .logistic: "logistic regression"
    case .poisson: "Poisson regression"
    case .negativeBinomial(let size): "negative binomial regression, k = \(size)"
    }
  }

  public func fit(
    _ design: Tensor, _ targets: [Double], weights: [Double]?, using random: inout RandomSource
  ) throws(StatisticsError) -> any RegressionFit { try fit(design, targets, weights: weights) }

  /// A fit with what standard errors need.
  public struct Fit: RegressionFit {
    public let intercept: Double
    public let weights: [Double]
    /// Σ w log p, at the fit, without the penalty.
    public let logLikelihood: Double
    public let isConverged: Bool
    let family: Family
    fileprivate let likelihood: Likelihood
    fileprivate let point: [Double]

    public func predict(_ design: Tensor) -> [Double] {
      LinearFit(intercept: intercept, weights: weights).predict(design).map(family.mean)
    }

    /// Standard errors of intercept and weights; `nil` where the information is singular.
    /// - Parameter robust: the sandwich, which holds where only the mean is right; with `clusters` (a number a row) also where rows of
    ///   a cluster depend on each other.
    public func standardErrors(robust: Bool = false, clusters: [Int]? = nil) -> [Double]? {
      let bread = likelihood.information(point)
      guard
        let inverse = try? withTorchErrors({
          bread.cholesky().choleskySolve(.identity(bread.size(0), dtype: .double))
        })
      else {
        return nil
      }
      guard robust || clusters != nil else { return inverse.diagonal().sqrt().doubles }
      let scores = likelihood.scores(point)
      var meat = scores.transposed.matmul(scores)
      if let clusters {
        let names = Set(clusters).sorted()
        let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        var sums = [Double](repeating: 0, count: names.count * scores.size(1))
        for (i, value) in scores.doubles.enumerated() {
          sums[places[clusters[i / scores.size(1)]]! * scores.size(1) + i % scores.size(1)] += value
        }
        let grouped = Tensor(sums, shape: [names.count, scores.size(1)])
        meat = grouped.transposed.matmul(grouped)
      }
      return inverse.matmul(meat).matmul(inverse).diagonal().sqrt().doubles
    }
  }

  /// - Throws: ``StatisticsError``: targets that the family does not have.
  public func fit(_ design: Tensor, _ targets: [Double], weights: [Double]? = nil) throws(StatisticsError)
    -> Fit
  {
    for (i, y) in targets.enumerated() {
      let isFine = family == .logistic ? (0...1).contains(y) : y >= 0 && y == y.rounded() && y.isFinite
      guard isFine else {
        throw StatisticsError(
          .badData, "\(name), row \(i + 1)", found: "the target \(y)",
          expected: family == .logistic ? "a share in [0, 1]" : "a count of 0, 1, …")
      }
    }
    if case .negativeBinomial(let size) = family, !(size > 0 && size.isFinite) {
      throw StatisticsError(.option, name, found: "k = \(size)", expected: "a number above 0")
    }
    let total = weights?.reduce(0, +) ?? Double(targets.count)
    let mean = targets.indices.reduce(0) { $0 + (weights?[$1] ?? 1) * targets[$1] } / total
    let scale = ColumnScale(design)
    let n = targets.count
    let x = Tensor.concatenate([.full([n, 1], 1, dtype: .double), scale(design)], axis: 1)
    let likelihood = Likelihood(design: x, targets: targets, weights: weights, total: total, family: family)
    var start = [Double](repeating: 0, count: x.size(1))
    start[0] = family == .logistic ? .log(max(mean, 1e-9) / max(1 - mean, 1e-9)) : .log(max(mean, 1e-9))
    var ridge = SeparablePenalty(none: start.count)
    // In the columns' own units.
    for (j, deviation) in scale.moments.deviations.enumerated() {
      ridge.square[j + 1] = penalty / total / (deviation * deviation)
    }
    let minimum = ProximalNewton().minimise(likelihood, ridge, from: start)
    let raw = scale.unscaled(
      LinearFit(intercept: minimum.point[0], weights: Array(minimum.point.dropFirst())))
    let own = Likelihood(
      design: .concatenate([.full([n, 1], 1, dtype: .double), design.to(.double)], axis: 1), targets: targets,
      weights: weights, total: total, family: family)
    return Fit(
      intercept: raw.intercept, weights: raw.weights, logLikelihood: -total * minimum.value,
      isConverged: minimum.isConverged, family: family, likelihood: own, point: [raw.intercept] + raw.weights)
  }

  /// −Σ w log p / Σ w.
  fileprivate struct Likelihood: SmoothObjective {
    let design: Tensor
    let targets: [Double]
    let weights: [Double]?
    let total: Double
    let family: Family

    var dimension: Int { design.size(1) }

    private func predictors(_ x: [Double]) -> [Double] {
      design.matmul(Tensor(x).unsqueeze(1)).squeeze(1).doubles
    }

    func value(at x: [Double]) -> Double {
      let eta = predictors(x)
      let sum = eta.indices.reduce(0.0) { $0 + (weights?[$1] ?? 1) * family.loss(targets[$1], eta[$1]).value }
      return sum.isFinite ? sum / total : .infinity
    }

    func expansion(at x: [Double]) -> (value: Double, gradient: [Double], hessian: [Double]) {
      let eta = predictors(x)
      var (value, slopes, curvatures) = (0.0, [Double](), [Double]())
      for i in eta.indices {
        let w = (weights?[i] ?? 1) / total
        let term = family.loss(targets[i], eta[i])
        value += w * term.value
        slopes.append(w * term.slope)
        curvatures.append(w * term.curvature)
      }
      let gradient = Tensor(slopes).unsqueeze(0).matmul(design).doubles
      return (value, gradient, (design * Tensor(curvatures).unsqueeze(1)).transposed.matmul(design).doubles)
    }

    func information(_ x: [Double]) -> Tensor {
      Tensor(expansion(at: x).hessian, shape: [dimension, dimension]) * total
    }

    /// A row's share of the gradient, `[rows, parameters]`.
    func scores(_ x: [Double]) -> Tensor {
      let eta = predictors(x)
      let slopes = eta.indices.map { (weights?[$0] ?? 1) * family.loss(targets[$0], eta[$0]).slope }
      return design * Tensor(slopes).unsqueeze(1)
    }
  }
}

extension GeneralisedLinearModel.Family {
  func mean(_ eta: Double) -> Double {
    self == .logistic ? (eta >= 0 ? 1 / (1 + .exp(-eta)) : .exp(eta) / (1 + .exp(eta))) : .exp(eta)
  }

  /// −log p up to what does not depend on η, with its derivatives in η.
  func loss(_ y: Double, _ eta: Double) -> (value: Double, slope: Double, curvature: Double) {
    switch self {
    case .logistic:
      let p = mean(eta)
      return (max(eta, 0) + .log(onePlus: .exp(-abs(eta))) - y * eta, p - y, p * (1 - p))
    case .poisson:
      let m = Double.exp(eta)
      return (m - y * eta + .logGamma(y + 1), m - y, m)
    case .negativeBinomial(let k):
      // (y + k) log(k + m) − y η − k log k + constants.
      let m = Double.exp(eta)
      let share = m / (k + m)
      let value =
        (y + k) * .log(k + m) - y * eta - k * .log(k) - .logGamma(y + k) + .logGamma(k) + .logGamma(y + 1)
      return (value, (y + k) * share - y, (y + k) * share * (1 - share))
    }
  }
}
