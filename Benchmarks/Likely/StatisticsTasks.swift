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
        // The fractional parts of multiples of irrational numbers fill the interval evenly.
        let x = 2 * (Double(i + 1) * (2.0 + Double(j)).squareRoot()).truncatingRemainder(dividingBy: 1) - 1
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
