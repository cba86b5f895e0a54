/// What is put around the tokens of a text, such as a token that begins every document.
struct PostProcessor: Sendable {
  private(set) var prefix: [Int] = []
  private(set) var suffix: [Int] = []

  /// Nothing.
  init() {}

  init(_ json: JSONNode) throws(LanguageError) {
    let type = try json.type()
    switch type {
    case "ByteLevel":
      // It trims positions in the text, which are not given here.
      try json.refuseKeys(besides: ["type", "add_prefix_space", "trim_offsets", "use_regex"])
    case "Sequence":
      try json.refuseKeys(besides: ["type", "processors"])
      for part in try json.required("processors").elements() {
        let outer = try PostProcessor(part)
        (prefix, suffix) = (outer.prefix + prefix, suffix + outer.suffix)
      }
    case "TemplateProcessing":
      // `pair` is for two texts in one encoding, which are not offered; it is kept for writing.
      try json.refuseKeys(besides: ["type", "single", "pair", "special_tokens"])
      try readTemplate(json)
    default:
      throw json.unsupported(
        "the post-processor \(type)", offered: "TemplateProcessing, ByteLevel or Sequence")
    }
  }

  private mutating func readTemplate(_ json: JSONNode) throws(LanguageError) {
    let tokens = try json.required("special_tokens")
    let single = try json.required("single")
    var hasText = false
    for piece in try single.elements() {
      try piece.refuseKeys(besides: ["SpecialToken", "Sequence"])
      if let special = try piece.optional("SpecialToken") {
        try special.refuseKeys(besides: ["id", "type_id"])
        var ids: [Int] = []
        for id in try tokens.required(special.required("id").string()).required("ids").elements() {
          ids.append(try id.id())
        }
        if hasText { suffix += ids } else { prefix += ids }
      } else {
        let sequence = try piece.required("Sequence")
        try sequence.refuseKeys(besides: ["id", "type_id"])
        let name = try sequence.required("id")
        guard try name.string() == "A", !hasText else {
          throw name.unsupported("a second text", offered: "one text, A, once")
        }
        hasText = true
      }
    }
    guard hasText else { throw single.error(.malformed, "no text", expected: "the text A once") }
  }
}
