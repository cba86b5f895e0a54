import Probability
import RealModule

/// How good probabilities of ordered classes are on rows whose class is known.
public struct OrdinalMetrics: Sendable, Hashable {
  /// mean Σ_k (p_k − 1{y = k})².
  public let brier: Double
  /// −mean log p_y, clipped at 1e-15.
  public let deviance: Double
  /// Share of rows whose likeliest class is another.
  public let misclassification: Double
  /// Of the rare class against the others, clipped at 1e-15.
  public let rareLogLoss: Double
  public let rareBrier: Double
  /// Of the rare class; NaN where one of the two kinds is absent.
  public let rareAUC: Double
  public let rareAveragePrecision: Double
  /// Mean over rows of (p̂ − frequency of its bin)² for the rare class.
  public let rareCalibration: Double

  /// - Parameters:
  ///   - probabilities: `[rows][classes]`; `nil` for a model of the rare class alone, whose other readings are NaN.
  ///   - rareProbabilities: `[rows]`.
  ///   - classes: one a row.
  ///   - rare: the class that the last readings are of.
  public init(_ probabilities: [[Double]]?, rareProbabilities: [Double], classes: [Int], rare: Int) {
    let n = Double(classes.count)
    if let probabilities {
      var (squares, logs, wrong) = (0.0, 0.0, 0)
      for (row, y) in zip(probabilities, classes) {
        for (k, p) in row.enumerated() { squares += (p - (k == y ? 1 : 0)) * (p - (k == y ? 1 : 0)) }
        logs -= .log(max(1e-15, row[y]))
        if row.indices.max(by: { row[$0] < row[$1] })! != y { wrong += 1 }
      }
      (brier, deviance, misclassification) = (squares / n, logs / n, Double(wrong) / n)
    } else {
      (brier, deviance, misclassification) = (.nan, .nan, .nan)
    }
    let isRare = classes.map { $0 == rare }
    rareLogLoss = logLoss(rareProbabilities, positive: isRare)
    rareBrier =
      zip(rareProbabilities, isRare).reduce(0) { $0 + ($1.0 - ($1.1 ? 1 : 0)) * ($1.0 - ($1.1 ? 1 : 0)) } / n
    let positives = zip(rareProbabilities, isRare).compactMap { $1 ? $0 : nil }
    let negatives = zip(rareProbabilities, isRare).compactMap { $1 ? nil : $0 }
    rareAUC = positives.isEmpty || negatives.isEmpty ? .nan : areaUnderCurve(low: negatives, high: positives)
    rareAveragePrecision = averagePrecision(rareProbabilities, positive: isRare)
    rareCalibration = calibrationError(rareProbabilities, positive: isRare)
  }
}

/// What cross-validation chooses λ by; less is better.
public enum OrdinalCriterion: String, Sendable, Hashable, CaseIterable, Codable {
  case brier, deviance, misclassification
  case rareLogLoss = "rare-log-loss"

  func callAsFunction(_ metrics: OrdinalMetrics) -> Double {
    switch self {
    case .brier: metrics.brier.isNaN ? metrics.rareBrier : metrics.brier
    case .deviance: metrics.deviance.isNaN ? metrics.rareLogLoss : metrics.deviance
    case .misclassification: metrics.misclassification
    case .rareLogLoss: metrics.rareLogLoss
    }
  }
}
