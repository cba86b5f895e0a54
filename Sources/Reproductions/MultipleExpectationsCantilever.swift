import Foundation
import Probability
import Report
import Sampling
import Statistics
import Torch

// The cantilever beam: Sobol' indices (C), and its mean under many laws of the inputs (D).
extension ManyExpectations {
  /// FX, FY, E (in 10⁹ Pa), w, t, L.
  private static let inputs = InputModel([
    InputLaw(name: "FX", law: .lognormal, mean: 556.8, cv: 0.08),
    InputLaw(name: "FY", law: .lognormal, mean: 453.6, cv: 0.08),
    InputLaw(name: "E", law: .lognormal, mean: 200, cv: 0.06),
    InputLaw(name: "w", law: .normal, mean: 0.062, cv: 0.1),
    InputLaw(name: "t", law: .normal, mean: 0.0987, cv: 0.1),
    InputLaw(name: "L", law: .normal, mean: 4.29, cv: 0.1),
  ])

  /// The tip's displacement, `[n, 6]` to `[n]`.
  private static func displacement(_ x: Tensor) -> Tensor {
    let (fx, fy, e) = (x[.all, 0], x[.all, 1], x[.all, 2])
    let (w, t, l) = (x[.all, 3], x[.all, 4], x[.all, 5])
    let bend = ((fx / w.square()).square() + (fy / t.square()).square()).sqrt()
    return 4 * l * l.square() / (e * 1e9 * w * t) * bend
  }

  // MARK: C

  func sobolIndices(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let reference = [0.02355, 0.00030, 0.01636, 0.42801, 0.07291, 0.40099]
    let law = try Self.inputs.law()
    let (draws, repetitions) = (20_000, 50)
    log("C: \(repetitions) repetitions")
    var published = MultipleExpectations(budget: draws)
    published.controls = .own
    let study = published
    func indices(centred: Bool) throws -> [[Estimate]] {
      try Repetitions(repetitions).run(random.split("C \(centred)")) { stream in
        try study.sobolIndices(dimension: 6, centred: centred, using: &stream) {
          Self.displacement(law.value(ofNormal: $0))
        }.first
      }
    }
    let found = try indices(centred: false)
    log("C: the output centred")
    let centred = try indices(centred: true)
    log("C: plain pick-freeze")
    let plain = Repetitions(repetitions).run(random.split("plain")) { stream in
      Self.pickFreeze(law, draws, using: &stream)
    }
    var table = ReportTable(
      title:
        "C: Sobol' indices of the cantilever, \(draws) draws of 7 runs, \(repetitions) repetitions: standard deviations",
      columns: [
        .text("input"), .number("reference", digits: 4), .number("as published"), .number("it states"),
        .number("centred"), .number("it states"), .number("pick-freeze"), .number("pick-freeze, centred"),
      ])
    func spread(_ values: [Double]) -> Double {
      Estimate(meanOf: values).standardError * Double(values.count).squareRoot()
    }
    func stated(_ all: [[Estimate]], _ i: Int) -> Double {
      all.reduce(0) { $0 + $1[i].standardError } / Double(all.count)
    }
    var sums = [0.0, 0, 0, 0]
    var worst = 0.0
    for (i, truth) in reference.enumerated() {
      let own = [found, centred].map { all in all.map { $0[i].value } }
      let deviations = (own + [plain.map { $0.raw[i] }, plain.map { $0.centred[i] }]).map(spread)
      for (place, deviation) in deviations.enumerated() { sums[place] += deviation * deviation }
      for values in own {
        let mean = Estimate(meanOf: values)
        // The reference is itself known to 1e-4.
        let error = (mean.standardError * mean.standardError + 1e-8).squareRoot()
        worst = max(worst, abs(mean.value - truth) / error)
      }
      table.append([
        .text(Self.inputs.names[i]), .number(truth), .number(deviations[0]), .number(stated(found, i)),
        .number(deviations[1]), .number(stated(centred, i)), .number(deviations[2]), .number(deviations[3]),
      ])
    }
    table.append(
      [.text("sum of squares"), .missing, .number(sums[0]), .missing, .number(sums[1]), .missing]
        + sums[2...].map { .number($0) })
    return ExperimentOutcome(
      claims: [
        Claim(
          "C: sum of variances of six Sobol' indices, pick-freeze over this", measured: sums[2] / sums[0],
          uncertainty: nil, rule: .atLeast(8)),
        Claim(
          "C: largest deviation of a mean index, in standard errors", measured: worst, uncertainty: nil,
          rule: .atMost(4)),
      ], items: [.table(table)])
  }

  /// The same indices by plain draws, with the output as it is and with its mean taken away first.
  private static func pickFreeze(_ law: GaussianCopula, _ count: Int, using random: inout RandomSource)
    -> (raw: [Double], centred: [Double])
  {
    let (own, other) = (law.sample(count, using: &random), law.sample(count, using: &random))
    let y = displacement(own)
    let mean = y.mean().item()
    let variance = (y.square().mean().item() - mean * mean)
    var (raw, centred) = ([Double](), [Double]())
    for i in 0..<6 {
      let mask = Tensor((0..<6).map { $0 == i ? 1.0 : 0 }) .> 0.5
      let mixed = displacement(Tensor.where(mask.unsqueeze(0), own, other))
      raw.append(((y * mixed).mean().item() - mean * mean) / variance)
      centred.append(((y - mean) * (mixed - mean)).mean().item() / variance)
    }
    return (raw, centred)
  }

  // MARK: D

  private static let lows: [Double] = [525, 425, 175, 0.06, 0.09, 4, -0.6, 0, 0]
  private static let highs: [Double] = [575, 475, 225, 0.07, 0.1, 5, 0, 0.5, 0.5]

  /// The j-th law: means and correlations at a point of a lattice.
  private static func variant(_ j: Int) -> InputModel {
    let primes = [2.0, 3, 5, 7, 11, 13, 17, 19, 23]
    let p = primes.indices.map { i in
      let place = Double(j + 1) * primes[i].squareRoot()
      return lows[i] + (highs[i] - lows[i]) * (place - place.rounded(.down))
    }
    var model = inputs
    for (i, mean) in p.prefix(6).enumerated() { model.inputs[i].mean = mean }
    model.correlations = [.init("w", "t", p[6]), .init("w", "L", p[7]), .init("t", "L", p[8])]
    return model
  }

  func inputLaws(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let (count, budget, repetitions) = (20, 20_000, 40)
    let laws = try (0..<count).map { try Self.variant($0).law() }
    log("D: reference means by quasi-random points")
    var stream = random.split("reference")
    let truths = laws.map { law in
      Estimate(
        meanOf: (0..<16).map { _ in
          var sequence = SobolSequence(dimension: 6, using: &stream)
          let u = Tensor(rows: sequence.next(1 << 13).map { $0.map { $0 + 0x1p-33 } }).normalQuantile()
          return Self.displacement(law.value(ofNormal: u)).mean().item()
        })
    }
    let stated: [Int: Double] = [
      0: 0.048641, 1: 0.039673, 2: 0.040451, 3: 0.038819, 4: 0.036412, 12: 0.068674, 19: 0.027464,
    ]
    let gap = stated.map { abs(truths[$0].value - $1) }.max()!
    log("D: \(repetitions) repetitions")
    var published = MultipleExpectations(budget: budget)
    published.controls = .own
    let study = published
    let own = laws.map { MultipleExpectations.Law($0) }
    let found = try Repetitions(repetitions).run(random.split("D")) { stream in
      try study.estimate(own, using: &stream) { Self.displacement($0).unsqueeze(1) }.estimates
    }
    log("D: one sample of the laws' mixture")
    let mixed = Repetitions(repetitions).run(random.split("mixture")) { stream in
      Self.mixtureSample(laws, budget, using: &stream)
    }
    var (ours, theirs, worst) = (0.0, 0.0, 0.0)
    for (j, truth) in truths.enumerated() {
      let mean = Estimate(meanOf: found.map { $0[j].value })
      let other = Estimate(meanOf: mixed.map { $0[j] })
      ours += mean.standardError * mean.standardError * Double(repetitions)
      theirs += other.standardError * other.standardError * Double(repetitions)
      worst = max(worst, abs((mean - truth).zScore(against: 0)))
    }
    return ExperimentOutcome(claims: [
      Claim(
        "D: reference means, largest difference from those published", measured: gap, uncertainty: nil,
        rule: .atMost(1e-4)),
      Claim(
        "D: sum of variances of 20 means, one sample of the laws' mixture over this", measured: theirs / ours,
        uncertainty: nil, rule: .atLeast(5)),
      Claim(
        "D: largest deviation of a mean over \(repetitions) repetitions, in standard errors", measured: worst,
        uncertainty: nil, rule: .below(3.5)),
    ])
  }

  /// Means under all laws by draws of their equal mixture.
  private static func mixtureSample(
    _ laws: [GaussianCopula], _ count: Int, using random: inout RandomSource
  ) -> [Double] {
    let x = Tensor.concatenate(laws.map { $0.sample(count / laws.count, using: &random) })
    let logs = Tensor.stack(laws.map { $0.logProbability(x) }, axis: 1)
    let ratios = (logs - (logs.logSumExp(1) - .log(Double(laws.count))).unsqueeze(1)).exp()
    return (ratios * displacement(x).unsqueeze(1)).mean(0).doubles
  }
}
