import Foundation
import Testing

/// One mistake of a user: what was typed, the exit code, and words that the message has to have.
struct Mistake: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let arguments: [String]
  let status: Int32
  let words: [String]

  init(_ name: String, _ arguments: String, _ status: Int32, _ words: String...) {
    testDescription = name
    self.arguments = arguments.split(separator: " ").map(String.init)
    self.status = status
    self.words = words
  }

  /// The same for a training into `new`.
  static func training(_ name: String, _ options: String, _ status: Int32, _ words: String...) -> Mistake {
    Mistake(name, "interpolant train --out new \(options)", status, words)
  }

  private init(_ name: String, _ arguments: String, _ status: Int32, _ words: [String]) {
    testDescription = name
    self.arguments = arguments.split(separator: " ").map(String.init)
    self.status = status
    self.words = words
  }
}

@Suite("Bad input", .enabled(if: Program.isBuilt, Program.advice)) struct BadInputTests {
  /// Runs it among the inputs; afterwards nothing but the inputs may be there.
  private func expectRefused(_ mistake: Mistake) throws {
    try Inputs.with { folder in
      let before = try listing(folder)
      let small = mistake.arguments.contains("train") ? Program.small : []
      // Before the mistake, which has the last word.
      let outcome = try Program.run(
        mistake.arguments.prefix(2) + small + mistake.arguments.dropFirst(2), in: folder)
      #expect(outcome.status == mistake.status && !outcome.isKilled, "\(outcome.error)")
      for word in mistake.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      #expect(outcome.output.isEmpty)
      #expect(try listing(folder) == before)
    }
  }

  private func listing(_ folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  static let tables: [Mistake] = [
    .training("missing file", "--data nowhere.csv", 66, "nowhere.csv", "No such file"),
    .training("ragged rows", "--data ragged.csv", 65, "ragged.csv:3", "expected 2"),
    .training("text in a numeric column", "--data text.csv", 65, "text.csv:3:2 (y)", "\"abc\"", "--columns"),
    .training("NaN", "--data nan.csv", 65, "nan.csv:4:1 (x)", "nan", "drop"),
    .training("empty file", "--data empty.csv", 65, "empty.csv", "no rows"),
    .training("one row", "--data row.csv", 65, "row.csv", "1 row", "at least 2"),
    .training("constant column", "--data constant.csv", 65, "constant.csv", "y", "--drop y", "--noise"),
    .training("wrong delimiter", "--data semicolon.csv --delimiter ,", 65, "semicolon.csv:1", "';'"),
    .training("two characters as delimiter", "--data two.csv --delimiter ;;", 64, "--delimiter ;;"),
    .training("unknown column", "--data two.csv --columns x,q", 64, "two.csv", "\"q\"", "x, y"),
    .training("no column left", "--data two.csv --drop x,y", 65, "two.csv", "no column left"),
    .training("unknown format", "--data notes.xlsx", 64, "notes.xlsx", "csv"),
    .training("a folder as table", "--data model --drop x", 64, "model"),
    .training("truncated array", "--data cut.npy", 65, "cut.npy"),
    .training("unknown data set", "--data data:nothing", 66, "nothing", "iris"),
    .training("unknown toy", "--data toy:nothing", 64, "toy:moons"),
    .training("missing mixture", "--data nowhere.json", 66, "nowhere.json", "not found"),
    .training("inconsistent mixture", "--data bad.json", 65, "bad.json"),
  ]

  @Test("a table that cannot be used is refused with its place, and nothing is written", arguments: tables)
  func table(mistake: Mistake) throws { try expectRefused(mistake) }

  static let trainings: [Mistake] = [
    .training("unknown option", "--data two.csv --bogus", 64, "--bogus"),
    .training("no data", "", 64, "--data"),
    .training("dimensions differ", "--data two.csv --base three.csv", 65, "--base has 3", "--data 2"),
    .training(
      "score without noise", "--data two.csv --schedule linear --gamma zero --fields s", 64, "no score",
      "--gamma"),
    .training(
      "denoiser without noise", "--data two.csv --schedule linear --gamma zero --fields b,eta", 64, "no score"
    ),
    .training(
      "one-sided from a table", "--data two.csv --base two.csv --schedule one-sided-linear", 64, "one-sided",
      "linear"),
    .training("pairs that are not given", "--data two.csv --coupling paired", 64, "pairs", "--base"),
    .training("diffusive without pairs", "--data two.csv --schedule diffusive", 64, "pairs"),
    .training(
      "unknown schedule", "--data two.csv --schedule spiral", 64, "--schedule spiral", "one-sided-linear"),
    .training("unknown gamma", "--data two.csv --gamma none", 64, "--gamma none", "brownian"),
    .training("unknown field", "--data two.csv --fields w", 64, "--fields w", "eta"),
    .training("field twice", "--data two.csv --fields b,b", 64, "--fields b,b"),
    .training("exact fields of a table", "--data two.csv --fields exact", 64, "--fields exact", ".json"),
    .training("negative learning rate", "--data two.csv --lr -1", 64, "--lr -1"),
    .training("decay of one", "--data two.csv --ema 1", 64, "--ema 1"),
    .training("cap beyond the middle", "--data two.csv --t-cap 0.7", 64, "--t-cap 0.7"),
    .training("all rows held out", "--data two.csv --validation 1", 64, "--validation 1"),
    .training("infinite noise", "--data two.csv --noise inf", 64, "--noise inf"),
    .training("negative patience", "--data two.csv --patience -3", 64, "--patience -3"),
    .training(
      "unknown learning-rate schedule", "--data two.csv --lr-schedule halve:0", 64, "--lr-schedule", "halve:N"
    ),
    .training("U-Net of a table", "--data two.csv --net unet", 64, "--image-shape"),
    .training("U-Net of another size", "--data two.csv --net unet --image-shape 1x3x3", 64, "1×3×3", "2"),
    .training("unknown device", "--data two.csv --device gpu", 64, "--device gpu", "cpu"),
    .training("negative threads", "--data two.csv --threads -1", 64, "--threads -1"),
    Mistake(
      "folder occupied", "interpolant train --data two.csv --out model", 73, "model", "--resume", "--out"),
    Mistake(
      "folder below a file", "interpolant train --data two.csv --out two.csv/run", 73, "two.csv/run",
      "Not a directory"),
    Mistake(
      "folder in a closed place", "interpolant train --data two.csv --out /proc/none/run", 73,
      "/proc/none/run"),
    Mistake("resume of nothing", "interpolant train --out nowhere --resume", 66, "nowhere"),
  ]

  @Test("a training that cannot be is refused with the option, and nothing is written", arguments: trainings)
  func training(mistake: Mistake) throws { try expectRefused(mistake) }

  static let steerings: [Mistake] = [
    Mistake(
      "missing model", "steer run nowhere --reward linear:1,1 --out new.csv", 66, "nowhere", "not found"),
    Mistake(
      "unknown reward", "steer run model --reward height --out new.csv", 64, "found height", "linear:w,…"),
    Mistake(
      "a weight too few", "steer run model --reward linear:1 --out new.csv", 64, "linear:1", "2 finite"),
    Mistake(
      "a weight that is nan", "steer run model --reward linear:1,nan --out new.csv", 64, "linear:1,nan"),
    Mistake("unknown column", "steer run model --reward column:w --out new.csv", 64, "column:w", "columns"),
    Mistake("width of 0", "steer run model --reward near:1,1:0 --out new.csv", 64, "near:1,1:0", "τ > 0"),
    Mistake(
      "no particles", "steer run model --reward linear:1,1 -k 0 --out new.csv", 64, "particles", "at least 1"),
    Mistake("no groups", "steer run model --reward linear:1,1 --groups 0 --out new.csv", 64, "groups"),
    Mistake("no steps", "steer run model --reward linear:1,1 --steps 0 --out new.csv", 64, "--steps 0"),
    Mistake(
      "negative strength", "steer run model --reward linear:1,1 --strength -1 --out new.csv", 64, "strength",
      "-1"),
    Mistake(
      "strength of nan", "steer run model --reward linear:1,1 --strength nan --out new.csv", 64, "strength"),
    Mistake(
      "no noise", "steer run model --reward linear:1,1 --epsilon 0 --out new.csv", 64, "noise", "ε above 0"),
    Mistake(
      "resampling after the end", "steer run model --reward linear:1,1 --resample-from 100 --out new.csv", 64,
      "--resample-from 100", "0..<100"),
    Mistake(
      "never resampling", "steer run model --reward linear:1,1 --resample-every 0 --out new.csv", 64,
      "--resample-every 0"),
    Mistake(
      "unknown potential", "steer run model --reward linear:1,1 --potential mean --out new.csv", 64, "mean"),
    Mistake(
      "name without a format", "steer run model --reward linear:1,1 --out new", 64, "--out new", ".csv"),
    Mistake("time outside", "steer run model --reward linear:1,1 --tf 2 --out new.csv", 64, "2", "[0, 1]"),
    Mistake(
      "class of a model without", "steer run model --reward linear:1,1 --class a --out new.csv", 64, "--class"
    ),
  ]

  @Test("a steering that cannot be is refused with the option, and nothing is written", arguments: steerings)
  func steering(mistake: Mistake) throws { try expectRefused(mistake) }

  static let compositions: [Mistake] = [
    Mistake("missing model", "correct anneal nowhere --exponent 2 --out new.csv", 66, "nowhere", "not found"),
    Mistake("an interpolant", "correct anneal model --exponent 2 --out new.csv", 65, "diffusion train"),
    Mistake("no exponent", "correct anneal mixture.json --out new.csv", 64, "--exponent"),
    Mistake(
      "negative exponent", "correct anneal mixture.json --exponent -1 --out new.csv", 64, "exponent",
      "positive"),
    Mistake(
      "temper out of range", "correct anneal mixture.json --exponent 3 --temper 1 --out new.csv", 64,
      "temper",
      "[0, 0.75)"),
    Mistake(
      "temper and noise",
      "correct anneal mixture.json --exponent 2 --temper 0.5 --extra-noise 2 --out new.csv",
      64,
      "--temper and --extra-noise"),
    Mistake(
      "no noise", "correct anneal mixture.json --exponent 2 --extra-noise 0 --out new.csv", 64, "extra-noise"),
    Mistake("no particles", "correct anneal mixture.json --exponent 2 -n 0 --out new.csv", 64, "particles"),
    Mistake(
      "the score at the data", "correct anneal mixture.json --exponent 2 --end 0 --out new.csv", 64, "end",
      "a time > 0"),
    Mistake(
      "a window backwards", "correct anneal mixture.json --exponent 2 --window 0.9,0.1 --out new.csv", 64,
      "--window 0.9,0.1"),
    Mistake(
      "an exponent too few", "correct product mixture.json mixture.json --exponents 1 --out new.csv", 64,
      "--exponents 1", "2 numbers"),
    Mistake(
      "exponents of sum 0", "correct product mixture.json mixture.json --exponents 1,-1 --out new.csv", 64,
      "a sum > 0"),
    Mistake(
      "a tilt without gradient",
      "correct anneal mixture.json --exponent 1 --reward at-least:x1:0 --out new.csv",
      64,
      "gradient"),
    Mistake("guidance without a class", "correct guide mixture.json --out new.csv", 64, "--class"),
    Mistake("other file", "correct anneal mixture.json --exponent 2 --out new.txt", 64, "new.txt", ".csv"),
    Mistake("unknown schedule", "diffusion train --data two.csv --schedule sine --out new", 64, "sine"),
    Mistake("unknown prediction", "diffusion train --data two.csv --prediction y --out new", 64, "y"),
    Mistake("no such scale", "diffusion train --data two.csv --scale-of nowhere --out new", 66, "nowhere"),
    Mistake("an interpolant to sample", "diffusion sample model --out new.csv", 65, "diffusion train"),
    Mistake("unknown sampler", "diffusion sample model --sampler ddim:2 --out new.csv", 64, "ddim:2"),
    Mistake(
      "points without a shape", "diffusion train --data two.csv --net equivariant --no-standardise --out new",
      64,
      "points", "2 numbers"),
    Mistake(
      "a shape that is none", "diffusion train --data two.csv --net equivariant --points 13 --out new", 64,
      "--points 13", "13x3"),
    Mistake(
      "points with scales", "diffusion train --data two.csv --net equivariant --points 2x1 --out new", 64,
      "standardise", "off"),
    Mistake(
      "points of an interpolant", "interpolant train --data two.csv --net equivariant --points 2x1 --out new",
      64, "--net", "equivariant"),
    Mistake(
      "a clamp without increments",
      "correct anneal mixture.json --exponent 2 --weights density --clamp 1 --out new.csv", 64, "clamp"),
    Mistake(
      "a control variate of densities",
      "correct anneal mixture.json --exponent 2 --weights density --control-variate --out new.csv", 64,
      "control-variate"),
    Mistake(
      "a gradient of an interpolant", "steer run model --reward linear:1,1 --gradient 1 --out new.csv", 64,
      "gradient", "0"),
    Mistake(
      "a learned reward of an interpolant",
      "steer run model --reward linear:1,1 --intermediate learned --out new.csv", 64, "learned", "denoised"),
    Mistake(
      "a density that is not there", "steer run model --reward model:nowhere --out new.csv", 66, "nowhere"),
    Mistake(
      "a batch of an interpolant", "steer run model --reward linear:1,1 --model-batch 9 --out new.csv", 64,
      "--model-batch 9", "diffusion"),
    Mistake(
      "a batch of none", "steer run model --reward linear:1,1 --reward-batch 0 --out new.csv", 64,
      "reward batch", "at least 1"),
    Mistake("sizes", "steer compare model --reward linear:1,1 --sizes 2,0", 64, "--sizes 2,0"),
    Mistake(
      "a command that is none", "steer run model --reward command:no-such-program --steps 5 --out new.csv",
      65,
      "no-such-program", "status 127"),
  ]

  @Test("a composition that cannot be is refused, and nothing is written", arguments: compositions)
  func composition(mistake: Mistake) throws { try expectRefused(mistake) }

  static let uses: [Mistake] = [
    Mistake("missing model", "interpolant sample nowhere --out new.csv", 66, "nowhere", "not found"),
    Mistake(
      "model cut in its header", "interpolant sample header.safetensors --out new.csv", 65,
      "header.safetensors"),
    Mistake(
      "model cut in its numbers", "interpolant sample cut.safetensors --out new.csv", 65, "cut.safetensors"),
    Mistake("not a model", "interpolant sample two.csv --out new.csv", 65, "two.csv"),
    Mistake(
      "negative noise level", "interpolant sample model --sampler sde-forward --epsilon -1 --out new.csv", 64,
      "--epsilon -1", "at least 0"),
    Mistake(
      "negative level in a sweep",
      "interpolant sample model --sampler sde-forward --epsilon 1,-1 --out new.csv", 64, "--epsilon -1"),
    Mistake(
      "level that is no number", "interpolant sample model --epsilon much --out new.csv", 64, "--epsilon much"
    ),
    Mistake(
      "times in the wrong order", "interpolant sample model --t0 0.9 --tf 0.1 --out new.csv", 64, "--t0 0.9",
      "--tf 0.1"),
    Mistake("time outside", "interpolant sample model --t0 nan --out new.csv", 64, "nan", "[0, 1]"),
    Mistake("no steps", "interpolant sample model --steps 0 --out new.csv", 64, "--steps 0"),
    Mistake("no rows", "interpolant sample model --count 0 --out new.csv", 64, "--count 0"),
    Mistake(
      "no tolerance", "interpolant sample model --integrator dopri5 --tolerance 0 --out new.csv", 64,
      "--tolerance 0"),
    Mistake("samples as text", "interpolant sample model --out new.txt", 64, "new.txt", ".csv", ".npy"),
    Mistake(
      "samples into no folder", "interpolant sample model --out nowhere/new.csv", 73, "nowhere/new.csv"),
    Mistake(
      "class of a model without", "interpolant sample model --class a --out new.csv", 64, "--class a",
      "--label"),
    Mistake(
      "picture of no image", "interpolant sample model --picture new.png --out new.csv", 64, "--picture-shape"
    ),
    Mistake(
      "SDE scheme for the ODE", "interpolant sample model --integrator euler-maruyama --out new.csv", 64,
      "--integrator"),
    Mistake(
      "backwards from nowhere", "interpolant sample model --sampler ode-backward --out new.csv", 64, "--from"),
    Mistake(
      "start of another width", "interpolant sample model --from three.csv --out new.csv", 65, "3 columns",
      "2"),
    Mistake("flow of the mirror", "interpolant sample mirror --out new.csv", 64, "itself", "sde-forward"),
    Mistake(
      "SDE without noise", "interpolant sample no-noise --sampler sde-forward --out new.csv", 64, "no score",
      "--epsilon 0"),
    Mistake(
      "likelihood from a table", "interpolant loglik table-base --data three.csv --out new.csv", 64,
      "no likelihood", "mixture"),
    Mistake(
      "likelihood of another width", "interpolant loglik model --data three.csv --out new.csv", 65,
      "3 columns", "2"),
    Mistake(
      "likelihood of bad rows", "interpolant loglik model --data nan.csv --out new.csv", 65, "nan.csv:4:1"),
    Mistake("likelihood as text", "interpolant loglik model --data two.csv --out new.txt", 64, "new.txt"),
    Mistake(
      "likelihood, times in the wrong order", "interpolant loglik model --data two.csv --t0 0.9 --tf 0.1", 64,
      "--t0 0.9"),
    Mistake("likelihood, time outside", "interpolant loglik model --data two.csv --t0 -0.5", 64, "--t0 -0.5"),
    Mistake("likelihood, no paths", "interpolant loglik model --data two.csv --paths 0", 64, "--paths 0"),
    Mistake(
      "likelihood, no tolerance", "interpolant loglik model --data two.csv --adaptive --tolerance -1", 64,
      "--tolerance -1"),
    Mistake(
      "likelihood, unknown divergence", "interpolant loglik model --data two.csv --divergence much", 64,
      "--divergence much", "hutchinson"),
    Mistake(
      "unknown route", "interpolant cross-entropy model --data two.csv --methods magic", 64, "magic", "proxy"),
    Mistake(
      "H of x₀ without a density", "interpolant cross-entropy model --data two.csv --start two.csv", 64,
      "mixture"),
    Mistake("no times", "interpolant diagnose model --data two.csv --times 0", 64, "--times 0"),
    Mistake(
      "negative level of a bound", "interpolant diagnose model --data two.csv --epsilon -1", 64,
      "--epsilon -1"),
    Mistake("one pair", "interpolant rectify model --pairs 1 --out new", 64, "--pairs"),
    Mistake(
      "mirror of another model", "interpolant mirror model --data two.csv --out new.csv", 64,
      "--schedule mirror"),
    Mistake(
      "mirror at no level", "interpolant mirror mirror --data two.csv --epsilon 0 --out new.csv", 64,
      "--epsilon 0"),
    Mistake("unknown experiment", "reproduce nothing", 64, "nothing", "stochastic-interpolants"),
    Mistake("report of nothing", "report nowhere", 66, "nowhere"),
    Mistake("runs of nothing", "runs nowhere", 66, "nowhere"),
    Mistake("unknown verb", "interpolant fly", 64, "fly"),
  ]

  @Test("a use that cannot be is refused with the option, and nothing is written", arguments: uses)
  func use(mistake: Mistake) throws { try expectRefused(mistake) }

  @Test(
    "one column, and a byte-order mark with Windows line ends and quotes, are no mistakes",
    arguments: [("column.csv", 1), ("windows.csv", 2)])
  func good(name: String, columns: Int) throws {
    try Inputs.with { folder in
      let trained = try Program.run(
        ["interpolant", "train", "--data", name, "--out", "new"] + Program.small, in: folder)
      #expect(trained.status == 0, "\(trained.error)")
      #expect(
        try Program.run(["interpolant", "sample", "new", "--count", "5", "--out", "s.csv"], in: folder).status
          == 0)
      let lines = try String(contentsOf: folder.appending(path: "s.csv"), encoding: .utf8).split(
        separator: "\n")
      #expect(lines.count == 6)
      #expect(lines[0] == (columns == 1 ? "x" : "x,y"))
    }
  }
}
