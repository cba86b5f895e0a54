import Foundation
import Report
import Torch
import Training

/// How much work an experiment may take.
public enum Scale: String, Sendable, CaseIterable, Codable {
  /// Seconds: exact tests and small runs.
  case quick
  /// Minutes on two cores.
  case laptop
  /// What the paper ran.
  case paper
}

/// Where an experiment says what it is doing: lines, and bars on standard error for training.
public struct ExperimentLog {
  private let line: ((String) -> Void)?

  /// Says nothing.
  public static var silent: ExperimentLog { ExperimentLog(line: nil) }

  private init(line: ((String) -> Void)?) { self.line = line }

  /// - Parameter line: shows a line.
  public init(_ line: @escaping (String) -> Void) { self.line = line }

  public func callAsFunction(_ text: String) { line?(text) }

  /// A bar for `total` steps.
  public func bar(_ title: String, total: Int) -> ProgressLine {
    ProgressLine(title, total: total, silent: line == nil)
  }
}

/// A paper's experiment: it runs from a seed and a scale and returns claims with verdicts.
public protocol Experiment: Sendable {
  /// The method's name in the list of methods.
  static var slug: String { get }
  /// Its parts that belong to a scale, in order.
  static func parts(_ scale: Scale) -> [String]
  init()
  /// Runs one part.
  /// - Parameters:
  ///   - random: the only source of randomness; every part has its own stream.
  ///   - log: told what is being done.
  func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
}

/// What an experiment returns.
public struct ExperimentOutcome: Sendable {
  public var claims: [Claim]
  /// Tables and plots for the report.
  public var items: [ReportItem]

  public init(claims: [Claim] = [], items: [ReportItem] = []) { (self.claims, self.items) = (claims, items) }

  /// Everything of another part after this.
  public mutating func append(_ other: ExperimentOutcome) {
    claims += other.claims
    items += other.items
  }
}

/// Every experiment of the package.
public enum Experiments {
  public static let all: [any Experiment.Type] = [
    StochasticInterpolants.self, FeynmanKacSteering.self, FeynmanKacCorrectors.self,
    LikelihoodDisplacement.self, LikelihoodOveroptimisation.self, AlignedSupervisedFineTuning.self,
    CriticalTokens.self, FollowUpLikelihood.self,
    OnPolicyPreferences.self,
    ShrinkingTowardsProportionalOdds.self, ValidityUnderAdaptivity.self, OptimisedConformalSelection.self,
    SelectiveEffects.self, LikelihoodAdjustedClusters.self, StringDiagramSurgery.self, CarrierEpidemics.self,
    ManyExpectations.self,
  ]

  /// - Throws: ``UnknownExperiment`` where nothing has the name; `all` matches everything.
  public static func matching(_ name: String) throws -> [any Experiment.Type] {
    let found = name == "all" ? all : all.filter { $0.slug == name }
    guard !found.isEmpty else { throw UnknownExperiment(name: name) }
    return found
  }

  /// Runs one and times it.
  /// - Parameter only: the parts to run; all of the scale when `nil`.
  /// - Throws: ``UnknownPart``, and what the experiment throws.
  public static func run(
    _ experiment: any Experiment.Type, only: [String]? = nil, seed: UInt64, scale: Scale,
    random: RandomSource,
    log: ExperimentLog = .silent
  ) throws -> (result: ReproductionResult, page: HTMLReport) {
    let clock = ContinuousClock()
    let start = clock.now
    let parts = experiment.parts(scale)
    if let unknown = only?.first(where: { !parts.contains($0) }) {
      throw UnknownPart(name: unknown, parts: parts, scale: scale)
    }
    var outcome = ExperimentOutcome()
    for part in parts where only?.contains(part) ?? true {
      let stream = random.split(part)
      outcome.append(try experiment.init().run(part: part, scale: scale, random: stream, log: log))
    }
    let duration = clock.now - start
    let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    let result = ReproductionResult(
      slug: experiment.slug, seed: seed, scale: scale.rawValue, seconds: seconds, claims: outcome.claims)
    var page = HTMLReport(
      title: "Reproduction: \(experiment.slug)", subtitle: "scale \(scale.rawValue), seed \(seed)")
    page.add("Claims", [.reproduction(result)])
    if !outcome.items.isEmpty { page.add("Evidence", outcome.items) }
    return (result, page)
  }
}

/// A name that no experiment has.
public struct UnknownExperiment: Error, Sendable, Hashable, CustomStringConvertible {
  public let name: String
  public var description: String {
    "no experiment is called \(name); expected one of \(Experiments.all.map { $0.slug }.joined(separator: ", ")), all"
  }
}

/// A part that an experiment does not have at a scale.
public struct UnknownPart: Error, Sendable, Hashable, CustomStringConvertible {
  public let name: String
  public let parts: [String]
  public let scale: Scale
  public var description: String {
    "no part is called \(name) at scale \(scale.rawValue); expected some of \(parts.joined(separator: ", "))"
  }
}

/// A method as the list of methods shows it.
public struct Method: Sendable, Hashable {
  public let slug: String
  public let command: String
  public let summary: String
}

/// Every method of the package.
public enum Methods {
  public static let all = [
    Method(
      slug: "stochastic-interpolants", command: "likely interpolant",
      summary: "flows and diffusions between two distributions, with exact likelihoods"),
    Method(
      slug: "fk-steering", command: "likely steer",
      summary: "draws of a trained model tilted by a reward, without training"),
    Method(
      slug: "fk-correctors", command: "likely correct",
      summary: "annealed, guided and multiplied diffusion models, drawn exactly"),
    Method(
      slug: "likelihood-displacement", command: "likely prefer score",
      summary: "which preferences make the preferred response itself less likely"),
    Method(
      slug: "likelihood-overoptimisation", command: "likely prefer train",
      summary: "when training on preferences begins to harm what a model writes"),
    Method(
      slug: "follow-up-reward", command: "likely prefer reward",
      summary: "rewards without labels, from what a user would say next"),
    Method(
      slug: "critical-tokens", command: "likely critical-tokens",
      summary: "the tokens that doom a solution, and alignment that weighs them"),
    Method(
      slug: "asft", command: "likely prefer train",
      summary: "alignment by absolute likelihoods, without a reference"),
    Method(
      slug: "on-policy-preferences", command: "likely bandit, likely prefer online",
      summary: "learning from rewards on a policy's own draws, with every objective in one loop"),
    Method(
      slug: "presto", command: "likely ordinal",
      summary: "probabilities of ordered classes, the last of them rare"),
    Method(
      slug: "adaptive-data-analysis", command: "likely holdout",
      summary: "one holdout for many questions that depend on earlier answers"),
    Method(
      slug: "conformal-selection", command: "likely select",
      summary: "candidates whose labels pass a threshold, with few false discoveries"),
    Method(
      slug: "selective-ate", command: "likely effect",
      summary: "average effects under hidden confounding with an instrument that may act by itself"),
    Method(
      slug: "ila-sdp", command: "likely cluster",
      summary: "clusters of different shapes, with a certificate that no labels are likelier"),
    Method(
      slug: "multi-expectation-is", command: "likely expect",
      summary: "many expectations of an expensive model from one sample"),
    Method(
      slug: "string-diagram-surgery", command: "likely causal",
      summary: "what happens if a variable is set, from a causal diagram with hidden causes and data"),
    Method(
      slug: "meningitis", command: "likely epidemic",
      summary: "compartment models: thresholds, course, fits to counts, forecasts, sensitivity"),
  ]
}
