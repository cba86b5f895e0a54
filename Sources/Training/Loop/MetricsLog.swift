import Foundation
import OrderedCollections
import Report

/// Metrics of a run, one JSON object a line.
///
/// A line is written with one call, so a killed program leaves whole lines; a resumed run first drops the
/// lines after its checkpoint, so the file never tells a step twice.
public final class MetricsLog {
  private let handle: FileHandle

  /// Opens the log for appending, without lines after `step`.
  public init(_ url: URL, keepingThrough step: Int) throws {
    var kept = ""
    if let text = try? String(contentsOf: url, encoding: .utf8) {
      for line in text.split(separator: "\n") where Self.step(of: line).map({ $0 <= step }) ?? false {
        kept += line + "\n"
      }
    }
    try writeAtomically(Data(kept.utf8), to: url)
    handle = try FileHandle(forWritingTo: url)
    try handle.seekToEnd()
  }

  deinit { try? handle.close() }

  /// Appends one line.
  public func append(step: Int, _ values: KeyValuePairs<String, Double>) throws {
    try append(step: step, values.map { (name: $0.key, value: $0.value) })
  }

  /// Appends one line; what is not finite is left out, since JSON has no name for it.
  public func append(step: Int, _ values: [(name: String, value: Double)]) throws {
    var object: OrderedDictionary<String, JSONValue> = ["step": .integer(step)]
    for (name, value) in values where value.isFinite { object[name] = .number(value) }
    try handle.write(contentsOf: Data((JSONValue.object(object).compact + "\n").utf8))
  }

  /// The metrics of a run, oldest first; an unfinished last line is left out.
  public static func read(_ url: URL) -> [[String: Double]] {
    guard let text = try? String(contentsOf: url, encoding: .utf8) else { return [] }
    return text.split(separator: "\n").compactMap { line in
      guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
        return nil
      }
      return object.compactMapValues { ($0 as? NSNumber)?.doubleValue }
    }
  }

  private static func step(of line: Substring) -> Int? {
    guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
      return nil
    }
    return object["step"] as? Int
  }
}
