import Probability
import Statistics
import Testing
import Torch

@Suite("conformal selection with fits for every candidate")
struct CandidateRefitsTests {
  @Test("p_j and R_j are those of the definition, by refits")
  func definition() throws {
    var random = RandomSource(seed: 21)
    let (n, m, level) = (12, 7, 0.4)
    let (units, candidates) = (
      random.normal([n, 2], dtype: .double), random.normal([m, 2], dtype: .double)
    )
    let passes = (0..<n).map { _ in random.uniform() < 0.6 }
    let learners = [Ridge(penalty: 1), Ridge(penalty: 30)]
    var selection = ConformalSelection(level: level, pruning: .dtm)
    (selection.isRandomised, selection.breaksTiesAtRandom) = (false, false)
    let found = try selection.select(
      units: units, passes: passes, candidates: candidates, learners: learners, positiveWeight: 2,
      using: &random)
    for j in 0..<m {
      let bag = Tensor.concatenate([units, candidates[j..<j + 1]])
      let labels = passes.map { $0 ? 1.0 : 0 } + [0]
      let weights = labels.map { $0 == 1 ? 2.0 : 1 }
      func fit(without out: Int?, _ learner: Ridge) throws -> LinearFit {
        let rows = (0...n).filter { $0 != out }
        return try learner.fit(
          bag.select(axis: 0, Tensor(rows)), rows.map { labels[$0] }, weights: rows.map { weights[$0] })
      }
      var best: (size: Int, p: Double) = (0, 0)
      for learner in learners {
        let mu = try (0...n).map { try fit(without: $0, learner).predict(bag[$0..<$0 + 1])[0] }
        let whole = try fit(without: nil, learner).predict(candidates)
        func rank(_ score: Double) -> Double {
          Double((0..<n).count { !passes[$0] && -mu[$0] <= score })
        }
        let others = (0..<m).map { l in
          l == j ? 0 : (rank(-whole[l]) + (-mu[n] <= -whole[l] ? 1 : 0)) / Double(n + 1)
        }
        let size = max(1, benjaminiHochberg(others, level: level).count(where: \.self))
        if size > best.size { best = (size, (1 + rank(-mu[n])) / Double(n + 1)) }
      }
      #expect(found.sizes[j] == best.size)
      #expect(abs(found.pValues[j] - best.p) < 1e-12)
    }
  }

  @Test("candidates that do not pass have e-values of mean 1 at most, and p-values that are uniform at least")
  func valid() throws {
    let selection = ConformalSelection(level: 0.3)
    let found = try Repetitions(400).run(RandomSource(seed: 22)) {
      stream -> (e: Double, p: Double, fdp: Double) in
      let x = stream.normal([30, 3], dtype: .double)
      let noise = stream.normal([30], dtype: .double)
      let passes = (x[.all, 0] + noise).doubles.map { $0 > 0.5 }
      let chosen = try selection.select(
        units: x[0..<20], passes: Array(passes[..<20]), candidates: x[20..<30],
        learners: [Ridge(penalty: 1), KernelRidge(penalty: 1)], using: &stream)
      let null = (0..<10).filter { !passes[20 + $0] }
      let outcome = ConformalSelection.outcome(chosen.chosen, passes: Array(passes[20...]))
      return (
        null.reduce(0) { $0 + chosen.eValues[$1] } / 10,
        Double(null.count { chosen.pValues[$0] <= 0.2 }) / 10, outcome.falseDiscoveryProportion
      )
    }
    let e = Estimate(meanOf: found.map(\.e))
    #expect(e.value <= 1 + 4 * e.standardError)
    let p = Estimate(meanOf: found.map(\.p))
    #expect(p.value <= 0.2 + 4 * p.standardError)
    let rate = Estimate(meanOf: found.map(\.fdp))
    #expect(rate.value <= 0.3 + 4 * rate.standardError)
    #expect(rate.value > 0.02)
  }

  @Test("what cannot be fitted is refused")
  func bad() throws {
    var random = RandomSource(seed: 23)
    let x = random.normal([6, 2], dtype: .double)
    let passes = [true, false, true, false, true, false]
    func failure(_ units: Tensor, _ learners: [any LeaveOneOutRegressor], level: Double = 0.2) -> String {
      message {
        _ = try ConformalSelection(level: level).select(
          units: units, passes: passes, candidates: x, learners: learners, using: &random)
      }
    }
    #expect(failure(x[0..<3], [Ridge(penalty: 1)]).contains("3"))
    #expect(failure(x, []).contains("0 learners"))
    #expect(failure(x, [Ridge(penalty: 1)], level: 2).contains("(0, 1)"))
  }

  @Test("learners fitted on a part of the units are tested with the others; in-sample scores are of all")
  func trained() throws {
    var random = RandomSource(seed: 24)
    let (x, z) = (random.normal([40, 2], dtype: .double), random.normal([9, 2], dtype: .double))
    let passes = x[.all, 0].doubles.map { $0 > 0.3 }
    let learners = [Ridge(penalty: 1), Ridge(penalty: 50)]
    let all = try ConformalScores.trained(
      units: x, passes: passes, candidates: z, learners: learners, share: nil, using: &random)
    let fit = try Ridge(penalty: 1).fit(x, passes.map { $0 ? 1 : 0 })
    #expect(all.calibration[0] == fit.predict(x) && all.candidates[0] == fit.predict(z))
    #expect(all.passes == passes && all.models == 2)
    let part = try ConformalScores.trained(
      units: x, passes: passes, candidates: z, learners: learners, share: 0.25, using: &random)
    #expect(part.unitCount == 30 && part.candidateCount == 9)
    // Of half of the units each: no more than q of what is selected is wrong.
    let found = try Repetitions(300).run(RandomSource(seed: 25)) { stream -> Double in
      let x = stream.normal([60, 2], dtype: .double)
      let passes = (x[.all, 0] + stream.normal([60], dtype: .double)).doubles.map { $0 > 0.5 }
      let scores = try ConformalScores.trained(
        units: x[0..<40], passes: Array(passes[..<40]), candidates: x[40..<60],
        learners: [Ridge(penalty: 1)], share: 0.5, using: &stream)
      let chosen = try ConformalSelection(level: 0.3).selectPlain(scores, using: &stream).chosen
      return ConformalSelection.outcome(chosen, passes: Array(passes[40...])).falseDiscoveryProportion
    }
    let rate = Estimate(meanOf: found)
    #expect(rate.value < 0.3 + 4 * rate.standardError && rate.value > 0.05)
    for share in [0.0, 1, 0.001] {
      #expect(
        message {
          _ = try ConformalScores.trained(
            units: x, passes: passes, candidates: z, learners: learners, share: share, using: &random)
        }.contains("the share of units"))
    }
  }
}
