import Torch

/// Two responses to one prompt, of which the first is preferred, as tokens.
public struct PreferencePair: Sendable, Hashable {
  /// Of the file that it comes from; 0 where there is none.
  public var line: Int
  public var prompt: [Int]
  /// With the token that ends a text, where the model has one.
  public var chosen: [Int]
  public var rejected: [Int]
  /// How much every token counts; 1 where `nil`.
  public var chosenWeights: [Float]?
  public var rejectedWeights: [Float]?
  /// Of the other response, where it answers another prompt: two responses that were judged by themselves, for objectives
  /// that rank points; see ``PreferenceLoss/ranksPoints``.
  public var rejectedPrompt: [Int]?

  public init(
    line: Int = 0, prompt: [Int], chosen: [Int], rejected: [Int], chosenWeights: [Float]? = nil,
    rejectedWeights: [Float]? = nil
  ) {
    precondition(
      chosenWeights.map { $0.count == chosen.count } ?? true
        && rejectedWeights.map { $0.count == rejected.count } ?? true, "PreferencePair: a weight a token")
    (self.line, self.prompt, self.chosen, self.rejected) = (line, prompt, chosen, rejected)
    (self.chosenWeights, self.rejectedWeights) = (chosenWeights, rejectedWeights)
  }

  /// The pair with every token counting alike.
  public var unweighted: PreferencePair {
    var pair = self
    (pair.chosenWeights, pair.rejectedWeights) = (nil, nil)
    return pair
  }

  /// Both responses in this order: one item where they answer one prompt.
  var items: [ScoringItem] {
    guard let rejectedPrompt else { return [ScoringItem(prompt: prompt, continuations: [chosen, rejected])] }
    return [
      ScoringItem(prompt: prompt, continuations: [chosen]),
      ScoringItem(prompt: rejectedPrompt, continuations: [rejected]),
    ]
  }

  /// Tokens of the longer text.
  var length: Int { max(prompt.count + chosen.count, (rejectedPrompt ?? prompt).count + rejected.count) }
}

/// Pairs that can be trained on, and what was left out of them.
public struct PreferencePairs: Sendable {
  public let pairs: [PreferencePair]
  /// Lines whose two responses are the same.
  public let identical: [Int]
  /// Lines with a response of no tokens.
  public let empty: [Int]
  /// Lines longer than the model's context.
  public let tooLong: [Int]
  /// Lines whose responses have equal scores.
  public let ties: [Int]

  /// Sorts out pairs that say nothing or do not fit.
  ///
  /// - Parameters:
  ///   - contextLength: the most tokens of a text; `nil` for any number.
  ///   - ties: lines that were left out before, since neither response is preferred.
  public init(_ all: [PreferencePair], contextLength: Int?, ties: [Int] = []) {
    self.ties = ties
    var (kept, identical, empty, tooLong) = ([PreferencePair](), [Int](), [Int](), [Int]())
    for pair in all {
      if pair.chosen.isEmpty || pair.rejected.isEmpty {
        empty.append(pair.line)
      } else if pair.chosen == pair.rejected, pair.rejectedPrompt.map({ $0 == pair.prompt }) ?? true {
        identical.append(pair.line)
      } else if let contextLength, pair.length > contextLength {
        tooLong.append(pair.line)
      } else {
        kept.append(pair)
      }
    }
    (pairs, self.identical, self.empty, self.tooLong) = (kept, identical, empty, tooLong)
  }

  /// What was left out and why, a sentence each; empty where nothing was.
  public var omissions: [String] {
    func sentence(_ lines: [Int], _ what: String) -> String? {
      guard let first = lines.first else { return nil }
      return "\(lines.count) \(lines.count == 1 ? "pair" : "pairs") \(what), the first in line \(first)"
    }
    return [
      sentence(identical, "with two equal responses"), sentence(empty, "with an empty response"),
      sentence(tooLong, "longer than the model's context"), sentence(ties, "with equal scores"),
    ].compactMap { $0 }
  }
}

extension Transformer {
  /// Log-likelihoods of pairs under the model as it is, differentiable; prompts are read once for both responses.
  ///
  /// - Parameter reference: of the same pairs under the reference, `[pairs, 2]`.
  public func likelihoods(of pairs: [PreferencePair], reference: Tensor? = nil) -> ResponseLikelihoods {
    let values = tokenLogProbabilities(of: pairs.flatMap(\.items))
    let weights = Tensor(
      pairs.flatMap { pair in
        (pair.chosenWeights ?? Array(repeating: 1, count: pair.chosen.count))
          + (pair.rejectedWeights ?? Array(repeating: 1, count: pair.rejected.count))
      }
    ).to(device: values.device)
    let lengths = pairs.flatMap { [$0.chosen.count, $0.rejected.count] }
    let sums = (values.to(.double) * weights).sumsOfRuns(lengths).reshape(-1, 2)
    let counts = Tensor(lengths.map(Double.init), shape: [pairs.count, 2]).to(device: values.device)
    func column(_ x: Tensor, _ side: Int) -> Tensor {
      x.slice(axis: 1, start: side, end: side + 1).squeeze(1)
    }
    let known = reference?.to(device: values.device)
    return ResponseLikelihoods(
      chosen: column(sums, 0), rejected: column(sums, 1), chosenLengths: column(counts, 0),
      rejectedLengths: column(counts, 1), chosenReference: known.map { column($0, 0) },
      rejectedReference: known.map { column($0, 1) })
  }

  /// Scores of both responses of every pair.
  func sides(of pairs: [PreferencePair], tokensPerBatch: Int = 8192, hiddenStates: Bool = false)
    throws(LanguageError) -> [[SequenceScore]]
  {
    let flat = try score(
      pairs.flatMap(\.items), tokensPerBatch: tokensPerBatch, hiddenStates: hiddenStates
    ).flatMap { $0 }
    return pairs.indices.map { [flat[2 * $0], flat[2 * $0 + 1]] }
  }

  /// Weighted log-likelihoods of both responses of pairs, `[pairs, 2]` in `Double`, found in large batches and recorded
  /// nowhere: what a reference says once and for all.
  ///
  /// - Throws: ``LanguageError`` where a pair does not fit the model.
  public func referenceLikelihoods(of pairs: [PreferencePair], tokensPerBatch: Int = 8192)
    throws(LanguageError) -> Tensor
  {
    let scores = try sides(of: pairs, tokensPerBatch: tokensPerBatch)
    let values = zip(pairs, scores).flatMap { pair, scores in
      [pair.weighted(scores[0], chosen: true), pair.weighted(scores[1], chosen: false)]
    }
    return Tensor(values, shape: [pairs.count, 2])
  }
}
