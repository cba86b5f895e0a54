import Testing
import Torch
import Training

@Suite("Batches") struct BatchTests {
  private let random = RandomSource(seed: 31)

  private func rows(_ count: Int, batch: Int) -> ShuffledRows {
    let numbers = Tensor.range(to: Double(count))
    return ShuffledRows([numbers, numbers * 10], batchSize: batch, random: random)
  }

  @Test("every row comes once an epoch, in another order each epoch, and the same rows of every tensor")
  func epochs() {
    let source = rows(12, batch: 4)
    let epochs = (0..<5).map { epoch in (0..<3).flatMap { source.batch(at: 3 * epoch + $0)[0].integers } }
    for epoch in epochs { #expect(epoch.sorted() == Array(0..<12)) }
    #expect(Set(epochs).count == 5)
    let batch = source.batch(at: 1)
    #expect(batch[1].integers == batch[0].integers.map { $0 * 10 })
  }

  @Test("batches that do not divide the rows go on into the next epoch", arguments: [5, 12, 31])
  func remainder(batch: Int) {
    let source = rows(12, batch: batch)
    let all = (0..<12).flatMap { source.batch(at: $0)[0].integers }
    #expect(all.count == 12 * batch)
    for epoch in 0..<batch { #expect(Set(all[(12 * epoch)..<(12 * epoch + 12)]).count == 12) }
  }

  @Test("a step's batch does not depend on which were asked before")
  func independence() {
    let source = rows(10, batch: 3)
    let inOrder = (0..<20).map { source.batch(at: $0)[0].integers }
    for step in [17, 0, 5, 5, 19, 3] {
      #expect(source.batch(at: step)[0].integers == inOrder[step])
      #expect(rows(10, batch: 3).batch(at: step)[0].integers == inOrder[step])
    }
    let other = ShuffledRows([.range(to: 10)], batchSize: 3, random: RandomSource(seed: 32))
    #expect((0..<20).map { other.batch(at: $0)[0].integers } != inOrder)
  }

  @Test("elements of an array are shuffled as rows are")
  func elements() {
    let source = ShuffledElements(["a", "b", "c", "d", "e"], batchSize: 5, random: random)
    #expect(source.batch(at: 0).sorted() == ["a", "b", "c", "d", "e"])
    #expect(source.batch(at: 1).sorted() == ["a", "b", "c", "d", "e"])
    #expect(Set((0..<4).map { source.batch(at: $0) }).count > 1)
  }

  private func stream(_ count: Int, batch: Int, window: Int, opened: @escaping () -> Void = {})
    -> ShuffledStream<Int>
  {
    ShuffledStream(batchSize: batch, window: window, random: random) {
      opened()
      return AnyIterator((0..<count).makeIterator())
    }
  }

  @Test("a stream is shuffled inside windows, and starts again when it ends")
  func windows() throws {
    var opened = 0
    let source = stream(20, batch: 5, window: 10) { opened += 1 }
    let batches = try (0..<8).map { try source.batch(at: $0) }
    for epoch in 0..<2 {
      #expect(Set(batches[4 * epoch] + batches[4 * epoch + 1]) == Set(0..<10))
      #expect(Set(batches[4 * epoch + 2] + batches[4 * epoch + 3]) == Set(10..<20))
    }
    #expect(batches[0] + batches[1] != Array(0..<10))
    #expect(opened == 2)
  }

  @Test("a stream's batch does not depend on the way to it; going back opens the stream again")
  func streamIndependence() throws {
    let source = stream(23, batch: 4, window: 7)
    let inOrder = try (0..<15).map { try source.batch(at: $0) }
    for step in [0, 9, 2, 14] {
      #expect(try source.batch(at: step) == inOrder[step])
      #expect(try stream(23, batch: 4, window: 7).batch(at: step) == inOrder[step])
    }
    // 60 elements in all: every one of 23 twice, and the rest of the third round once more.
    let counts = Dictionary(inOrder.joined().map { ($0, 1) }, uniquingKeysWith: +)
    #expect(counts.count == 23 && counts.values.allSatisfy { $0 == 2 || $0 == 3 })
  }

  @Test("a stream shorter than a batch repeats itself; one without elements is an error")
  func shortStreams() throws {
    let batch = try stream(2, batch: 5, window: 8).batch(at: 0)
    #expect(batch.count == 5 && Set(batch) == [0, 1])
    #expect(throws: StreamError.empty) { try stream(0, batch: 1, window: 1).batch(at: 0) }
  }

  @Test("an error of the stream reaches the caller")
  func streamErrors() {
    struct Gone: Error {}
    let source = ShuffledStream<Int>(batchSize: 1, window: 1, random: random) { throw Gone() }
    #expect(throws: Gone.self) { try source.batch(at: 0) }
  }
}
