import Torch

/// What the columns of a table look like, and which of them have no density.
public struct TableSummary: Sendable, Hashable, Codable {
  /// One column.
  public struct Column: Sendable, Hashable, Codable {
    public let name: String
    public let count: Int
    public let minimum: Double
    public let maximum: Double
    public let mean: Double
    /// Dividing by n − 1; 0 for a single row.
    public let standardDeviation: Double
    /// Different values, at most ``TableSummary/distinctLimit``.
    public let distinctValues: Int

    /// All values are equal: the column lies on a line of the space and has no density there.
    public var isConstant: Bool { minimum == maximum }
    /// Whether counting stopped at the limit.
    public var hasMoreValues: Bool { distinctValues == TableSummary.distinctLimit }
  }

  /// Counting different values stops here; few of them mean a discrete column.
  public static let distinctLimit = 256

  public let columns: [Column]

  /// The names of the constant columns.
  public var constantColumns: [String] { columns.filter(\.isConstant).map(\.name) }

  /// Looks at every number once. Cost: linear in the table, memory of one column.
  public init(_ table: NumericTable) {
    columns = table.names.enumerated().map { index, name in
      Self.column(name, table.values[.all, index].doubles)
    }
  }

  private static func column(_ name: String, _ values: [Double]) -> Column {
    let count = Double(values.count)
    var distinct: Set<Double> = []
    var (minimum, maximum, sum) = (Double.infinity, -Double.infinity, 0.0)
    for value in values {
      minimum = min(minimum, value)
      maximum = max(maximum, value)
      sum += value
      if distinct.count < distinctLimit { distinct.insert(value) }
    }
    // Around the mean, since the sum of squares would cancel; a constant column is exactly its value.
    let mean = minimum == maximum ? minimum : sum / count
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return Column(
      name: name, count: values.count, minimum: minimum, maximum: maximum, mean: mean,
      standardDeviation: values.count > 1 ? (squares / (count - 1)).squareRoot() : 0,
      distinctValues: distinct.count)
  }
}
