import ArgumentParser
import Foundation
import Likely

/// How a composition is drawn, on the command line.
struct CorrectorArguments: ParsableArguments {
  @Option(
    name: [.customLong("particles"), .customShort("n")], help: ArgumentHelp("Of a group.", valueName: "n"))
  var particles = 2000

  @Option(help: ArgumentHelp("Independent groups; their spread gives the errors.", valueName: "n"))
  var groups = 2

  @Option(help: ArgumentHelp("Steps from noise to data.", valueName: "n"))
  var steps = 400

  @Option(
    help: ArgumentHelp(
      "\(DiffusionGrid.Spacing.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "kind"))
  var spacing = DiffusionGrid.Spacing.logSNR

  @Option(help: ArgumentHelp("Time at which the path ends, in [0, 1); 0 is data.", valueName: "t"))
  var end = 1e-3

  @Option(
    help: ArgumentHelp(
      "z: the path's noise is √z times the model's own; more needs more steps.", valueName: "z"))
  var extraNoise = 1.0

  @Option(
    help: ArgumentHelp(
      "Share of effective particles below which a group resamples; 0 never.", valueName: "ρ"))
  var threshold = 0.5

  @Option(help: ArgumentHelp("Times between which groups may resample.", valueName: "from,to"))
  var window = "0,1"

  @Option(
    help: ArgumentHelp("\(Resampling.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "scheme")
  )
  var resampling = Resampling.systematic

  @Option(
    help: ArgumentHelp(
      "\(CorrectorOptions.WeightRule.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "rule"))
  var weights = CorrectorOptions.WeightRule.left

  @Flag(help: "Move a drift along x from the weights to the path, fitted to every group at every step.")
  var controlVariate = false

  @Option(
    help: ArgumentHelp("Largest step of a log-weight around its group's mean; biased.", valueName: "c"))
  var clamp: Double?

  @Flag(
    inversion: .prefixedNo, exclusivity: .chooseLast, help: "Weigh the particles; without, the law is wrong.")
  var correction = true

  @Option(
    help: ArgumentHelp(
      "Also tilt by exp(γ r): linear:w,…; near:y,…[:τ]; column:NAME; -column:NAME.", valueName: "reward"))
  var reward: String?

  @Option(help: ArgumentHelp("γ of --reward.", valueName: "γ"))
  var strength = 1.0

  @Option(help: ArgumentHelp("Noise schedule of mixture files.", valueName: "name"))
  var schedule: NoiseSchedule?

  @Flag(help: "Write equally weighted rows, drawn by the weights.")
  var resampled = false

  @Flag(help: "Print the summary as JSON.")
  var json = false

  func options() throws -> CorrectorOptions {
    var options = CorrectorOptions()
    (options.particles, options.groups, options.steps) = (particles, groups, steps)
    (options.spacing, options.end, options.threshold) = (spacing, end, threshold)
    (options.resampling, options.rule, options.clamp) = (resampling, weights, clamp)
    (options.isCorrected, options.usesControlVariate) = (correction, controlVariate)
    let times = window.split(separator: ",").compactMap { Double($0) }
    guard times.count == 2, times[0] <= times[1] else {
      throw UsageError(
        "--window \(window): two increasing times separated by a comma are expected, such as 0.01,0.9")
    }
    options.window = times[0]...times[1]
    return options
  }
}

/// Experts of one space, by run folders and mixture files.
struct LoadedExperts {
  let models: [any Denoiser]
  let schedule: NoiseSchedule
  let standardiser: Standardiser
  let columns: [String]

  /// - Parameter classes: of every model, `nil` for all its rows together.
  init(_ paths: [String], classes: [String?], _ arguments: CorrectorArguments, on device: Device) throws {
    var trained: DiffusionModel?
    var mixtures: [GaussianMixture?] = []
    var found: [DiffusionModel?] = []
    for path in paths {
      guard !path.hasSuffix(".json") else {
        mixtures.append(try GaussianMixture(contentsOf: URL(argument: path)))
        found.append(nil)
        continue
      }
      let model = try DiffusionModel(contentsOf: modelFile(path))
      model.move(to: device)
      if let first = trained { try Self.requireFit(first, model, path) }
      trained = trained ?? model
      mixtures.append(nil)
      found.append(model)
    }
    if let given = arguments.schedule, let trained, given != trained.schedule {
      throw CorrectorError.incompatible("--schedule \(given) and a model trained with \(trained.schedule)")
    }
    schedule = trained?.schedule ?? arguments.schedule ?? .vpLinear()
    let dimension = trained?.dimension ?? mixtures[0]!.dimension
    let standardiser = trained?.standardiser ?? .identity(dimension)
    self.standardiser = standardiser
    columns = trained?.columns ?? (0..<dimension).map { "x\($0 + 1)" }
    models = try paths.indices.map { i in
      if let mixture = mixtures[i] {
        guard mixture.dimension == dimension else {
          throw CorrectorError.shapes([dimension], [mixture.dimension])
        }
        return MixtureDenoiser(try mixture.standardised(by: standardiser))
      }
      return try found[i]!.denoiser(class: classes[i])
    }
  }

  private static func requireFit(_ a: DiffusionModel, _ b: DiffusionModel, _ path: String) throws {
    guard a.dimension == b.dimension else { throw CorrectorError.shapes([a.dimension], [b.dimension]) }
    guard a.columns == b.columns else {
      throw CorrectorError.incompatible(
        "\(path) has the columns \(b.columns.joined(separator: ", ")), the first \(a.columns.joined(separator: ", "))"
      )
    }
    guard a.schedule == b.schedule else {
      throw CorrectorError.incompatible(
        "\(path) was trained with schedule \(b.schedule), the first with \(a.schedule)")
    }
    guard a.standardiser.mean.isEqual(to: b.standardiser.mean),
      a.standardiser.scale.isEqual(to: b.standardiser.scale)
    else {
      throw CorrectorError.incompatible(
        "\(path) scales its columns otherwise than the first; train it with --scale-of the first's run folder"
      )
    }
  }
}

extension GaussianMixture {
  /// The law of standardised rows.
  fileprivate func standardised(by standardiser: Standardiser) throws -> GaussianMixture {
    let scale = standardiser.scale
    return try GaussianMixture(
      weights: weights, means: standardiser.standardise(means),
      covariances: covariances / (scale.unsqueeze(1) * scale.unsqueeze(0)))
  }
}

/// Draws, writes and tells.
func compose(
  _ experts: LoadedExperts, _ target: ComposedTarget, _ arguments: CorrectorArguments,
  _ common: CommonOptions, out: String
) throws {
  var target = target
  if arguments.extraNoise != 1 || target.extraNoise == 1 { target.extraNoise = arguments.extraNoise }
  if let text = arguments.reward {
    let reward = try BuiltInReward(text, columns: experts.columns)
    guard reward.isDifferentiable else {
      throw UsageError(
        "--reward \(text): a tilt needs a gradient, and a constraint has none; steer with it instead")
    }
    let standardiser = experts.standardiser
    target.tilt = RewardTilt(strength: arguments.strength) { reward(standardiser.restore($0)) }
  }
  let options = try arguments.options()
  let random = common.start()
  let result = try correct(target, experts.schedule, options: options, random: random.split("correct"))
  let rows =
    arguments.resampled ? result.resampled(random: random.split("resample")) : result.particles.state
  let points = experts.standardiser.restore(rows.to(.double, device: .cpu))
  if arguments.resampled {
    try writeRows(points, names: experts.columns, to: out)
  } else {
    let shape = result.particles.shape
    let group = Tensor((0..<shape.rows).map { Double($0 / shape.particles) })
    let facts = Tensor.stack([group, result.particles.weights.reshape(-1)], axis: 1)
    try writeRows(
      .concatenate([points, facts], axis: 1), names: experts.columns + ["group", "weight"], to: out)
  }
  let exponents = target.exponents(0)
  let shares = result.trace.effectiveSampleSizes.flatMap { $0.map { $0 / Double(options.particles) } }
  let summary: [(String, JSONValue)] = [
    ("exponents", .array(exponents.map { .number($0) })), ("total_exponent", .number(exponents.reduce(0, +))),
    ("extra_noise", .number(target.extraNoise)), ("particles", .integer(options.particles)),
    ("groups", .integer(options.groups)), ("steps", .integer(options.steps)),
    ("resamplings", .integer(result.trace.resamplings.count)),
    ("least_ess_share", .number(shares.min() ?? 1)),
    ("distinct_ancestors", .array(result.distinctAncestors.map { .integer($0) })),
    ("start_variance", .number(result.startVariance)),
    ("clamped_share", .number(result.clampedShare)), ("largest_increment", .number(result.largestIncrement)),
    ("log_evidence", .number(result.logEvidence.value)),
    ("log_evidence_error", .number(result.logEvidence.standardError)),
    ("log_normaliser_of_noise", .number(result.logNormaliserOfNoise)),
    ("model_evaluations", .integer(result.modelEvaluations)),
  ]
  if arguments.json {
    print(JSONValue.object(.init(uniqueKeysWithValues: summary)).compact)
    return
  }
  print("\(rows.size(0)) rows written to \(out)")
  print(
    "exponents \(exponents.map { formatNumber($0) }.joined(separator: ", ")), z = \(formatNumber(target.extraNoise)), "
      + "\(result.trace.resamplings.count) resamplings, least ESS \(formatNumber(100 * (shares.min() ?? 1))) %"
  )
  if options.isCorrected {
    print("log Z relative to noise \(result.logEvidence)")
    if options.clamp != nil { print("clamped: \(formatNumber(100 * result.clampedShare)) % of the steps") }
  } else {
    print("not corrected: the rows' law is not the composition's")
  }
}

extension DiffusionGrid.Spacing: ExpressibleByArgument {}
extension CorrectorOptions.WeightRule: ExpressibleByArgument {}
