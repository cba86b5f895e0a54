extension OnlineObjective {
  /// Objectives by name, with the usual parameters.
  public enum Name: String, Sendable, Hashable, CaseIterable, Codable {
    case prefFT = "pref-ft"
    case bestOfN = "best-of-n"
    case rwr, reinforce
    case reinforcePositive = "reinforce-positive"
    case ppo, dpo, ipo
    case bestWorst = "best-of-n-worst"
    case bestMean = "best-of-n-mean"
    case bestSum = "best-of-n-sum"

    /// - Throws: ``LanguageError`` with the names that there are.
    public init(parsing text: String) throws(LanguageError) {
      guard let name = Name(rawValue: text) else {
        throw LanguageError(
          .unsupported, file: "objective", found: text,
          expected: "one of \(Name.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      self = name
    }

    /// Whether it has a negative gradient: whether it pushes responses down.
    public var pushesDown: Bool {
      switch self {
      case .prefFT, .bestOfN, .rwr, .reinforcePositive: false
      default: true
      }
    }
  }

  /// An objective with the usual parameters where none are given.
  ///
  /// - Parameters:
  ///   - beta: the temperature of `rwr` and `dpo` (0.1), the weight of what `best-of-n-…` lowers (0.1).
  ///   - margin: m of `ipo`, the difference of log-ratios that it aims at (10), 1/(2τ) in its paper's terms.
  ///   - advantage: of `reinforce` and `ppo`.
  public static func named(
    _ name: Name, beta: Double? = nil, margin: Double? = nil, advantage: Advantage = Advantage()
  ) -> OnlineObjective {
    let beta = beta ?? 0.1
    switch name {
    case .prefFT: return .preferred
    case .bestOfN: return .best
    case .rwr: return .rewardWeighted(beta: beta)
    case .reinforce: return .reinforce(advantage)
    case .reinforcePositive:
      var advantage = advantage
      advantage.isPositive = true
      return .reinforce(advantage)
    case .ppo: return .ppo(advantage, clip: 0.2)
    case .dpo: return .pairs(.preset(.dpo, beta: beta))
    // The ranking aims at 1/(2β).
    case .ipo: return .pairs(.init(score: .ratio, ranking: .square(beta: 0.5 / (margin ?? 10))))
    case .bestWorst: return .contrastedBest(beta: beta, against: .worst, floor: 20)
    case .bestMean: return .contrastedBest(beta: beta, against: .mean, floor: 20)
    case .bestSum: return .contrastedBest(beta: beta, against: .sum, floor: 20)
    }
  }

  /// - Throws: ``LanguageError`` naming the parameter.
  public func validate() throws(LanguageError) {
    func require(_ holds: Bool, _ name: String, _ found: Double, _ expected: String) throws(LanguageError) {
      guard holds else {
        throw LanguageError(.badValue, file: "objective", place: name, found: "\(found)", expected: expected)
      }
    }
    func check(_ advantage: Advantage) throws(LanguageError) {
      try require(advantage.entropyWeight >= 0, "entropy", advantage.entropyWeight, "at least 0")
      try require(advantage.divergenceWeight >= 0, "kl", advantage.divergenceWeight, "at least 0")
    }
    switch self {
    case .preferred, .best: break
    case .rewardWeighted(let beta): try require(beta > 0 && beta.isFinite, "beta", beta, "above 0")
    case .reinforce(let advantage):
      try check(advantage)
      guard advantage.baseline != .critic else {
        throw LanguageError(
          .badValue, file: "objective", place: "baseline", found: "a critic for reinforce",
          expected: "ppo with a critic, or another baseline")
      }
    case .ppo(let advantage, let clip):
      try check(advantage)
      try require(clip > 0 && clip < 1, "clip", clip, "above 0, below 1")
    case .pairs(let loss):
      if case .square(let beta) = loss.ranking {
        // Said in the terms in which it is asked for.
        try require(beta > 0 && beta.isFinite, "margin", 0.5 / beta, "above 0")
      }
      try loss.validate()
    case .contrastedBest(let beta, _, let floor):
      try require(beta > 0 && beta.isFinite, "beta", beta, "above 0")
      try require(floor > 0, "floor", floor, "above 0")
    }
  }
}
