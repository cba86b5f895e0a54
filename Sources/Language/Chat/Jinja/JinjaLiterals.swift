extension Jinja.Lexer {
  private func endOfDigits(_ index: Int) -> Int {
    var end = index
    while end < source.count {
      if ("0"..."9").contains(source[end]) {
        end += 1
      } else if end > index, source[end] == "_", end + 1 < source.count, ("0"..."9").contains(source[end + 1])
      {
        end += 1
      } else {
        break
      }
    }
    return end
  }

  mutating func readNumber() throws(LanguageError) {
    let isFraction = position == 0 || source[position - 1] != "."
    var end = endOfDigits(position)
    var isNumber = false
    if isFraction, end + 1 < source.count, source[end] == ".", ("0"..."9").contains(source[end + 1]) {
      end = endOfDigits(end + 1)
      isNumber = true
    }
    if isFraction, end < source.count, source[end] == "e" || source[end] == "E" {
      let digits = sign(at: end + 1).next
      let exponent = endOfDigits(digits)
      if exponent > digits { (end, isNumber) = (exponent, true) }
    }
    if isNumber {
      emit(.number(Double(string(position..<end).filter { $0 != "_" }) ?? .infinity))
    } else {
      try readInteger(&end)
    }
    advance(to: end)
  }

  private mutating func readInteger(_ end: inout Int) throws(LanguageError) {
    var (digits, radix) = (position, 10)
    if source[position] == "0", position + 1 < source.count {
      radix = ["b": 2, "o": 8, "x": 16][string(position + 1..<position + 2).lowercased()] ?? 10
      if radix != 10 {
        digits = position + 2
        end = digits
        while end < source.count, source[end] == "_" || Character(source[end]).isHexDigit { end += 1 }
      } else if source[position..<end].contains(where: { $0 != "0" && $0 != "_" }) {
        throw error(.malformed, string(position..<end), expected: "a number without zeros before it")
      }
    }
    let text = string(digits..<end).filter { $0 != "_" }
    guard let value = Int(text, radix: radix) else {
      throw error(.unsupported, string(position..<end), expected: "a whole number below 2^63")
    }
    emit(.integer(value))
  }

  mutating func readText(quote: Unicode.Scalar) throws(LanguageError) {
    var end = position + 1
    while end < source.count, source[end] != quote { end += source[end] == "\\" ? 2 : 1 }
    guard end < source.count else {
      throw error(.malformed, "a text without an end", expected: "\(quote)")
    }
    var text = String.UnicodeScalarView()
    var index = position + 1
    while index < end {
      guard source[index] == "\\" else {
        text.append(source[index])
        index += 1
        continue
      }
      index = try readEscape(index + 1, into: &text)
    }
    emit(.text(String(text)))
    advance(to: end + 1)
  }

  /// What stands for a backslash and the characters after it, as Python has it; gives where to go on.
  private func readEscape(_ index: Int, into text: inout String.UnicodeScalarView) throws(LanguageError)
    -> Int
  {
    let scalar = source[index]
    let single: [Unicode.Scalar: Unicode.Scalar] = [
      "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}", "b": "\u{8}", "f": "\u{c}", "n": "\n", "r": "\r",
      "t": "\t", "v": "\u{b}",
    ]
    if scalar == "\n" { return index + 1 }
    if let meaning = single[scalar] {
      text.append(meaning)
      return index + 1
    }
    if ("0"..."7").contains(scalar) {
      var (value, end) = (UInt32(0), index)
      while end < min(index + 3, source.count), ("0"..."7").contains(source[end]) {
        value = value * 8 + source[end].value - 0x30
        end += 1
      }
      text.append(Unicode.Scalar(value)!)
      return end
    }
    if let count = ["x": 2, "u": 4, "U": 8][scalar] {
      let end = index + 1 + count
      guard end <= source.count, let value = UInt32(string(index + 1..<end), radix: 16),
        let meaning = Unicode.Scalar(value)
      else { throw error(.malformed, "\\\(scalar)", expected: "\(count) digits of a character after it") }
      text.append(meaning)
      return end
    }
    if scalar == "N" { throw error(.unsupported, "\\N", expected: "\\u and four digits") }
    text.append("\\")
    if scalar.isASCII {
      text.append(scalar)
    } else {
      // jinja2 writes such characters as escapes before it reads escapes, and the backslash takes theirs.
      let digits = String(scalar.value, radix: 16)
      let (letter, count) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x1_0000 ? ("u", 4) : ("U", 8)
      text.append(
        contentsOf: (letter + String(repeating: "0", count: count - digits.count) + digits).unicodeScalars)
    }
    return index + 1
  }
}
