import Foundation

/// The Unicode normalisation forms, as Unicode 9 has them.
///
/// That is the version behind Hugging Face's normalisers. Characters of later versions stand for themselves and are no
/// marks there, so the forms of Foundation, whose version follows the system, give other tokens. Foundation is asked
/// for single characters and pairs only; besides the version this also keeps the order of marks that decompose into
/// several (such as U+0F73), which it leaves unsorted.
enum NormalisationForm: String, Sendable {
  case NFC, NFD, NFKC, NFKD

  private static let version = 9

  private var composes: Bool { self == .NFC || self == .NFKC }

  /// Characters below have no decomposition.
  private var firstDecomposed: UInt32 { self == .NFC || self == .NFD ? 0xc0 : 0xa0 }

  /// A text of characters below, and of Chinese ones, is as it should be: without marks nothing comes apart that
  /// would not be joined again.
  private var firstAffected: UInt32 { self == .NFC ? 0x300 : firstDecomposed }

  private static func isChinese(_ scalar: Unicode.Scalar) -> Bool { (0x4e00...0x9fff).contains(scalar.value) }

  /// - Parameter text: valid UTF-8.
  func normalise(_ text: inout [UInt8]) {
    guard text.contains(where: { $0 >= 0x80 }) else { return }
    let source = String(decoding: text, as: UTF8.self).unicodeScalars
    if source.allSatisfy({ $0.value < firstAffected || Self.isChinese($0) }) { return }
    var scalars: [Mark] = []
    scalars.reserveCapacity(text.count)
    var known: [Unicode.Scalar: [Mark]] = [:]
    for scalar in source {
      if scalar.value < firstDecomposed || Self.isChinese(scalar) {
        scalars.append(Mark(scalar: scalar, order: 0))
      } else if let parts = known[scalar] {
        scalars.append(contentsOf: parts)
      } else {
        let parts = decomposed(scalar)
        known[scalar] = parts
        scalars.append(contentsOf: parts)
      }
    }
    Self.sortMarks(&scalars)
    if composes { scalars = composed(scalars) }
    var result = String.UnicodeScalarView()
    for mark in scalars { result.append(mark.scalar) }
    text = Array(String(result).utf8)
  }

  /// A character with its canonical combining class; 0 for those that begin a sequence.
  private struct Mark {
    let scalar: Unicode.Scalar
    let order: UInt8
  }

  private func decomposed(_ scalar: Unicode.Scalar) -> [Mark] {
    guard scalar.isAssigned(byVersion: Self.version) else { return [Mark(scalar: scalar, order: 0)] }
    let text = String(scalar)
    let parts =
      switch self {
      case .NFC, .NFD: text.decomposedStringWithCanonicalMapping
      case .NFKC, .NFKD: text.decomposedStringWithCompatibilityMapping
      }
    return parts.unicodeScalars.map {
      Mark(scalar: $0, order: $0.properties.canonicalCombiningClass.rawValue)
    }
  }

  /// Puts marks between characters of class 0 into the order of their classes, equal ones as they came.
  private static func sortMarks(_ scalars: inout [Mark]) {
    var start = 0
    while start < scalars.count {
      guard scalars[start].order != 0 else {
        start += 1
        continue
      }
      var end = start + 1
      while end < scalars.count, scalars[end].order != 0 { end += 1 }
      // A sort by class and place, since the library promises no stable one.
      let sorted = scalars[start..<end].enumerated().sorted {
        ($0.element.order, $0.offset) < ($1.element.order, $1.offset)
      }
      scalars.replaceSubrange(start..<end, with: sorted.map(\.element))
      start = end
    }
  }

  /// Joins marks, and Hangul syllables' parts, to the character before them where nothing of their class or a higher
  /// one lies between.
  private func composed(_ scalars: [Mark]) -> [Mark] {
    struct Pair: Hashable { let first, second: Unicode.Scalar }
    var pairs: [Pair: Unicode.Scalar?] = [:]
    var result: [Mark] = []
    result.reserveCapacity(scalars.count)
    var base: Int?
    for mark in scalars {
      if let base, mark.order != 0 || Self.mayEndPair(mark.scalar) {
        let isAdjacent = base == result.count - 1
        if isAdjacent || result[result.count - 1].order < mark.order, isAdjacent || mark.order != 0 {
          let pair = Pair(first: result[base].scalar, second: mark.scalar)
          let joined: Unicode.Scalar?
          if let known = pairs[pair] {
            joined = known
          } else {
            joined = Self.composite(pair.first, pair.second)
            pairs[pair] = .some(joined)
          }
          if let joined {
            result[base] = Mark(scalar: joined, order: 0)
            continue
          }
        }
      }
      if mark.order == 0 { base = result.count }
      result.append(mark)
    }
    return result
  }

  /// Whether a character of class 0 may join the one before it: vowel signs of India, vowels and finals of Hangul.
  private static func mayEndPair(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x300, 0x4e00...0x9fff: return false
    case 0x1161...0x11c2: return true
    default:
      switch scalar.properties.generalCategory {
      case .spacingMark, .nonspacingMark: return scalar.isAssigned(byVersion: version)
      default: return false
      }
    }
  }

  private static func composite(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    // Foundation passes over a pair whose first half is itself composed, so it gets the parts.
    let parts = (String(first) + String(second)).decomposedStringWithCanonicalMapping
    let joined = parts.precomposedStringWithCanonicalMapping.unicodeScalars
    guard let only = joined.first, joined.count == 1, only.isAssigned(byVersion: version) else { return nil }
    return only
  }
}
