import Generative
import Probability
import Report
import Sampling
import Torch
import Training

// Experiment D: guidance of a trained class-conditional model of handwritten digits.
extension FeynmanKacCorrectors {
  private static let draws = 5
  private static let guidance = 1.5
  /// Of a group, as many as the paper's images; see the guide for what more of them do here.
  private static let particles = 8
  private static let groupsOfClass = 120

  /// q^(1−w) q(·|c)^w for all ten classes, with and without correction, against the class's own draws weighted by
  /// p(c | x)^(w−1), which have that law.
  func guidedDigits(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let digits: NumericTable
    do {
      digits = try DataCatalogue.table("digits")
    } catch let error as DataSetError {
      return ExperimentOutcome(claims: [
        Claim(
          "D: draws of five in which the correction is no worse", rule: .atLeast(4), notRun: error.description
        )
      ])
    }
    let (axes, labels) = (PrincipalAxes(digits.values, count: 16), digits.labels!)
    let rows = axes.coordinates(digits.values)
    let model = try Self.train(rows, labels, random: random, log: log)
    let classifier = try DigitClassifier(rows, labels, random: random.split("classifier"))
    let experts = try ClassExperts(model)

    func draw(_ w: Double, groups: Int, particles: Int, isCorrected: Bool, _ random: RandomSource) throws
      -> ClassDraws
    {
      var options = CorrectorOptions()
      (options.groups, options.particles, options.steps) = (experts.classes * groups, particles, 200)
      // The rows' own noise hides what lies below σ = 0.2.
      (options.spacing, options.end, options.isCorrected) = (.logSNR, 0.06, isCorrected)
      options.stopsOnCollapse = false
      return ClassDraws(
        try correct(
          ComposedTarget(experts, exponents: .constant([1 - w, w])), model.schedule, options: options,
          random: random), classes: experts.classes)
    }
    log("D: drawing")
    let own = try draw(1, groups: 1, particles: 2000, isCorrected: false, random.split("own"))
    let truth = own.weighted(by: classifier.logOwn(own).map { $0 * (Self.guidance - 1) })
    let consistent = classifier.consistency(truth)

    var table = ReportTable(
      title: "D: digits in 16 principal axes, w = 1.5",
      columns: [
        .text("draws"), .text("particles a group"), .number("classified as asked"),
        .number("marginals' W₁ to the truth"),
      ])
    func report(_ name: String, _ particles: Int?, _ draws: ClassDraws) -> (
      consistency: Double, marginals: Double
    ) {
      let found = (classifier.consistency(draws), draws.marginalDistance(to: truth))
      let size = particles.map { "\($0)" } ?? "—"
      table.append([.text(name), .text(size), .number(found.0), .number(found.1)])
      return (abs(found.0 - consistent), found.1)
    }
    _ = report("class's own, weighted: the truth", nil, truth)
    _ = report("class's own", nil, own)
    var better = (consistency: 0, marginals: 0)
    var shown: [(name: String, draws: ClassDraws)] = [("class's own", own)]
    for seed in 0..<Self.draws {
      func draws(_ isCorrected: Bool) throws -> ClassDraws {
        try draw(
          Self.guidance, groups: Self.groupsOfClass, particles: Self.particles, isCorrected: isCorrected,
          random.split(isCorrected ? "corrected" : "guided").split(seed))
      }
      let (guided, corrected) = (try draws(false), try draws(true))
      let plain = report("guided, \(seed)", Self.particles, guided)
      let mended = report("corrected, \(seed)", Self.particles, corrected)
      better.consistency += mended.consistency <= plain.consistency ? 1 : 0
      better.marginals += mended.marginals <= plain.marginals ? 1 : 0
      if seed == 0 { shown += [("guided", guided), ("corrected", corrected)] }
    }
    for (groups, particles) in [(30, 32), (6, 160)] {
      let more = try draw(
        Self.guidance, groups: groups, particles: particles, isCorrected: true,
        random.split("more \(particles)"))
      _ = report("corrected", particles, more)
    }
    let pictures = shown.map { name, draws in
      ReportItem.image(
        imageGrid(axes.restore(draws.first(10)), height: 8, width: 8, columns: 10).image(),
        caption: "D: \(name)")
    }
    return ExperimentOutcome(
      claims: [
        Claim(
          "D: draws of five in which the corrected marginals are at most as far from the truth as the guided",
          measured: Double(better.marginals), uncertainty: nil, rule: .atLeast(4)),
        Claim(
          "D: the same for the share that is classified as asked", measured: Double(better.consistency),
          uncertainty: nil, rule: .atLeast(4)),
      ], items: [.table(table)] + pictures)
  }

  private static func train(
    _ rows: Tensor, _ labels: TableLabels, random: RandomSource, log: ExperimentLog
  ) throws -> DiffusionModel {
    var options = DiffusionOptions()
    options.schedule = .vpLinear()
    (options.batchSize, options.noise, options.standardises) = (256, .gaussian(0.2), false)
    // The weights live on the difference of the two scores: both are trained alike.
    options.labelDropout = 0.5
    options.training = TrainingOptions(steps: 20_000, schedule: .cosine(), averageDecay: 0.998)
    var stream = random.split("seed")
    options.seed = stream.next()
    log("D: training on the digits")
    let training = try DiffusionTraining(
      options, target: .rows(rows), labels: labels.indices, classes: labels.classes)
    return try training.fit(progress: log.bar("D", total: options.training.steps)).model
  }
}

/// Weighted draws of every class.
private struct ClassDraws {
  /// `[n, d]` of every class, with log-weights `[n]`.
  let rows: [Tensor]
  let logWeights: [Tensor]

  /// - Parameter result: whose groups come class by class.
  init(_ result: CorrectorResult, classes: Int) {
    let n = result.particles.shape.rows / classes
    rows = result.particles.state.to(.double).split(n)
    logWeights = result.particles.weights.log().reshape(classes, n).split(1).map { $0.squeeze(0) }
  }

  private init(rows: [Tensor], logWeights: [Tensor]) { (self.rows, self.logWeights) = (rows, logWeights) }

  func weighted(by logs: [Tensor]) -> ClassDraws {
    ClassDraws(rows: rows, logWeights: zip(logWeights, logs).map { $0 + $1 })
  }

  /// The mean of W₁ over classes and columns.
  func marginalDistance(to other: ClassDraws) -> Double {
    let distances = rows.indices.map {
      marginalWassersteinDistances(
        rows[$0], other.rows[$0], xLogWeights: logWeights[$0], yLogWeights: other.logWeights[$0]
      ).mean().item() as Double
    }
    return distances.reduce(0, +) / Double(distances.count)
  }

  /// So many rows of every class, the classes side by side.
  func first(_ count: Int) -> Tensor { Tensor.stack(rows.map { $0[0..<count] }, axis: 1).flatten(0, 1) }
}

/// p(class | x).
private struct DigitClassifier {
  private let network: MLP

  init(_ rows: Tensor, _ labels: TableLabels, random: RandomSource) throws {
    var stream = random.split("network")
    let network = MLP([rows.size(1), 128, 128, labels.classes.count], using: &stream)
    let trainer = Trainer(
      network, optimiser: Adam(network.trainableParameters, learningRate: 1e-3),
      options: TrainingOptions(steps: 2000, schedule: .cosine()), random: random.split("steps"))
    let shuffled = ShuffledRows(
      [rows.to(.float), labels.indices], batchSize: 256, random: random.split("order"))
    _ = try trainer.fit { step, stream in
      let batch = shuffled.batch(at: step)
      // As noisy as the model's rows.
      return network(batch[0].adding(stream.normal(like: batch[0]), scaledBy: 0.28)).crossEntropy(batch[1])
    }
    self.network = network
  }

  private func logProbabilities(_ rows: Tensor) -> Tensor {
    withoutGradient { network(rows.to(.float)).to(.double).logSoftmax(1) }
  }

  /// log p(c | x) of class c's own rows.
  func logOwn(_ draws: ClassDraws) -> [Tensor] {
    draws.rows.enumerated().map { c, rows in logProbabilities(rows)[.all, c] }
  }

  /// The weighted share of rows whose most probable class is their own.
  func consistency(_ draws: ClassDraws) -> Double {
    let shares = zip(draws.rows, draws.logWeights).enumerated().map { c, part -> Double in
      let isOwn = (logProbabilities(part.0).argmax(1) .== Tensor(Int64(c))).to(.double)
      return (isOwn * part.1.softmax(0)).sum().item()
    }
    return shares.reduce(0, +) / Double(shares.count)
  }
}

/// One model without a class and with one: groups come class by class.
private struct ClassExperts: Experts {
  let none: NetworkDenoiser
  let own: [NetworkDenoiser]

  init(_ model: DiffusionModel) throws {
    none = try model.denoiser()
    own = try model.classes.map { try model.denoiser(class: $0) }
  }

  var classes: Int { own.count }
  var count: Int { 2 }
  var eventShape: [Int] { none.eventShape }
  var dtype: DType { .float }
  var device: Device { none.device }

  func scores(_ x: Tensor, at level: DiffusionLevel) -> Tensor {
    let parts = x.split(x.size(0) / classes)
    let denoised = concurrently(classes) { own[$0].denoised(parts[$0], at: level) }
    return .stack([none.denoised(x, at: level), .concatenate(denoised)].map { level.score(x, denoised: $0) })
  }
}

/// The directions in which rows vary most, scaled to a deviation of 1.
private struct PrincipalAxes {
  private let mean: Tensor
  /// `[d, count]`.
  private let directions: Tensor
  private let deviations: Tensor

  init(_ rows: Tensor, count: Int) {
    mean = rows.mean(0, keep: true)
    let centred = rows - mean
    let (values, vectors) = (centred.transposed.matmul(centred) / Double(rows.size(0))).eigh()
    let d = rows.size(1)
    directions = vectors[.all, (d - count)..<d]
    deviations = values[(d - count)..<d].sqrt()
  }

  func coordinates(_ rows: Tensor) -> Tensor { (rows - mean).matmul(directions) / deviations }
  func restore(_ coordinates: Tensor) -> Tensor {
    (coordinates * deviations).matmul(directions.transposed) + mean
  }
}
