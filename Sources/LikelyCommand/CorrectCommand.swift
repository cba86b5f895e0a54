import ArgumentParser
import Foundation
import Likely

/// `likely correct …`
struct CorrectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "correct",
    abstract: "Feynman–Kac correctors: annealed, multiplied and guided diffusion models, drawn exactly.",
    discussion: """
      Example:
        likely diffusion train --data toy:ring --steps 500 --out runs/ring
        likely correct anneal runs/ring --exponent 2 --out cold.csv
      """,
    subcommands: [CorrectAnneal.self, CorrectProduct.self, CorrectGuide.self])
}

/// `likely correct anneal`
struct CorrectAnneal: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "anneal",
    abstract: "Draws q^β: colder and more typical for β > 1, warmer and wider below.",
    discussion: """
      Example:
        likely correct anneal runs/ring --exponent 3 --out cold.csv
      """)

  @Argument(help: ArgumentHelp("Run folder of `diffusion train`, or a mixture (.json).", valueName: "model"))
  var model: String

  @Option(help: ArgumentHelp("β > 0.", valueName: "β"))
  var exponent: Double

  @Option(
    name: .customLong("class"),
    help: ArgumentHelp("Class to draw; all rows when left out.", valueName: "name"))
  var className: String?

  @Option(
    help: ArgumentHelp(
      "a ≥ 0: tempers the noise instead of --extra-noise; 0.5 divides it by β.", valueName: "a"))
  var temper = 0.0

  @OptionGroup var corrector: CorrectorArguments
  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .csv or .npy.", valueName: "file"))
  var out: String

  func run() throws {
    try requireRowFile(out)
    guard temper == 0 || corrector.extraNoise == 1 else {
      throw UsageError("--temper and --extra-noise: give one of them")
    }
    let experts = try LoadedExperts([model], classes: [className], corrector, on: common.target)
    try compose(
      experts, .annealed(experts.models[0], exponent: exponent, temper: temper), corrector, common, out: out)
  }
}

/// `likely correct product`
struct CorrectProduct: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "product",
    abstract: "Draws Π qᵢ^βᵢ: rows that several models agree on.",
    discussion: """
      Products of models of texts go to a .jsonl file; of the options below they take --particles, --groups, --steps,
      --threshold and --resampling.

      Example:
        likely diffusion train --data toy:moons --out runs/d
        likely diffusion train --data toy:ring --scale-of runs/d --out runs/r
        likely correct product runs/d runs/r --out both.csv
      """)

  @Argument(
    help: ArgumentHelp(
      "Run folders of `diffusion train`, or mixtures (.json); or all of `text-diffusion train`.",
      valueName: "model"))
  var models: [String]

  @Option(
    help: ArgumentHelp("βᵢ, one a model, with a positive sum; 1 each when left out.", valueName: "β,β,…"))
  var exponents: String?

  @OptionGroup var corrector: CorrectorArguments
  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .csv or .npy; .jsonl of texts.", valueName: "file"))
  var out: String

  func run() throws {
    let parts = exponents?.split(separator: ",").map { Double($0) } ?? models.map { _ in 1 }
    guard parts.count == models.count, parts.allSatisfy({ $0 != nil }) else {
      throw UsageError("--exponents \(exponents ?? ""): \(models.count) numbers are expected, one a model")
    }
    if try areTexts() { return try runTexts(parts.map { $0! }) }
    try requireRowFile(out)
    let experts = try LoadedExperts(models, classes: models.map { _ in nil }, corrector, on: common.target)
    try compose(
      experts, .product(experts.models, exponents: parts.map { $0! }), corrector, common, out: out)
  }
}

/// `likely correct guide`
struct CorrectGuide: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guide",
    abstract: "Draws q^(1−w) q(·|class)^w: what classifier-free guidance means to draw.",
    discussion: """
      With one model the class is guided against none; with two the second against the first.

      Example:
        likely correct guide runs/d runs/r --weight 1.5 --out guided.csv
      """)

  @Argument(help: ArgumentHelp("One or two run folders or mixtures (.json).", valueName: "model"))
  var models: [String]

  @Option(help: ArgumentHelp("w; beyond 1 it exaggerates what sets the class apart.", valueName: "w"))
  var weight = 2.0

  @Option(
    name: .customLong("class"), help: ArgumentHelp("Class to guide to, with one model.", valueName: "name"))
  var className: String?

  @OptionGroup var corrector: CorrectorArguments
  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("File to write, .csv or .npy.", valueName: "file"))
  var out: String

  func validate() throws {
    guard (1...2).contains(models.count) else {
      throw ValidationError("\(models.count) models: one with --class, or two, are expected")
    }
    guard (models.count == 1) == (className != nil) else {
      throw ValidationError("--class: needed with one model, and not taken with two")
    }
  }

  func run() throws {
    try requireRowFile(out)
    let paths = models.count == 1 ? [models[0], models[0]] : models
    let experts = try LoadedExperts(paths, classes: [nil, className], corrector, on: common.target)
    try compose(
      experts, .geometric(experts.models[0], experts.models[1], weight: weight), corrector, common, out: out)
  }
}
