import ArgumentParser
import Foundation
import Likely

/// `likely interpolant cross-entropy`
struct InterpolantCrossEntropy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cross-entropy",
    abstract: "H(ρ₁ ‖ ρ̂⁽¹⁾) on a table, by every route asked for; H(ρ₀ ‖ ρ̂⁽⁰⁾) with --start.",
    discussion: """
      Example:
        likely interpolant cross-entropy runs/x --data new.csv --methods ode,sde
      """)

  @OptionGroup var model: ModelArgument

  @Option(help: ArgumentHelp("Table of x₁.", valueName: "table"))
  var data: String

  @Option(help: ArgumentHelp("Table of x₀ for H(ρ₀ ‖ ρ̂⁽⁰⁾); needs --target.", valueName: "table"))
  var start: String?

  @Option(help: ArgumentHelp("Mixture file with the density of x₁, for --start.", valueName: "file.json"))
  var target: String?

  @Option(help: ArgumentHelp("Routes, among ode, sde, proxy, proxy-reverse.", valueName: "a,b,…"))
  var methods = "ode"

  @OptionGroup var table: TableArguments
  @OptionGroup var likelihood: LikelihoodArguments
  @OptionGroup var common: CommonOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    var random = common.start()
    let model = try model.load(on: common.target)
    let rows = try table.read(data)
    var result = ReportTable(
      title: "Cross-entropy, nats a row", columns: [.text("quantity"), .text("route"), .uncertain("value")])
    for name in methods.split(separator: ",") {
      guard let method = LikelihoodOptions.Method(rawValue: String(name)) else {
        throw UsageError("--methods \(name): expected ode, sde, proxy or proxy-reverse")
      }
      var options = try likelihood.options()
      options.method = method
      let value = try model.logLikelihood(
        rows.values, condition: try model.condition(labels: rows.labels), options: options, using: &random)
      result.append([
        "H(ρ₁‖ρ̂₁)", .text(method.rawValue), .uncertain(-value.mean.value, value.mean.standardError),
      ])
    }
    if let start {
      guard let target else { throw InterpolantError.noTargetDensity }
      let value = try model.logLikelihoodOfStart(
        try NumericTable(contentsOf: URL(argument: start)).values,
        target: try GaussianMixture(contentsOf: URL(argument: target)), options: try likelihood.options(),
        using: &random)
      result.append(["H(ρ₀‖ρ̂₀)", "ode", .uncertain(-value.mean.value, value.mean.standardError)])
    }
    print(json ? result.json.compact : result.plainText)
  }
}

/// `likely interpolant diagnose`
struct InterpolantDiagnose: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diagnose",
    abstract: "Losses by time, identity residuals, and the excess over exact fields where they are known.",
    discussion: """
      Example:
        likely interpolant diagnose runs/x --data held-out.csv
      """)

  @OptionGroup var model: ModelArgument

  @Option(help: ArgumentHelp("Table of x₁.", valueName: "table"))
  var data: String

  @Option(help: ArgumentHelp("Table of x₀ for models trained on pairs.", valueName: "table"))
  var start: String?

  @Option(
    help: ArgumentHelp(
      "Mixture files of x₀ and x₁, for the excess over exact fields; x₀ may be gaussian.",
      valueName: "x0,x1.json"))
  var exact: String?

  @Option(help: ArgumentHelp("Noise levels at which to bound the divergence.", valueName: "ε,…"))
  var epsilon = "0.1,0.25,0.5,1,2,4"

  @Option(help: ArgumentHelp("Times.", valueName: "n"))
  var times = 20

  @OptionGroup var table: TableArguments
  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("Folder for report.html and report.json.", valueName: "folder"))
  var out: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    var random = common.start()
    let model = try model.load(on: common.target)
    guard times > 0 else { throw UsageError("--times \(times): at least 1") }
    let rows = try table.read(data)
    let fields = try exactFields(model)
    let diagnosis = try model.diagnose(
      end: rows.values, start: try start.map { try NumericTable(contentsOf: URL(argument: $0)).values },
      condition: try model.condition(labels: rows.labels), exact: fields, times: times, using: &random)
    var losses = ReportTable(
      title: "Loss by time",
      columns: [
        .number("t"), .text("field"), .uncertain("loss"), .uncertain("excess"), .number("relative error"),
      ])
    for row in diagnosis.rows {
      losses.append([
        .number(row.time), .text(row.field.rawValue), .uncertain(row.loss.value, row.loss.standardError),
        row.excess.map { .uncertain($0.value, $0.standardError) } ?? nil,
        row.relativeError.map { .number($0) } ?? nil,
      ])
    }
    var residuals = ReportTable(
      title: "Residual of α η₀ + β η₁ + γ η_z = x", columns: [.number("t"), .number("residual")])
    for row in diagnosis.identityResiduals { residuals.append([.number(row.time), .number(row.residual)]) }
    var bounds = ReportTable(
      title: "Bound on KL(ρ₁ ‖ ρ̂₁) of the SDE", columns: [.number("ε"), .number("bound")])
    for level in epsilon.split(separator: ",") {
      guard let value = Double(level), value >= 0 else {
        throw UsageError("--epsilon \(epsilon): non-negative numbers are expected")
      }
      for row in diagnosis.klBounds([value]) { bounds.append([.number(row.epsilon), .number(row.bound)]) }
    }
    let tables = [losses, residuals, bounds].filter { !$0.rows.isEmpty }
    print(
      json ? JSONValue.array(tables.map(\.json)).compact : tables.map(\.plainText).joined(separator: "\n"))
    guard let out else { return }
    var page = HTMLReport(title: "Diagnosis of an interpolant")
    let plots = Set(diagnosis.rows.map(\.field)).sorted { $0.rawValue < $1.rawValue }.map { field in
      let part = diagnosis.rows.filter { $0.field == field }
      return Mark.line(x: part.map(\.time), y: part.map(\.loss.value), series: field.rawValue)
    }
    page.add(
      "Losses",
      [.plot(Plot("Loss by time", x: "t", y: "loss", marks: plots), name: "losses")]
        + tables.map { .table($0) })
    try createFolder(at: URL(argument: out))
    try page.write(to: URL(argument: out))
  }

  private func exactFields(_ model: InterpolantModel) throws -> ExactFields? {
    guard let exact else { return nil }
    let files = exact.split(separator: ",").map(String.init)
    guard files.count == 2 else {
      throw UsageError("--exact \(exact): two files separated by a comma are expected")
    }
    let target = try GaussianMixture(contentsOf: URL(argument: files[1]))
    let base =
      files[0] == "gaussian"
      ? GaussianMixture.standardNormal(dimension: target.dimension)
      : try GaussianMixture(contentsOf: URL(argument: files[0]))
    return try ExactFields(from: base, to: target, schedule: model.schedule)
  }
}

/// `likely interpolant rectify`
struct InterpolantRectify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rectify",
    abstract: "Refits a flow on its own pairs (x₀, X₁(x₀)): the same map along straighter lines.",
    discussion: """
      Example:
        likely interpolant rectify runs/x --steps 1000 --out runs/x-straight
      """)

  @OptionGroup var model: ModelArgument

  @Option(help: ArgumentHelp("Pairs to make.", valueName: "n"))
  var pairs = 50_000

  @Option(help: ArgumentHelp("RK4 steps that make a pair.", valueName: "n"))
  var flowSteps = 50

  @Option(help: ArgumentHelp("Training steps.", valueName: "n"))
  var steps = 4000

  @Option(help: ArgumentHelp("Rows a step.", valueName: "n"))
  var batch = 512

  @Option(help: ArgumentHelp("Learning rate of Adam.", valueName: "rate"))
  var lr = 1e-3

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("Run folder to make.", valueName: "folder"))
  var out: String

  @Flag(help: "Continue the run in --out from its newest checkpoint; give the other options as before.")
  var resume = false

  func run() throws {
    var random = common.start()
    guard lr > 0, batch > 0, steps > 0 else {
      throw UsageError("--lr, --batch and --steps: positive numbers")
    }
    let old = try model.load(on: common.target)
    guard let learned = old.fields as? LearnedFields else {
      throw InterpolantError.invalidOption(name: "run", found: "exact fields", expected: "a trained model")
    }
    guard pairs > 1, flowSteps > 0 else {
      throw UsageError("--pairs and --flow-steps: at least 2 and 1")
    }
    let data = try Rectification.pairs(of: old, count: pairs, steps: flowSteps, using: &random)
    var options = InterpolantOptions()
    options.schedule = old.schedule.kind == .oneSided ? .oneSidedLinear : .linear(.zero)
    options.fields = [.velocity]
    options.network = learned.network.options
    options.batchSize = batch
    options.learningRate = lr
    options.training = TrainingOptions(steps: steps, schedule: .cosine(), averageDecay: 0.998)
    options.seed = common.seed
    // Pairs are in the old model's coordinates, so the new one keeps its scaling by fitting the same rows.
    let training = try InterpolantTraining(options, data: data)
    let run = try RunFolder(creating: URL(argument: out), resuming: resume)
    if !resume { try run.write(configuration: ConfigurationFile.resolved(self)) }
    let (model, result) = try training.fit(
      run: run, resuming: resume && run.hasCheckpoint,
      progress: ProgressLine("rectifying", total: steps, silent: common.quiet),
      interruption: Interruption())
    try model.write(to: run.model)
    let report = try InterpolantReport(
      model: model, training: training, result: result, run: run, using: &random)
    try report.page.write(to: run.url)
    let before = try Rectification.curvature(of: old, using: &random)
    let after = try Rectification.curvature(of: model, using: &random)
    print("curvature of the paths \(formatNumber(before)) before, \(formatNumber(after)) after")
  }
}

/// `likely interpolant mirror`
struct InterpolantMirror: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mirror",
    abstract: "Redraws data near given points, with a model trained with --schedule mirror.",
    discussion: """
      Example:
        likely interpolant train --data toy:moons --schedule mirror --out runs/m
        likely interpolant mirror runs/m --data points.csv --out near.csv
      """)

  @OptionGroup var model: ModelArgument

  @Option(help: ArgumentHelp("Table of points.", valueName: "table"))
  var data: String

  @Option(help: ArgumentHelp("Redraws a point.", valueName: "n"))
  var copies = 1

  @Option(help: ArgumentHelp("Noise level ε > 0: how far to go.", valueName: "ε"))
  var epsilon = 0.5

  @Option(help: ArgumentHelp("Steps of the integration.", valueName: "n"))
  var steps = 200

  @OptionGroup var table: TableArguments
  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .csv or .npy.", valueName: "file"))
  var out: String

  func run() throws {
    try requireRowFile(out)
    var random = common.start()
    let model = try model.load(on: common.target)
    guard model.schedule.kind == .mirror else {
      throw InterpolantError.invalidOption(
        name: "run", found: model.schedule.title, expected: "a model trained with --schedule mirror")
    }
    guard copies > 0 else { throw UsageError("--copies \(copies): at least 1") }
    guard epsilon > 0 else {
      throw UsageError(
        "--epsilon \(epsilon): at ε = 0 every point stays where it is; a positive number is expected")
    }
    let rows = try table.read(data)
    var options = SamplerOptions()
    options.generator = .forward
    options.epsilon = .constant(epsilon)
    options.steps = steps
    let start = rows.values.repeatInterleave(copies, axis: 0)
    let condition = try model.condition(labels: rows.labels)?.repeatInterleave(copies, axis: 0)
    let samples = try model.sample(
      start.size(0), start: start, condition: condition, options: options, using: &random)
    try writeRows(samples.points, names: model.columns, to: out)
    print("\(start.size(0)) rows written to \(out)")
  }
}
