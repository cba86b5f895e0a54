import Files

/// A value of a tokenizer file and where it stands, so that every complaint names its key.
struct TokenizerJSON {
  let file: String
  /// The keys that lead here, such as `model.vocab`.
  let path: String
  let value: ExactJSON

  func error(_ kind: LanguageError.Kind, _ found: String, expected: String) -> LanguageError {
    LanguageError(kind, file: file, place: path.isEmpty ? nil : path, found: found, expected: expected)
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

  func child(_ key: String, _ value: ExactJSON) -> TokenizerJSON {
    TokenizerJSON(file: file, path: path.isEmpty ? key : "\(path).\(key)", value: value)
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

  func elements() throws(LanguageError) -> [TokenizerJSON] {
    guard case .array(let elements) = value else { throw mismatch("an array") }
    return elements.enumerated().map { TokenizerJSON(file: file, path: "\(path)[\($0)]", value: $1) }
  }

  func entries() throws(LanguageError) -> [(key: String, value: ExactJSON)] {
    guard case .object(let entries) = value else { throw mismatch("an object") }
    return entries
  }

  // MARK: Members of an object

  /// The member with this key; nil where it is absent or null.
  func optional(_ key: String) throws(LanguageError) -> TokenizerJSON? {
    guard let value = try entries().first(where: { ExactString($0.key) == ExactString(key) })?.value,
      value != .null
    else { return nil }
    return child(key, value)
  }

  func required(_ key: String) throws(LanguageError) -> TokenizerJSON {
    guard let member = try optional(key) else { throw error(.malformed, "no \(key)", expected: "one") }
    return member
  }

  func bool(_ key: String, default standard: Bool) throws(LanguageError) -> Bool {
    try optional(key)?.bool() ?? standard
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
