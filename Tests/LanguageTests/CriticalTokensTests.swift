import Foundation
import Language
import Testing
import Torch
import Training

@Suite("Critical tokens")
struct CriticalTokensTests {
  private func chain() throws -> TokenChain {
    try TokenChain(
      law: [[0.7, 0.2, 0.05, 0.05], [0.45, 0.05, 0.1, 0.4], [0.7, 0.2, 0.05, 0.05]],
      next: [[0, 1, 2, 0], [1, 1, 2, 0], [2, 2, 2, 2]], horizon: 6, goals: [0])
  }

  @Test("success is what enumerating all texts gives; conditioned laws mix to the law")
  func success() throws {
    let chain = try chain()
    func enumerate(_ time: Int, _ state: Int) -> Double {
      guard time < chain.horizon else { return chain.goals.contains(state) ? 1 : 0 }
      return zip(chain.law[state], chain.next[state]).reduce(0) { $0 + $1.0 * enumerate(time + 1, $1.1) }
    }
    for time in [0, 2, 5] {
      for state in 0..<3 { #expect(abs(chain.success[time][state] - enumerate(time, state)) < 1e-12) }
    }
    let value = chain.success[2][0]
    let (positive, negative) = chain.conditioned(time: 2, state: 0)
    for (token, p) in chain.law[0].enumerated() {
      #expect(abs(value * positive[token] + (1 - value) * negative[token] - p) < 1e-12)
    }
    // Nothing is left to find where success is impossible, or β = 0 weighs the right texts alone.
    #expect(chain.contrastiveScores(time: 2, state: 2) == chain.law[2])
    for (s, p) in zip(chain.contrastiveScores(time: 2, state: 0, beta: 0), positive) {
      #expect(abs(s - p) < 1e-12)
    }
    // Before the last token those that surely succeed share everything, as the squares of their probabilities.
    let last = chain.contrastiveScores(time: 5, state: 0)
    #expect(abs(last[0] - 0.49 / (0.49 + 0.0025)) < 1e-12 && last[2] == 0 && last[1] < 1e-12)
  }

  @Test("chains that are none are refused")
  func badChains() {
    for (law, next, horizon, goals) in [
      ([[0.5, 0.4]], [[0, 0]], 3, Set([0])), ([[0.5, 0.5]], [[0, 1]], 3, [0]),
      ([[0.5, 0.5]], [[0, 0]], 0, [0]), ([[0.5, 0.5]], [[0, 0]], 3, [1]), ([], [], 1, []),
    ] {
      #expect(throws: LanguageError.self) {
        try TokenChain(law: law, next: next, horizon: horizon, goals: goals)
      }
    }
  }

  /// The chain as a language model: its texts are the chain's tokens, behind one that begins a text.
  private struct ChainLaw: SequentialLaw {
    let chain: TokenChain
    var vocabularySize: Int { 4 }
    var start: Int { -1 }
    func state(after token: Int, in state: Int) -> Int { state < 0 ? 0 : chain.next[state][token] }
    func logProbabilities(in state: Int) -> [Double] { chain.law[max(0, state)].map { log($0) } }
  }

  @Test("rollouts of a model come to the chain's success, and the fatal token is found")
  func rollouts() throws {
    let chain = try chain()
    let model = ExactLanguageModel(ChainLaw(chain: chain))
    func succeeds(_ text: [Int]) -> Bool {
      text.count == 6 && chain.goals.contains(text.reduce(0) { chain.next[$0][$1] })
    }
    var options = GenerationOptions()
    (options.maximumTokens, options.batch) = (6, 256)
    let response = [0, 1, 0, 2, 0, 0]
    let found = try model.criticalRollouts(
      prompt: [0], response: response, count: 64, tolerance: 3, options: options,
      random: RandomSource(seed: 4), isCorrect: succeeds)
    #expect(found.critical == 3)
    var state = 0
    for (place, token) in response.enumerated() {
      state = chain.next[state][token]
      let value = chain.success[place + 1][state]
      let error = (value * (1 - value) / 64).squareRoot()
      #expect(abs(Double(found.successes[place]) / 64 - value) <= 5 * error)
      #expect(found.interval(at: place).contains(Double(found.successes[place]) / 64))
    }
    // Another token in its place: the state before is 1, whose other tokens lead to 1, 1 and 0.
    let saved = try model.successesWithout(
      tokenAt: 3, prompt: [0], response: response, count: 400, options: options,
      random: RandomSource(seed: 5), isCorrect: succeeds)
    let truth = (0.5 * chain.success[4][1] + 0.4 * chain.success[4][0]) / 0.9
    #expect(abs(Double(saved) / 400 - truth) < 5 * (truth * (1 - truth) / 400).squareRoot())
    #expect(throws: LanguageError.self) {
      try model.criticalRollouts(
        prompt: [0], response: response, count: 0, options: options, random: RandomSource(seed: 4),
        isCorrect: succeeds)
    }
  }

  @Test("the critical place is the first from which success is lost for good")
  func place() {
    func place(_ successes: [Int]) -> Int? { CriticalRollouts.criticalToken(successes, tolerance: 3) }
    #expect(place([40, 20, 0, 0, 1, 0]) == 2)
    #expect(place([40, 0, 20, 0, 0]) == 3)
    #expect(place([40, 0, 20, 10]) == 1)
    #expect(place([40, 30]) == nil)
    #expect(place([0]) == 0)
  }

  @Test("pass@k is the share of subsets with a right one")
  func pass() throws {
    // Of 6 with 2 right: subsets of 3 without them, C(4, 3) of C(6, 3).
    #expect(abs(try passAtK(samples: 6, correct: 2, k: 3) - (1 - 4.0 / 20)) < 1e-12)
    #expect(try passAtK(samples: 6, correct: 0, k: 6) == 0)
    #expect(try passAtK(samples: 6, correct: 3, k: 4) == 1)
    let error = #expect(throws: LanguageError.self) { try passAtK(samples: 6, correct: 3, k: 7) }
    #expect("\(error!)".contains("1 to the 6 samples"))
    #expect(throws: LanguageError.self) { try passAtK(samples: 6, correct: 7, k: 1) }
  }

  @Test("solutions are grouped by answer and taken by frequency")
  func selection() {
    func solutions(_ rows: [(String?, Bool)]) -> [Solution] {
      rows.enumerated().map { Solution(number: $0, answer: $1.0, isCorrect: $1.1) }
    }
    var random = RandomSource(seed: 2)
    let found = SolutionSelection(
      solutions([
        ("7", true), ("7.0", true), ("7", true), ("8", false), ("8", false), ("9", false), ("9", false),
        ("1", false), ("2", false), (nil, false), ("8", false),
      ]), using: &random)
    #expect(found.positive.count == 1 && [0, 2].contains(found.positive[0]))
    // Seven wrong with an answer: half of them is 3.5, so that 8 (three) and 9 (two) are taken.
    #expect(found.negative.count == 2)
    #expect([3, 4, 10].contains(found.negative[0]) && [5, 6].contains(found.negative[1]))
    #expect([0, 2].contains(found.pair!.chosen) && [3, 4, 10].contains(found.pair!.rejected))
    // Answers that came once are taken only as the first.
    let single = SolutionSelection(
      solutions([("1", false), ("2", false), ("3", false)]), using: &random)
    #expect(single.negative == [0] && single.pair == nil && single.positive.isEmpty)
  }

  private func model(_ seed: UInt64, vocabulary: Int = 12) throws -> Transformer {
    var random = RandomSource(seed: seed)
    return try Transformer(
      .llama(vocabularySize: vocabulary, width: 16, layers: 1, heads: 2, contextLength: 16), using: &random)
  }

  @Test("scores of models are the softmax of their logits' mixture, at every token")
  func scores() throws {
    let (first, second) = (try model(1), try model(2))
    let items = [(prompt: [1, 2], response: [3, 4, 5]), (prompt: [6], response: [7])]
    let found = try ContrastiveEstimation.scores(of: items, positive: first, negative: second, beta: 0.5)
    for (item, row) in zip(items, found) {
      let text = Tensor(item.prompt + item.response.dropLast()).unsqueeze(0)
      let logits = withoutGradient {
        (1.5 * first.logits(text) - 0.5 * second.logits(text))[0].to(.double).softmax(-1)
      }
      for (i, token) in item.response.enumerated() {
        #expect(abs(row[i] - logits[item.prompt.count - 1 + i, token].item()) < 1e-5)
      }
    }
    // A model against itself changes nothing.
    let same = try ContrastiveEstimation.scores(of: items, positive: first, negative: first, beta: 3)
    let plain = try first.score(items.map { ScoringItem(prompt: $0.prompt, continuations: [$0.response]) })
    for (row, score) in zip(same, plain) {
      for (s, log) in zip(row, score[0].tokenLogProbabilities) { #expect(abs(s - exp(log)) < 1e-5) }
    }
    let error = #expect(throws: LanguageError.self) {
      try ContrastiveEstimation.scores(of: items, positive: first, negative: model(1, vocabulary: 13))
    }
    #expect("\(error!)".contains("12 and 13"))
    #expect(throws: LanguageError.self) {
      try ContrastiveEstimation.scores(of: items, positive: first, negative: second, beta: -1)
    }
  }

  @Test("tokens that the positive model finds implausible can be left out")
  func plausibility() {
    let (z, w) = (Tensor([3.0, 0, -6]), Tensor([0.0, 0, -20]))
    let free = ContrastiveEstimation.logScores(positive: z, negative: w).exp().doubles
    let masked = ContrastiveEstimation.logScores(positive: z, negative: w, plausibility: 0.1).exp().doubles
    #expect(free[2] > 0.5)
    #expect(masked[2] == 0 && abs(masked.reduce(0, +) - 1) < 1e-12)
  }

  @Test("place by place: one token is the whole, weights and padding enter as they should")
  func tokenwise() {
    let loss = PreferenceLoss.preset(.dpo, beta: 0.1)
    let single = PreferencePair(prompt: [0], chosen: [1], rejected: [2])
    let (values, reference) = (Tensor([-1.0, -2]), Tensor([-1.5, -1.5]))
    let whole = log1p(exp(-0.1 * 1.0))
    #expect(
      abs(loss.tokenwise(values, reference: reference, pairs: [single], aggregation: .token).item() - whole)
        < 1e-12)
    // Three places of prompt and response in the longest text; two of them idle.
    let longer = PreferencePair(prompt: [0, 0], chosen: [1], rejected: [2])
    let padded = loss.tokenwise(values, reference: reference, pairs: [longer], aggregation: .paddedToken)
      .item()
    #expect(abs(padded - (whole + 2 * log(2.0)) / 3) < 1e-12)
    let weighted = PreferencePair(
      prompt: [0], chosen: [1], rejected: [2, 3], rejectedWeights: [0, 0])
    let alone = loss.tokenwise(
      Tensor([-1.0, -2, -3]), reference: Tensor([-1.5, -9, -9]), pairs: [weighted], aggregation: .token
    ).item()
    #expect(abs(alone - (log1p(exp(-0.05)) + log(2.0)) / 2) < 1e-12)
  }

  @Test(
    "training by places lowers its objective, whatever the pairs' lengths",
    arguments: [PreferenceAggregation.token, .paddedToken])
  func training(aggregation: PreferenceAggregation) throws {
    let pairs = (0..<8).map {
      PreferencePair(
        prompt: [1, $0 % 3], chosen: [3, 4], rejected: [5, 6, 7], rejectedWeights: [1, 0.5, 1])
    }
    var options = PreferenceOptions()
    (options.aggregation, options.learningRate, options.validationFraction) = (aggregation, 1e-2, 0)
    options.training = TrainingOptions(steps: 30)
    let training = try PreferenceTraining(model(1), pairs: pairs, options: options)
    let result = try training.fit()
    // ln 2 where the policy is its reference.
    #expect(result.loss < 0.692)
  }
}

@Suite("Answers of solutions")
struct AnswerCheckerTests {
  @Test(
    "answers are found where they stand",
    arguments: [
      ("So it is 12.\nThe answer is 15 litres.", "15 litres."),
      ("Then $\\boxed{\\frac{1}{2}}$.", "\\frac{1}{2}"),
      ("a\n#### 1,234", "1,234"), ("first 3 then 4 apples", "4"), ("The answer is: $\\boxed{7}$", "7"),
      ("the answer is\n", nil), ("no number", nil),
    ] as [(String, String?)])
  func found(text: String, answer: String?) {
    let expected = text == "the answer is\n" ? nil : answer
    #expect(AnswerChecker().answer(in: text) == expected)
  }

  @Test(
    "the same in other words",
    arguments: [
      ("1/2", "0.5"), ("\\frac{3}{4}", "0.75"), ("1\\frac{1}{2}", "1.5"), ("$1,234$", "1234"), ("72°", "72"),
      ("10\\%", "10"), ("10%", "0.1"), ("C", "{(C)}"), ("137\\frac{1}{2} miles.", "137\\frac{1}{2}"),
      ("y = -2x", "-2x"), ("\\text{East}", "east"), ("(-1, 6)", "(-1,6)"), ("\\dfrac{1}{3}", "\\frac13"),
      ("18.00", "18"), ("\\$78.", "78"),
    ])
  func equal(a: String, b: String) {
    #expect(AnswerChecker().areEqual(a, b))
    #expect(AnswerChecker().areEqual(b, a))
  }

  @Test(
    "not the same",
    arguments: [
      ("1", "2"), ("900", "9"), ("(1,2)", "(2,1)"), ("12", "1,2"), ("", ""), ("x", "y"), ("0.333", "1/3"),
      ("-5", "5"),
    ])
  func different(a: String, b: String) { #expect(!AnswerChecker().areEqual(a, b)) }

  @Test("factors of a hundred count only when asked for")
  func hundred() {
    var checker = AnswerChecker()
    #expect(!checker.areEqual("25", "0.25"))
    checker.ignoresFactorsOfHundred = true
    #expect(checker.areEqual("25", "0.25"))
    checker.extraction = .lastNumber
    #expect(checker.isCorrect("it is 9/10 or 90", answers: ["90"]))
  }
}
