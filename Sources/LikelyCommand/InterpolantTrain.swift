import ArgumentParser
import Foundation
import Likely

/// `likely interpolant train`
struct InterpolantTrain: ParsableCommand {
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

  @Option(help: ArgumentHelp("mlp, or unet for images.", valueName: "kind"))
  var net = NetworkOptions.Architecture.mlp

  @Option(
    help: ArgumentHelp("Channels×height×width of a row, for the U-Net and for pictures.", valueName: "c×h×w"))
  var imageShape: String?

  @Option(
    help: ArgumentHelp("Units of a hidden layer; channels of the U-Net's finest level.", valueName: "n"))
  var width = 256

  @Option(help: ArgumentHelp("Hidden layers.", valueName: "n"))
  var depth = 4

  @Option(
    help: ArgumentHelp("\(Activation.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
  var activation = Activation.silu

  @Option(
    help: ArgumentHelp(
      "How the time enters: interpolant (t, cos πt, sin πt, log(1.02 − t)), identity (t) or sinusoidal:N features.",
      valueName: "kind"))
  var timeEmbedding = TimeEmbedding.interpolant

  @Option(help: ArgumentHelp("Steps.", valueName: "n"))
  var steps = 4000

  @Option(help: ArgumentHelp("Rows a step.", valueName: "n"))
  var batch = 512

  @Option(help: ArgumentHelp("Learning rate of Adam.", valueName: "rate"))
  var lr = 1e-3

  @Option(
    help: ArgumentHelp(
      "Learning-rate schedule: cosine, constant, linear, or halve:N, times:F:N (every N steps).",
      valueName: "kind"))
  var lrSchedule = "cosine"

  @Option(help: ArgumentHelp("Steps of warm-up.", valueName: "n"))
  var warmUp = 0

  @Option(help: ArgumentHelp("Largest norm of the gradients; 0 does not clip.", valueName: "norm"))
  var clip = 0.0

  @Option(help: ArgumentHelp("Decay of the parameters' moving average; 0 keeps none.", valueName: "decay"))
  var ema = 0.998

  @Option(help: ArgumentHelp("Share of the rows held out for validation.", valueName: "share"))
  var validation = 0.1

  @Option(help: ArgumentHelp("Steps between validations.", valueName: "n"))
  var validateEvery = 250

  @Option(
    help: ArgumentHelp("Validations without improvement that stop training; 0 never stops.", valueName: "n"))
  var patience = 0

  @Option(help: ArgumentHelp("Steps between checkpoints.", valueName: "n"))
  var checkpointEvery = 500

  @Option(help: ArgumentHelp("float32, or bf16-mixed.", valueName: "kind"))
  var precision = Precision.float32

  @Flag(inversion: .prefixedNo, exclusivity: .chooseLast, help: "Scale columns to mean 0 and deviation 1.")
  var standardise = true

  @Option(
    help: ArgumentHelp(
      "none, uniform (dequantises whole numbers), or the deviation of Gaussian noise.", valueName: "kind"))
  var noise = "none"

  @OptionGroup var table: TableArguments
  @OptionGroup var conditions: ConditionArguments
  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("Run folder to make.", valueName: "folder"))
  var out: String

  @Flag(help: "Continue the run in --out from its newest checkpoint, with its configuration.")
  var resume = false

  func validate() throws {
    guard resume || data != nil else {
      throw ValidationError("Missing expected argument '--data <source>'")
    }
    for (name, value) in [
      ("--warm-up", warmUp), ("--validate-every", validateEvery), ("--patience", patience),
      ("--checkpoint-every", checkpointEvery),
    ] where value < 0 {
      throw ValidationError("\(name) \(value): at least 0")
    }
  }

  mutating func run() throws {
    if resume {
      let stored = RunFolder.configurationPath(of: URL(argument: out))
      guard FileManager.default.fileExists(atPath: stored.path) else {
        throw RunFolderError.missing(stored.path)
      }
      // The stored configuration decides everything but where and how the work is shown.
      let arguments =
        try ConfigurationFile.options(stored.path, of: Self.self) + ["--out", out]
        + (common.quiet ? ["--quiet"] : [])
      self = try Self.parse(arguments)
      resume = true
    }
    _ = common.start()
    let options = try interpolantOptions()
    let (data, exact) = try readData(options)
    let url = URL(argument: out)
    if let exact {
      let run = try RunFolder(creating: url)
      try exact.write(to: run.model)
      try run.write(configuration: ConfigurationFile.resolved(self))
      print("exact fields written to \(out)")
      return
    }
    let training = try InterpolantTraining(options, data: data!, device: common.target)
    let run = try RunFolder(creating: url, resuming: resume)
    // A run that was stopped before its first checkpoint starts from its beginning, which is the same run.
    let continues = resume && run.hasCheckpoint
    if !resume { try run.write(configuration: ConfigurationFile.resolved(self)) }
    let interruption = Interruption()
    let progress = ProgressLine("training", total: options.training.steps, silent: common.quiet)
    let (model, result) = try training.fit(
      run: run, resuming: continues, progress: progress, interruption: interruption)
    try model.write(to: run.model)
    var random = RandomSource(seed: common.seed).split("report")
    let summary = try InterpolantReport(
      model: model, training: training, result: result, run: run, using: &random)
    try summary.page.write(to: run.url)
    print(summary.text)
    print("report: \(out)/report.html")
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
    options.network = NetworkOptions(
      architecture: net, width: width, depth: depth, activation: activation,
      timeEmbedding: timeEmbedding, imageShape: try shape())
    options.batchSize = batch
    options.learningRate = lr
    options.training = TrainingOptions(
      steps: steps, schedule: try learningRateSchedule(), warmUp: warmUp, clipNorm: clip > 0 ? clip : nil,
      averageDecay: ema > 0 ? ema : nil, validateEvery: validateEvery,
      patience: patience > 0 ? patience : nil,
      checkpointEvery: checkpointEvery, precision: precision)
    guard (0..<1).contains(ema) else { throw UsageError("--ema \(ema): a decay in [0, 1) is expected") }
    options.standardises = standardise
    options.noise = try parseNoise(noise)
    options.validationFraction = validation
    options.seed = common.seed
    return options
  }

  private func shape() throws -> [Int]? {
    guard let imageShape else { return nil }
    let parts = imageShape.split { "x×X".contains($0) }.compactMap { Int($0) }
    guard parts.count == 3, parts.allSatisfy({ $0 > 0 }) else {
      throw UsageError("--image-shape \(imageShape): channels×height×width is expected, such as 1x8x8")
    }
    return parts
  }

  private func learningRateSchedule() throws -> LearningRateSchedule {
    let parts = lrSchedule.split(separator: ":").map(String.init)
    switch (parts.first, parts.count) {
    case ("cosine", 1): return .cosine()
    case ("constant", 1): return .constant
    case ("linear", 1): return .linear()
    case ("halve", 2): if let every = Int(parts[1]), every > 0 { return .step(every: every, factor: 0.5) }
    case ("times", 3):
      if let factor = Double(parts[1]), let every = Int(parts[2]), factor > 0, every > 0 {
        return .step(every: every, factor: factor)
      }
    default: break
    }
    throw UsageError(
      "--lr-schedule \(lrSchedule): expected cosine, constant, linear, halve:N or times:F:N")
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
    let data = data ?? ""
    var target: TargetData
    var (columns, classes): ([String]?, [String]) = (nil, [])
    var condition: Tensor?
    if data.hasPrefix("toy:") {
      guard let toy = ToyData(rawValue: String(data.dropFirst(4))) else {
        throw UsageError(
          "--data \(data): expected toy:\(ToyData.allCases.map(\.rawValue).joined(separator: ", toy:"))")
      }
      target = .generator(dimension: 2) { toy.sample($0, using: &$1) }
    } else if data.hasSuffix(".json") {
      let mixture = try GaussianMixture(contentsOf: URL(argument: data))
      if fields == "exact" {
        let from: GaussianMixture
        switch baseLaw {
        case .gaussian: from = .standardNormal(dimension: mixture.dimension)
        case .mixture(let given): from = given
        case .samples, .given:
          throw UsageError("--fields exact: --base must be gaussian or a mixture file")
        }
        return (nil, try InterpolantModel(exactFrom: from, to: mixture, schedule: options.schedule))
      }
      target = .generator(dimension: mixture.dimension) { mixture.sample($0, using: &$1) }
    } else {
      let rows = try table.read(data)
      guard rows.rowCount >= 2 else { throw UnsuitableTableError(file: data, rows: rows.rowCount) }
      let constant = TableSummary(rows).constantColumns
      guard constant.isEmpty || noise != "none" else {
        throw UnsuitableTableError(file: data, constantColumns: constant)
      }
      target = .rows(rows.values)
      columns = rows.names
      if let labels = rows.labels {
        classes = labels.classes
        condition = labels.indices.oneHot(labels.classes.count).to(.float)
      }
    }
    if fields == "exact" { throw UsageError("--fields exact: --data must be a mixture file (.json)") }
    if conditions.condition != nil {
      guard condition == nil else { throw ValidationError("--condition and --label: give one of them") }
      var source: Tensor?
      if case .samples(let rows) = baseLaw, coupling == .paired { source = rows }
      condition = try conditions.rows(source: source)
    }
    return (
      InterpolantData(
        target: target, base: baseLaw, coupling: coupling, condition: condition, columns: columns,
        classes: classes),
      nil
    )
  }
}

/// A table that reads well and that no density can be fitted to.
struct UnsuitableTableError: Error, CustomStringConvertible {
  let description: String

  init(file: String, rows: Int) {
    description = "\(file): found \(rows) row, expected at least 2; give a table with more rows"
  }

  init(file: String, constantColumns columns: [String]) {
    description =
      "\(file): constant column\(columns.count > 1 ? "s" : "") \(columns.joined(separator: ", ")): a constant has no density; "
      + "leave out with --drop \(columns.joined(separator: ",")), or spread with --noise uniform or --noise 0.1"
  }
}

extension RunFolder {
  /// Where a run keeps its configuration.
  static func configurationPath(of folder: URL) -> URL { folder.appending(path: "config.yaml") }

  /// Whether there is a state to continue from.
  var hasCheckpoint: Bool { !CheckpointStore(folder: checkpoints).steps.isEmpty }
}

extension Coupling: ExpressibleByArgument {}
extension NetworkOptions.Architecture: ExpressibleByArgument {}
extension Activation: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
extension TimeEmbedding: ExpressibleByArgument {}
