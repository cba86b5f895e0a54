import Torch

/// Prompts with their continuations as one pass through a transformer: a row is a prompt, then its continuations one
/// behind the other, each of which sees the prompt and itself.
struct BranchBatch {
  /// `[rows, length]`.
  let tokens: Tensor
  /// `[rows, length]`: 0 the prompt, 1, 2, … its continuations, a number of their own for empty slots.
  let documents: Tensor
  /// `[rows, length]`: the place of every token in its own text.
  let positions: Tensor
  /// The flat slots `[targets]` that predict a token, and these tokens.
  let slots: Tensor
  let targets: Tensor
  /// Of every row the lengths of its continuations.
  let lengths: [[Int]]

  /// A row for every prompt; of the prompt's last token and of continuations all but the last are read, since that is
  /// what predicts.
  init(_ rows: [ScoringItem]) {
    var slots: [Int] = []
    var targets: [Int] = []
    let width = rows.map(Self.slots).max() ?? 0
    var (tokens, documents, positions) = ([Int](), [Int](), [Int]())
    for item in rows {
      let first = tokens.count
      // The prompt's last token stands at the beginning of every branch: what it predicts differs from one to another
      // in nothing, but the branch's second token must see it, and so it is part of the trunk all the same.
      tokens += item.prompt
      documents += Array(repeating: 0, count: item.prompt.count)
      positions += item.prompt.indices
      let last = tokens.count - 1
      for (branch, continuation) in item.continuations.enumerated() where !continuation.isEmpty {
        slots.append(last)
        slots += (0..<continuation.count - 1).map { tokens.count + $0 }
        targets += continuation
        tokens += continuation.dropLast()
        documents += Array(repeating: branch + 1, count: continuation.count - 1)
        positions += (0..<continuation.count - 1).map { item.prompt.count + $0 }
      }
      let empty = first + width - tokens.count
      tokens += Array(repeating: 0, count: empty)
      documents += Array(repeating: -1, count: empty)
      positions += Array(repeating: 0, count: empty)
    }
    let shape = [rows.count, width]
    self.tokens = Tensor(tokens, shape: shape)
    self.documents = Tensor(documents, shape: shape)
    self.positions = Tensor(positions, shape: shape)
    (self.slots, self.targets) = (Tensor(slots), Tensor(targets))
    lengths = rows.map { $0.continuations.map(\.count) }
  }

  /// Slots that an item takes.
  static func slots(_ item: ScoringItem) -> Int {
    item.prompt.count + item.continuations.reduce(0) { $0 + max(0, $1.count - 1) }
  }
}

extension Transformer: ContinuationScoring {
  /// log p of every token of the continuations, `[targets]` in the batch's order, differentiable, and the hidden states
  /// `[targets, width]` that predict them.
  func logProbabilities(_ batch: BranchBatch) -> (values: Tensor, hidden: Tensor) {
    let device = embedding.weight.value.device
    let states = hiddenStates(batch.tokens, documents: batch.documents, positions: batch.positions)
    let hidden = states.reshape(-1, configuration.width).select(axis: 0, batch.slots.to(device: device))
    let values = Tensor.tokenLogProbabilities(
      hidden: hidden, table: outputTable, targets: batch.targets.to(device: device))
    return (values, hidden)
  }

  /// log p of every continuation of items as one tensor `[continuations]` in `Float`, differentiable in the weights: what
  /// objectives on likelihoods are made of.
  ///
  /// All items go through the model together, every prompt once; continuations must not be empty.
  public func logLikelihoods(of items: [ScoringItem]) -> Tensor {
    let lengths = items.flatMap { $0.continuations.map(\.count) }
    precondition(!lengths.contains(0), "logLikelihoods: an empty continuation")
    let values = logProbabilities(BranchBatch(items)).values
    let rows = Tensor(lengths.enumerated().flatMap { Array(repeating: $0, count: $1) })
    return Tensor.zeros([lengths.count], device: values.device)
      .indexAdd(axis: 0, rows.to(device: values.device), values)
  }

  public func scores(of items: [ScoringItem], tokensPerBatch: Int, hiddenStates: Bool) -> [[SequenceScore]] {
    let tokens = items.reduce(0) { $0 + BranchBatch.slots($1) }
    // For few tokens copying the weights would not pay.
    guard tokens >= 2048 else { return allScores(of: items, tokensPerBatch, hiddenStates) }
    return withPackedWeights(rows: min(tokens, tokensPerBatch)) {
      allScores(of: items, tokensPerBatch, hiddenStates)
    }
  }

  private func allScores(of items: [ScoringItem], _ tokensPerBatch: Int, _ hiddenStates: Bool)
    -> [[SequenceScore]]
  {
    // An item with many continuations becomes several rows: attention over all of them at once would waste most of
    // its work on branches that do not see each other.
    var rows: [(item: Int, first: Int, part: ScoringItem)] = []
    for (i, item) in items.enumerated() {
      let limit = max(2 * item.prompt.count, 512)
      var (part, first) = (ScoringItem(prompt: item.prompt, continuations: []), 0)
      for (j, continuation) in item.continuations.enumerated() {
        if !part.continuations.isEmpty,
          BranchBatch.slots(part) + continuation.count > item.prompt.count + limit
        {
          rows.append((i, first, part))
          (part.continuations, first) = ([], j)
        }
        part.continuations.append(continuation)
      }
      rows.append((i, first, part))
    }
    // Rows of similar length share a batch.
    let sizes = rows.map { BranchBatch.slots($0.part) }
    let order = rows.indices.sorted { (sizes[$0], $0) < (sizes[$1], $1) }
    var results = items.map { [SequenceScore?](repeating: nil, count: $0.continuations.count) }
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, sizes[order[end]] * (end + 1 - start) <= tokensPerBatch { end += 1 }
      let chosen = order[start..<end].map { rows[$0] }
      let batch = BranchBatch(chosen.map(\.part))
      var (values, states): ([Double], Tensor?) = ([], nil)
      if batch.targets.count > 0 {
        let found = logProbabilities(batch)
        (values, states) = (found.values.doubles, hiddenStates ? found.hidden : nil)
      }
      var place = 0
      for (row, lengths) in zip(chosen, batch.lengths) {
        for (j, length) in lengths.enumerated() {
          results[row.item][row.first + j] = SequenceScore(
            tokenLogProbabilities: Array(values[place..<place + length]),
            hiddenStates: states?.slice(axis: 0, start: place, end: place + length))
          place += length
        }
      }
      start = end
    }
    return results.map { $0.map { $0! } }
  }
}
