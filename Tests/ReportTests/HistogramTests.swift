import Foundation
import Testing

import Report

@Suite("Histograms")
struct HistogramTests {
  static let samples = (1...1000).map { sin(Double($0) * 12.9898) * 43758.5453 }.map {
    $0 - $0.rounded(.down)
  }

  @Test(
    "every usable number is counted once",
    arguments: [.automatic, .count(1), .count(7), .count(1000), .logarithmic(9), .edges([0, 0.1, 0.5, 2])]
      as [Histogram.Bins])
  func total(bins: Histogram.Bins) {
    let histogram = Histogram(Self.samples + [.nan, .infinity, -.infinity], bins: bins)
    #expect(histogram.counts.reduce(0, +) == 1000)
    #expect(histogram.unusable == 3)
    #expect(histogram.outside == 0)
    #expect(histogram.edges.count == histogram.counts.count + 1)
    #expect(zip(histogram.edges, histogram.edges.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test("a bin has its lower edge, not its upper one, except the last")
  func edges() {
    let histogram = Histogram([0, 0.999, 1, 1.5, 2, 3, 3.001, -0.001], bins: .edges([0, 1, 2, 3]))
    #expect(histogram.counts == [2, 2, 2])
    #expect(histogram.outside == 2)
  }

  @Test("equal widths start and end at the extremes")
  func even() {
    let histogram = Histogram([2, 10, 4], bins: .count(4))
    #expect(histogram.edges == [2, 4, 6, 8, 10])
    #expect(histogram.counts == [1, 1, 0, 1])
  }

  @Test("logarithmic bins have equal ratios and leave out what is not positive")
  func logarithmic() {
    let histogram = Histogram([1, 10, 100, 1000, 0, -5], bins: .logarithmic(3))
    #expect(histogram.unusable == 2)
    #expect(histogram.counts == [1, 1, 2])
    for (edge, exact) in zip(histogram.edges, [1.0, 10, 100, 1000]) { #expect(abs(edge / exact - 1) < 1e-14) }
  }

  @Test(
    "hard data still end up in a bin",
    arguments: [
      [5], [0, 0, 0], [-1e308, 1e308], [1e308, 1.1e308], [0x1p-1060, 0x1p-1059], [1, (1.0).nextUp],
      [1e300, 1e300],
      [.greatestFiniteMagnitude, -.greatestFiniteMagnitude], [.greatestFiniteMagnitude],
    ] as [[Double]])
  func hard(values: [Double]) {
    for bins in [.automatic, .count(1), .count(13)] as [Histogram.Bins] {
      let histogram = Histogram(values, bins: bins)
      #expect(histogram.counts.reduce(0, +) == values.count)
      #expect(histogram.edges.allSatisfy { $0.isFinite })
      #expect(zip(histogram.edges, histogram.edges.dropFirst()).allSatisfy { $0 < $1 })
    }
  }

  @Test("no usable number makes no bin")
  func empty() {
    #expect(Histogram([], bins: .automatic).edges.isEmpty)
    let histogram = Histogram([.nan, -1], bins: .logarithmic(4))
    #expect(histogram.counts.isEmpty)
    #expect(histogram.unusable == 2)
  }

  @Test("the automatic rule is Freedman and Diaconis's, kept to 5 to 80 bins")
  func automatic() {
    // The middle half of 0...999 spans 499, so bins are 2 × 499 / 10 wide and eleven of them are needed.
    let values = (0..<1000).map(Double.init)
    #expect(Histogram(values).counts.count == 11)
    #expect(Histogram([0, 1]).counts.count == 5)
    #expect(Histogram(values + [1e6]).counts.count == 80)
  }
}
