/// Regressors by the names that people type.
public enum RegressorNames {
  /// What can be typed, for messages.
  public static let all =
    "ols, ridge:λ, lasso, elastic:a, quantile:τ, knn:k, kernel:λ, forest, forest:τ, boosted, boosted:τ, boosted-logistic, mlp:units"

  /// - Throws: ``StatisticsError`` (`option`) for other names, and for numbers outside their ranges.
  public static func regressor(_ name: String) throws(StatisticsError) -> any Regressor {
    let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
    let number = parts.count > 1 ? Double(parts[1]) : nil
    guard parts.count == 1 || number != nil else { throw unknown(name) }
    func level() throws(StatisticsError) -> Double? {
      guard let number else { return nil }
      guard number > 0, number < 1 else {
        throw StatisticsError(.option, name, found: "the quantile \(number)", expected: "in (0, 1)")
      }
      return number
    }
    func positive(_ standard: Double) throws(StatisticsError) -> Double {
      guard let number else { return standard }
      guard number > 0, number.isFinite else {
        throw StatisticsError(.option, name, found: "\(number)", expected: "a number above 0")
      }
      return number
    }
    func whole(_ standard: Int) throws(StatisticsError) -> Int {
      guard let number else { return standard }
      guard let whole = Int(exactly: number), (1...100_000).contains(whole) else {
        throw StatisticsError(.option, name, found: "\(number)", expected: "a whole number from 1 to 100000")
      }
      return whole
    }
    switch parts.first {
    case "ols": return Ridge()
    case "ridge": return Ridge(penalty: try positive(1))
    case "lasso": return Lasso()
    case "elastic":
      guard let mix = number ?? Optional(0.5), (0...1).contains(mix) else { throw unknown(name) }
      return Lasso(mix: mix)
    case "quantile": return QuantileRegression(try level() ?? 0.5)
    case "knn": return NearestNeighbours(try whole(10))
    case "kernel": return KernelRidge(penalty: try positive(1))
    case "mlp": return Perceptron(hidden: try whole(16))
    case "forest": return RandomForest(quantile: try level())
    case "boosted": return try level().map { GradientBoosting(.quantile($0)) } ?? GradientBoosting()
    case "boosted-logistic": return GradientBoosting(.logistic)
    default: throw unknown(name)
    }
  }

  private static func unknown(_ name: String) -> StatisticsError {
    StatisticsError(.option, "learners", found: "\"\(name)\"", expected: "one of \(all)")
  }
}
