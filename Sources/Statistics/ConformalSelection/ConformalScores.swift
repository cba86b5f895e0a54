/// Predictions of one or several models for labelled units and for candidates, and whose labels pass their threshold.
///
/// A unit's clipped score is V = +∞ where its label passes, and −μ else; a candidate's is −μ. Only such scores may be
/// chosen with the data: under the null hypothesis a candidate's score is then that of its true label.
public struct ConformalScores: Sendable, Hashable {
  /// μ, `[models][units]`.
  public let calibration: [[Double]]
  /// Whether Y > c, one a unit.
  public let passes: [Bool]
  /// μ, `[models][candidates]`.
  public let candidates: [[Double]]
  /// Likelihood ratios of the candidates' distribution to the units', where these differ: units' and candidates'.
  public let weights: (units: [Double], candidates: [Double])?

  public static func == (a: Self, b: Self) -> Bool {
    a.calibration == b.calibration && a.passes == b.passes && a.candidates == b.candidates
      && a.weights?.units == b.weights?.units && a.weights?.candidates == b.weights?.candidates
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(calibration)
    hasher.combine(candidates)
  }

  /// - Throws: ``StatisticsError``: numbers that are not finite, models of different lengths, no units or candidates.
  public init(
    calibration: [[Double]], passes: [Bool], candidates: [[Double]],
    weights: (units: [Double], candidates: [Double])? = nil
  ) throws(StatisticsError) {
    guard !calibration.isEmpty, calibration.count == candidates.count else {
      throw StatisticsError(
        .badData, "the predictions",
        found: "\(calibration.count) models for units, \(candidates.count) for candidates",
        expected: "the same, at least one")
    }
    guard !passes.isEmpty else {
      throw StatisticsError(.badData, "the labelled units", found: "none", expected: "at least one")
    }
    guard let m = candidates.first?.count, m > 0 else {
      throw StatisticsError(.badData, "the candidates", found: "none", expected: "at least one")
    }
    for (what, rows, count) in [("unit", calibration, passes.count), ("candidate", candidates, m)] {
      for (k, row) in rows.enumerated() {
        guard row.count == count else {
          throw StatisticsError(
            .badData, "model \(k + 1)", found: "\(row.count) \(what)s", expected: "\(count)")
        }
        if let place = row.firstIndex(where: { !$0.isFinite }) {
          throw StatisticsError(
            .badData, "model \(k + 1), \(what) \(place + 1)", found: "the prediction \(row[place])",
            expected: "a finite number")
        }
      }
    }
    if let weights {
      guard weights.units.count == passes.count, weights.candidates.count == m,
        (weights.units + weights.candidates).allSatisfy({ $0 > 0 && $0.isFinite })
      else {
        throw StatisticsError(
          .badData, "the weights",
          found: "\(weights.units.count) and \(weights.candidates.count), or some not above 0",
          expected: "\(passes.count) and \(m) finite numbers above 0")
      }
    }
    (self.calibration, self.passes, self.candidates, self.weights) = (
      calibration, passes, candidates, weights
    )
  }

  public var models: Int { calibration.count }
  public var unitCount: Int { passes.count }
  public var candidateCount: Int { candidates[0].count }

  /// One model alone.
  public func model(_ k: Int) -> ConformalScores {
    ConformalScores(checked: [calibration[k]], passes, [candidates[k]], weights)
  }

  /// Share of candidates whose prediction by some model is that of a unit as well: there p-values rest on the uniform
  /// numbers.
  public var tiedShare: Double {
    var isTied = [Bool](repeating: false, count: candidateCount)
    for (own, other) in zip(calibration, candidates) {
      let known = Set(own)
      for (j, mu) in other.enumerated() where known.contains(mu) { isTied[j] = true }
    }
    return Double(isTied.count(where: \.self)) / Double(candidateCount)
  }

  /// Some of the units.
  func units(_ places: [Int]) -> ConformalScores {
    ConformalScores(
      checked: calibration.map { row in places.map { row[$0] } }, places.map { passes[$0] }, candidates,
      weights.map { all in (places.map { all.units[$0] }, all.candidates) })
  }

  private init(
    checked calibration: [[Double]], _ passes: [Bool], _ candidates: [[Double]],
    _ weights: (units: [Double], candidates: [Double])?
  ) {
    (self.calibration, self.passes, self.candidates, self.weights) = (
      calibration, passes, candidates, weights
    )
  }

  /// Scores of the units that do not pass, sorted, with the weights behind each: what p-values count in.
  func ranks(_ k: Int) -> Ranks { Ranks(self, k) }

  /// Units by score.
  struct Ranks {
    private let scores: [Double]
    /// Weight of the first i of them.
    private let cumulated: [Double]
    /// Of all units, those that pass included.
    let total: Double

    init(_ all: ConformalScores, _ k: Int) {
      let null = all.passes.indices.filter { !all.passes[$0] }.sorted {
        all.calibration[k][$0] > all.calibration[k][$1]
      }
      scores = null.map { -all.calibration[k][$0] }
      var sum = 0.0
      cumulated =
        [0]
        + null.map { unit in
          sum += all.weights?.units[unit] ?? 1
          return sum
        }
      total = all.weights?.units.reduce(0, +) ?? Double(all.unitCount)
    }

    /// Weight of the units with V < v, and with V ≤ v.
    func below(_ v: Double) -> (strictly: Double, orEqual: Double) {
      (cumulated[place(v) { $0 < $1 }], cumulated[place(v) { $0 <= $1 }])
    }

    private func place(_ v: Double, _ isBefore: (Double, Double) -> Bool) -> Int {
      var (low, high) = (0, scores.count)
      while low < high {
        let middle = (low + high) / 2
        if isBefore(scores[middle], v) { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  /// Conformal p-values of the candidates under H: Y ≤ c, by one model.
  ///
  /// - Parameter uniforms: one a candidate, for p-values that are exactly uniform under exchangeability, ties and all;
  ///   without, they are (1 + #{V_i ≤ V̂})/(n + 1).
  /// - Complexity: O((n + m) log n).
  public func pValues(model k: Int = 0, uniforms: [Double]? = nil) -> [Double] {
    let ranks = ranks(k)
    return candidates[k].indices.map { j in
      let (below, through) = ranks.below(-candidates[k][j])
      let own = weights?.candidates[j] ?? 1
      let counted = uniforms.map { below + $0[j] * (own + through - below) } ?? (through + own)
      return counted / (ranks.total + own)
    }
  }
}
