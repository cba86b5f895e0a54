import ArgumentParser
import Foundation
import Likely

/// How to generate, on the command line.
struct SamplerArguments: ParsableArguments {
  @Option(help: ArgumentHelp("ode, sde-forward, sde-backward or ode-backward.", valueName: "kind"))
  var sampler = SamplerOptions.Generator.ode

  @Option(
    help: ArgumentHelp(
      "Noise level ε ≥ 0 of the SDE; several, separated by commas, give a sweep.", valueName: "ε"))
  var epsilon = "0.5"

  @Flag(help: "Let ε vanish with the schedule's noise, where the score diverges.")
  var epsilonScheduled = false

  @Option(help: ArgumentHelp("Steps of the integration.", valueName: "n"))
  var steps = 100

  @Option(
    help: ArgumentHelp(
      "\(SamplerOptions.Integrator.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
  var integrator: SamplerOptions.Integrator?

  @Option(name: .customLong("t0"), help: ArgumentHelp("Time to start at.", valueName: "t"))
  var t0: Double?

  @Option(name: .customLong("tf"), help: ArgumentHelp("Time to end at.", valueName: "t"))
  var tf: Double?

  @Option(help: ArgumentHelp("Denoising steps from --tf to 1.", valueName: "n"))
  var denoise = 0

  @Option(help: ArgumentHelp("Tolerance of dopri5.", valueName: "ε"))
  var tolerance = 1e-5

  func validate() throws {
    guard tolerance > 0 else {
      throw ValidationError("--tolerance \(tolerance): a positive number is expected")
    }
    guard denoise >= 0 else { throw ValidationError("--denoise \(denoise): at least 0") }
  }

  func levels() throws -> [Double] {
    let values = epsilon.split(separator: ",").map { Double($0) }
    guard !values.isEmpty, values.allSatisfy({ $0 != nil }) else {
      throw UsageError("--epsilon \(epsilon): numbers separated by commas are expected")
    }
    // Every level is checked before the first is sampled, so that a sweep is written whole or not at all.
    for value in values where !(value! >= 0 && value!.isFinite) {
      throw InterpolantError.negativeEpsilon(value!)
    }
    return values.map { $0! }
  }

  func options(epsilon level: Double) -> SamplerOptions {
    var options = SamplerOptions()
    options.generator = sampler
    options.epsilon = epsilonScheduled ? .scheduled(level) : .constant(level)
    options.steps = steps
    options.integrator = integrator
    (options.start, options.end) = (t0, tf)
    options.denoisingSteps = denoise
    options.tolerance = tolerance
    return options
  }
}

/// `likely interpolant sample`
struct InterpolantSample: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Generates rows with a trained model.",
    discussion: """
      Example:
        likely interpolant sample runs/x --sampler sde-forward --out s.csv
      """)

  @OptionGroup var model: ModelArgument

  @Option(help: ArgumentHelp("Rows to generate.", valueName: "n"))
  var count = 1000

  @Option(
    help: ArgumentHelp("Table of the points to start from: x₀ forwards, x₁ backwards.", valueName: "table"))
  var from: String?

  @Option(
    name: .customLong("class"),
    help: ArgumentHelp("Class to generate; every class in turn when left out.", valueName: "name"))
  var className: String?

  @Option(help: ArgumentHelp("Times saved on the way, as further columns t and row.", valueName: "n"))
  var trajectories = 0

  @OptionGroup var pictures: PictureArguments
  @OptionGroup var conditions: ConditionArguments
  @OptionGroup var sampler: SamplerArguments
  @OptionGroup var common: CommonOptions

  @Option(
    help: ArgumentHelp(
      "File to write, .csv or .npy; a sweep adds the noise level to the name.", valueName: "file"))
  var out: String

  func run() throws {
    try requireRowFile(out)
    var random = common.start()
    let model = try model.load(on: common.target)
    let levels = try sampler.levels()
    guard count > 0 else { throw UsageError("--count \(count): at least 1") }
    let start = try from.map { try NumericTable(contentsOf: URL(argument: $0)).values }
    let rows = start?.size(0) ?? count
    let condition = try self.condition(model, rows, start: start)
    let pictureSize = try pictures.size(dimension: model.dimension)
    for level in levels {
      var options = sampler.options(epsilon: level)
      options.trajectories = trajectories
      // Every level uses the same noise, so that a sweep compares like with like.
      var stream = random
      let samples = try model.sample(
        count, start: start, condition: condition, options: options, using: &stream)
      let path = levels.count == 1 ? out : numbered(out, level)
      try write(samples, model, path)
      print("\(rows) rows written to \(path)")
      if let pictureSize {
        try pictures.draw(
          samples.points, pictureSize, columns: model.classes.isEmpty ? 10 : model.classes.count,
          suffix: levels.count == 1 ? nil : level)
      }
    }
    _ = random.next()
  }

  private func condition(_ model: InterpolantModel, _ rows: Int, start: Tensor?) throws -> Tensor? {
    if let className, model.classes.isEmpty {
      throw UsageError("--class \(className): the model has no classes; train it with --label")
    }
    if let className { return try model.condition(class: className, count: rows) }
    if let given = try conditions.rows(source: start) { return given }
    guard !model.classes.isEmpty else { return nil }
    return Tensor((0..<rows).map { $0 % model.classes.count }).oneHot(model.classes.count).to(.float)
  }

  private func write(_ samples: InterpolantSamples, _ model: InterpolantModel, _ path: String) throws {
    guard trajectories > 0 else { return try writeRows(samples.points, names: model.columns, to: path) }
    let parts = samples.trajectory.map { time, points in
      let n = points.size(0)
      let index = Tensor.range(to: Double(n), dtype: .double).unsqueeze(1)
      return Tensor.concatenate([Tensor.full([n, 1], time, dtype: .double), index, points], axis: 1)
    }
    try writeRows(.concatenate(parts), names: ["t", "row"] + model.columns, to: path)
  }
}

/// How to evaluate likelihoods, on the command line.
struct LikelihoodArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "ode (exact change of variables), sde (Feynman–Kac), proxy or proxy-reverse.", valueName: "kind"))
  var method = LikelihoodOptions.Method.ode

  @Option(help: ArgumentHelp("Steps of the integration.", valueName: "n"))
  var steps = 100

  @Option(
    help: ArgumentHelp(
      "exact, or hutchinson:PROBES; exact up to 64 columns when left out.", valueName: "kind"))
  var divergence: String?

  @Flag(help: "Adaptive steps (dopri5).")
  var adaptive = false

  @Option(help: ArgumentHelp("Tolerance of dopri5.", valueName: "ε"))
  var tolerance = 1e-5

  @Option(help: ArgumentHelp("Noise level of the stochastic methods.", valueName: "ε"))
  var epsilon = 0.5

  @Option(help: ArgumentHelp("Paths a row of the stochastic methods.", valueName: "n"))
  var paths = 64

  @Option(name: .customLong("t0"), help: ArgumentHelp("Time to end at on the way back.", valueName: "t"))
  var t0: Double?

  @Option(name: .customLong("tf"), help: ArgumentHelp("Time to start from.", valueName: "t"))
  var tf: Double?

  func validate() throws {
    guard tolerance > 0 else {
      throw ValidationError("--tolerance \(tolerance): a positive number is expected")
    }
    for (name, time) in [("--t0", t0), ("--tf", tf)] {
      guard let time else { continue }
      guard (0...1).contains(time) else {
        throw ValidationError("\(name) \(time): a time in [0, 1] is expected")
      }
    }
  }

  func options() throws -> LikelihoodOptions {
    var options = LikelihoodOptions()
    options.method = method
    guard steps > 0 else { throw UsageError("--steps \(steps): at least 1") }
    guard paths > 0 else { throw UsageError("--paths \(paths): at least 1") }
    options.steps = steps
    options.isAdaptive = adaptive
    options.tolerance = tolerance
    options.epsilon = epsilon
    options.paths = paths
    (options.start, options.end) = (t0, tf)
    if divergence == "exact" {
      options.probes = 0
    } else if let divergence {
      let parts = divergence.split(separator: ":")
      guard parts.first == "hutchinson", let probes = parts.count == 1 ? 4 : Int(parts[1]), probes > 0 else {
        throw UsageError("--divergence \(divergence): expected exact or hutchinson:PROBES")
      }
      options.probes = probes
    }
    return options
  }
}

/// `likely interpolant loglik`
struct InterpolantLogLikelihood: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "loglik",
    abstract: "Log-likelihood of every row of a table, and its mean with standard error.",
    discussion: """
      Example:
        likely interpolant loglik runs/x --data held-out.csv --out loglik.csv
      """)

  @OptionGroup var model: ModelArgument

  @Option(help: ArgumentHelp("Table with the model's columns.", valueName: "table"))
  var data: String

  @OptionGroup var table: TableArguments
  @OptionGroup var conditions: ConditionArguments
  @OptionGroup var likelihood: LikelihoodArguments

  @Option(help: ArgumentHelp("Noise as in training: none, uniform, or the deviation.", valueName: "kind"))
  var noise = "none"

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File for the rows' values, .csv or .npy.", valueName: "file"))
  var out: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    var random = common.start()
    if let out { try requireRowFile(out) }
    let model = try model.load(on: common.target)
    let rows = try table.read(data)
    var noiseStream = random.split("noise")
    let values = try parseNoise(noise)(rows.values, using: &noiseStream)
    let result = try model.logLikelihood(
      values, condition: try model.condition(labels: rows.labels) ?? conditions.rows(source: nil),
      options: try likelihood.options(),
      using: &random)
    if let out {
      var columns = [result.values.unsqueeze(1)]
      var names = ["log_likelihood"]
      if let errors = result.standardErrors {
        columns.append(errors.unsqueeze(1))
        names.append("standard_error")
      }
      try writeRows(.concatenate(columns, axis: 1), names: names, to: out)
    }
    let mean = result.mean
    let perDimension = mean.value / Double(model.dimension)
    // Uniform noise of width 1: −log₂ of the density bounds the code length of the whole number.
    let bits = -perDimension / 0.6931471805599453
    if json {
      print(
        JSONValue.object([
          "rows": .integer(rows.rowCount), "mean": .number(mean.value),
          "standard_error": .number(mean.standardError),
          "nats_per_dimension": .number(perDimension), "bits_per_dimension": .number(bits),
          "method": .string(result.method.rawValue),
        ]).compact)
    } else {
      print("log-likelihood \(mean) nats a row (\(rows.rowCount) rows, \(result.method.rawValue))")
      print("\(formatNumber(perDimension)) nats a dimension, \(formatNumber(bits)) bits a dimension")
      if let out { print("rows written to \(out)") }
    }
  }
}

/// `none`, `uniform` or a deviation.
func parseNoise(_ text: String) throws -> DataNoise {
  switch text {
  case "none": return .none
  case "uniform": return .uniform
  default:
    guard let deviation = Double(text), deviation > 0, deviation.isFinite else {
      throw UsageError("--noise \(text): expected none, uniform or a positive deviation")
    }
    return .gaussian(deviation)
  }
}

extension SamplerOptions.Generator: ExpressibleByArgument {}
extension SamplerOptions.Integrator: ExpressibleByArgument {}
extension LikelihoodOptions.Method: ExpressibleByArgument {}
