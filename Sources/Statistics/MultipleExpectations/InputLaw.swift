import Foundation
import Probability
import RealModule
import Torch

/// The law of one input of a model, as a map from a standard normal number.
public struct InputLaw: Sendable, Hashable, Codable {
  public enum Kind: String, Sendable, Hashable, CaseIterable, Codable { case normal, lognormal, uniform }

  public let name: String
  public let law: Kind
  /// Of normal and lognormal laws.
  public let mean: Double?
  /// Of normal laws: the standard deviation.
  public let deviation: Double?
  /// Of lognormal laws, and of normal ones in place of the deviation: the deviation over the mean.
  public let cv: Double?
  /// Ends of uniform laws.
  public let low: Double?
  public let high: Double?

  public init(
    name: String, law: Kind, mean: Double? = nil, deviation: Double? = nil, cv: Double? = nil,
    low: Double? = nil,
    high: Double? = nil
  ) {
    (self.name, self.law, self.mean, self.deviation) = (name, law, mean, deviation)
    (self.cv, self.low, self.high) = (cv, low, high)
  }

  /// Reads a list of inputs, such as `[{"name": "load", "law": "lognormal", "mean": 556.8, "cv": 0.08}]`.
  /// - Throws: ``StatisticsError`` naming the input.
  public static func read(_ url: URL) throws(StatisticsError) -> [InputLaw] {
    guard let data = FileManager.default.contents(atPath: url.path) else {
      throw StatisticsError(.missing, url.path, found: "no such file", expected: "a JSON list of inputs")
    }
    guard let laws = try? JSONDecoder().decode([InputLaw].self, from: data), !laws.isEmpty else {
      throw StatisticsError(
        .badData, url.path, found: "something else than a list of inputs",
        expected: #"such as [{"name": "x", "law": "normal", "mean": 0, "deviation": 1}], laws \#(kinds)"#)
    }
    for (place, law) in laws.enumerated() {
      try law.check(url.path)
      guard !laws[..<place].contains(where: { $0.name == law.name }) else {
        throw StatisticsError(
          .badData, "\(url.path), \(law.name)", found: "a second input of this name", expected: "one")
      }
    }
    return laws
  }

  private static var kinds: String { Kind.allCases.map(\.rawValue).joined(separator: ", ") }

  private func check(_ file: String) throws(StatisticsError) {
    let numbers = [mean, deviation, cv, low, high].compactMap(\.self)
    let isRight =
      switch law {
      case .normal: mean != nil && (deviation ?? cv.map { $0 * abs(mean!) } ?? 0) > 0
      case .lognormal: (mean ?? 0) > 0 && (cv ?? 0) > 0
      case .uniform: low != nil && high != nil && low! < high!
      }
    guard isRight, numbers.allSatisfy(\.isFinite) else {
      let needed =
        switch law {
        case .normal: "mean, and deviation or cv above 0"
        case .lognormal: "mean and cv above 0"
        case .uniform: "low below high"
        }
      throw StatisticsError(
        .badData, "\(file), \(name)", found: "a \(law.rawValue) law without them", expected: needed)
    }
  }

  /// The input at standard normal numbers `[n]`.
  public func value(_ u: Tensor) -> Tensor {
    switch law {
    case .normal: return u * (deviation ?? cv! * abs(mean!)) + mean!
    case .lognormal:
      let variance = Double.log(onePlus: cv! * cv!)
      return (u * variance.squareRoot() + (.log(mean!) - variance / 2)).exp()
    case .uniform:
      let share = Tensor(u.doubles.map { normalCDF($0) })
      return share * (high! - low!) + low!
    }
  }
}
