import Foundation
import Probability
import Statistics
import Testing
import Torch

@Suite("conformal selection")
struct ConformalSelectionTests {
  private static func draws(_ models: Int, _ count: Int, _ values: Int?, _ random: inout RandomSource)
    -> [[Double]]
  {
    (0..<models).map { _ in
      (0..<count).map { _ in values.map { Double(random.integer(in: 0..<$0)) } ?? random.uniform() }
    }
  }

  @Test("BH selects by the largest place below the line; e-BH is BH on inverses")
  func benjamini() {
    let p = [0.01, 0.02, 0.9, 0.03, 0.05]
    #expect(benjaminiHochberg(p, level: 0.1) == [true, true, false, true, true])
    #expect(benjaminiHochberg(p, level: 0.01) == [false, false, false, false, false])
    #expect(
      eBenjaminiHochberg([100, 50, 1 / 0.9, 1 / 0.03, 20], level: 0.1) == [true, true, false, true, true])
    #expect(benjaminiHochberg([0.2], level: 0.2) == [true])
  }

  @Test("p-values count units at or below, those that pass never, ties by the uniform")
  func pValues() throws {
    let scores = try ConformalScores(
      calibration: [[3, 2, 2, 1]], passes: [true, false, false, false], candidates: [[2, 0, 5]])
    #expect(scores.pValues() == [0.6, 0.8, 0.2])
    #expect(scores.pValues(uniforms: [0, 0.5, 1]) == [0, 0.7, 0.2])
    #expect(abs(scores.pValues(uniforms: [0.5, 0, 0])[0] - 0.3) < 1e-15)
  }

  @Test("R_j by prefix and suffix maxima is that of the definition, ties and all", arguments: [4, 50, nil])
  func sizes(values: Int?) throws {
    var random = RandomSource(seed: 11)
    for _ in 0..<300 {
      let (n, m) = (random.integer(in: 1..<30), random.integer(in: 1..<30))
      let scores = try ConformalScores(
        calibration: Self.draws(1, n, values, &random), passes: (0..<n).map { _ in random.uniform() < 0.4 },
        candidates: Self.draws(1, m, values, &random))
      let selection = ConformalSelection(level: 0.1 + 0.8 * random.uniform())
      let direct = (0..<m).map { j in
        let p = (0..<m).map { l -> Double in
          if l == j { return 0 }
          let below = (0..<n).count {
            !scores.passes[$0] && scores.calibration[0][$0] >= scores.candidates[0][l]
          }
          return Double(below + (scores.candidates[0][j] >= scores.candidates[0][l] ? 1 : 0)) / Double(n + 1)
        }
        return max(1, benjaminiHochberg(p, level: selection.level).count(where: \.self))
      }
      #expect(selection.auxiliarySizes(scores, model: 0) == direct)
      // Weights of 1 are no weights.
      let weighted = try ConformalScores(
        calibration: scores.calibration, passes: scores.passes, candidates: scores.candidates,
        weights: ([Double](repeating: 1, count: n), [Double](repeating: 1, count: m)))
      var dtm = ConformalSelection(level: selection.level, pruning: .dtm)
      dtm.isRandomised = false
      var other = RandomSource(seed: 1)
      let a = try dtm.select(weighted, using: &other)
      let b = try dtm.select(scores, using: &other)
      #expect(a.sizes == b.sizes && a.chosen == b.chosen)
    }
  }

  @Test("selections are BH on ξ/e", arguments: ConformalSelection.Pruning.allCases, [1, 0.9])
  func pruned(pruning: ConformalSelection.Pruning, shrinkage: Double) throws {
    var random = RandomSource(seed: 12)
    var selection = ConformalSelection(level: 0.3, pruning: pruning)
    selection.shrinkage = shrinkage
    for _ in 0..<200 {
      let scores = try ConformalScores(
        calibration: Self.draws(3, 40, nil, &random), passes: (0..<40).map { _ in random.uniform() < 0.6 },
        candidates: Self.draws(3, 20, nil, &random))
      let found = try selection.select(scores, using: &random)
      let ratios = zip(found.pruning, found.eValues).map { $1 > 0 ? $0 / $1 : .infinity }
      let chosen = benjaminiHochberg(ratios, level: 0.3)
      #expect(found.chosen == chosen.indices.filter { chosen[$0] })
    }
  }

  @Test("nothing passes: selections are rare, for every variant; the naive choice is not")
  func level() throws {
    let level = 0.3
    let found = try Repetitions(2000).run(RandomSource(seed: 13)) { random -> [Double] in
      let scores = try ConformalScores(
        calibration: (0..<10).map { _ in (0..<20).map { _ in random.uniform() } },
        passes: [Bool](repeating: false, count: 20),
        candidates: (0..<10).map { _ in (0..<10).map { _ in random.uniform() } })
      let variants = try ConformalSelection.Pruning.allCases.map {
        try ConformalSelection(level: level, pruning: $0).select(scores, using: &random).chosen.isEmpty
          ? 0.0 : 1
      }
      let naive = try ConformalSelection(level: level).selectNaively(scores, using: &random).selection.chosen
      return variants + [naive.isEmpty ? 0 : 1]
    }
    // Five standard errors.
    let room = 5 * (level * (1 - level) / 2000).squareRoot()
    for variant in 0..<3 { #expect(found.reduce(0) { $0 + $1[variant] } / 2000 <= level + room) }
    #expect(found.reduce(0) { $0 + $1[3] } / 2000 > 0.6)
  }

  @Test("pooled ridge scores are those of refits without the row")
  func pooled() throws {
    var random = RandomSource(seed: 14)
    let (units, candidates) = (
      random.normal([15, 3], dtype: .double), random.normal([6, 3], dtype: .double)
    )
    let passes = (0..<15).map { $0 % 3 == 0 }
    let scores = try ConformalScores.pooled(
      units: units, passes: passes, candidates: candidates, learners: [Ridge(penalty: 2)], using: &random)
    let pool = Tensor.concatenate([units, candidates])
    let labels = (0..<21).map { $0 < 15 && passes[$0] ? 1.0 : 0 }
    for out in [2, 17] {
      let rows = (0..<21).filter { $0 != out }
      let fit = try Ridge(penalty: 2).fit(pool.select(axis: 0, Tensor(rows)), rows.map { labels[$0] })
      let found = out < 15 ? scores.calibration[0][out] : scores.candidates[0][out - 15]
      #expect(abs(fit.predict(pool[out..<out + 1])[0] - found) < 1e-10)
    }
  }

  @Test("bad scores are refused with model and row")
  func bad() {
    #expect(
      message {
        _ = try ConformalScores(calibration: [[1, .nan]], passes: [true, false], candidates: [[1]])
      }
        == "model 1, unit 2: found the prediction nan, expected a finite number")
    #expect(
      message { _ = try ConformalScores(calibration: [[1]], passes: [true], candidates: [[]]) }.contains(
        "the candidates"))
    #expect(
      message { _ = try ConformalScores(calibration: [], passes: [], candidates: []) }.contains(
        "the predictions"))
    #expect(
      message {
        var random = RandomSource(seed: 1)
        let scores = try ConformalScores(calibration: [[1]], passes: [true], candidates: [[1]])
        _ = try ConformalSelection(level: 1).select(scores, using: &random)
      } == "q: found 1.0, expected in (0, 1)")
  }
}
