import ArgumentParser
import Foundation
import Likely

/// `likely diffusion …`
struct DiffusionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diffusion",
    abstract: "Diffusion models of tables and images: what steering and correctors work on.",
    discussion: """
      Example:
        likely diffusion train --data toy:moons --steps 500 --out runs/d
        likely diffusion sample runs/d --count 1000 --out s.csv
      """,
    subcommands: [DiffusionTrain.self, DiffusionSample.self])
}

/// `likely diffusion train`
struct DiffusionTrain: TrainingCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a diffusion model on a table of real numbers.",
    discussion: """
      Example:
        likely diffusion train --data toy:ring --steps 500 --out runs/ring
      """)

  @Option(
    help: ArgumentHelp(
      "Needed unless --resume: a numeric table (.csv, .tsv, .npy, .npz, also .gz), a Gaussian mixture (.json), a data set (data:NAME, see `likely data list`), or toy:checkerboard, toy:moons, toy:ring.",
      valueName: "source"))
  var data: String?

  @Option(help: ArgumentHelp("\(NoiseSchedule.names.joined(separator: ", ")).", valueName: "name"))
  var schedule = NoiseSchedule.vpCosine()

  @Option(
    help: ArgumentHelp(
      "What the network predicts: \(DiffusionPrediction.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "kind"))
  var prediction = DiffusionPrediction.v

  @Option(
    help: ArgumentHelp(
      "Share of the rows trained without their class, so that guidance has an unconditional model.",
      valueName: "share"))
  var labelDropout = 0.1

  @Option(
    help: ArgumentHelp(
      "Run folder whose columns' scales are taken over: products need models of one scale.", valueName: "run")
  )
  var scaleOf: String?

  @OptionGroup var networkArguments: NetworkArguments
  @OptionGroup var loop: LoopArguments
  @OptionGroup var table: TableArguments
  @OptionGroup var common: CommonOptions

  @OptionGroup var destination: RunDestination

  func validate() throws {
    try requireData()
  }

  mutating func run() throws {
    self = try resumed()
    _ = common.start()
    let options = try diffusionOptions()
    let source = try TrainingSource(data ?? "", table, noise: loop.noise)
    let scale = try scaleOf.map { try DiffusionModel(contentsOf: try modelFile($0)).standardiser }
    let training = try DiffusionTraining(
      options, target: source.target, labels: source.labels, classes: source.classes, columns: source.columns,
      standardiser: scale, device: common.target)
    let (run, (model, result)) = try train(steps: options.training.steps) {
      try training.fit(run: $0, resuming: $1, progress: $2, interruption: $3)
    }
    try model.write(to: run.model)
    var random = RandomSource(seed: common.seed).split("report")
    let summary = try DiffusionReport(
      model: model, training: training, result: result, run: run, using: &random)
    try summary.page.write(to: run.url)
    print(summary.text)
    print("report: \(destination.out)/report.html")
  }

  private func diffusionOptions() throws -> DiffusionOptions {
    var options = DiffusionOptions()
    (options.schedule, options.prediction, options.labelDropout) = (schedule, prediction, labelDropout)
    options.network = try networkArguments.options()
    (options.batchSize, options.learningRate) = (loop.batch, loop.lr)
    options.training = try loop.options()
    (options.standardises, options.noise) = (loop.standardise, try parseNoise(loop.noise))
    (options.validationFraction, options.seed) = (loop.validation, common.seed)
    return options
  }
}

/// `likely diffusion sample`
struct DiffusionSample: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Generates rows with a trained diffusion model.",
    discussion: """
      Example:
        likely diffusion sample runs/d --sampler heun --steps 20 --out s.csv
      """)

  @Argument(help: ArgumentHelp("Run folder of `diffusion train`, or a model.safetensors.", valueName: "run"))
  var model: String

  @Option(help: ArgumentHelp("Rows to generate.", valueName: "n"))
  var count = 1000

  @Option(help: ArgumentHelp("ddpm, ddim, ddim:η, heun or sde.", valueName: "kind"))
  var sampler = DiffusionSampler.ddim(0)

  @Option(help: ArgumentHelp("Steps of the reverse path.", valueName: "n"))
  var steps = 50

  @Option(
    name: .customLong("class"),
    help: ArgumentHelp("Class to generate; all rows together when left out.", valueName: "name"))
  var className: String?

  @Option(help: ArgumentHelp("Weight of the class against none; 1 is the class's own model.", valueName: "w"))
  var guidance = 1.0

  @OptionGroup var pictures: PictureArguments
  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .csv or .npy.", valueName: "file"))
  var out: String

  func run() throws {
    try requireRowFile(out)
    var random = common.start()
    let model = try DiffusionModel(contentsOf: modelFile(self.model))
    model.move(to: common.target)
    let size = try pictures.size(dimension: model.dimension)
    let rows = try model.sample(
      count, class: className, guidance: guidance, sampler: sampler, steps: steps, using: &random)
    try writeRows(rows, names: model.columns, to: out)
    print("\(count) rows written to \(out)")
    if let size { try pictures.draw(rows, size, columns: 10) }
  }
}

/// The model file of a run folder, or the file itself.
func modelFile(_ path: String) throws -> URL {
  var isDirectory: ObjCBool = false
  guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
    throw RunFolderError.missing(path)
  }
  let url = URL(argument: path)
  return isDirectory.boolValue ? url.appending(path: "model.safetensors") : url
}

extension NoiseSchedule: ExpressibleByArgument {}
extension DiffusionPrediction: ExpressibleByArgument {}
extension DiffusionSampler: ExpressibleByArgument {}
