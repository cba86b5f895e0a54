import Torch

/// Continuations of prompts as one pass through a transformer.
struct ContinuationBatch {
  let trees: TreeBatch
  /// The flat slots `[targets]` that predict a token, and these tokens.
  let slots: Tensor
  let targets: Tensor
  /// The continuations in the order of the targets.
  let continuations: [ContinuationText]

  init(_ trees: [PrefixTree], of texts: [ContinuationText]) {
    self.trees = TreeBatch(trees)
    let paths = self.trees.paths
    continuations = paths.map { texts[$0.text] }
    slots = Tensor(paths.flatMap { path in path.slots[(texts[path.text].prompt.count - 1)...] })
    targets = Tensor(continuations.flatMap(\.continuation))
  }
}

/// A continuation that is not empty, behind its prompt.
struct ContinuationText {
  let item: Int
  let number: Int
  let prompt: [Int]
  let continuation: [Int]

  /// What is read: the last token is only predicted.
  var read: [Int] { prompt + continuation.dropLast() }

  static func all(of items: [ScoringItem]) -> [ContinuationText] {
    items.enumerated().flatMap { i, item in
      item.continuations.enumerated().filter { !$1.isEmpty }.map { j, continuation in
        ContinuationText(item: i, number: j, prompt: item.prompt, continuation: continuation)
      }
    }
  }
}

extension Transformer: ContinuationScoring {
  /// Rows that share what texts begin with; a row a text where hooks are, since they count slots from its beginning, and
  /// where angles depend on a text's length.
  func trees(of texts: [[Int]]) -> [PrefixTree] {
    guard hooks != nil || positionsDependOnLength else {
      return PrefixTree.forest(of: texts, width: configuration.width)
    }
    return texts.enumerated().map { number, text in
      var tree = PrefixTree()
      tree.add(text, number: number)
      return tree
    }
  }

  /// log p of every token of the continuations, `[targets]` in the batch's order, differentiable, and the hidden states
  /// `[targets, width]` that predict them.
  func logProbabilities(_ batch: ContinuationBatch) -> (values: Tensor, hidden: Tensor) {
    let device = embedding.weight.value.device
    let states = hiddenStates(
      batch.trees.tokens, reach: batch.trees.reach, positions: batch.trees.positions)
    let hidden = states.reshape(-1, configuration.width).select(axis: 0, batch.slots.to(device: device))
    let values = Tensor.tokenLogProbabilities(
      hidden: hidden, table: outputTable, targets: batch.targets.to(device: device))
    return (values, hidden)
  }

  /// log p of every token of the continuations of items, one behind the other: `[tokens]` in `Float`, differentiable in
  /// the weights: what objectives on likelihoods are made of.
  ///
  /// All items go through the model together, what texts begin with in common once.
  public func tokenLogProbabilities(of items: [ScoringItem]) -> Tensor { tokenReadings(of: items).values }

  /// The same with the hidden states `[tokens, width]` that predict them.
  func tokenReadings(of items: [ScoringItem]) -> (values: Tensor, hidden: Tensor) {
    let texts = ContinuationText.all(of: items)
    guard !texts.isEmpty else { return (.zeros([0]), .zeros([0, configuration.width])) }
    if positionsDependOnLength, texts.count > 1 {
      let alone = texts.map { text in
        tokenReadings(of: [ScoringItem(prompt: text.prompt, continuations: [text.continuation])])
      }
      return (.concatenate(alone.map(\.values)), .concatenate(alone.map(\.hidden)))
    }
    let batch = ContinuationBatch(trees(of: texts.map(\.read)), of: texts)
    let (values, hidden) = logProbabilities(batch)
    // From the batch's order to that of the items.
    let order = batch.trees.paths.map(\.text)
    var (starts, start) = (Array(repeating: 0, count: texts.count), 0)
    for text in order {
      starts[text] = start
      start += texts[text].continuation.count
    }
    let places = texts.indices.flatMap { starts[$0]..<starts[$0] + texts[$0].continuation.count }
    let index = Tensor(places).to(device: values.device)
    return (values.select(axis: 0, index), hidden.select(axis: 0, index))
  }

  /// log p of every continuation of items, `[continuations]` in `Float`, differentiable in the weights; continuations
  /// must not be empty.
  public func logLikelihoods(of items: [ScoringItem]) -> Tensor {
    let lengths = items.flatMap { $0.continuations.map(\.count) }
    precondition(!lengths.contains(0), "logLikelihoods: an empty continuation")
    return tokenLogProbabilities(of: items).sumsOfRuns(lengths)
  }

  public func scores(of items: [ScoringItem], tokensPerBatch: Int, hiddenStates: Bool) -> [[SequenceScore]] {
    let texts = ContinuationText.all(of: items)
    let trees = trees(of: texts.map(\.read))
    let slots = trees.reduce(0) { $0 + $1.count }
    var results = items.map { item in
      item.continuations.map { _ in SequenceScore(tokenLogProbabilities: []) }
    }
    func scoreAll() {
      // Texts whose angles depend on their length go through the model by themselves.
      for trees in PrefixTree.batches(trees, slots: positionsDependOnLength ? 0 : tokensPerBatch) {
        let batch = ContinuationBatch(trees, of: texts)
        let (found, states) = logProbabilities(batch)
        let values = found.doubles
        var place = 0
        for text in batch.continuations {
          let end = place + text.continuation.count
          results[text.item][text.number] = SequenceScore(
            tokenLogProbabilities: Array(values[place..<end]),
            hiddenStates: hiddenStates ? states.slice(axis: 0, start: place, end: end) : nil)
          place = end
        }
      }
    }
    // For few tokens copying the weights would not pay.
    if slots >= 2048 {
      withPackedWeights(rows: min(slots, tokensPerBatch), scoreAll)
    } else {
      scoreAll()
    }
    return results
  }
}

extension Tensor {
  /// Sums of so many entries of a vector at a time, `[runs]`.
  func sumsOfRuns(_ lengths: [Int]) -> Tensor {
    let owners = Tensor(lengths.enumerated().flatMap { Array(repeating: $0, count: $1) })
    return Tensor.zeros([lengths.count], dtype: dtype, device: device)
      .indexAdd(axis: 0, owners.to(device: device), self)
  }
}
