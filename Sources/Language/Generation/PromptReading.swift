import Torch

extension Transformer {
  /// Slots that are read side by side.
  private static let slotsPerPass = 8192

  /// Reads prompts as trees, so that what several begin with is read once; see ``LanguageModel/read(_:after:)``.
  public func read(_ prompts: [[Int]], after beginning: PromptBeginning<KeyValueCache>?) -> (
    cache: KeyValueCache, logits: Tensor
  ) {
    let rests = prompts.map { Array($0[(beginning?.tokens ?? 0)...]) }
    // Hooks count slots from the text's beginning, which a tree of texts does not have.
    guard prompts.count > 1, hooks == nil, !positionsDependOnLength else {
      return readRows(rests, after: beginning)
    }
    let trees = PrefixTree.forest(of: rests, width: configuration.width)
    var (caches, paths): ([KeyValueCache], [(cache: Int, slots: [Int])]) = ([], [])
    var (order, last): ([Int], [Tensor]) = ([], [])
    var first = 0
    for trees in PrefixTree.batches(trees, slots: Self.slotsPerPass) {
      let batch = TreeBatch(trees)
      let cache = makeCache(batch: trees.count, after: beginning)
      first = cache.length
      let hidden = hiddenStates(
        batch.tokens, cache: cache, reach: batch.reach,
        positions: batch.positions + Double(beginning?.tokens ?? 0))
      let own = batch.paths
      let ends = Tensor(own.map { $0.slots.last! }).to(device: hidden.device)
      last.append(hidden.reshape(-1, configuration.width).select(axis: 0, ends))
      order += own.map(\.text)
      // The cache has the slots of the beginning in every row, too.
      paths += own.map { path in
        (caches.count, path.slots.map { $0 + ($0 / batch.width + 1) * first })
      }
      caches.append(cache)
    }
    // Back to the order of the prompts.
    let places = order.indices.sorted { order[$0] < order[$1] }
    let all = last.count == 1 ? last[0] : Tensor.concatenate(last)
    let states = all.select(axis: 0, Tensor(places).to(device: all.device))
    return (KeyValueCache(caches, first: first, paths: places.map { paths[$0] }), logits(hidden: states))
  }
}
