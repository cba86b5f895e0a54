import Torch

/// Texts of which every beginning that several share is there once: a tree of tokens laid out depth first in one row.
package struct PrefixTree {
  package private(set) var tokens: [Int] = []
  /// Of every token the slot behind the last one that it is a beginning of.
  package private(set) var reach: [Int] = []
  /// The place of every token in its text.
  package private(set) var positions: [Int] = []
  /// Of every text that was added its number and the slots of its tokens.
  package private(set) var paths: [(text: Int, slots: [Int])] = []

  package init() {}

  package var count: Int { tokens.count }

  /// The tokens that a text has in common with the one that was added last.
  package func shared(with text: [Int]) -> Int {
    guard let last = paths.last?.slots else { return 0 }
    return zip(last, text).prefix { tokens[$0] == $1 }.count
  }

  /// Adds a text that does not come before the last one in lexicographic order.
  package mutating func add(_ text: [Int], number: Int) {
    let common = shared(with: text)
    let new = count..<count + text.count - common
    let path = Array(paths.last?.slots.prefix(common) ?? []) + new
    tokens += text[common...]
    positions += common..<text.count
    reach += repeatElement(new.upperBound, count: new.count)
    for slot in path.prefix(common) { reach[slot] = new.upperBound }
    paths.append((number, path))
  }

  /// Trees of texts that share enough to make up for what they waste: attention is taken between all tokens of a row,
  /// seen or not.
  ///
  /// - Parameter width: of the model, which weighs attention against all else.
  package static func forest(of texts: [[Int]], width: Int) -> [PrefixTree] {
    // Of a pass: so many products a token beside those with every other token of its row.
    let perToken = 2 * width
    var trees: [PrefixTree] = []
    for number in texts.indices.sorted(by: { texts[$0].lexicographicallyPrecedes(texts[$1]) }) {
      let text = texts[number]
      let new = text.count - (trees.last?.shared(with: text) ?? 0)
      let together = trees.last.map { new * (perToken + 2 * $0.count + new) }
      if let together, new < text.count, together <= text.count * (perToken + text.count) {
        trees[trees.count - 1].add(text, number: number)
      } else {
        var tree = PrefixTree()
        tree.add(text, number: number)
        trees.append(tree)
      }
    }
    return trees
  }

  /// Trees in batches of at most so many slots, those of similar size together; a larger one has a batch of its own.
  package static func batches(_ trees: [PrefixTree], slots: Int) -> [[PrefixTree]] {
    var result: [[PrefixTree]] = []
    for tree in trees.sorted(by: { $0.count < $1.count }) {
      if let last = result.last, tree.count * (last.count + 1) <= slots {
        result[result.count - 1].append(tree)
      } else {
        result.append([tree])
      }
    }
    return result
  }
}

/// Trees as one pass through a transformer, a row each.
struct TreeBatch {
  let trees: [PrefixTree]
  /// Slots of a row.
  let width: Int
  /// `[rows, width]` each; an empty slot is seen by itself alone.
  let tokens: Tensor
  let reach: Tensor
  let positions: Tensor

  init(_ trees: [PrefixTree]) {
    let width = trees.map(\.count).max() ?? 0
    func rows(_ values: (PrefixTree) -> [Int], _ empty: (Int) -> Int) -> Tensor {
      Tensor(
        trees.flatMap { values($0) + ($0.count..<width).map(empty) }, shape: [trees.count, width])
    }
    (self.trees, self.width) = (trees, width)
    tokens = rows(\.tokens) { _ in 0 }
    reach = rows(\.reach) { $0 + 1 }
    positions = rows(\.positions) { _ in 0 }
  }

  /// Of every text its number, and the slots of its tokens counted through all rows.
  var paths: [(text: Int, slots: [Int])] {
    trees.enumerated().flatMap { row, tree in
      tree.paths.map { path in (path.text, path.slots.map { $0 + row * width }) }
    }
  }
}
