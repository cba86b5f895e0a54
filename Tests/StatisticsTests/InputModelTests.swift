import Foundation
import Probability
import Statistics
import Testing
import Torch

@Suite("laws of inputs")
struct InputModelTests {
  private func read(_ text: String) throws -> InputModel {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "in.json")
    try Data(text.utf8).write(to: file)
    return try InputModel.read(file)
  }

  @Test("every law has the mean and the deviation that it was given")
  func moments() throws {
    let model = try read(
      #"""
      {"inputs": [
        {"name": "a", "law": "normal", "mean": -3, "cv": 0.5},
        {"name": "b", "law": "lognormal", "mean": 5, "cv": 0.3},
        {"name": "c", "law": "gamma", "mean": 2, "deviation": 0.8},
        {"name": "d", "law": "uniform", "low": 1, "high": 4},
        {"name": "e", "law": "beta", "alpha": 2, "beta": 3, "low": -1, "high": 1},
        {"name": "f", "law": "mixture", "parts": [
          {"share": 1, "law": "normal", "mean": 0, "deviation": 1},
          {"share": 3, "law": "uniform", "low": 2, "high": 4}]},
        {"name": "g", "law": "normal", "mean": 0, "deviation": 1, "low": 0}],
       "correlations": [{"between": ["a", "c"], "value": 0.7}]}
      """#)
    var random = RandomSource(seed: 61)
    let x = try model.law().sample(60_000, using: &random)
    let means = x.mean(0).doubles
    let deviations = (x - x.mean(0)).square().mean(0).sqrt().doubles
    // Of the mixture: ¾·3, and ¼·1 + ¾(1/3 + 9) − mean²; of the half-normal √(2/π).
    let half = 2 / Double.pi
    let mixture = 7.25 - 2.25 * 2.25
    let trueMeans: [Double] = [-3, 5, 2, 2.5, -0.2, 2.25, half.squareRoot()]
    let spreads: [Double] = [
      1.5, 1.5, 0.8, 0.75.squareRoot(), 0.4, mixture.squareRoot(), (1 - half).squareRoot(),
    ]
    let n = 60_000.0
    for j in 0..<7 {
      let error = spreads[j] / n.squareRoot()
      #expect(abs(means[j] - trueMeans[j]) < 5 * error, "\(j): \(means[j])")
      #expect(abs(deviations[j] / spreads[j] - 1) < 0.02, "\(j): \(deviations[j])")
    }
    #expect(x[.all, 6].min().item() >= 0)
  }

  @Test("a table of laws changes what its columns name")
  func variants() throws {
    let model = InputModel([
      InputLaw(name: "w", law: .normal, mean: 1, cv: 0.1),
      InputLaw(name: "t", law: .normal, mean: 2, cv: 0.1),
    ])
    let table = DataTable([
      .init("w.mean", .numbers([1, 3])), .init("w~t", .numbers([0, 0.5])),
      .init("t.deviation", .numbers([1, 2])),
    ])
    let variants = try model.variants(table)
    #expect(variants[1].inputs[0].mean == 3 && variants[1].inputs[1].deviation == 2)
    #expect(variants[1].inputs[1].cv == nil && variants[1].correlations.first?.value == 0.5)
    let bad = DataTable([.init("v.mean", .numbers([1]))])
    let failure = message { _ = try model.variants(bad) }
    #expect(failure.contains("v.mean") && failure.contains("inputs are w, t"))
    let negative = DataTable([.init("w.cv", .numbers([0.1, -1]))])
    let second = message { _ = try model.variants(negative) }
    #expect(second.contains("w") && second.contains("cv above 0"))
  }

  static let mistakes: [(text: String, words: [String])] = [
    (#"[{"name": "x", "law": "cauchy"}]"#, ["something else than inputs", "lognormal"]),
    (#"[{"law": "normal", "mean": 0, "deviation": 1}]"#, ["no name"]),
    ("[]", ["no inputs"]),
    (#"[{"name": "x", "law": "beta", "alpha": 2}]"#, ["in.json, x", "alpha and beta"]),
    (#"[{"name": "x", "law": "uniform", "low": 2, "high": 1}]"#, ["in.json, x", "low below high"]),
    (#"[{"name": "x", "law": "normal", "mean": 0, "deviation": 1, "low": 90}]"#, ["in.json, x", "mass"]),
    (#"[{"name": "x", "law": "mixture"}]"#, ["in.json, x", "parts"]),
    (
      #"[{"name": "x", "law": "gamma", "mean": 1, "cv": 1}, {"name": "x", "law": "gamma", "mean": 1, "cv": 1}]"#,
      ["second input"]
    ),
    (
      #"{"inputs": [{"name": "x", "law": "gamma", "mean": 1, "cv": 1}], "correlations": [{"between": ["x", "y"], "value": 0.1}]}"#,
      ["x~y", "two of x"]
    ),
    (
      #"{"inputs": [{"name": "x", "law": "gamma", "mean": 1, "cv": 1}, {"name": "y", "law": "gamma", "mean": 1, "cv": 1}], "correlations": [{"between": ["x", "y"], "value": 1.5}]}"#,
      ["x~y", "in (-1, 1)"]
    ),
    (
      #"{"inputs": [{"name": "x", "law": "gamma", "mean": 1, "cv": 1}], "correlation": []}"#,
      ["the key correlation,", "did you mean correlations?"]
    ),
    (
      #"[{"name": "x", "law": "normal", "mean": 1, "deviaton": 1}]"#,
      ["in.json at [0]", "did you mean deviation?"]
    ),
    (
      #"[{"name": "x", "law": "normal", "mean": 1, "cv": 1, "deviation": 1}]"#,
      ["in.json, x", "one of both"]
    ),
    (
      #"[{"name": "x", "law": "mixture", "parts": [{"law": "normal", "mean": 1, "cv": 1}]}]"#,
      ["[0].parts[0] (no share)"]
    ),
  ]

  @Test("mistakes are told with the input", arguments: mistakes.indices)
  func mistake(_ place: Int) throws {
    let (text, words) = Self.mistakes[place]
    let found = message { _ = try read(text) }
    for word in words { #expect(found.contains(word), "\(found)") }
  }
}
