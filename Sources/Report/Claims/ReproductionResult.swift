import OrderedCollections

/// The outcome of one paper's experiment: its claims, and what they were run with.
public struct ReproductionResult: Sendable, Equatable {
  /// The method's name on the command line, such as `stochastic-interpolants`.
  public let slug: String
  public let seed: UInt64
  /// `quick`, `laptop` or `paper`.
  public let scale: String
  /// Wall-clock time.
  public let seconds: Double
  public let claims: [Claim]

  public init(slug: String, seed: UInt64, scale: String, seconds: Double, claims: [Claim]) {
    self.slug = slug
    self.seed = seed
    self.scale = scale
    self.seconds = seconds
    self.claims = claims
  }

  /// The verdict on the whole: fails where a claim fails, holds where every claim holds.
  ///
  /// Otherwise it was not run in full, which includes an experiment without claims.
  public var verdict: Verdict {
    if claims.contains(where: { $0.verdict == .fails }) { return .fails }
    if claims.isEmpty { return .notRun("no claim was made") }
    let undecided = claims.count { !$0.holds }
    return undecided == 0 ? .holds : .notRun("\(undecided) of \(claims.count) claims could not be run")
  }

  /// `{"slug", "seed", "scale", "seconds", "claims": […]}`, in this order; see `Claim.json`.
  public var json: JSONValue {
    // Seeds beyond Int.max would change their sign as an integer, and lose digits as a number.
    let seed = Int(exactly: self.seed).map(JSONValue.integer) ?? .string(String(self.seed))
    return [
      "slug": .string(slug), "seed": seed, "scale": .string(scale), "seconds": .number(seconds),
      "claims": .array(claims.map(\.json)),
    ]
  }

  /// The result for a terminal, one paragraph a claim and a last line that sums up.
  public var plainText: String {
    let head = "\(slug)  ·  seed \(seed)  ·  scale \(scale)  ·  \(formatNumber(seconds, digits: 3)) s"
    let body = claims.map { claim in
      let word = claim.verdict.word.uppercased()
      let mark = word + String(repeating: " ", count: 9 - word.count)
      return "\(mark)\(printable(claim.statement))\n         \(printable(claim.detail))"
    }
    return ([printable(head)] + body + [summary]).joined(separator: "\n\n") + "\n"
  }

  /// The verdict on the whole in one sentence.
  public var summary: String {
    let held = claims.count { $0.holds }
    let failed = claims.count { $0.verdict == .fails }
    let undecided = claims.count - held - failed
    var parts = ["\(held) of \(claims.count) claims hold"]
    if failed > 0 { parts.append("\(failed) \(failed == 1 ? "fails" : "fail")") }
    if undecided > 0 { parts.append("\(undecided) could not be run") }
    return parts.joined(separator: ", ") + "."
  }
}

extension Claim {
  /// Everything about the claim but its statement, on one line.
  var detail: String {
    var parts = ["measured \(measuredText)"]
    if case .notRun(let reason) = verdict { parts = ["not run: \(reason)"] }
    if let paper { parts.append("paper \(paper.text)") }
    parts.append("rule: \(rule.words)")
    return parts.joined(separator: "  ·  ")
  }
}
