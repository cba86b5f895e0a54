import Foundation
import Generative
import Probability
import Report
import Sampling
import Torch

/// Skreta et al. 2025, Feynman–Kac correctors: exact truths in one dimension, and forty modes in two.
public struct FeynmanKacCorrectors: Experiment {
  public static let slug = "fk-correctors"
  public static func parts(_ scale: Scale) -> [String] {
    scale == .quick ? ["A"] : ["A", "B", "C", "D"]
  }

  public init() {}

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    switch part {
    case "A":
      log("A: annealing, products and guidance of one-dimensional mixtures")
      return try oneDimension(scale, random: random)
    case "B":
      log("B: annealing forty modes")
      return try fortyModes(random: random)
    case "C": return try cluster(random: random, log: log)
    default: return try guidedDigits(random: random, log: log)
    }
  }

  // MARK: A

  /// A composition of q and q′ with the bars of its errors.
  private struct Task {
    let name: String
    let exponents: [Double]
    let meanBar: Double
    let judgesEvidence: Bool
    /// So many that the errors of the means are a third of the bars or less.
    let groups: Int
  }

  private static let tasks = [
    Task(name: "q³", exponents: [3, 0], meanBar: 0.06, judgesEvidence: false, groups: 32),
    Task(name: "√q", exponents: [0.5, 0], meanBar: 0.06, judgesEvidence: true, groups: 4),
    Task(name: "q q′", exponents: [1, 1], meanBar: 0.06, judgesEvidence: false, groups: 16),
    Task(name: "q^−1.5 q′^2.5", exponents: [-1.5, 2.5], meanBar: 0.015, judgesEvidence: true, groups: 4),
  ]

  private static func mixture(_ weights: [Double], _ means: [Double], _ deviations: [Double]) throws
    -> GaussianMixture
  {
    try GaussianMixture(
      weights: weights, means: Tensor(means).unsqueeze(1),
      covariances: Tensor(deviations.map { $0 * $0 }).reshape(-1, 1, 1))
  }

  private func oneDimension(_ scale: Scale, random: RandomSource) throws -> ExperimentOutcome {
    let mixtures = [
      try Self.mixture([0.3, 0.7], [-2, 1.5], [0.6, 0.9]),
      try Self.mixture([0.6, 0.4], [-1, 2], [0.8, 0.5]),
    ]
    let schedule = NoiseSchedule.vpLinear()
    var outcome = ExperimentOutcome()
    var table = ReportTable(
      title: "A: groups of 20,000 particles, 400 steps, z = 1",
      columns: [
        .text("target"), .integer("groups"), .text("quantity"), .number("truth"), .uncertain("corrected"),
        .text("uncorrected"),
      ])
    var panels: [(title: String, plot: Plot)] = []
    for (i, task) in Self.tasks.enumerated() {
      let used = task.exponents.indices.filter { task.exponents[$0] != 0 }
      let target = try ComposedTarget.product(
        used.map { MixtureDenoiser(mixtures[$0]) }, exponents: used.map { task.exponents[$0] })
      let truth = QuadratureTruth(mixtures, task.exponents, schedule)
      var options = CorrectorOptions()
      (options.particles, options.groups, options.steps) = (20_000, task.groups, 400)
      let result = try correct(target, schedule, options: options, random: random.split(2 * i))
      (options.isCorrected, options.groups) = (false, 4)
      let plain = try correct(target, schedule, options: options, random: random.split(2 * i + 1))
      let (measured, uncorrected) = (Moments(result), Moments(plain))
      for (quantity, exact, found, wrong) in [
        ("P(x < 0)", truth.negative, measured.negative, uncorrected.negative.value),
        ("mean", truth.mean, measured.mean, uncorrected.mean.value),
        ("variance", truth.variance, measured.variance, uncorrected.variance.value),
        ("Δ log Z", truth.logEvidence, result.logEvidence, .nan),
      ] {
        table.append([
          .text(task.name), .integer(task.groups), .text(quantity), .number(exact),
          .uncertain(found.value, found.standardError),
          .text(wrong.isNaN ? "—" : formatNumber(wrong)),
        ])
      }
      outcome.claims += [
        Claim(
          "A: \(task.name): P(x < 0), distance to \(formatNumber(truth.negative))",
          measured: abs(measured.negative.value - truth.negative),
          uncertainty: measured.negative.standardError, rule: .atMost(0.02)),
        Claim(
          "A: \(task.name): mean, distance to \(formatNumber(truth.mean))",
          measured: abs(measured.mean.value - truth.mean), uncertainty: measured.mean.standardError,
          rule: .atMost(task.meanBar)),
        Claim(
          "A: \(task.name): P(x < 0) without correction, distance to the truth",
          measured: abs(uncorrected.negative.value - truth.negative),
          uncertainty: uncorrected.negative.standardError, rule: .atLeast(0.03)),
      ]
      if task.judgesEvidence {
        outcome.claims.append(
          Claim(
            "A: \(task.name): Δ log Z, distance to \(formatNumber(truth.logEvidence))",
            measured: abs(result.logEvidence.value - truth.logEvidence),
            uncertainty: result.logEvidence.standardError, rule: .atMost(0.03)))
      }
      panels.append((task.name, truth.plot(result, plain)))
    }
    if scale != .quick {
      outcome.claims.append(try extraNoise(mixtures, schedule, random: random.split("z")))
    }
    outcome.items = [
      .table(table),
      .plot(
        .facets(
          panels, columns: 2, title: "A: densities", caption: "The truth by quadrature.", sharedX: false,
          sharedY: false), name: "densities"),
    ]
    return outcome
  }

  /// Whether noise beyond the equation's own makes P(x < 0) of the product repeat better.
  private func extraNoise(_ mixtures: [GaussianMixture], _ schedule: NoiseSchedule, random: RandomSource)
    throws
    -> Claim
  {
    func spread(_ z: Double, particles: Int, steps: Int, spacing: DiffusionGrid.Spacing) throws -> Double {
      var target = try ComposedTarget.product(mixtures.map { MixtureDenoiser($0) }, exponents: [1, 1])
      target.extraNoise = z
      var options = CorrectorOptions()
      (options.particles, options.groups, options.steps, options.spacing) = (particles, 16, steps, spacing)
      let result = try correct(target, schedule, options: options, random: random.split(Int(z)))
      // The standard error of the groups' mean is their deviation over √16.
      return Moments(result).negative.standardError * 4
    }
    let plain = try spread(1, particles: 20_000, steps: 400, spacing: .uniform)
    let noisy = try spread(3, particles: 4000, steps: 800, spacing: .logSNR)
    return Claim(
      "A: q q′: deviation of P(x < 0) between groups, z = 3 with 4,000 particles over z = 1 with 20,000",
      measured: noisy / plain, uncertainty: nil, rule: .below(1))
  }

  // MARK: B

  private func fortyModes(random: RandomSource) throws -> ExperimentOutcome {
    let mixture = try Self.fortyModes()
    let schedule = NoiseSchedule.ve(low: 0.02, high: 60)
    var outcome = ExperimentOutcome()
    var table = ReportTable(
      title: "B: five groups of 3,000 particles, 400 steps; total variation of the modes' masses",
      columns: [.text("β"), .text("z"), .text("corrected"), .number("mean"), .number("largest")])
    var panels: [(title: String, plot: Plot)] = []
    for (β, bar, floor) in [(2.0, 0.10, 0.22), (3.0, 0.18, 0.35)] {
      let masses = Self.modeMasses(of: mixture, exponent: β)
      for (z, isCorrected) in [(1.0, false), (1, true), (3, true)] {
        var target = try ComposedTarget.annealed(MixtureDenoiser(mixture), exponent: β)
        target.extraNoise = z
        var options = CorrectorOptions()
        (options.particles, options.groups, options.steps) = (3000, 5, 400)
        (options.isCorrected, options.end) = (isCorrected, 0)
        let result = try correct(
          target, schedule, options: options, random: random.split(Int(10 * β + z) + (isCorrected ? 100 : 0)))
        let distances = Self.totalVariations(result, mixture, masses)
        table.append([
          .text("\(Int(β))"), .text("\(Int(z))"), .text(isCorrected ? "yes" : "no"),
          .number(distances.reduce(0, +) / 5), .number(distances.max()!),
        ])
        panels.append(
          (
            "β = \(Int(β)), z = \(Int(z)), \(isCorrected ? "corrected" : "plain")",
            Self.scatter(result, mixture)
          ))
        if !isCorrected {
          outcome.claims.append(
            Claim(
              "B: β = \(Int(β)), without correction: least total variation of five groups",
              measured: distances.min()!, uncertainty: nil, rule: .atLeast(floor)))
        } else if z == 3 {
          outcome.claims.append(
            Claim(
              "B: β = \(Int(β)), z = 3: largest total variation of five groups", measured: distances.max()!,
              uncertainty: nil, rule: .atMost(bar)))
        }
      }
    }
    outcome.items = [
      .table(table),
      .plot(
        .facets(panels, columns: 3, title: "B: draws of q^β", caption: "Of the first group, by weight."),
        name: "modes"),
    ]
    return outcome
  }

  /// Forty normals at low-discrepancy points of [−40, 40]².
  private static func fortyModes() throws -> GaussianMixture {
    func place(_ k: Int, _ step: Double) -> Double {
      let product = Double(k) * step
      return 40 * (2 * (product - product.rounded(.down)) - 1)
    }
    let modes = 1...40
    let identity = Tensor.identity(2, dtype: .double)
    return try GaussianMixture(
      weights: modes.map { Double(1 + $0 % 5) },
      means: Tensor(rows: modes.map { [place($0, 0.7548776662466927), place($0, 0.5698402909980532)] }),
      covariances: .stack(
        modes.map { k in
          let deviation = 1 + 0.5 * Double(k % 3)
          return deviation * deviation * identity
        }))
  }

  /// The mass of q^β around every mode, on a grid of 0.1 over [−60, 60]².
  private static func modeMasses(of mixture: GaussianMixture, exponent β: Double) -> Tensor {
    let axis = Tensor((0..<1200).map { -59.95 + 0.1 * Double($0) })
    var masses = Tensor.zeros([mixture.components], dtype: .double)
    for start in stride(from: 0, to: 1200, by: 60) {
      let rows = axis[start..<start + 60]
      let points = Tensor.stack(
        [
          rows.unsqueeze(1).expand([60, 1200]).reshape(-1), axis.unsqueeze(0).expand([60, 1200]).reshape(-1),
        ],
        axis: 1)
      let mode = mixture.responsibilities(points).argmax(1)
      masses = masses.indexAdd(axis: 0, mode, (mixture.logProbability(points) * β).exp())
    }
    return masses / masses.sum()
  }

  private static func totalVariations(_ result: CorrectorResult, _ mixture: GaussianMixture, _ masses: Tensor)
    -> [Double]
  {
    let modes = mixture.responsibilities(result.particles.state).argmax(1)
    let n = result.particles.shape.particles
    let weights = result.particles.weights
    return (0..<result.particles.shape.groups).map { group in
      let found = occupancy(
        modes[group * n..<(group + 1) * n], count: masses.count, logWeights: weights[group].log())
      return totalVariationDistance(found, masses)
    }
  }

  private static func scatter(_ result: CorrectorResult, _ mixture: GaussianMixture) -> Plot {
    let n = result.particles.shape.particles
    let rows = result.resampled(random: RandomSource(seed: 0))[0..<min(800, n)]
    func column(_ x: Tensor, _ i: Int) -> [Double] { x[.all, i].doubles }
    var plot = Plot(
      x: Axis("x₁"), y: Axis("x₂"),
      marks: [
        .points(x: column(rows, 0), y: column(rows, 1), series: "draws"),
        .points(x: column(mixture.means, 0), y: column(mixture.means, 1), series: "modes"),
      ])
    (plot.width, plot.height) = (210, 210)
    return plot
  }
}

/// Weighted moments of a row's only column, over groups.
private struct Moments {
  let mean: Estimate
  let variance: Estimate
  let negative: Estimate

  init(_ result: CorrectorResult) {
    let shape = result.particles.shape
    let x = result.particles.state.reshape(shape.groups, shape.particles)
    let weights = result.particles.weights
    let means = (x * weights).sum(1, keep: true)
    mean = Estimate(meanOf: means.doubles)
    variance = Estimate(meanOf: ((x - means).square() * weights).sum(1).doubles)
    negative = Estimate(meanOf: ((x .< 0).to(.double) * weights).sum(1).doubles)
  }
}

/// A composition of one-dimensional mixtures on a fine grid.
private struct QuadratureTruth {
  let mean: Double
  let variance: Double
  let negative: Double
  /// Relative to the composition of the noisiest laws.
  let logEvidence: Double
  private let grid: [Double]
  private let density: [Double]

  init(_ mixtures: [GaussianMixture], _ exponents: [Double], _ schedule: NoiseSchedule) {
    let step = 0.002
    let points = (0..<20_000).map { -20 + step * (Double($0) + 0.5) }
    let x = Tensor(points).unsqueeze(1)
    func logProduct(_ level: DiffusionLevel) -> Tensor {
      zip(mixtures, exponents).reduce(Tensor.zeros([points.count], dtype: .double)) { sum, expert in
        sum + MixtureDenoiser(expert.0).logDensity(x, at: level) * expert.1
      }
    }
    let log = logProduct(DiffusionLevel(signal: 1, noise: 0))
    let p = (log - log.max()).exp()
    let masses = p / p.sum()
    let column = x.squeeze(1)
    let centre = (masses * column).sum()
    mean = centre.item()
    variance = (masses * (column - centre).square()).sum().item()
    negative = (masses * (column .< 0).to(.double)).sum().item()
    logEvidence = log.logSumExp(0).item() - logProduct(schedule.level(at: 1)).logSumExp(0).item()
    grid = points
    density = masses.doubles.map { $0 / step }
  }

  func plot(_ corrected: CorrectorResult, _ plain: CorrectorResult) -> Plot {
    let kept = stride(from: 0, to: grid.count, by: 25).filter { density[$0] > 1e-4 }
    func bins(_ result: CorrectorResult, _ name: String) -> Mark {
      let edges = (0...80).map { -5 + 0.125 * Double($0) }
      let x = result.particles.state.squeeze(1)
      let weights = result.particles.weights.reshape(-1) / Double(result.particles.shape.groups)
      let bin = ((x + 5) / 0.125).floor()
      let inside = (bin .>= 0) .& (bin .< 80)
      let index = bin.clamp(0, 79).to(.int64)
      let heights =
        Tensor.zeros([80], dtype: .double).indexAdd(axis: 0, index, weights * inside.to(.double)) / 0.125
      return .line(x: edges.dropLast().map { $0 + 0.0625 }, y: heights.doubles, series: name)
    }
    var plot = Plot(
      x: Axis("x"), y: Axis("density"),
      marks: [
        bins(plain, "uncorrected"), bins(corrected, "corrected"),
        .line(x: kept.map { grid[$0] }, y: kept.map { density[$0] }, series: "truth", dashed: true),
      ])
    (plot.width, plot.height) = (300, 170)
    return plot
  }
}
