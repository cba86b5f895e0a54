import Language
import Testing
import Torch

@Suite("Prefix trees")
struct PrefixTreeTests {
  @Test("what texts begin with is there once, seen by all that go on from it")
  func layout() {
    var tree = PrefixTree()
    for (i, text) in [[1, 2], [1, 2, 3, 4], [1, 2, 5], [1, 6]].enumerated() { tree.add(text, number: i) }
    #expect(tree.tokens == [1, 2, 3, 4, 5, 6])
    #expect(tree.reach == [6, 5, 4, 4, 5, 6])
    #expect(tree.positions == [0, 1, 2, 3, 2, 1])
    #expect(tree.paths.map(\.slots) == [[0, 1], [0, 1, 2, 3], [0, 1, 4], [0, 5]])
  }

  @Test("a forest has every text, on a path of its own tokens, and no row that sharing does not pay for")
  func forest() {
    var random = RandomSource(seed: 3)
    let header = (0..<100).map { _ in random.integer(in: 0..<9) }
    let texts = (0..<40).map { i in
      let own = (0..<random.integer(in: 1..<30)).map { _ in random.integer(in: 0..<9) }
      return i % 2 == 0 ? header + own : own
    }
    let trees = PrefixTree.forest(of: texts, width: 64)
    var found: [Int] = []
    for tree in trees {
      for (text, slots) in tree.paths {
        #expect(slots.map { tree.tokens[$0] } == texts[text])
        #expect(slots.map { tree.positions[$0] } == Array(texts[text].indices))
        // A token sees exactly its own path.
        let seen = (0...slots.last!).filter { tree.reach[$0] > slots.last! }
        #expect(seen == slots)
        found.append(text)
      }
    }
    #expect(found.sorted() == Array(texts.indices))
    let slots = trees.reduce(0) { $0 + $1.count }
    let all = texts.reduce(0) { $0 + $1.count }
    #expect(slots < all / 2)
    #expect(PrefixTree.batches(trees, slots: 200).joined().count == trees.count)
  }

  @Test(
    "a cache of prompts that share beginnings goes on as those of each alone",
    arguments: ["gpt2", "gpt_neox", "llama", "mistral", "qwen2_window", "qwen3"])
  func caches(name: String) throws {
    let fixture = try ModelFixture(name)
    let rows = (0..<3).map { Array(fixture.tokens[$0].integers) }
    let prompts = [
      rows[0] + [1, 2], rows[1], rows[0] + [1, 5, 6], rows[0] + [1], [4], Array(rows[0].prefix(14)) + [9],
    ]
    let next = Tensor([3, 1, 4, 1, 5, 9]).unsqueeze(1)
    withoutGradient {
      for shared in [0, 1] {
        let beginnings = shared == 0 ? prompts : prompts.map { [7] + $0 }
        let beginning: PromptBeginning<KeyValueCache>?
        if shared == 0 {
          beginning = nil
        } else {
          let cache = fixture.model.makeCache(batch: 1)
          _ = fixture.model.logits(Tensor([7]).unsqueeze(0), cache: cache, lastOnly: true)
          beginning = PromptBeginning(tokens: 1, cache: cache)
        }
        let (cache, logits) = fixture.model.read(beginnings, after: beginning)
        let following = fixture.model.logits(next, cache: cache, lastOnly: true)
        for (i, prompt) in beginnings.enumerated() {
          let whole = fixture.model.logits(Tensor(prompt + next[i].integers).unsqueeze(0))[0]
          #expect(largestDifference(logits[i], whole[prompt.count - 1]) < 1e-4)
          #expect(largestDifference(following[i, 0], whole[prompt.count]) < 1e-4)
        }
      }
    }
  }
}
