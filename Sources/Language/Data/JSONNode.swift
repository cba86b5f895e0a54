import Files
import Foundation

/// A value of a JSON file and where it stands, so that every complaint names its key.
struct JSONNode {
  let file: String
  /// The keys that lead here, such as `model.vocab`.
  let path: String
  let value: ExactJSON

  /// The value of a whole file.
  /// - Throws: ``LanguageError`` (`missing`; `malformed` with the byte).
  init(contentsOf url: URL) throws(LanguageError) {
    let file = url.lastPathComponent
    let data: Data
    do {
      data = try Data(contentsOf: url, options: .mappedIfSafe)
    } catch {
      throw LanguageError(
        .missing, file: file, found: "no readable file at \(url.path(percentEncoded: false))",
        expected: "a JSON file")
    }
    let outcome = data.withUnsafeBytes { bytes in
      Result { () throws(ExactJSON.Failure) in try ExactJSON.parse(bytes) }
    }
    switch outcome {
    case .success(let value): self.init(file: file, path: "", value: value)
    case .failure(let failure):
      throw LanguageError(
        .malformed, file: file, place: "byte \(failure.offset)", found: failure.found,
        expected: failure.expected)
    }
  }

  init(file: String, path: String, value: ExactJSON) {
    (self.file, self.path, self.value) = (file, path, value)
  }

  func error(_ kind: LanguageError.Kind, _ found: String, expected: String) -> LanguageError {
    LanguageError(kind, file: file, place: path.isEmpty ? nil : path, found: found, expected: expected)
  }

  /// The error for a member of this object.
  func error(_ kind: LanguageError.Kind, at key: String, found: String, expected: String) -> LanguageError {
    child(key, .null).error(kind, found, expected: expected)
  }

  private func mismatch(_ expected: String) -> LanguageError {
    error(.malformed, Self.kind(of: value), expected: expected)
  }

  private static func kind(of value: ExactJSON) -> String {
    switch value {
    case .string(let text): ExactJSON.quoted(text)
    case .integer(let number): "\(number)"
    case .number(let number): "\(number)"
    case .array: "an array"
    case .object: "an object"
    case .null: "null"
    case .bool(let value): "\(value)"
    }
  }

  func child(_ key: String, _ value: ExactJSON) -> JSONNode {
    JSONNode(file: file, path: path.isEmpty ? key : "\(path).\(key)", value: value)
  }

  // MARK: Values

  func string() throws(LanguageError) -> String {
    guard case .string(let text) = value else { throw mismatch("a string") }
    return text
  }

  func bool() throws(LanguageError) -> Bool {
    guard case .bool(let value) = value else { throw mismatch("true or false") }
    return value
  }

  func integer() throws(LanguageError) -> Int {
    guard case .integer(let value) = value else { throw mismatch("a whole number") }
    return value
  }

  func number() throws(LanguageError) -> Double {
    switch value {
    case .integer(let value): return Double(value)
    case .number(let value): return value
    default: throw mismatch("a number")
    }
  }

  /// A token's number.
  func id() throws(LanguageError) -> Int {
    let id = try integer()
    guard (0..<Vocabulary.idLimit).contains(id) else {
      throw error(.badValue, "id \(id)", expected: "an id from 0 to \(Vocabulary.idLimit - 1)")
    }
    return id
  }

  func elements() throws(LanguageError) -> [JSONNode] {
    guard case .array(let elements) = value else { throw mismatch("an array") }
    return elements.enumerated().map { JSONNode(file: file, path: "\(path)[\($0)]", value: $1) }
  }

  func entries() throws(LanguageError) -> [(key: String, value: ExactJSON)] {
    guard case .object(let entries) = value else { throw mismatch("an object") }
    return entries
  }

  // MARK: Members of an object

  /// The member with this key; nil where it is absent or null.
  func optional(_ key: String) throws(LanguageError) -> JSONNode? {
    guard let value = try entries().first(where: { ExactString($0.key) == ExactString(key) })?.value,
      value != .null
    else { return nil }
    return child(key, value)
  }

  func required(_ key: String) throws(LanguageError) -> JSONNode {
    guard let member = try optional(key) else { throw error(.malformed, "no \(key)", expected: "one") }
    return member
  }

  /// Whether there is a member with this key that is not null.
  func has(_ key: String) throws(LanguageError) -> Bool { try optional(key) != nil }

  func bool(_ key: String, default standard: Bool) throws(LanguageError) -> Bool {
    try optional(key)?.bool() ?? standard
  }

  func integer(_ key: String, default standard: Int) throws(LanguageError) -> Int {
    try optional(key)?.integer() ?? standard
  }

  func number(_ key: String, default standard: Double) throws(LanguageError) -> Double {
    try optional(key)?.number() ?? standard
  }

  func string(_ key: String, default standard: String) throws(LanguageError) -> String {
    try optional(key)?.string() ?? standard
  }

  func integer(_ key: String) throws(LanguageError) -> Int { try required(key).integer() }

  func number(_ key: String) throws(LanguageError) -> Double { try required(key).number() }

  func string(_ key: String) throws(LanguageError) -> String { try required(key).string() }

  /// Whole numbers, or one alone; none where the member is absent.
  func integers(_ key: String) throws(LanguageError) -> [Int]? {
    guard let member = try optional(key) else { return nil }
    guard case .array = member.value else { return [try member.integer()] }
    var result: [Int] = []
    for element in try member.elements() { result.append(try element.integer()) }
    return result
  }

  /// Strings; none where the member is absent.
  func strings(_ key: String) throws(LanguageError) -> [String]? {
    guard let member = try optional(key) else { return nil }
    var result: [String] = []
    for element in try member.elements() { result.append(try element.string()) }
    return result
  }

  /// Refuses a value other than the one that is offered.
  func require(_ key: String, _ value: Bool, because reason: String) throws(LanguageError) {
    guard try bool(key, default: value) == value else {
      throw child(key, .bool(!value)).error(.unsupported, "\(!value)", expected: "\(value): \(reason)")
    }
  }

  /// The `type` of a component.
  func type() throws(LanguageError) -> String { try required("type").string() }

  /// Refuses members that would be passed over: a file means what it says.
  func refuseKeys(besides known: [String]) throws(LanguageError) {
    for (key, value) in try entries() where !known.contains(where: { ExactString($0) == ExactString(key) }) {
      throw child(key, value).error(
        .unsupported, "a key that is not known", expected: "one of \(known.joined(separator: ", "))")
    }
  }

  /// The error for a component, behaviour or value that is not offered.
  func unsupported(_ found: String, offered: String) -> LanguageError {
    error(.unsupported, found, expected: offered)
  }
}
