import Torch

/// Outcome, exposure, instrument and covariates of a study.
public struct InstrumentData: Sendable {
  /// Y.
  public let outcome: [Double]
  /// A, 0 or 1.
  public let exposure: [Double]
  /// Z, 0 or 1.
  public let instrument: [Double]
  /// X, `[rows, columns]`.
  public let covariates: Tensor
  /// The covariates' columns, for messages.
  public let names: [String]?

  /// - Throws: ``StatisticsError``: values of A and Z other than 0 and 1, cells of fewer than ten rows, numbers that are not
  ///   finite.
  public init(
    outcome: [Double], exposure: [Double], instrument: [Double], covariates: Tensor, names: [String]? = nil
  ) throws(StatisticsError) {
    precondition(
      names.map { $0.count == covariates.size(1) } ?? true,
      "InstrumentData: names of \(names?.count ?? 0) of the covariates \(covariates.shape)")
    let n = outcome.count
    guard exposure.count == n, instrument.count == n, covariates.size(0) == n else {
      throw StatisticsError(
        .badData, "the study",
        found: "\(n), \(exposure.count), \(instrument.count) and \(covariates.size(0)) rows",
        expected: "equally many")
    }
    for (what, values) in [("the exposure", exposure), ("the instrument", instrument)] {
      if let row = values.firstIndex(where: { $0 != 0 && $0 != 1 }) {
        throw StatisticsError(
          .badData, "\(what), row \(row + 1)", found: "\(values[row])", expected: "0 or 1")
      }
      if Set(values).count < 2 {
        throw StatisticsError(.badData, what, found: "\(values[0]) in every row", expected: "both 0 and 1")
      }
    }
    guard outcome.allSatisfy(\.isFinite) else {
      throw StatisticsError(
        .badData, "the outcome", found: "NaN or infinite numbers", expected: "finite numbers")
    }
    (self.outcome, self.exposure, self.instrument) = (outcome, exposure, instrument)
    (self.covariates, self.names) = (covariates.to(.double), names)
    for (z, a) in [(0.0, 0.0), (0, 1), (1, 0), (1, 1)] {
      let count = (0..<n).count { instrument[$0] == z && exposure[$0] == a }
      // Nobody may be exposed without the instrument: non-compliance on one side.
      guard count >= 10 || (z == 0 && a == 1 && count == 0) else {
        throw StatisticsError(
          .badData, "the cell with instrument \(Int(z)) and exposure \(Int(a))", found: "\(count) rows",
          expected: "at least 10", advice: "gather more data, or merge studies")
      }
    }
  }

  public var count: Int { outcome.count }

  /// Whether nobody is exposed without the instrument: p(0, x) = 0.
  public var isOneSided: Bool { !zip(exposure, instrument).contains { $0 == 1 && $1 == 0 } }

  /// Which of the four cells a row is in.
  var cells: [Int] { zip(exposure, instrument).map { Int($0) + 2 * Int($1) } }

  func rows(_ rows: [Int]) -> InstrumentData {
    InstrumentData(
      checked: rows.map { outcome[$0] }, rows.map { exposure[$0] }, rows.map { instrument[$0] },
      covariates.select(axis: 0, Tensor(rows)), names)
  }

  private init(
    checked outcome: [Double], _ exposure: [Double], _ instrument: [Double], _ covariates: Tensor,
    _ names: [String]?
  ) {
    (self.outcome, self.exposure, self.instrument) = (outcome, exposure, instrument)
    (self.covariates, self.names) = (covariates, names)
  }

  /// The failure of a fit on some rows, by the names of the covariates that are constant or determined by others there, such as
  /// levels of a factor that a fold lacks; as it was where there are none.
  func withoutUniqueFit(_ rows: [Int], _ failure: StatisticsError) -> StatisticsError {
    let columns = collinearColumns(covariates.select(axis: 0, Tensor(rows)))
    guard !columns.isEmpty else { return failure }
    let known = columns.map { column in names.map { $0[column] } ?? "covariate \(column + 1)" }
    return StatisticsError(
      .noAnswer, known.joined(separator: ", "),
      found:
        "the same number, or one that the covariates before determine, in all \(rows.count) rows of a fit",
      expected: "covariates that vary wherever a model is fitted",
      advice: "leave them out, merge rare levels, or take fewer folds")
  }
}
