import ArgumentParser
import Foundation
import Likely

/// Proportional odds of a table made by formula, so that the peer has the same without a file.
struct OrdinalTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ordinal")
  @OptionGroup var options: TaskOptions
  @Option var rows = 2500
  @Option var columns = 10

  func run() throws {
    Libtorch.threads = options.threads
    var values: [Double] = []
    var codes: [Int] = []
    for i in 0..<rows {
      var predictor = 0.0
      for j in 0..<columns {
        // The fractional parts of multiples of an irrational number fill the interval evenly.
        let x = 2 * (Double(i + 1) * (2.5 + Double(j)).squareRoot()).truncatingRemainder(dividingBy: 1) - 1
        values.append(x)
        predictor += x * (j % 2 == 0 ? 0.8 : -0.4)
      }
      let u = (Double(i + 1) * 0.754_877_666_246_692_7).truncatingRemainder(dividingBy: 1)
      codes.append([0.0, 2, 4].filter { u >= 1 / (1 + exp(-($0 + predictor))) }.count)
    }
    let design = Tensor(values, shape: [rows, columns])
    let response = OrdinalResponse(codes, classes: 4)
    func fit() throws -> OrdinalFit { try OrdinalRegression(.proportional).fit(design, response) }
    _ = try fit()
    var result: OrdinalFit?
    let before = processorSeconds()
    let time = try seconds { for _ in 0..<20 { result = try fit() } }
    answer([
      "seconds": time / 20, "processor": (processorSeconds() - before) / 20,
      "logLikelihood": -Double(rows) * result!.negativeLogLikelihood,
    ])
  }
}

/// The reusable holdout's experiment without signal: variables chosen, votes of several sizes judged.
struct HoldoutTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "holdout")
  @OptionGroup var options: TaskOptions
  @Option var rows = 1000
  @Option var repetitions = 5

  func run() throws {
    Libtorch.threads = options.threads
    let rows = rows
    func study(_ seed: UInt64) -> [ThresholdoutStudy.Accuracies] {
      var random = RandomSource(seed: seed)
      return ThresholdoutStudy(rows: rows, signals: 0).run(using: &random).protected
    }
    _ = study(0)
    var accuracies: [[ThresholdoutStudy.Accuracies]] = []
    let before = processorSeconds()
    let time = seconds { for seed in 1...repetitions { accuracies.append(study(UInt64(seed))) } }
    answer([
      "seconds": time / Double(repetitions), "processor": (processorSeconds() - before) / Double(repetitions),
      "fresh": accuracies.map { $0.last!.fresh }.reduce(0, +) / Double(repetitions),
    ])
  }
}

/// A selection among many models: which model tests whom, and whom to select.
struct SelectionTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "selection")
  @OptionGroup var options: TaskOptions
  @Option var models = 24
  @Option var units = 100

  func run() throws {
    Libtorch.threads = options.threads
    // By formula, so that the peer has the same without a file.
    func value(_ i: Int, _ k: Int) -> Double {
      (Double(i + 1) * (2.5 + Double(k)).squareRoot()).truncatingRemainder(dividingBy: 1)
    }
    func rows(_ range: Range<Int>) -> [[Double]] {
      (0..<models).map { k in
        range.map { (value($0, 100) - 0.5) * (0.5 + Double(k % 5) / 5) + value($0, k) - 0.5 }
      }
    }
    let scores = try ConformalScores(
      calibration: rows(0..<units), passes: (0..<units).map { value($0, 100) > 0.6 },
      candidates: rows(units..<2 * units))
    var selection = ConformalSelection(level: 0.3, pruning: .dtm)
    (selection.isRandomised, selection.breaksTiesAtRandom) = (false, false)
    let fixed = selection
    func select() throws -> [Int] {
      var random = RandomSource(seed: 1)
      return try fixed.select(scores, using: &random).chosen
    }
    var chosen = try select()
    let before = processorSeconds()
    let time = try seconds { for _ in 0..<50 { chosen = try select() } }
    answer([
      "seconds": time / 50, "processor": (processorSeconds() - before) / 50, "selected": Double(chosen.count),
    ])
  }
}

/// A cross-fitted effect with an instrument, linear learners.
struct EffectTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "effect")
  @OptionGroup var options: TaskOptions
  @Option var rows = 10_000
  @Option var columns = 10

  func run() throws {
    Libtorch.threads = options.threads
    func part(_ i: Int, _ k: Double) -> Double {
      (Double(i + 1) * k.squareRoot()).truncatingRemainder(dividingBy: 1)
    }
    var (y, a, z, x) = ([Double](), [Double](), [Double](), [Double]())
    for i in 0..<rows {
      let own = (0..<columns).map { 2 * part(i, 2.5 + Double($0)) - 1 }
      x += own
      z.append(part(i, 101) < 0.4 + 0.2 * own[0] ? 1 : 0)
      a.append(part(i, 103) < 0.15 + 0.4 * z[i] + 0.1 * own[1] ? 1 : 0)
      y.append(a[i] * (1 + own[0]) + own[2] - own[3] + part(i, 107))
    }
    let data = try InstrumentData(
      outcome: y, exposure: a, instrument: z, covariates: Tensor(x, shape: [rows, columns]))
    let candidates = NuisanceCandidates([.basis(.linear)])
    let estimator = InvalidInstrument(selection: .none)
    func estimate() throws -> Double {
      try estimator.estimate(data, candidates, random: RandomSource(seed: 1)).effect.value
    }
    var effect = try estimate()
    let before = processorSeconds()
    let time = try seconds { for _ in 0..<10 { effect = try estimate() } }
    answer(["seconds": time / 10, "processor": (processorSeconds() - before) / 10, "effect": effect])
  }
}
