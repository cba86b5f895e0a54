import Probability
import RealModule
import Torch

/// An effect computed from counts, with what is needed for its errors.
public struct EffectEstimate: Sendable {
  /// How errors are found.
  public enum Method: Sendable, Hashable {
    /// Resamples of the records: percentile intervals.
    case bootstrap(Int)
    /// Draws of the law from its Dirichlet posterior: credible intervals.
    case posterior(Int)
    /// The formula's exact derivative along every record: normal intervals.
    case delta
  }

  /// What becomes of records with gaps.
  public enum Gaps: Sendable, Hashable {
    case leftOut
    /// By expectation and maximisation, see ``GapFilling``.
    case filled
  }

  public let query: CausalQuery
  /// The effect: over what is set or seen without a state, then the targets.
  public let law: Factor<Double>
  public let method: Method?
  /// Effects of the resamples or draws, a batch; draws without an answer are left out.
  public let replicates: Factor<Double>?
  /// Resamples or draws in which a row that the formula reads had no mass.
  public let lost: Int
  /// By record, the effect's derivative along it, a batch; and the shares and number of records.
  private let influence: (derivatives: Factor<Double>, shares: [Double], total: Double)?

  /// A number read off the effect: Σ aᵢpᵢ over its cells, or a quotient of two such sums.
  public struct Reading: Sendable, Hashable {
    public let name: String
    public let weights: [Double]
    public let divisor: [Double]?

    public init(_ name: String, weights: [Double], divisor: [Double]? = nil) {
      (self.name, self.weights, self.divisor) = (name, weights, divisor)
    }

    public func value(_ cells: [Double]) -> Double {
      let above = zip(weights, cells).reduce(0) { $0 + ($1.0 == 0 ? 0 : $1.0 * $1.1) }
      guard let divisor else { return above }
      return above / zip(divisor, cells).reduce(0) { $0 + ($1.0 == 0 ? 0 : $1.0 * $1.1) }
    }
  }

  /// A value with its error.
  public struct Interval: Sendable, Hashable {
    public let value: Double
    /// NaN where no error was asked for.
    public let standardError: Double
    public let range: ClosedRange<Double>?

    public init(value: Double, standardError: Double = .nan, range: ClosedRange<Double>? = nil) {
      (self.value, self.standardError, self.range) = (value, standardError, range)
    }
  }

  /// - Parameters:
  ///   - formula: of ``Identification``.
  ///   - table: what was counted.
  ///   - gaps: what becomes of records with gaps.
  ///   - smoothing: α added to every cell; with a posterior, the concentration of its prior.
  /// - Throws: ``StatisticsError`` where rows that the formula reads have no mass.
  public init(
    _ formula: CausalExpression, answering query: CausalQuery, from table: CountTable,
    gaps: Gaps = .leftOut, smoothing: Double = 0, method: Method? = nil,
    random: RandomSource = RandomSource(seed: 0)
  ) throws(StatisticsError) {
    let isFilled = gaps == .filled && !table.incomplete.isEmpty
    let parts =
      isFilled
      ? try Self.filled(formula, query, table, smoothing, method, random)
      : try Self.counted(formula, query, table, smoothing, method, random)
    (self.query, self.method) = (query, method)
    (law, replicates, lost, influence) = (parts.law, parts.replicates, parts.lost, parts.influence)
  }

  private struct Parts {
    var law: Factor<Double>
    var replicates: Factor<Double>?
    var lost = 0
    var influence: (derivatives: Factor<Double>, shares: [Double], total: Double)?
  }

  private static func counted(
    _ formula: CausalExpression, _ query: CausalQuery, _ table: CountTable, _ smoothing: Double,
    _ method: Method?, _ random: RandomSource
  ) throws(StatisticsError) -> Parts {
    let observed = try table.distribution(smoothing: smoothing)
    let compiled = try CompiledFormula(formula, answering: query) { name throws(StatisticsError) in
      try observed.variable(name)
    }
    var parts = Parts(law: try compiled(observed))
    switch method {
    case nil: break
    case .delta: parts.influence = try influence(compiled, table, smoothing)
    case .bootstrap(let count):
      let shares = try CountTable.resampledShares(of: table.counts, count, random: random)
      let batch = try table.distribution(weights: shares, batch: count, smoothing: smoothing)
      (parts.replicates, parts.lost) = try kept(try compiled(batch), query)
    case .posterior(let count):
      let batch = try table.posterior(count, concentration: smoothing, random: random)
      let (draws, lost) = try kept(try compiled(batch), query)
      (parts.replicates, parts.lost) = (draws, lost)
      // The mean of the effect's posterior, which is not the effect of the posterior's mean.
      parts.law = Factor(
        draws.variables,
        values: (0..<draws.cells).map { cell in
          draws.values[cell * draws.batch..<(cell + 1) * draws.batch].reduce(0, +) / Double(draws.batch)
        })
    }
    return parts
  }

  private static func filled(
    _ formula: CausalExpression, _ query: CausalQuery, _ table: CountTable, _ smoothing: Double,
    _ method: Method?, _ random: RandomSource
  ) throws(StatisticsError) -> Parts {
    guard smoothing == 0 else {
      throw StatisticsError(
        .option, "smoothing", found: "\(smoothing) with gaps filled by EM", expected: "0")
    }
    let filling = try GapFilling(table)
    let joint = filling.distribution()
    let compiled = try CompiledFormula(formula, answering: query) { name throws(StatisticsError) in
      try joint.variable(name)
    }
    var parts = Parts(law: try compiled(joint))
    switch method {
    case nil: break
    case .bootstrap(let count):
      let counts = table.counts + table.incompleteCounts
      let shares = try CountTable.resampledShares(of: counts, count, random: random)
      let laws = (0..<count).map { k in
        filling.fit(counts: counts.indices.map { shares[$0 * count + k] }).law
      }
      let values = laws[0].indices.flatMap { cell in laws.map { $0[cell] } }
      let batch = JointTable(Factor(table.variables, batch: count, values: values))
      (parts.replicates, parts.lost) = try kept(try compiled(batch), query)
    case .delta, .posterior:
      throw StatisticsError(
        .option, "interval", found: "another method than a bootstrap with gaps filled by EM",
        expected: "a bootstrap")
    }
    return parts
  }

  /// Without the tables that gave no answer.
  private static func kept(_ all: Factor<Double>, _ query: CausalQuery) throws(StatisticsError)
    -> (Factor<Double>, Int)
  {
    let good = (0..<all.batch).filter { !all.values[$0].isNaN }
    guard good.count >= 2 else {
      throw StatisticsError(
        .noAnswer, query.text, found: "\(good.count) of \(all.batch) resamples with an answer",
        expected: "at least 2", advice: "smooth the counts, or collect the rare cases")
    }
    if good.count == all.batch { return (all, 0) }
    let values = (0..<all.cells).flatMap { cell in good.map { all.values[cell * all.batch + $0] } }
    return (Factor(all.variables, batch: good.count, values: values), all.batch - good.count)
  }

  /// d/dε of the formula at (1 − ε)w + ε·(all mass on a record), record by record, as one batch of dual numbers.
  private static func influence(_ compiled: CompiledFormula, _ table: CountTable, _ smoothing: Double)
    throws(StatisticsError) -> (Factor<Double>, [Double], Double)
  {
    let n = table.records.count
    guard n <= 4096 else {
      throw StatisticsError(
        .noAnswer, "delta method", found: "\(n) different records", expected: "at most 4096",
        advice: "use a bootstrap")
    }
    let total = table.total
    let shares = table.counts.map { $0 / total }
    let weights = (0..<n).flatMap { record in
      (0..<n).map { direction in
        DualNumber(shares[record], derivative: (record == direction ? 1 : 0) - shares[record])
      }
    }
    let laws = try table.distribution(weights: weights, batch: n, smoothing: smoothing)
    let effects = try compiled(laws)
    let derivatives = Factor<Double>(
      effects.variables, batch: effects.batch, values: effects.values.map(\.derivative))
    return (derivatives, shares, total)
  }

  // MARK: Readings

  /// A number with its error.
  /// - Parameter level: of the interval, in (0, 1).
  public func read(_ reading: Reading, level: Double = 0.95) -> Interval {
    let value = reading.value(law.values)
    if let replicates {
      var values = (0..<replicates.batch).map { k in
        reading.value((0..<law.cells).map { replicates.values[$0 * replicates.batch + k] })
      }.filter(\.isFinite)
      guard values.count >= 2 else { return Interval(value: value, standardError: .nan, range: nil) }
      values.sort()
      let spread = Estimate(meanOf: values).standardError * Double(values.count).squareRoot()
      let tail = (1 - level) / 2
      let isPosterior = if case .posterior = method { true } else { false }
      return Interval(
        // The mean of a quotient is not the quotient of means.
        value: isPosterior ? values.reduce(0, +) / Double(values.count) : value, standardError: spread,
        range: quantile(ofSorted: values, tail)...quantile(ofSorted: values, 1 - tail))
    }
    guard let influence else { return Interval(value: value, standardError: .nan, range: nil) }
    let n = influence.shares.count
    let scale = reading.divisor.map { Reading("", weights: $0).value(law.values) } ?? 1
    var variance = 0.0
    for (k, share) in influence.shares.enumerated() {
      let along = (0..<law.cells).map { influence.derivatives.values[$0 * n + k] }
      var slope = Reading("", weights: reading.weights).value(along)
      if let divisor = reading.divisor { slope -= value * Reading("", weights: divisor).value(along) }
      variance += share * (slope / scale) * (slope / scale)
    }
    let error = (variance / influence.total).squareRoot()
    guard error.isFinite, value.isFinite else {
      return Interval(value: value, standardError: error, range: nil)
    }
    return Interval(
      value: value, standardError: error,
      range: Estimate(value, standardError: error).interval(level: level))
  }
}

extension CountTable {
  /// Shares of the records in samples of as many, drawn with replacement, `[records, count]`: a multinomial as a chain of
  /// binomials, all resamples at once.
  package static func resampledShares(of counts: [Double], _ count: Int, random: RandomSource)
    throws(StatisticsError) -> [Double]
  {
    guard count >= 2 else {
      throw StatisticsError(.option, "bootstrap", found: "\(count) resamples", expected: "at least 2")
    }
    guard !counts.isEmpty, counts.count <= (1 << 28) / count else {
      throw StatisticsError(
        .noAnswer, "bootstrap", found: "\(counts.count) different records in \(count) resamples",
        expected: counts.isEmpty ? "complete records" : "at most \(1 << 28) together",
        advice: "use fewer resamples")
    }
    var random = random
    let total = counts.reduce(0, +)
    let size = max(1, total.rounded())
    var left = Tensor.full([count], size, dtype: .double)
    var mass = total
    var shares: [Double] = []
    shares.reserveCapacity(counts.count * count)
    for (i, n) in counts.enumerated() {
      let share = min(1, max(0, n / mass))
      let drawn =
        i == counts.count - 1
        ? left : random.binomial(left, Tensor.full([count], share, dtype: .double))
      shares += (drawn / size).doubles
      left = left - drawn
      mass -= n
    }
    return shares
  }

  /// Laws drawn from Dirichlet(n + α) over all cells, or, with α = 0, over the records that occurred.
  func posterior(_ count: Int, concentration: Double, random: RandomSource) throws(StatisticsError)
    -> EmpiricalDistribution<Double>
  {
    guard count >= 2 else {
      throw StatisticsError(.option, "posterior", found: "\(count) draws", expected: "at least 2")
    }
    var random = random
    var (records, parameters) = (records, counts)
    if concentration > 0 {
      guard let cells = variables.cellCount, cells <= (1 << 26) / count else {
        throw StatisticsError(
          .noAnswer, "posterior over \(variables.names.joined(separator: ", "))",
          found: variables.cellCount.map { "\($0) cells in \(count) draws" }
            ?? "more cells than a number holds",
          expected: "at most \(1 << 26) together", advice: "use fewer draws, or a concentration of 0")
      }
      records = (0..<cells).map { Self.states(of: $0, variables) }
      let known = Dictionary(uniqueKeysWithValues: zip(self.records, counts))
      parameters = records.map { (known[$0] ?? 0) + concentration }
    }
    guard !records.isEmpty, records.count <= (1 << 26) / count else {
      throw StatisticsError(
        .noAnswer, "posterior", found: "\(records.count) different records in \(count) draws",
        expected: "at most \(1 << 26) together", advice: "use fewer draws")
    }
    let drawn = random.gamma(
      Tensor(parameters).reshape([records.count, 1]).expand([records.count, count]).contiguous())
    let shares = drawn / drawn.sum(0, keep: true)
    return EmpiricalDistribution(
      variables: variables, records: records, weights: shares.doubles, batch: count)
  }
}
