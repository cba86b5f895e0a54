import Foundation

/// The times of a reverse path and what the noising equation dx = f dt + σ dW does between them.
public struct DiffusionGrid: Sendable, Hashable {
  /// How steps are spread.
  public enum Spacing: String, Sendable, Hashable, CaseIterable, Codable {
    /// Equal steps in the schedule's time.
    case uniform
    /// Equal steps in log α²/σ²: finer towards the data.
    case logSNR = "log-snr"
  }

  public let schedule: NoiseSchedule
  /// From noise to data, decreasing.
  public let times: [Double]
  public let levels: [DiffusionLevel]

  /// - Parameters:
  ///   - steps: at least 1.
  ///   - start: where noise is drawn; `nil` takes 1, or 0.999 for `flowLinear`, whose noising equation has no
  ///     coefficients at 1.
  ///   - end: > 0 wherever the schedule ends without noise, as the score has no value there.
  public init(
    _ schedule: NoiseSchedule, steps: Int, spacing: Spacing = .uniform, start: Double? = nil,
    end: Double = 1e-3
  ) {
    let start = start ?? schedule.latestTime
    precondition(
      steps > 0 && 0 <= end && end < start && start <= 1, "DiffusionGrid: \(steps) steps, \(end), \(start)")
    self.schedule = schedule
    let shares = (0...steps).map { Double($0) / Double(steps) }
    switch spacing {
    case .uniform: times = shares.map { start + $0 * (end - start) }
    case .logSNR:
      let (first, last) = (schedule.level(at: start).logSNR, schedule.level(at: end).logSNR)
      times = shares.map { share in
        share == 0 ? start : share == 1 ? end : schedule.time(logSNR: first + share * (last - first))
      }
    }
    levels = times.map(schedule.level)
  }

  public var steps: Int { times.count - 1 }

  /// ∫ f/x dt from time k + 1 to time k: f = φ x for every schedule. ≤ 0.
  package func driftOfStep(_ k: Int) -> Double { log(levels[k].signal / levels[k + 1].signal) }

  /// ∫ σ² dt from time k + 1 to time k.
  package func varianceOfStep(_ k: Int) -> Double { schedule.addedVariance(from: times[k + 1], to: times[k]) }
}

extension DiffusionLevel {
  /// log α²/σ².
  public var logSNR: Double { 2 * log(signal / noise) }
}

extension NoiseSchedule {
  /// The noisiest time at which the coefficients of the noising equation are finite.
  public var latestTime: Double { self == .flowLinear ? 0.999 : 1 }

  /// The time at which log α²/σ² has a value, by bisection; the nearest end where it never has.
  public func time(logSNR value: Double) -> Double {
    var (low, high) = (0.0, 1.0)
    for _ in 0..<60 {
      let middle = 0.5 * (low + high)
      if level(at: middle).logSNR > value { low = middle } else { high = middle }
    }
    return 0.5 * (low + high)
  }

  /// ∫ σ² dt of the noising equation between two times.
  func addedVariance(from clean: Double, to noisy: Double) -> Double {
    let (a, b) = (level(at: clean), level(at: noisy))
    switch self {
    case .vpLinear, .vpCosine: return 2 * log(a.signal / b.signal)
    case .ve, .edm: return b.noise * b.noise - a.noise * a.noise
    // σ² = 2t/(1 − t).
    case .flowLinear: return 2 * (clean - noisy + log(a.signal / b.signal))
    }
  }
}
