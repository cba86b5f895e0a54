import Torch

/// How alike a model finds the two responses of a pair: what foretells that training on it makes the preferred one less
/// likely (Razin et al. 2025).
public struct PreferenceSimilarity: Sendable, Hashable {
  /// Centred hidden embedding similarity, ⟨S⁺, S⁻⟩ − ‖S⁺‖², S the sum of the hidden states that predict a response's
  /// tokens.
  public let ches: Double
  /// With means in place of sums: comparable between responses of different lengths.
  public let meanCHES: Double
  /// −(edits from one response to the other)/(tokens of the longer one).
  public let negativeEdit: Double
  /// Inner product of the states after the last tokens of the texts.
  public let lastProduct: Double
  public let chosenLogLikelihood: Double
  public let rejectedLogLikelihood: Double

  init(
    ches: Double, meanCHES: Double, negativeEdit: Double, lastProduct: Double, chosenLogLikelihood: Double,
    rejectedLogLikelihood: Double
  ) {
    (self.ches, self.meanCHES, self.negativeEdit) = (ches, meanCHES, negativeEdit)
    (self.lastProduct, self.chosenLogLikelihood) = (lastProduct, chosenLogLikelihood)
    self.rejectedLogLikelihood = rejectedLogLikelihood
  }

  /// One of the measures, by the name that files and commands have for it.
  public enum Measure: String, Sendable, Hashable, CaseIterable, Codable {
    case ches
    case meanCHES = "ln-ches"
    case negativeEdit = "edit"
    case lastProduct = "last-ip"
  }

  public subscript(measure: Measure) -> Double {
    switch measure {
    case .ches: ches
    case .meanCHES: meanCHES
    case .negativeEdit: negativeEdit
    case .lastProduct: lastProduct
    }
  }

  /// The entries whose values lie around a quantile: `count` in the order of their values, from i − ⌊count/2⌋ on where i is
  /// the quantile's place, as far as there are entries.
  public static func window(_ values: [Double], quantile: Double, count: Int) -> [Int] {
    precondition((0...1).contains(quantile), "window: quantile \(quantile)")
    let order = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
    let place = Int((quantile * Double(values.count - 1)).rounded())
    let start = max(0, min(place - count / 2, values.count - count))
    return Array(order[start..<min(values.count, start + count)])
  }

  /// The share of entries with the smallest values, at least one, in their own order.
  public static func smallest(_ values: [Double], share: Double) -> [Int] {
    precondition(share > 0 && share <= 1, "smallest: a share of \(share)")
    let count = max(1, Int((share * Double(values.count)).rounded()))
    return window(values, quantile: 0, count: min(count, values.count)).sorted()
  }
}

extension Transformer {
  /// Similarities of pairs, from one pass that reads every prompt once for both responses.
  ///
  /// - Parameter endTokens: tokens that end texts: a response's last token, for ``PreferenceSimilarity/lastProduct``, is
  ///   the one before.
  /// - Throws: ``LanguageError`` where a pair does not fit the model; the context takes one token less than in training.
  public func similarities(of pairs: [PreferencePair], endTokens: Set<Int> = [], tokensPerBatch: Int = 8192)
    throws(LanguageError) -> [PreferenceSimilarity]
  {
    // A token more, which is only predicted, so that the one before is read.
    let items = pairs.map { pair in
      ScoringItem(prompt: pair.prompt, continuations: [pair.chosen + [0], pair.rejected + [0]])
    }
    let scores = try score(items, tokensPerBatch: tokensPerBatch, hiddenStates: true)
    return withoutGradient {
      zip(pairs, scores).map { pair, scores in
        let sides = zip([pair.chosen, pair.rejected], scores).map { tokens, score in
          let states = score.hiddenStates!.to(.double)
          let last = endTokens.contains(tokens.last!) ? tokens.count - 1 : tokens.count
          return (
            sum: states.slice(axis: 0, start: 0, end: tokens.count).sum(0), last: states[last],
            logLikelihood: score.tokenLogProbabilities.dropLast().reduce(0, +)
          )
        }
        let (first, second) = (Double(pair.chosen.count), Double(pair.rejected.count))
        let products = Tensor.stack([
          (sides[0].sum * sides[1].sum).sum(), sides[0].sum.square().sum(),
          (sides[0].last * sides[1].last).sum(),
        ]).doubles
        return PreferenceSimilarity(
          ches: products[0] - products[1],
          meanCHES: products[0] / (first * second) - products[1] / (first * first),
          negativeEdit: -Double(editDistance(pair.chosen, pair.rejected)) / max(first, second),
          lastProduct: products[2], chosenLogLikelihood: sides[0].logLikelihood,
          rejectedLogLikelihood: sides[1].logLikelihood)
      }
    }
  }
}

/// Insertions, deletions and replacements that lead from one sequence to another (Levenshtein 1966).
public func editDistance(_ a: [Int], _ b: [Int]) -> Int {
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (x == y ? 0 : 1))
      diagonal = row[j + 1]
      row[j + 1] = next
    }
  }
  return row[b.count]
}
