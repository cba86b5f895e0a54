import Probability
import Torch

/// Estimators that rest on other assumptions, for a look beside ψ.
public struct EffectComparisons: Sendable {
  private let data: InstrumentData
  private let basis: Basis

  /// - Parameter basis: of the covariates, for all regressions.
  public init(_ data: InstrumentData, basis: Basis = .linear) { (self.data, self.basis) = (data, basis) }

  private var design: Tensor { basis.fitted(data.covariates)(data.covariates) }

  /// Mean outcome of the exposed less that of the others: right without any confounding.
  public var difference: Estimate {
    func mean(_ a: Double) -> Estimate {
      Estimate(meanOf: (0..<data.count).filter { data.exposure[$0] == a }.map { data.outcome[$0] })
    }
    return mean(1) - mean(0)
  }

  /// The exposure's weight in least squares on exposure and covariates, with its robust error: right without hidden confounding and
  /// with one effect for all.
  public func regression() throws(StatisticsError) -> Estimate {
    try instrumented(Tensor(data.exposure).unsqueeze(1))
  }

  /// Two-stage least squares with the instrument: right if the instrument acts through the exposure alone.
  public func twoStage() throws(StatisticsError) -> Estimate {
    try instrumented(Tensor(data.instrument).unsqueeze(1))
  }

  /// Σ w(y − xᵀβ) = 0 with the instruments w = (z, covariates) and x = (a, covariates).
  private func instrumented(_ z: Tensor) throws(StatisticsError) -> Estimate {
    let n = data.count
    let h = design
    let x = Tensor.concatenate([Tensor(data.exposure).unsqueeze(1), h], axis: 1)
    let w = Tensor.concatenate([z, h], axis: 1)
    let y = Tensor(data.outcome).unsqueeze(1)
    let bread = w.transposed.matmul(x)
    guard
      let found = try? withTorchErrors({ () -> (Double, Double) in
        let beta = bread.solve(w.transposed.matmul(y))
        let scores = w * (y - x.matmul(beta))
        let meat = scores.transposed.matmul(scores)
        // B⁻¹ M B⁻ᵀ.
        let half = bread.solve(meat)
        let variance = bread.solve(half.transposed)
        return (beta[0].reshape(-1)[0].item(), variance[0][0].item())
      }), found.0.isFinite, found.1 >= 0
    else {
      throw data.withoutUniqueFit(
        Array(0..<n),
        StatisticsError(
          .noAnswer, "regression", found: "columns that determine each other in \(n) rows",
          expected: "a unique fit"))
    }
    return Estimate(found.0, standardError: found.1.squareRoot())
  }

  /// The effect of the instrument itself (of eligibility, say) by augmented inverse probability weighting: logistic π, linear
  /// outcomes by arm.
  public func instrumentEffect() throws(StatisticsError) -> Estimate {
    let h = design
    let x = h.size(1) > 1 ? h.slice(axis: 1, start: 1) : h
    let pi = try GeneralisedLinearModel(.logistic).fit(x, data.instrument).predict(x)
    var arms: [[Double]] = []
    for z in [0.0, 1] { arms.append(try outcomes { data.instrument[$0] == z }) }
    return Estimate(
      meanOf: (0..<data.count).map { i in
        let (y, z) = (data.outcome[i], data.instrument[i])
        return arms[1][i] - arms[0][i] + z * (y - arms[1][i]) / pi[i] - (1 - z) * (y - arms[0][i])
          / (1 - pi[i])
      })
  }

  /// δ = (C₁ − C₀)/(V₁ − V₀) without covariates (MR GENIUS with one stratum); no error is given.
  public var withoutCovariates: Double {
    func moments(_ z: Double) -> (covariance: Double, variance: Double) {
      let rows = (0..<data.count).filter { data.instrument[$0] == z }
      let n = Double(rows.count)
      let a = rows.reduce(0) { $0 + data.exposure[$1] } / n
      let y = rows.reduce(0) { $0 + data.outcome[$1] } / n
      return (
        rows.reduce(0) { $0 + (data.exposure[$1] - a) * (data.outcome[$1] - y) } / n, a * (1 - a)
      )
    }
    let (one, zero) = (moments(1), moments(0))
    return (one.covariance - zero.covariance) / (one.variance - zero.variance)
  }

  /// Where nobody is exposed without the instrument: ψ is the effect of the exposure among those with the instrument, by augmented
  /// inverse probability weighting, and right without hidden confounding among them.
  public struct OneSided: Sendable {
    public let effect: Estimate
    /// Mean of δ(x) = q₁(x) − q₀(x).
    public let plugIn: Double
    /// φ, one a row.
    public let influence: [Double]
    /// Nuisances at the rows, for a look at the general formula.
    let values: NuisanceValues
    public let propensityRange: ClosedRange<Double>
  }

  /// Logistic π and p(1, ·), linear outcomes in the two cells with the instrument.
  public func oneSided() throws(StatisticsError) -> OneSided {
    guard data.isOneSided else {
      throw StatisticsError(
        .badData, "the exposure", found: "rows with exposure 1 and instrument 0", expected: "none",
        advice: "estimate without --one-sided")
    }
    let h = design
    let x = h.size(1) > 1 ? h.slice(axis: 1, start: 1) : h
    let logistic = GeneralisedLinearModel(.logistic)
    let pi = try logistic.fit(x, data.instrument).predict(x)
    let eligible = (0..<data.count).filter { data.instrument[$0] == 1 }
    let p1 = try logistic.fit(x.select(axis: 0, Tensor(eligible)), eligible.map { data.exposure[$0] })
      .predict(x)
    let q1 = try outcomes { data.instrument[$0] == 1 && data.exposure[$0] == 1 }
    let q0 = try outcomes { data.instrument[$0] == 1 && data.exposure[$0] == 0 }
    let delta = zip(q1, q0).map { $0 - $1 }
    let scores = (0..<data.count).map { i -> Double in
      guard data.instrument[i] == 1 else { return delta[i] }
      let (a, y) = (data.exposure[i], data.outcome[i])
      return delta[i] + (a * (y - q1[i]) / p1[i] - (1 - a) * (y - q0[i]) / (1 - p1[i])) / pi[i]
    }
    let effect = Estimate(meanOf: scores)
    let zeros = [Double](repeating: 0, count: data.count)
    return OneSided(
      effect: effect, plugIn: delta.reduce(0, +) / Double(data.count),
      influence: scores.map { $0 - effect.value },
      values: NuisanceValues(pi: pi, p0: zeros, p1: p1, delta: delta, mu0: zeros, mu1: q0, eta: zeros),
      propensityRange: pi.min()!...pi.max()!)
  }

  private func outcomes(_ isIn: (Int) -> Bool) throws(StatisticsError) -> [Double] {
    let rows = (0..<data.count).filter(isIn)
    let h = design
    do throws(StatisticsError) {
      return try Ridge(hasIntercept: false)
        .fit(h.select(axis: 0, Tensor(rows)), rows.map { data.outcome[$0] }).predict(h)
    } catch {
      throw data.withoutUniqueFit(rows, error)
    }
  }

  /// The general formula at the one-sided nuisances, one a row, for a comparison with theirs.
  package func generalScores(_ found: OneSided) -> [Double] {
    var general = InvalidInstrument()
    general.limits.variance = 0
    return general.scores(data, found.values)
  }
}

extension InvalidInstrument {
  /// The whole estimate, selection included, on rows drawn again within the four cells: its standard deviation and an interval of
  /// quantiles.
  public func bootstrap(
    _ data: InstrumentData, _ candidates: NuisanceCandidates, resamples: Int, level: Double = 0.95,
    random: RandomSource
  ) throws(StatisticsError) -> (effects: [Double], interval: ClosedRange<Double>) {
    guard resamples >= 20, level > 0, level < 1 else {
      throw StatisticsError(
        .option, "the bootstrap", found: "\(resamples) resamples at level \(level)",
        expected: "at least 20, a level in (0, 1)")
    }
    let cells = data.cells
    let members = (0..<4).map { cell in cells.indices.filter { cells[$0] == cell } }
    let effects = try Repetitions(resamples).run(random) { (stream) throws(StatisticsError) -> Double in
      let rows = members.flatMap { own in own.map { _ in own[stream.integer(in: 0..<own.count)] } }
      // Some resamples of a study with enough strength have too little.
      return try unchecked(data.rows(rows), candidates, random: stream.split("estimate")).effect.value
    }
    let sorted = effects.sorted()
    let tail = Int((0.5 - level / 2) * Double(resamples))
    return (effects, sorted[tail]...sorted[resamples - 1 - tail])
  }
}
