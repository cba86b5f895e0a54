import Foundation
import Language
import Testing
import Torch

@Suite("Overlap of texts")
struct TextOverlapTests {
  private let hypotheses = ["the cat sat on the mat today", "a small dog ran over the green hill"]
  private let references = ["the cat sat on a mat today", "the small dog ran over the hill"]

  private func overlap(_ a: [String], _ b: [String]) -> TextOverlap {
    TextOverlap(
      hypotheses: a.map { TextOverlap.words($0, .spaces) },
      references: b.map { TextOverlap.words($0, .spaces) })
  }

  @Test("BLEU and ROUGE-L of two sentences")
  func sentences() {
    let found = overlap(hypotheses, references)
    #expect(found.matches == [12, 8, 5, 3] && found.totals == [15, 13, 11, 9])
    #expect(abs(found.bleu() - 0.522_604_531_9) < 1e-9)
    #expect(abs(found.rougeL[0] - 6.0 / 7) < 1e-12 && abs(found.rougeL[1] - 0.8) < 1e-12)
    #expect(abs(found.meanRougeL - (6.0 / 7 + 0.8) / 2) < 1e-12)
  }

  @Test("equal texts have 1, short ones are penalised, disjoint ones have 0")
  func bounds() {
    let same = overlap(references, references)
    #expect(abs(same.bleu() - 1) < 1e-12 && same.meanRougeL == 1)
    let short = overlap(["the cat sat on"], ["the cat sat on the mat"])
    #expect(abs(short.bleu() - exp(1 - 6.0 / 4)) < 1e-12)
    let none = overlap(["a b c d"], ["e f g h"])
    #expect(none.bleu() == 0 && none.meanRougeL == 0)
    let few = overlap(["the cat ran"], ["the cat sat"])
    #expect(few.bleu() == 0)
    #expect(abs(few.bleu(smooths: true) - pow(2.0 / 3 * 2.0 / 3 * 1.0 / 2 * 1, 0.25)) < 1e-12)
  }

  @Test("the longest common subsequence of bits is that of the table")
  func subsequence() {
    func table(_ a: [Int], _ b: [Int]) -> Int {
      var row = [Int](repeating: 0, count: b.count + 1)
      for x in a {
        var diagonal = 0
        for (j, y) in b.enumerated() {
          let above = row[j + 1]
          row[j + 1] = x == y ? diagonal + 1 : max(above, row[j])
          diagonal = above
        }
      }
      return row[b.count]
    }
    var random = RandomSource(seed: 5)
    for length in [1, 2, 63, 64, 65, 130, 200] {
      for alphabet in [1, 2, 5, 40] {
        func text(_ n: Int) -> [Int] { (0..<n).map { _ in random.integer(in: 0..<alphabet) } }
        let (a, b) = (text(length), text(max(1, length - 3)))
        #expect(longestCommonSubsequence(a, b) == table(a, b))
      }
    }
    #expect(longestCommonSubsequence([Int](), [1]) == 0)
  }

  @Test("words in lower case keep apostrophes and part punctuation")
  func words() {
    #expect(
      TextOverlap.words("It's 5 o'clock, OK?", .lowercased) == ["it's", "5", "o'clock", ",", "ok", "?"])
    #expect(TextOverlap.words(" a  b\n", .spaces) == ["a", "b"])
  }
}
