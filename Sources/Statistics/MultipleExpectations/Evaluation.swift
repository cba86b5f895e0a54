import Probability
import Torch

/// Points with what does not depend on how they were drawn: φ, and the laws' densities. Points are columns, as all that is done
/// with them runs along them.
struct Evaluation {
  /// `[n, d]`.
  var x: Tensor
  /// φ, `[J, n]`; 0 where no law has mass.
  var values: Tensor
  /// log f_j, `[J, n]`, or `[1, n]` for one law.
  var logLaws: Tensor

  var count: Int { x.size(0) }
  var expectations: Int { values.size(0) }
  /// log of the laws' equal mixture, `[n]`.
  var logMixture: Tensor {
    let laws = logLaws.size(0)
    return laws == 1 ? logLaws[0] : logLaws.logSumExp(0) - .log(Double(laws))
  }

  /// - Throws: ``StatisticsError`` with the point; and what φ throws.
  init(
    _ x: Tensor, _ laws: [MultipleExpectations.Law], expectations: Int? = nil, requiresPositive: Bool = false,
    _ phi: (Tensor) throws -> Tensor
  ) throws {
    self.x = x
    logLaws = .stack(laws.map { $0.logDensity(x) }, axis: 0)
    guard logLaws.isNaN().any(0, 1).item() == 0 else {
      throw StatisticsError(
        .badData, "the density of a law", found: "not a number", expected: "a number or −∞ everywhere")
    }
    // Where no law has mass the model need not be defined, and costs nothing.
    let outside = logLaws.max(0) .== -.infinity
    let isWhole = outside.any(0).item() == 0
    let mask = isWhole ? [] : outside.doubles
    let places = mask.indices.filter { mask[$0] == 0 }
    let asked = isWhole ? x : x.select(axis: 0, Tensor(places))
    guard isWhole || !places.isEmpty else {
      // Draws of the laws lie inside them; those of a density that was given need not.
      guard let expectations else {
        throw StatisticsError(
          .noAnswer, "the sampling density", found: "no draw of \(x.size(0)) inside the laws of the inputs",
          expected: "some", advice: "take a density that was made for these inputs")
      }
      values = .zeros([expectations, x.size(0)], dtype: .double)
      return
    }
    var y = try phi(asked).to(.double)
    if y.rank == 1 { y = y.unsqueeze(1) }
    guard y.rank == 2, y.size(0) == asked.size(0), y.size(1) >= 1 else {
      throw StatisticsError(
        .badData, "φ", found: "values of shape \(y.shape) for \(asked.size(0)) points",
        expected: "a row of values a point, at least one")
    }
    if laws.count > 1 {
      guard y.size(1) == 1 || y.size(1) == laws.count else {
        throw StatisticsError(
          .badData, "φ", found: "\(y.size(1)) values a point for \(laws.count) laws",
          expected: "1, or one a law")
      }
      y = y.expand([y.size(0), laws.count])
    }
    if let expectations, expectations != y.size(1) {
      throw StatisticsError(
        .badData, "φ", found: "\(y.size(1)) values a point after \(expectations) before", expected: "as many")
    }
    y = y.transposed.contiguous()
    // A sum of finite numbers is finite unless it overflows: only then is every number looked at.
    if !y.sum().item().isFinite || (requiresPositive && y.min().item() < 0) {
      let isRight = requiresPositive ? y.isFinite() .& (y .>= 0) : y.isFinite()
      if let row = isRight.to(.double).min(0).doubles.firstIndex(of: 0) {
        throw StatisticsError(
          .badData, "φ at the point \(asked[row].doubles)", found: "\(y[.all, row].doubles)",
          expected: requiresPositive ? "finite numbers ≥ 0" : "finite numbers")
      }
    }
    values = y
    guard !isWhole else { return }
    var columns = [Int](repeating: places.count, count: x.size(0))
    for (place, column) in places.enumerated() { columns[column] = place }
    let none = Tensor.zeros([y.size(0), 1], dtype: .double)
    values = Tensor.concatenate([y, none], axis: 1).select(axis: 1, Tensor(columns))
  }

  /// Together with later points.
  func adding(_ other: Evaluation) -> Evaluation {
    var both = self
    both.x = .concatenate([x, other.x])
    both.values = .concatenate([values, other.values], axis: 1)
    both.logLaws = .concatenate([logLaws, other.logLaws], axis: 1)
    return both
  }

  /// f_j over a density, `[J, n]` or `[1, n]`.
  func lawRatios(over logDensity: Tensor) -> Tensor { (logLaws - logDensity).exp() }
}
