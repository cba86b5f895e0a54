import Foundation
import Report

extension ExternalProcess {
  /// The answers to a batch as numbers: each a number, or an object with one as `reward`.
  /// - Throws: ``ExternalProcessError``.
  public func rewards(_ requests: [JSONValue]) throws(ExternalProcessError) -> [Double] {
    var rewards: [Double] = []
    for answer in try self(requests) { rewards.append(try number(answer)) }
    return rewards
  }

  private func number(_ answer: String) throws(ExternalProcessError) -> Double {
    let text = answer.trimmingCharacters(in: .whitespacesAndNewlines)
    if let value = Self.scalar(text) { return value }
    let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    switch object?["reward"] {
    case let value as NSNumber: return value.doubleValue
    case let value as String: if let value = Self.scalar(value) { return value }
    default: break
    }
    throw ExternalProcessError(
      command: command, reason: "found the answer `\(text.prefix(60))`",
      advice: "a number or {\"reward\": number} is expected for every line")
  }

  private static func scalar(_ text: String) -> Double? {
    let text = text.trimmingCharacters(in: ["\""])
    return Double(text == "-Infinity" ? "-inf" : text == "Infinity" ? "inf" : text == "NaN" ? "nan" : text)
  }
}
