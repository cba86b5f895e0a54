import Generative
import Probability
import Report
import Sampling
import Torch
import Training

// Experiment C: a learned model of a cluster of thirteen points, annealed to half its temperature.
extension FeynmanKacCorrectors {
  private static let warm = 2.0
  private static let cold = 1.0
  private static let points = 13

  /// σ = 0.056, half the width of a contact at T = 1: below it the weights would be decided by the errors of the
  /// learned score. One step of denoising goes on from there.
  private static let end = 0.25

  /// One way of drawing at the lower temperature.
  private struct Recipe {
    let name: String
    let z: Double
    let steps: Int
    let isCorrected: Bool
  }

  func cluster(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    var outcome = ExperimentOutcome()
    var energies: [Double: Tensor] = [:]
    var training: Tensor?
    for temperature in [Self.warm, Self.cold] {
      log("C: two runs of chains at T = \(formatNumber(temperature))")
      let law = LennardJonesCluster(points: Self.points, temperature: temperature)
      let runs = try (0..<2).map {
        try Self.chains(law, isSpread: $0 == 1, random: random.split("chains \(temperature)").split($0))
      }
      let means = runs.map { Estimate(meanOf: law.energy($0).reshape(-1, Self.chainCount).mean(0).doubles) }
      outcome.claims.append(
        Claim(
          "C: T = \(formatNumber(temperature)): difference of two runs' mean energies",
          measured: abs(means[0].value - means[1].value),
          uncertainty: (means[0].standardError * means[0].standardError
            + means[1].standardError * means[1].standardError).squareRoot(), rule: .atMost(0.3)))
      let rows = Tensor.concatenate(runs)
      energies[temperature] = Self.cut(law.energy(rows))
      if temperature == Self.warm { training = law.centred(rows).to(.float) }
    }
    let (warm, cold) = (energies[Self.warm]!, energies[Self.cold]!)
    let model = try Self.train(training!, random: random, log: log)

    let law = LennardJonesCluster(points: Self.points, temperature: Self.cold)
    var table = ReportTable(
      title: "C: 13 points from T = 2 to T = 1: energies, cut at 50",
      columns: [
        .text("draws"), .number("mean energy"), .number("W₁ to T = 1"), .number("W₁ to T = 2"),
        .number("least ESS share"),
        .integer("resamplings"),
      ])
    let gap = wassersteinDistance(warm, cold)
    table.append(["chains, T = 1", .number(cold.mean().item()), 0, .number(gap), nil, nil])
    table.append(["chains, T = 2", .number(warm.mean().item()), .number(gap), 0, nil, nil])
    var series: [(name: String, energies: Tensor, weights: Tensor?)] = [
      ("T = 1", cold, nil), ("T = 2", warm, nil),
    ]
    var distances: [String: Double] = [:]
    for recipe in [
      Recipe(name: "model, T = 2", z: 0, steps: 400, isCorrected: false),
      Recipe(name: "uncorrected, z = 1", z: 1, steps: 400, isCorrected: false),
      Recipe(name: "corrected, z = 1", z: 1, steps: 400, isCorrected: true),
      Recipe(name: "uncorrected, z = 3", z: 3, steps: 800, isCorrected: false),
      Recipe(name: "corrected, z = 3", z: 3, steps: 800, isCorrected: true),
    ] {
      log("C: \(recipe.name)")
      var target = try ComposedTarget.annealed(
        model.denoiser(), exponent: recipe.z == 0 ? 1 : Self.warm / Self.cold)
      target.extraNoise = max(1, recipe.z)
      var options = CorrectorOptions()
      (options.particles, options.steps, options.end) = (1000, recipe.steps, Self.end)
      options.isCorrected = recipe.isCorrected
      let result = try correct(target, model.schedule, options: options, random: random.split(recipe.name))
      let last = model.schedule.level(at: Self.end)
      let rows = try withoutGradient { try model.denoiser().denoised(result.particles.state, at: last) }
      let found = Self.cut(law.energy(rows.to(.double)))
      let weights = result.particles.weights.reshape(-1)
      let distance = wassersteinDistance(found, cold, xLogWeights: weights.log())
      distances[recipe.name] = distance
      // Of the model at T = 2, with nothing annealed, this is the error of the learned score.
      let toWarm = wassersteinDistance(found, warm, xLogWeights: weights.log())
      table.append([
        .text(recipe.name), .number((found * weights).sum().item()), .number(distance),
        .number(toWarm),
        .number(result.trace.effectiveSampleSizes.joined().min()! / Double(options.particles)),
        .integer(result.trace.resamplings.count),
      ])
      series.append((recipe.name, found, weights))
    }
    for z in [1, 3] {
      let corrected = distances["corrected, z = \(z)"]!
      outcome.claims.append(
        Claim(
          "C: z = \(z): W₁ of energies to T = 1, corrected over uncorrected",
          measured: corrected / distances["uncorrected, z = \(z)"]!, uncertainty: nil, rule: .below(1)))
      outcome.claims.append(
        Claim(
          "C: z = \(z): W₁ of energies to T = 1, corrected over that of T = 2", measured: corrected / gap,
          uncertainty: nil, rule: .atMost(0.5)))
    }
    outcome.items = [.table(table), .plot(Self.plot(series), name: "energies")]
    return outcome
  }

  // MARK: Truth

  private static let chainCount = 200

  /// 10,000 rows of 200 chains by HMC, from icosahedra or from clusters blown up by a third.
  private static func chains(_ law: LennardJonesCluster, isSpread: Bool, random: RandomSource) throws
    -> Tensor
  {
    var stream = random
    let start = icosahedron() * (isSpread ? 1.3 : 1)
    let rows = start.unsqueeze(0) + 0.03 * stream.normal([chainCount, points * 3], dtype: .double)
    let kernel = try HamiltonianMonteCarlo(target: law, stepSize: 1e-2, leapfrogSteps: 16, jitter: 0.3)
    let chains = try sampleChains(kernel, from: rows, warmUp: 200, draws: 50, thin: 12, using: &stream)
    return chains.draws.reshape(-1, points * 3)
  }

  /// The lowest energy is near this shape: a point amid twelve, at distance 1 or a little less.
  private static func icosahedron() -> Tensor {
    let golden = (1 + 5.0.squareRoot()) / 2
    let length = (1 + golden * golden).squareRoot()
    var corners: [[Double]] = [[0, 0, 0]]
    for (a, b) in [(1.0, golden), (1, -golden), (-1, golden), (-1, -golden)] {
      corners += [[0, a, b], [a, b, 0], [b, 0, a]].map { $0.map { 0.97 * $0 / length } }
    }
    return Tensor(corners.flatMap { $0 })
  }

  private static func cut(_ energies: Tensor) -> Tensor { energies.clamp(-1e6, 50) }

  // MARK: Model

  private static func train(_ rows: Tensor, random: RandomSource, log: ExperimentLog) throws -> DiffusionModel
  {
    var options = DiffusionOptions()
    options.schedule = .ve(low: 0.01, high: 10)
    options.network = NetworkOptions(
      architecture: .equivariant, width: 32, depth: 3, pointShape: [points, 3])
    options.standardises = false
    (options.batchSize, options.learningRate) = (128, 2e-3)
    options.training = TrainingOptions(steps: 15_000, schedule: .cosine(), averageDecay: 0.998)
    var stream = random.split("seed")
    options.seed = stream.next()
    log("C: training the denoiser")
    return try DiffusionTraining(options, target: .rows(rows)).fit(
      progress: log.bar("C", total: options.training.steps)
    ).model
  }

  private static func plot(_ series: [(name: String, energies: Tensor, weights: Tensor?)]) -> Plot {
    let (low, width, count) = (-45.0, 2.0, 48)
    let centres = (0..<count).map { low + width * (Double($0) + 0.5) }
    return Plot(
      "C: energies", x: "E", y: "density",
      marks: series.map { name, energies, weights in
        let bins = ((energies - low) / width).floor().clamp(0, Double(count - 1))
        let masses = occupancy(bins, count: count, logWeights: weights?.log())
        return .line(x: centres, y: (masses / width).doubles, series: name)
      })
  }
}
