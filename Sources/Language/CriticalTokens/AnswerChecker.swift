import Foundation

/// Finds the final answer in a solution and compares it with the right one.
public struct AnswerChecker: Sendable, Hashable {
  /// Where the answer is.
  public enum Extraction: String, Sendable, Hashable, CaseIterable {
    /// Behind "The answer is", else in the last `\boxed{}`, else behind GSM8K's `####`, else the last number.
    case automatic
    case boxed
    /// Behind the last "answer is".
    case phrase
    case lastNumber = "last-number"
    /// The whole text.
    case whole
  }

  public var extraction = Extraction.automatic
  /// How far numbers may differ, as a share of the right one.
  public var relativeTolerance = 1e-4
  /// Whether any number may be a hundred times another; otherwise only where one of the two is marked as a percentage.
  public var ignoresFactorsOfHundred = false

  public init() {}

  /// The answer as it is written; `nil` where there is none.
  public func answer(in text: String) -> String? {
    let found: String?
    switch extraction {
    case .automatic:
      found = Self.afterPhrase(text) ?? Self.boxed(text) ?? Self.afterHashes(text) ?? Self.lastNumber(text)
    case .boxed: found = Self.boxed(text)
    case .phrase: found = Self.afterPhrase(text)
    case .lastNumber: found = Self.lastNumber(text)
    case .whole: found = text
    }
    let trimmed = found?.trimmingCharacters(in: .whitespacesAndNewlines)
    return trimmed?.isEmpty == false ? trimmed : nil
  }

  /// Whether a solution's answer is one of the right ones.
  public func isCorrect(_ text: String, answers: [String]) -> Bool {
    guard let found = answer(in: text) else { return false }
    return answers.contains { areEqual(found, $0) }
  }

  /// Whether two answers say the same: as normalised texts, or as numbers.
  public func areEqual(_ first: String, _ second: String) -> Bool {
    let (a, b) = (Self.normalised(first), Self.normalised(second))
    if a == b { return !a.isEmpty }
    guard let x = AnswerNumber(a), let y = AnswerNumber(b) else { return false }
    func near(_ x: Double, _ y: Double) -> Bool { abs(x - y) <= relativeTolerance * max(abs(y), 1e-12) }
    if near(x.value, y.value) { return true }
    guard ignoresFactorsOfHundred || Self.isPercentage(first) != Self.isPercentage(second) else {
      return false
    }
    return near(x.value, 100 * y.value) || near(100 * x.value, y.value)
  }

  private static func isPercentage(_ text: String) -> Bool { text.contains("%") || text.contains("percent") }

  // MARK: Extraction

  private static func afterPhrase(_ text: String) -> String? {
    guard let range = text.range(of: "answer is", options: [.backwards, .caseInsensitive]) else { return nil }
    let rest = text[range.upperBound...].drop { $0 == ":" || $0 == " " }
    let line = rest.split(separator: "\n", omittingEmptySubsequences: false).first.map(String.init) ?? ""
    guard !line.trimmingCharacters(in: .whitespaces).isEmpty else { return nil }
    return boxed(line) ?? line
  }

  private static func afterHashes(_ text: String) -> String? {
    guard let range = text.range(of: "####", options: .backwards) else { return nil }
    return text[range.upperBound...].split(separator: "\n").first.map(String.init)
  }

  /// What the last `\boxed{}` holds, with its inner braces.
  private static func boxed(_ text: String) -> String? {
    guard let range = text.range(of: "\\boxed{", options: .backwards) else { return nil }
    var depth = 1
    var content = ""
    for character in text[range.upperBound...] {
      if character == "{" { depth += 1 }
      if character == "}" { depth -= 1 }
      if depth == 0 { return content }
      content.append(character)
    }
    return nil
  }

  private static func lastNumber(_ text: String) -> String? {
    let number = /-?(?:\d[\d,]*)?\.?\d+/
    return text.matches(of: number).last.map { String($0.output) }
  }

  // MARK: Normal form

  static func normalised(_ text: String) -> String {
    var s = text.trimmingCharacters(in: .whitespacesAndNewlines)
    s = boxed(s) ?? s
    // Words inside formulas are words.
    for command in ["text", "mathrm", "textbf", "mbox", "textit"] { s = unwrapped(s, command: command) }
    // \$ and \% are signs, not commands.
    for (from, to) in [
      ("\\$", ""), ("$", ""), ("\\%", ""), ("%", ""), ("\\!", ""), ("\\,", ""), ("\\;", ""), ("\\ ", ""),
      ("\\left", ""), ("\\right", ""), ("\\dfrac", "\\frac"), ("\\tfrac", "\\frac"), ("^{\\circ}", ""),
      ("^\\circ", ""), ("\\circ", ""), ("°", ""), ("\\pi", "π"), ("\\cdot", "*"), ("−", "-"), ("{,}", ""),
    ] {
      s = s.replacingOccurrences(of: from, with: to)
    }
    s = s.trimmingCharacters(in: CharacterSet(charactersIn: " .,;:!?\n\t"))
    s = withoutUnit(s)
    s = s.filter { !$0.isWhitespace }
    s = withoutOuter(s)
    s = rightSide(s)
    // 1,234 and 1,234,567, but not the pair (1,234).
    if s.wholeMatch(of: /-?\d{1,3}(?:,\d{3})+(?:\.\d+)?/) != nil { s = s.filter { $0 != "," } }
    return s.lowercased()
  }

  /// \text{…} becomes its content.
  private static func unwrapped(_ text: String, command: String) -> String {
    var s = text
    while let range = s.range(of: "\\\(command){"), let end = s[range.upperBound...].firstIndex(of: "}") {
      s = String(s[..<range.lowerBound] + s[range.upperBound..<end] + s[s.index(after: end)...])
    }
    return s
  }

  /// A number keeps no word of two letters or more behind it: one letter may be a variable.
  private static func withoutUnit(_ text: String) -> String {
    guard let match = text.wholeMatch(of: /(.*[\d}\)])\s*[A-Za-z]{2,}(?:\s+[A-Za-z]+)*(?:\^\{?\d\}?)?/) else {
      return text
    }
    let number = normalisedNumber(String(match.output.1))
    return AnswerNumber(number) != nil ? String(match.output.1) : text
  }

  private static func normalisedNumber(_ text: String) -> String {
    withoutOuter(text.filter { !$0.isWhitespace && $0 != "," })
  }

  /// Braces or brackets that hold everything, braces without a partner, and the brackets around one letter.
  private static func withoutOuter(_ text: String) -> String {
    var s = text
    func balance(_ open: Character, _ close: Character) -> Int {
      s.reduce(0) { $0 + ($1 == open ? 1 : $1 == close ? -1 : 0) }
    }
    while balance("{", "}") < 0, s.hasSuffix("}") { s.removeLast() }
    while s.hasPrefix("{"), s.hasSuffix("}"), s.dropFirst().dropLast().allSatisfy({ $0 != "{" && $0 != "}" })
    {
      s = String(s.dropFirst().dropLast())
    }
    if s.count == 3, s.hasPrefix("("), s.hasSuffix(")") { s = String(s.dropFirst().dropLast()) }
    return s
  }

  /// Of x = 5 or y = 2x + 1 what is on the right.
  private static func rightSide(_ text: String) -> String {
    let sides = text.split(separator: "=", omittingEmptySubsequences: false)
    guard sides.count == 2, sides[0].count == 1, sides[0].first!.isLetter else { return text }
    return String(sides[1])
  }
}

/// A number as answers write it: 12, −1.5, 3/4, \frac{3}{4}, 1\frac{1}{2}.
struct AnswerNumber {
  let value: Double

  init?(_ text: String) {
    if let plain = Self.decimal(text) {
      value = plain
    } else if let match = text.wholeMatch(of: /(-?)(\d*)\\frac\{?(-?\d+(?:\.\d+)?)\}?\{?(\d+(?:\.\d+)?)\}?/) {
      let (sign, whole, above, below) = (match.output.1, match.output.2, match.output.3, match.output.4)
      guard let a = Double(above), let b = Double(below), b != 0 else { return nil }
      value = (sign.isEmpty ? 1 : -1) * ((Double(whole) ?? 0) + a / b)
    } else if let match = text.wholeMatch(of: /(-?\d+(?:\.\d+)?)\/(\d+(?:\.\d+)?)/) {
      guard let a = Double(match.output.1), let b = Double(match.output.2), b != 0 else { return nil }
      value = a / b
    } else {
      return nil
    }
  }

  private static func decimal(_ text: String) -> Double? {
    guard text.wholeMatch(of: /[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/) != nil else { return nil }
    return Double(text)
  }
}
