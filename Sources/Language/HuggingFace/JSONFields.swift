import Files
import Foundation
import Torch

/// The fields of a JSON object in a file, read with their types; errors name the file and the key.
struct JSONFields {
  let file: String
  private let path: String
  private var values: [String: ExactJSON]

  /// - Throws: ``LanguageError`` (`missing`, `malformed`).
  init(contentsOf url: URL) throws(LanguageError) {
    let file = url.lastPathComponent
    let bytes: [UInt8]
    do {
      bytes = [UInt8](try Data(contentsOf: url))
    } catch {
      throw LanguageError(
        .missing, file: url.path, found: "no file that can be read", expected: "a JSON file")
    }
    let root: ExactJSON
    do throws(ExactJSON.Failure) {
      root = try ExactJSON.parse(bytes)
    } catch {
      throw LanguageError(
        .malformed, file: file, place: "byte \(error.offset)", found: error.found, expected: error.expected)
    }
    guard case .object(let fields) = root else {
      throw LanguageError(.malformed, file: file, found: "no JSON object", expected: "a JSON object")
    }
    self.init(fields, file: file, path: "")
  }

  private init(_ fields: [(key: String, value: ExactJSON)], file: String, path: String) {
    (self.file, self.path) = (file, path)
    values = Dictionary(fields.map { ($0.key, $0.value) }) { first, _ in first }
  }

  var keys: [String] { values.keys.sorted() }

  /// The value of a key; `nil` where it is missing or null.
  subscript(key: String) -> ExactJSON? { values[key].flatMap { $0 == .null ? nil : $0 } }

  func failure(_ kind: LanguageError.Kind, _ key: String, found: String, expected: String) -> LanguageError {
    LanguageError(kind, file: file, place: path + key, found: found, expected: expected)
  }

  private func wrong(_ key: String, _ expected: String) -> LanguageError {
    let found =
      switch self[key] {
      case nil: "no such key"
      case .string(let text)?: "\"\(text)\""
      case .integer(let value)?: "\(value)"
      case .number(let value)?: "\(value)"
      case .bool(let value)?: "\(value)"
      case .array?: "a list"
      case .object?: "an object"
      case .null?: "null"
      }
    return failure(self[key] == nil ? .missing : .malformed, key, found: found, expected: expected)
  }

  func integer(_ key: String, default value: Int? = nil) throws(LanguageError) -> Int {
    switch self[key] {
    case .integer(let found)?: return found
    case nil where value != nil: return value!
    default: throw wrong(key, "a whole number")
    }
  }

  func number(_ key: String, default value: Double? = nil) throws(LanguageError) -> Double {
    switch self[key] {
    case .integer(let found)?: return Double(found)
    case .number(let found)?: return found
    case nil where value != nil: return value!
    default: throw wrong(key, "a number")
    }
  }

  func bool(_ key: String, default value: Bool) throws(LanguageError) -> Bool {
    switch self[key] {
    case .bool(let found)?: return found
    case nil: return value
    default: throw wrong(key, "true or false")
    }
  }

  func string(_ key: String, default value: String? = nil) throws(LanguageError) -> String {
    switch self[key] {
    case .string(let found)?: return found
    case nil where value != nil: return value!
    default: throw wrong(key, "a string")
    }
  }

  func strings(_ key: String) throws(LanguageError) -> [String]? {
    guard let value = self[key] else { return nil }
    guard case .array(let elements) = value else { throw wrong(key, "a list of strings") }
    var result: [String] = []
    for element in elements {
      guard case .string(let text) = element else { throw wrong(key, "a list of strings") }
      result.append(text)
    }
    return result
  }

  /// Whole numbers, or one alone.
  func integers(_ key: String) throws(LanguageError) -> [Int]? {
    switch self[key] {
    case nil: return nil
    case .integer(let value)?: return [value]
    case .array(let elements)?:
      var result: [Int] = []
      for element in elements {
        guard case .integer(let value) = element else { throw wrong(key, "whole numbers") }
        result.append(value)
      }
      return result
    default: throw wrong(key, "whole numbers")
    }
  }

  func fields(_ key: String) throws(LanguageError) -> JSONFields? {
    guard let value = self[key] else { return nil }
    guard case .object(let fields) = value else { throw wrong(key, "an object") }
    return JSONFields(fields, file: file, path: "\(path)\(key).")
  }

  /// Refuses a value other than the one that is offered.
  func require(_ key: String, _ value: Bool, because reason: String) throws(LanguageError) {
    guard try bool(key, default: value) == value else {
      throw failure(.unsupported, key, found: "\(!value)", expected: "\(value): \(reason)")
    }
  }
}
