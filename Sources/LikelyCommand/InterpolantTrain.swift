import ArgumentParser
import Foundation
import Likely

/// `likely interpolant train`
struct InterpolantTrain: TrainingCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Fits an interpolant to a table of real numbers.",
    discussion: """
      Example:
        likely interpolant train --data toy:moons --steps 500 --out runs/moons
      """)

  @Option(
    help: ArgumentHelp(
      "x₁, needed unless --resume: a numeric table (.csv, .tsv, .npy, .npz, also .gz), a Gaussian mixture (.json), a data set (data:NAME, see `likely data list`), or toy:checkerboard, toy:moons, toy:ring.",
      valueName: "source"))
  var data: String?

  @Option(help: ArgumentHelp("x₀: gaussian, a Gaussian mixture (.json), or a table.", valueName: "source"))
  var base = "gaussian"

  @Option(
    help: ArgumentHelp(
      "How x₀ and x₁ belong together: independent, paired (row by row), minibatch-ot.", valueName: "kind"))
  var coupling = Coupling.independent

  @Option(
    help: ArgumentHelp(
      "\(InterpolantSchedule.names.joined(separator: ", ")); one-sided-linear for a Gaussian base, else linear.",
      valueName: "name"))
  var schedule: String?

  @Option(help: ArgumentHelp("\(GammaSchedule.names.joined(separator: ", ")).", valueName: "name"))
  var gamma = "brownian"

  @Option(help: ArgumentHelp("a of γ = √(a t(1−t)).", valueName: "a"))
  var gammaScale = 1.0

  @Option(
    help: ArgumentHelp(
      "Fields to learn, among \(InterpolantField.allCases.map(\.rawValue).joined(separator: ", ")); `exact` between two mixtures.",
      valueName: "b,eta,…"))
  var fields: String?

  @Flag(
    inversion: .prefixedNo, exclusivity: .chooseLast, help: "Antithetic pairs I ± γz (two-sided schedules).")
  var antithetic = true

  @Option(help: ArgumentHelp("Times are drawn from [cap, 1 − cap].", valueName: "t"))
  var tCap: Double?

  @Flag(inversion: .prefixedNo, exclusivity: .chooseLast, help: "Draw times denser in the middle.")
  var logitNormal = false

  @OptionGroup var networkArguments: NetworkArguments
  @OptionGroup var loop: LoopArguments
  @OptionGroup var table: TableArguments
  @OptionGroup var conditions: ConditionArguments
  @OptionGroup var common: CommonOptions

  @OptionGroup var destination: RunDestination

  func validate() throws {
    try requireData()
  }

  mutating func run() throws {
    self = try resumed()
    _ = common.start()
    let options = try interpolantOptions()
    let (data, exact) = try readData(options)
    if let exact {
      let run = try RunFolder(creating: URL(argument: destination.out))
      try exact.write(to: run.model)
      try run.write(configuration: ConfigurationFile.resolved(self))
      print("exact fields written to \(destination.out)")
      return
    }
    let training = try InterpolantTraining(options, data: data!, device: common.target)
    let (run, (model, result)) = try train(steps: options.training.steps) {
      try training.fit(run: $0, resuming: $1, progress: $2, interruption: $3)
    }
    try model.write(to: run.model)
    var random = RandomSource(seed: common.seed).split("report")
    let summary = try InterpolantReport(
      model: model, training: training, result: result, run: run, using: &random)
    try summary.page.write(to: run.url)
    print(summary.text)
    print("report: \(destination.out)/report.html")
  }

  private func interpolantOptions() throws -> InterpolantOptions {
    var options = InterpolantOptions()
    guard let gammaValue = GammaSchedule(name: gamma, scale: gammaScale) else {
      throw UsageError("--gamma \(gamma): expected \(GammaSchedule.names.joined(separator: ", "))")
    }
    guard gammaScale > 0 else {
      throw UsageError("--gamma-scale \(gammaScale): a positive number is expected")
    }
    let scheduleName = schedule ?? (base == "gaussian" ? "one-sided-linear" : "linear")
    guard let chosen = InterpolantSchedule(name: scheduleName, gamma: gammaValue) else {
      throw UsageError(
        "--schedule \(scheduleName) with --gamma \(gamma): expected \(InterpolantSchedule.names.joined(separator: ", ")); diffusive takes brownian"
      )
    }
    options.schedule = chosen
    let names = (fields ?? (chosen.kind == .mirror ? "eta" : chosen.hasNoise ? "b,eta" : "b")).split(
      separator: ",")
    if names != ["exact"] {
      options.fields = try names.map { name in
        guard let field = InterpolantField(rawValue: String(name)) else {
          throw UsageError(
            "--fields \(name): expected \(InterpolantField.allCases.map(\.rawValue).joined(separator: ", ")) or exact"
          )
        }
        return field
      }
    }
    options.isAntithetic = antithetic
    options.timeCap = tCap
    options.usesLogitNormalTimes = logitNormal
    options.network = try networkArguments.options()
    options.batchSize = loop.batch
    options.learningRate = loop.lr
    options.training = try loop.options()
    options.standardises = loop.standardise
    options.noise = try parseNoise(loop.noise)
    options.validationFraction = loop.validation
    options.seed = common.seed
    return options
  }

  private func readData(_ options: InterpolantOptions) throws -> (InterpolantData?, InterpolantModel?) {
    let baseLaw: BaseDistribution
    if base == "gaussian" {
      baseLaw = .gaussian
    } else if base.hasSuffix(".json") {
      baseLaw = .mixture(try GaussianMixture(contentsOf: URL(argument: base)))
    } else {
      baseLaw = .samples(
        try NumericTable(contentsOf: URL(argument: base), options: try table.options()).values)
    }
    let source = try TrainingSource(data ?? "", table, noise: loop.noise)
    if fields == "exact" {
      guard let mixture = source.mixture else {
        throw UsageError("--fields exact: --data must be a mixture file (.json)")
      }
      let from: GaussianMixture
      switch baseLaw {
      case .gaussian: from = .standardNormal(dimension: mixture.dimension)
      case .mixture(let given): from = given
      case .samples, .given: throw UsageError("--fields exact: --base must be gaussian or a mixture file")
      }
      return (nil, try InterpolantModel(exactFrom: from, to: mixture, schedule: options.schedule))
    }
    var condition = source.labels.map { $0.oneHot(source.classes.count).to(.float) }
    if conditions.condition != nil {
      guard condition == nil else { throw ValidationError("--condition and --label: give one of them") }
      var source: Tensor?
      if case .samples(let rows) = baseLaw, coupling == .paired { source = rows }
      condition = try conditions.rows(source: source)
    }
    return (
      InterpolantData(
        target: source.target, base: baseLaw, coupling: coupling, condition: condition,
        columns: source.columns,
        classes: source.classes),
      nil
    )
  }
}

extension Coupling: ExpressibleByArgument {}
