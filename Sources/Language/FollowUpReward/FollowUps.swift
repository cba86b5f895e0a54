import Files
import Foundation

/// What a user might say after a response, pleased or not, by what they speak of.
public struct FollowUps: Sendable, Hashable {
  public struct Category: Sendable, Hashable {
    public var name: String
    public var positive: [String]
    public var negative: [String]

    public init(name: String, positive: [String], negative: [String]) {
      self.name = name
      // Said twice counts once, and curved apostrophes are other tokens.
      (self.positive, self.negative) = (Self.distinct(positive), Self.distinct(negative))
    }

    private static func distinct(_ texts: [String]) -> [String] {
      var seen: Set<String> = []
      return texts.map {
        $0.replacingOccurrences(of: "’", with: "'").trimmingCharacters(in: .whitespacesAndNewlines)
      }.filter { !$0.isEmpty && seen.insert($0).inserted }
    }
  }

  public var categories: [Category]

  public init(_ categories: [Category]) { self.categories = categories }

  /// Reads `{"category": {"positive": ["…"], "negative": ["…"]}, …}`.
  ///
  /// - Throws: ``LanguageError`` with the file and key.
  public init(contentsOf url: URL) throws(LanguageError) {
    let file = url.path
    guard let data = FileManager.default.contents(atPath: file) else {
      throw LanguageError(
        .missing, file: file, found: "no file that can be read", expected: "follow-ups in JSON")
    }
    let value: ExactJSON
    do throws(ExactJSON.Failure) {
      value = try ExactJSON.parse(Array(data))
    } catch {
      throw LanguageError(
        .malformed, file: file, found: "\(error.found) at byte \(error.offset)", expected: error.expected)
    }
    guard case .object(let fields) = value, !fields.isEmpty else {
      throw LanguageError(
        .malformed, file: file, found: "no object with categories",
        expected: #"{"category": {"positive": ["…"], "negative": ["…"]}}"#)
    }
    var categories: [Category] = []
    for (name, lists) in fields {
      guard case .object(let lists) = lists else {
        throw LanguageError(
          .malformed, file: file, place: name, found: "no object", expected: "\"positive\" and \"negative\"")
      }
      func texts(_ key: String) throws(LanguageError) -> [String] {
        guard let list = lists.first(where: { $0.key == key })?.value else { return [] }
        guard case .array(let elements) = list else {
          throw LanguageError(
            .malformed, file: file, place: "\(name).\(key)", found: "no list", expected: "a list of texts")
        }
        var texts: [String] = []
        for element in elements {
          guard case .string(let text) = element else {
            throw LanguageError(
              .malformed, file: file, place: "\(name).\(key)", found: "an element that is no text",
              expected: "texts")
          }
          texts.append(text)
        }
        return texts
      }
      let category = Category(name: name, positive: try texts("positive"), negative: try texts("negative"))
      guard !category.positive.isEmpty || !category.negative.isEmpty else {
        throw LanguageError(
          .badValue, file: file, place: name, found: "no follow-ups", expected: "at least one in a list")
      }
      categories.append(category)
    }
    self.init(categories)
  }

  /// Only some of the categories, in the order of their names here.
  ///
  /// - Throws: ``LanguageError`` for a name that no category has.
  public func only(_ names: [String]) throws(LanguageError) -> FollowUps {
    for name in names where !categories.contains(where: { $0.name == name }) {
      throw LanguageError(
        .badValue, file: "follow-ups", place: "categories", found: "\"\(name)\"",
        expected: "some of \(categories.map(\.name).joined(separator: ", "))")
    }
    return FollowUps(categories.filter { names.contains($0.name) })
  }
}
