/// What is done to a text before it is cut into words.
enum Normaliser: Sendable {
  case form(NormalisationForm)
  case characterMap(CharacterMap)
  case lowercase
  case prepend([UInt8])
  case replace(TextPattern, with: [UInt8])
  case strip(left: Bool, right: Bool)
  case sequence([Normaliser])

  init(_ json: JSONNode) throws(LanguageError) {
    let type = try json.type()
    switch type {
    case "NFC", "NFD", "NFKC", "NFKD":
      try json.refuseKeys(besides: ["type"])
      self = .form(NormalisationForm(rawValue: type)!)
    case "Lowercase":
      try json.refuseKeys(besides: ["type"])
      self = .lowercase
    case "Precompiled":
      try json.refuseKeys(besides: ["type", "precompiled_charsmap"])
      self = .characterMap(try CharacterMap(json.required("precompiled_charsmap")))
    case "Prepend":
      try json.refuseKeys(besides: ["type", "prepend"])
      self = .prepend(Array(try json.required("prepend").string().utf8))
    case "Replace":
      try json.refuseKeys(besides: ["type", "pattern", "content"])
      self = .replace(
        try TextPattern(json.required("pattern")), with: Array(try json.required("content").string().utf8))
    case "Strip":
      try json.refuseKeys(besides: ["type", "strip_left", "strip_right"])
      self = .strip(
        left: try json.required("strip_left").bool(), right: try json.required("strip_right").bool())
    case "Sequence":
      try json.refuseKeys(besides: ["type", "normalizers"])
      var parts: [Normaliser] = []
      for part in try json.required("normalizers").elements() { parts.append(try Normaliser(part)) }
      self = .sequence(parts)
    default:
      throw json.unsupported(
        "the normalizer \(type)",
        offered: "NFC, NFD, NFKC, NFKD, Lowercase, Precompiled, Prepend, Replace, Strip or Sequence")
    }
  }

  /// - Parameter text: valid UTF-8.
  func normalise(_ text: inout [UInt8]) {
    switch self {
    case .form(let form): form.normalise(&text)
    case .characterMap(let map): map.normalise(&text)
    case .lowercase:
      if text.allSatisfy({ $0 < 0x80 }) {
        for i in text.indices where (0x41...0x5a).contains(text[i]) { text[i] |= 0x20 }
      } else {
        // Scalar by scalar: Hugging Face knows no final sigma.
        var result = ""
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
          result += scalar.properties.lowercaseMapping
        }
        text = Array(result.utf8)
      }
    case .prepend(let prefix): if !text.isEmpty { text.insert(contentsOf: prefix, at: 0) }
    case .replace(let pattern, let content): text = pattern.replacing(text, with: content)
    case .strip(let left, let right):
      var scalars = String(decoding: text, as: UTF8.self).unicodeScalars[...]
      while left, let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
      while right, let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
      text = Array(String(scalars).utf8)
    case .sequence(let parts): for part in parts { part.normalise(&text) }
    }
  }
}
