import Foundation

/// Texts as Python has them: sequences of code points, with its notion of space, case and escapes.
enum PythonText {
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09...0x0d, 0x1c...0x20, 0x85, 0xa0, 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x202f, 0x205f,
      0x3000:
      true
    default: false
    }
  }

  static func string<Scalars: Sequence>(_ scalars: Scalars) -> String
  where Scalars.Element == Unicode.Scalar {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  static func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

  /// The order of code points, which that of UTF-8 is.
  static func isLess(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

  // MARK: Cutting

  /// Without these characters, or space, at the ends.
  static func strip(_ text: String, _ characters: String?, start: Bool = true, end: Bool = true) -> String {
    let set = characters.map { Set($0.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? isSpace(scalar) }
    var rest = text.unicodeScalars[...]
    while start, let first = rest.first, goes(first) { rest.removeFirst() }
    while end, let last = rest.last, goes(last) { rest.removeLast() }
    return String(rest)
  }

  /// Where a text occurs in another, in bytes, without overlaps; every step of the search moves on (Knuth, Morris and
  /// Pratt), so that no pair of texts takes long.
  static func occurrences(of part: [UInt8], in text: [UInt8], limit: Int = .max) -> [Int] {
    guard !part.isEmpty, part.count <= text.count, limit > 0 else { return [] }
    var fallback = [0]
    var length = 0
    for byte in part.dropFirst() {
      while length > 0, part[length] != byte { length = fallback[length - 1] }
      if part[length] == byte { length += 1 }
      fallback.append(length)
    }
    var (result, matched): ([Int], Int) = ([], 0)
    for (i, byte) in text.enumerated() {
      while matched > 0, part[matched] != byte { matched = fallback[matched - 1] }
      if part[matched] == byte { matched += 1 }
      if matched == part.count {
        result.append(i + 1 - part.count)
        if result.count == limit { break }
        matched = 0
      }
    }
    return result
  }

  /// The pieces between occurrences of a separator, at most `limit` of them cut off, from either end.
  static func split(_ text: String, by separator: String, limit: Int, fromEnd: Bool = false) -> [String] {
    var (bytes, part) = (Array(text.utf8), Array(separator.utf8))
    if fromEnd {
      bytes.reverse()
      part.reverse()
    }
    var (pieces, start): ([ArraySlice<UInt8>], Int) = ([], 0)
    for place in occurrences(of: part, in: bytes, limit: limit < 0 ? .max : limit) {
      pieces.append(bytes[start..<place])
      start = place + part.count
    }
    pieces.append(bytes[start...])
    guard fromEnd else { return pieces.map { String(decoding: $0, as: UTF8.self) } }
    return pieces.reversed().map { String(decoding: $0.reversed(), as: UTF8.self) }
  }

  /// The words between runs of space, at most `limit` of them cut off, from either end.
  static func words(_ text: String, limit: Int, fromEnd: Bool = false) -> [String] {
    let scalars = Array(text.unicodeScalars)
    let order = fromEnd ? Array(scalars.reversed()) : scalars
    var (result, position): ([ArraySlice<Unicode.Scalar>], Int) = ([], 0)
    while true {
      while position < order.count, isSpace(order[position]) { position += 1 }
      guard position < order.count else { break }
      if limit >= 0, result.count == limit {
        result.append(order[position...])
        break
      }
      let start = position
      while position < order.count, !isSpace(order[position]) { position += 1 }
      result.append(order[start..<position])
    }
    return fromEnd ? result.reversed().map { string($0.reversed()) } : result.map { string($0) }
  }

  static func lines(_ text: String, keepingEnds: Bool = false) -> [String] {
    let scalars = Array(text.unicodeScalars)
    var (result, start, position): ([String], Int, Int) = ([], 0, 0)
    while position < scalars.count {
      switch scalars[position].value {
      case 0x0a...0x0d, 0x1c...0x1e, 0x85, 0x2028, 0x2029:
        let isPair =
          scalars[position] == "\r" && position + 1 < scalars.count && scalars[position + 1] == "\n"
        let next = position + (isPair ? 2 : 1)
        result.append(string(scalars[start..<(keepingEnds ? next : position)]))
        (start, position) = (next, next)
      default: position += 1
      }
    }
    if start < scalars.count { result.append(string(scalars[start...])) }
    return result
  }

  static func replace(_ text: String, _ old: String, _ new: String, limit: Int) -> String {
    guard old.isEmpty else {
      return split(text, by: old, limit: limit).joined(separator: new)
    }
    // Nothing occurs before every character and at the end.
    var (result, count) = ("", 0)
    for scalar in text.unicodeScalars {
      if limit < 0 || count < limit { result += new }
      count += 1
      result.unicodeScalars.append(scalar)
    }
    return limit < 0 || count < limit ? result + new : result
  }

  // MARK: Case

  static func upper(_ text: String) -> String {
    text.unicodeScalars.reduce(into: "") { $0 += $1.properties.uppercaseMapping }
  }

  static func lower(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    return scalars.indices.reduce(into: "") { $0 += lower(at: $1, of: scalars) }
  }

  /// The first character as in a title, the others small.
  static func capitalised(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    guard let first = scalars.first else { return "" }
    return scalars.indices.dropFirst().reduce(into: first.properties.titlecaseMapping) {
      $0 += lower(at: $1, of: scalars)
    }
  }

  /// A capital sigma ends a word as the final form of the letter.
  private static func lower(at i: Int, of scalars: [Unicode.Scalar]) -> String {
    guard scalars[i] == "\u{3a3}" else { return scalars[i].properties.lowercaseMapping }
    let before = scalars[..<i].last { !$0.properties.isCaseIgnorable }
    let after = scalars[(i + 1)...].first { !$0.properties.isCaseIgnorable }
    let endsWord = before?.properties.isCased == true && after?.properties.isCased != true
    return endsWord ? "\u{3c2}" : "\u{3c3}"
  }

  /// Every run of letters as a title: the method `title`.
  static func titled(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var (result, isInside) = ("", false)
    for (i, scalar) in scalars.enumerated() {
      result += isInside ? lower(at: i, of: scalars) : scalar.properties.titlecaseMapping
      isInside = scalar.properties.isCased
    }
    return result
  }

  /// Words after space, hyphens and opening brackets with a capital: the filter `title`.
  static func headline(_ text: String) -> String {
    var (result, word) = ("", String.UnicodeScalarView())
    func finished(_ word: String.UnicodeScalarView) -> String {
      guard let first = word.first else { return "" }
      return first.properties.uppercaseMapping + lower(string(word.dropFirst()))
    }
    for scalar in text.unicodeScalars {
      if isSpace(scalar) || "-({[<".unicodeScalars.contains(scalar) {
        result += finished(word)
        word = .init()
        result.unicodeScalars.append(scalar)
      } else {
        word.append(scalar)
      }
    }
    return result + finished(word)
  }

  static func isLower(_ text: String) -> Bool {
    var isCased = false
    for scalar in text.unicodeScalars {
      if scalar.properties.isUppercase || scalar.properties.generalCategory == .titlecaseLetter {
        return false
      }
      if scalar.properties.isLowercase { isCased = true }
    }
    return isCased
  }

  static func isUpper(_ text: String) -> Bool {
    var isCased = false
    for scalar in text.unicodeScalars {
      if scalar.properties.isLowercase || scalar.properties.generalCategory == .titlecaseLetter {
        return false
      }
      if scalar.properties.isUppercase { isCased = true }
    }
    return isCased
  }

  static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.numericType == .decimal || scalar.properties.numericType == .digit
  }

  /// Python's characters of words, without the underscore.
  static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
    isLetter(scalar) || scalar.properties.numericType != nil
  }
}
