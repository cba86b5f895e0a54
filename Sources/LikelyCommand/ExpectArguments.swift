import ArgumentParser
import Files
import Foundation
import Likely

extension MultipleExpectations.ControlVariates: ExpressibleByArgument {}

/// The model and how its runs are spent.
struct ExpectArguments: ParsableArguments {
  enum Family: String, ExpressibleByArgument, CaseIterable { case gaussian, diagonal, mixture }

  @Option(help: ArgumentHelp("Command that runs the model.", valueName: "command"))
  var model: String

  @Option(
    help: ArgumentHelp(
      "JSON of the inputs' laws: normal, lognormal, uniform, beta, gamma or mixture, cut by low and high; correlations too.",
      valueName: "file.json"))
  var inputs: String

  @Option(help: ArgumentHelp("Runs of the model, exploration included.", valueName: "n"))
  var budget = 2000

  @Option(
    help: ArgumentHelp(
      "What sampling densities are fitted in: gaussian, diagonal or mixture of two.", valueName: "name"))
  var family = Family.gaussian

  @Option(
    help: ArgumentHelp(
      "Control variates: all densities and laws, or own, the expectation's density alone.", valueName: "kind")
  )
  var controls = MultipleExpectations.ControlVariates.all

  @Option(
    help: ArgumentHelp("Share of the inputs' own law in every sample, which keeps tails.", valueName: "share")
  )
  var defensive = 0.0

  @Flag(help: "Draw the final sample from randomised Sobol' sequences.")
  var quasiRandom = false

  @Flag(help: "Average over the exploration's runs too; slightly biased.")
  var combine = false

  @Flag(help: "Keep the densities of the round before where the last leaves more variance a run.")
  var best = false

  @Flag(help: "Refuse negative answers.")
  var positive = false

  @Option(help: ArgumentHelp("Processes of the model at once, at most one a core.", valueName: "n"))
  var workers = 1

  @Option(
    help: ArgumentHelp(
      "File of all runs; the same command goes on from it where it was stopped.", valueName: "file.jsonl"))
  var journal: String?

  @Option(help: ArgumentHelp("Seconds for a batch of runs.", valueName: "s"))
  var timeLimit = 600.0

  @Flag(help: "Print as JSON.")
  var json = false

  @Option(
    help: ArgumentHelp("Folder for the estimates, the sampling density and a page.", valueName: "folder"))
  var out: String?

  func validate() throws {
    guard (1...64).contains(workers) else { throw ValidationError("--workers \(workers): from 1 to 64") }
    guard timeLimit > 0 else { throw ValidationError("--time-limit \(timeLimit): above 0") }
    guard !quasiRandom || !combine else {
      throw ValidationError("--quasi-random and --combine: one of both")
    }
  }

  /// - Parameter runsPerDraw: of the model.
  func study(runsPerDraw: Int = 1) -> MultipleExpectations {
    var study = MultipleExpectations(budget: budget / runsPerDraw)
    (study.defensive, study.controls, study.isQuasiRandom) = (defensive, controls, quasiRandom)
    (study.combinesRounds, study.takesBest, study.requiresPositive) = (combine, best, positive)
    study.family = family == .gaussian ? .gaussian : family == .diagonal ? .diagonal : .mixture(2)
    return study
  }

  func runs(_ inputs: InputModel) throws -> ModelRuns {
    try ModelRuns(
      model, inputs: inputs, workers: workers, timeLimit: timeLimit,
      journal: journal.map { URL(argument: $0) })
  }
}

/// Where the points of a study live, and its laws.
struct ExpectProblem {
  /// Of points: independent standard normal numbers, or the inputs themselves.
  enum Space: String, Codable { case normal, inputs }

  let space: Space
  let model: InputModel
  /// One, or one a row of a table of laws.
  let joint: [GaussianCopula]

  /// - Parameters:
  ///   - table: laws to compare, one a row.
  ///   - space: the inputs' where laws differ, if left out.
  init(_ arguments: ExpectArguments, table: String?, space: Space? = nil) throws {
    model = try InputModel.read(URL(argument: arguments.inputs))
    if let table {
      let variants = try model.variants(try DataTable(contentsOf: URL(argument: table)))
      guard space != .normal else {
        throw UsageError(
          "--laws \(table): the density is one of normal scores, which serves one law; make one by run --laws"
        )
      }
      (self.space, joint) = (.inputs, try variants.map { try $0.law() })
    } else {
      (self.space, joint) = (space ?? .normal, [try model.law(in: arguments.inputs)])
    }
  }

  var laws: [MultipleExpectations.Law] {
    space == .normal
      ? [.init(GaussianMixture.standardNormal(dimension: model.inputs.count))]
      : joint.map { MultipleExpectations.Law($0) }
  }

  /// A table of laws is of one number: of more it would not be known which.
  func expectOne(_ answers: Tensor, laws: String?) throws -> Tensor {
    guard laws == nil || answers.size(1) == 1 else {
      throw StatisticsError(
        .badData, "the model", found: "\(answers.size(1)) values a run", expected: "1, as --laws is given",
        advice: "let it answer the number whose means are wanted")
    }
    return answers
  }

  /// Points to the model's inputs.
  func values(_ points: Tensor) -> Tensor { space == .normal ? joint[0].value(ofNormal: points) : points }
}

/// A sampling density in a file.
struct SavedDensity: Codable {
  let space: ExpectProblem.Space
  /// Names, in order.
  let inputs: [String]
  let density: SamplingMixture

  static func read(_ url: URL) throws -> SavedDensity {
    guard let data = FileManager.default.contents(atPath: url.path) else {
      throw StatisticsError(
        .missing, url.path, found: "no such file", expected: "the density.json of likely expect run --out")
    }
    do { return try JSONDecoder().decode(SavedDensity.self, from: data) } catch {
      let reason = (error as? StatisticsError)?.description ?? (error as? ParameterError)?.description
      throw StatisticsError(
        .badData, url.path, found: reason ?? "something else than a density",
        expected: "the density.json of likely expect run --out")
    }
  }

  func check(_ model: InputModel, _ place: String) throws {
    guard inputs == model.names, density.dimension == inputs.count else {
      throw StatisticsError(
        .badData, place, found: "the inputs \(inputs.joined(separator: ", "))",
        expected: "\(model.names.joined(separator: ", ")), as --inputs has")
    }
  }
}
