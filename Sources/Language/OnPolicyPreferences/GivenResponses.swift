/// Responses to prompts with their rewards, from elsewhere: what a policy learns from without drawing.
public struct GivenResponses<Policy: OnlinePolicy> {
  public var prompts: [Policy.Prompt]
  /// Of every prompt.
  public var responses: [[Policy.Response]]
  /// Of every response, finite.
  public var rewards: [[Double]]

  public init(prompts: [Policy.Prompt], responses: [[Policy.Response]], rewards: [[Double]]) {
    precondition(
      prompts.count == responses.count && responses.map(\.count) == rewards.map(\.count),
      "GivenResponses: a reward a response, a list of them a prompt")
    (self.prompts, self.responses, self.rewards) = (prompts, responses, rewards)
  }

  func validate(_ options: OnlinePreferenceOptions) throws(LanguageError) {
    func require(_ holds: Bool, _ found: String, _ expected: String) throws(LanguageError) {
      guard holds else {
        throw LanguageError(.badValue, file: "given responses", found: found, expected: expected)
      }
    }
    try require(options.data == .fixed, "\(options.data.rawValue) data", "fixed data: nothing is drawn")
    try require(!responses.joined().isEmpty, "none", "at least one")
    let most = responses.map(\.count).max() ?? 0
    try require(
      most >= 2 || !options.objective.needsTwoSamples, "one response to every prompt",
      "at least one prompt with two: the objective compares the responses to a prompt")
  }
}
