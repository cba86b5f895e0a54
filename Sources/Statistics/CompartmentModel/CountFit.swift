import Probability
import RealModule
import Sampling
import Solvers
import Torch

/// A model fitted to counts by maximum likelihood.
public struct CountFit: Sendable {
  public struct Parameter: Sendable, Hashable {
    public let name: String
    public let value: Double
    /// From the curvature at the optimum, on the scale of the search; the ends taken back.
    public let waldInterval: ClosedRange<Double>
    /// Where the profile of the likelihood falls by half a quantile of χ²₁; nil before ``CountFitting/profiles(_:)``. An end that
    /// is infinite or a limit: the counts set none.
    public var profileInterval: ClosedRange<Double>?
  }

  public let model: CompartmentModel
  public let series: CountSeries
  public let options: CountFitOptions
  public var parameters: [Parameter]
  /// All parameters of the model at the optimum.
  public let values: [Double]
  /// k; infinite for Poisson counts.
  public let dispersion: Double
  public let negativeLogLikelihood: Double
  /// Of every start.
  public let negativeLogLikelihoods: [Double]
  /// Of the information on the scale of the search, the largest eigenvalue over the smallest: beyond 10⁶ only combinations
  /// of the parameters are known.
  public let conditionNumber: Double
  /// The combination that is known worst: the share of every parameter in it, of length 1.
  public let weakestDirection: [Double]
  /// Of the model at the optimum, one an interval.
  public let means: [Double]
  /// The optimum on the scale of the search, and the covariance there, row-major.
  public let point: [Double]
  public let covariance: [Double]
  public let isConverged: Bool

  /// Akaike's criterion.
  public var akaike: Double { 2 * negativeLogLikelihood + 2 * Double(point.count) }
}

/// The steps of a fit: the search, intervals, forecasts.
public struct CountFitting: Sendable {
  public let model: CompartmentModel
  public let series: CountSeries
  public let values: [Double]
  public var options: CountFitOptions

  /// - Parameter values: of all parameters; those that are fitted start here.
  public init(
    _ model: CompartmentModel, to series: CountSeries, values: [Double], options: CountFitOptions
  ) {
    (self.model, self.series, self.values, self.options) = (model, series, values, options)
  }

  /// The best of several searches by Fisher's scoring.
  ///
  /// Where counts spread no more than Poisson's, the law becomes Poisson's, as the fit's options then say.
  /// - Throws: ``StatisticsError``; `noAnswer` where the model gives no means from any start.
  /// - Complexity: some ten integrations with sensitivities a start.
  public func fit(using random: inout RandomSource) throws -> CountFit {
    guard options.starts >= 1 else {
      throw StatisticsError(.option, "starts", found: "\(options.starts)", expected: "at least 1")
    }
    let likelihood = try CountLikelihood(model, series, values, options)
    guard series.counts.contains(where: { ($0 ?? 0) > 0 }) else {
      throw StatisticsError(
        .noAnswer, "fit of \(model.name)", found: "no cases in \(series.knownCount) counts",
        expected: "one case at least", advice: "name the column of the cases")
    }
    let first = likelihood.coordinates(values, dispersion: 10)
    var starts = [first]
    if options.starts > 1 {
      let cube = LatinHypercube.points(options.starts - 1, dimension: first.count, using: &random)
      starts += cube.map { row in
        row.indices.map { first[$0] + options.startSpread * reach($0) * (2 * row[$0] - 1) }
      }
    }
    let found = starts.map { LevenbergMarquardt(tolerance: 1e-9).minimize(from: $0, likelihood.model) }
    guard let best = found.compactMap({ $0 }).min(by: { $0.model.value < $1.model.value }) else {
      throw StatisticsError(
        .noAnswer, "fit of \(model.name)", found: "no start at which the model has positive means",
        expected: "counts that the model can make", advice: "give starting values nearer to the truth")
    }
    let observed = likelihood.information(at: best.point)
    let information = observed.flatMap { $0.allSatisfy(\.isFinite) ? $0 : nil } ?? best.model.curvature
    guard information.allSatisfy(\.isFinite) else {
      throw StatisticsError(
        .noAnswer, "fit of \(model.name)",
        found: "a search that ran to where the likelihood has no curvature",
        expected: "an optimum", advice: "start elsewhere, or from more points")
    }
    let d = best.point.count
    // Counts that spread no more than Poisson's have no k: the likelihood rises to the end, where it is flat.
    if options.law == .negativeBinomial,
      information[d * d - 1] < 1e-3 || likelihood.dispersion(at: best.point) > 1e5
    {
      var poisson = self
      poisson.options.law = .poisson
      return try poisson.fit(using: &random)
    }
    return summary(likelihood, best, information, found.map { $0?.model.value ?? .nan })
  }

  /// A parameter without limits is searched on its own scale, over a share of its size; others on log or logit.
  private func reach(_ index: Int) -> Double {
    guard index < options.fitted.count, let place = model.index(ofParameter: options.fitted[index]),
      !model.parameters[place].range.lowerBound.isFinite, !model.parameters[place].range.upperBound.isFinite
    else { return 1 }
    return max(1, abs(values[place]))
  }

  private func summary(
    _ likelihood: CountLikelihood, _ best: LevenbergMarquardt.Minimum, _ information: [Double],
    _ all: [Double]
  ) -> CountFit {
    let d = best.point.count
    let (eigenvalues, vectors) = Tensor(information, shape: [d, d]).eigh()
    let sizes = eigenvalues.doubles
    let covariance = SmallFactors(information, size: d)?.inverse ?? Array(repeating: .nan, count: d * d)
    let z = normalQuantile(0.975)
    let parameters = (0..<d).map { i in
      let error = covariance[i * d + i].squareRoot()
      let ends = [-z, z].map { likelihood.value(best.point[i] + $0 * error, of: i).value }
      let interval = ends[0] <= ends[1] ? ends[0]...ends[1] : -Double.infinity...Double.infinity
      return CountFit.Parameter(
        name: likelihood.names[i], value: likelihood.value(best.point[i], of: i).value, waldInterval: interval
      )
    }
    return CountFit(
      model: model, series: series, options: options, parameters: parameters,
      values: likelihood.parameters(at: best.point), dispersion: likelihood.dispersion(at: best.point),
      negativeLogLikelihood: best.model.value, negativeLogLikelihoods: all,
      conditionNumber: sizes[0] > 0 ? sizes[d - 1] / sizes[0] : .infinity,
      weakestDirection: vectors[.all, 0].doubles, means: likelihood.means(at: best.point)?.means ?? [],
      point: best.point, covariance: covariance, isConverged: best.isConverged)
  }

  /// Profile-likelihood intervals: for values of one parameter the others are fitted anew.
  ///
  /// - Parameters:
  ///   - level: in (0, 1).
  ///   - only: names of parameters; all when nil.
  /// - Complexity: about ten searches a parameter, each from the end of the one before.
  public func profiles(_ fit: CountFit, level: Double = 0.95, only: [String]? = nil) throws(StatisticsError)
    -> CountFit
  {
    precondition(level > 0 && level < 1, "CountFitting.profiles: the level \(level)")
    let likelihood = try CountLikelihood(model, series, values, fit.options)
    var fit = fit
    for i in fit.parameters.indices where only?.contains(fit.parameters[i].name) ?? true {
      let ends = [-1.0, 1.0].map { profileEnd(likelihood, fit, i, side: $0, level: level) }
      let values = ends.map { likelihood.value($0, of: i).value }.sorted()
      fit.parameters[i].profileInterval = values[0]...values[1]
    }
    return fit
  }

  /// The coordinate at which twice the log-likelihood has fallen by χ²₁'s quantile; infinite where it never does.
  private func profileEnd(
    _ likelihood: CountLikelihood, _ fit: CountFit, _ index: Int, side: Double, level: Double
  ) -> Double {
    let d = fit.point.count
    let z = normalQuantile(0.5 + 0.5 * level)
    let spread = fit.covariance[index * d + index].squareRoot()
    let unit = spread.isFinite && spread > 0 ? spread : 0.1
    var others = (0..<d).filter { $0 != index }.map { fit.point[$0] }
    /// √(2Δ) − z: nearly a line in the coordinate.
    func excess(_ distance: Double) -> Double {
      func whole(_ part: [Double]) -> [Double] {
        var point = part
        point.insert(fit.point[index] + side * distance, at: index)
        return point
      }
      let found = LevenbergMarquardt(tolerance: 1e-7, maximumSteps: 60).minimize(from: others) { part in
        guard let model = likelihood.model(at: whole(part)) else { return nil }
        let kept = (0..<d).filter { $0 != index }
        return .init(
          value: model.value, gradient: kept.map { model.gradient[$0] },
          curvature: kept.flatMap { a in kept.map { b in model.curvature[a * d + b] } })
      }
      guard let found else { return .infinity }
      others = found.point
      return max(0, 2 * (found.model.value - fit.negativeLogLikelihood)).squareRoot() - z
    }
    var (inside, outside) = (0.0, z * unit)
    for _ in 0..<12 {
      let value = excess(outside)
      if value > 0 { break }
      inside = outside
      outside *= 1.5
    }
    guard excess(outside) > 0 else { return side * .infinity }
    let end = root(between: inside, and: outside, tolerance: 1e-4) {
      let value = excess($0)
      return value.isFinite ? value : z
    }
    return fit.point[index] + side * end
  }

  // MARK: Posterior

  /// Draws of the posterior by random-walk Metropolis, with a flat prior on the scale of the search (log, logit).
  ///
  /// Chains walk in coordinates in which the normal approximation at the optimum is standard.
  /// - Returns: `[draws · chains][d]` on the scale of the search, and the diagnostics.
  public func posterior(
    _ fit: CountFit, draws: Int, chains: Int = 4, warmUp: Int = 500, using random: inout RandomSource
  ) throws -> (points: [[Double]], diagnostics: ChainDiagnostics, acceptance: Double) {
    let d = fit.point.count
    let target = try WhitenedPosterior(self, fit)
    let kernel = try RandomWalkMetropolis(target: target, stepSize: 2.4 / Double(d).squareRoot())
    let start = random.normal([chains, d], dtype: .double)
    let found = try sampleChains(kernel, from: start, warmUp: warmUp, draws: draws, using: &random)
    let points = found.draws.reshape(-1, d).doubles
    let rows = (0..<draws * chains).map { target.point(Array(points[$0 * d..<($0 + 1) * d])) }
    let rates = found.acceptanceRates
    return (rows, try ChainDiagnostics(found.draws), rates.reduce(0, +) / Double(rates.count))
  }

  /// Draws of the normal approximation at the optimum.
  public func approximateDraws(_ fit: CountFit, count: Int, using random: inout RandomSource) throws
    -> [[Double]]
  {
    let target = try WhitenedPosterior(self, fit)
    let d = fit.point.count
    let noise = random.normal([count, d], dtype: .double).doubles
    return (0..<count).map { target.point(Array(noise[$0 * d..<($0 + 1) * d])) }
  }

  // MARK: Forecast

  /// Quantiles of the counts, inside the data and beyond.
  public struct Forecast: Sendable, Hashable {
    /// Ends of the intervals.
    public let ends: [Double]
    public let levels: [Double]
    /// `[level][interval]`.
    public let quantiles: [[Double]]
    /// Mean of the model's means over draws.
    public let means: [Double]
    /// Draws for which the model had no solution, left out.
    public let failures: Int
  }

  /// Counts of the intervals of the data and of `beyond` more, with the uncertainty of parameters and of counting.
  ///
  /// - Parameters:
  ///   - draws: of parameters, on the scale of the search: see ``approximateDraws(_:count:using:)`` and ``posterior(_:draws:chains:warmUp:using:)``.
  public func forecast(
    _ fit: CountFit, draws: [[Double]], beyond: Int, levels: [Double] = [0.025, 0.25, 0.5, 0.75, 0.975],
    using random: inout RandomSource
  ) throws(StatisticsError) -> Forecast {
    let likelihood = try CountLikelihood(model, series, values, fit.options)
    let last = series.ends[series.count - 1]
    let length = last - (series.count > 1 ? series.ends[series.count - 2] : series.start)
    let extra = (0..<max(0, beyond)).map { last + length * Double($0 + 1) }
    var all: [[Double]] = []
    var (sums, failures) = ([Double](repeating: 0, count: series.count + extra.count), 0)
    for draw in draws {
      guard let means = likelihood.means(at: draw, beyond: extra)?.means,
        means.allSatisfy({ $0 >= 0 && $0.isFinite })
      else {
        failures += 1
        continue
      }
      let k = likelihood.dispersion(at: draw)
      let safe = Tensor(means.map { max($0, 1e-12) })
      let rates =
        k.isFinite && k < 1e12 ? random.gamma(.full(safe.shape, k, dtype: .double)) * safe / k : safe
      all.append(random.poisson(rates).doubles)
      for (i, mean) in means.enumerated() { sums[i] += mean }
    }
    guard !all.isEmpty else {
      throw StatisticsError(
        .noAnswer, "forecast of \(model.name)", found: "no draw with a solution", expected: "one at least",
        advice: "the parameters are not known well enough; fit fewer")
    }
    let quantiles = levels.map { level in
      sums.indices.map { i in
        let sorted = all.map { $0[i] }.sorted()
        return sorted[min(sorted.count - 1, Int(level * Double(sorted.count)))]
      }
    }
    return Forecast(
      ends: series.ends + extra, levels: levels, quantiles: quantiles,
      means: sums.map { $0 / Double(all.count) }, failures: failures)
  }
}

/// The posterior in coordinates in which its normal approximation is standard.
private struct WhitenedPosterior: LogDensity {
  private let fitting: CountFitting
  private let options: CountFitOptions
  private let centre: [Double]
  /// L with covariance L Lᵀ.
  private let factor: [Double]

  init(_ fitting: CountFitting, _ fit: CountFit) throws(StatisticsError) {
    self.fitting = fitting
    options = fit.options
    centre = fit.point
    let d = centre.count
    let singular = StatisticsError(
      .noAnswer, "fit of \(fit.model.name)", found: "an information that is not positive definite",
      expected: "parameters that the counts determine", advice: "fix one of the fitted parameters")
    // The decomposition ends the program where it meets NaN.
    guard fit.covariance.allSatisfy(\.isFinite) else { throw singular }
    let (values, vectors) = Tensor(fit.covariance, shape: [d, d]).eigh()
    let (sizes, directions) = (values.doubles, vectors.doubles)
    guard sizes.allSatisfy({ $0 > 0 && $0.isFinite }) else { throw singular }
    factor = (0..<d * d).map { directions[$0] * sizes[$0 % d].squareRoot() }
  }

  func point(_ z: [Double]) -> [Double] {
    let d = centre.count
    return (0..<d).map { i in (0..<d).reduce(centre[i]) { $0 + factor[i * d + $1] * z[$1] } }
  }

  func logDensity(_ x: Tensor) -> Tensor {
    let (rows, d) = (x.size(0), centre.count)
    let values = x.to(.double).doubles
    guard
      let likelihood = try? CountLikelihood(fitting.model, fitting.series, fitting.values, options)
    else { return .full([rows], -.infinity, dtype: .double) }
    return Tensor(
      (0..<rows).map { row in
        let z = Array(values[row * d..<(row + 1) * d])
        return likelihood.model(at: point(z)).map { -$0.value } ?? -.infinity
      })
  }
}
