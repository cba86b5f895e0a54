extension [any CodingKey] {
  /// As it would be written in a program, such as `.inputs[0].mean`.
  var path: String {
    map { key in key.intValue.map { "[\($0)]" } ?? ".\(key.stringValue)" }.joined()
  }
}

extension Decoder {
  /// Refuses an object's keys that nothing would read: a mistyped one would be ignored silently.
  /// - Throws: ``StatisticsError`` whose place is the path in the file, with the nearest key.
  func refuseKeys(otherThan known: [String]) throws {
    let found = try container(keyedBy: AnyKey.self).allKeys.map(\.stringValue).sorted()
    guard let unknown = found.first(where: { !known.contains($0) }) else { return }
    throw StatisticsError(
      .badData, codingPath.path, found: "the key \(unknown)", expected: known.joined(separator: ", "),
      advice: nearestName(unknown, among: known).map { "did you mean \($0)?" })
  }
}

private struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
