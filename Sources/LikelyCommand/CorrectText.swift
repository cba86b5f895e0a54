import Foundation
import Likely

extension CorrectProduct {
  /// Whether all models are of `text-diffusion train`.
  func areTexts() throws -> Bool {
    let kinds = try models.map { path in
      path.hasSuffix(".json") ? false : MaskedTextModel.kind.matches(try modelFile(path))
    }
    guard kinds.contains(true) else { return false }
    guard !kinds.contains(false) else {
      throw UsageError("\(models.joined(separator: " ")): models of texts and of rows have no product")
    }
    return true
  }

  /// Draws a product of models of texts.
  func runTexts(_ exponents: [Double]) throws {
    try requireTextFile(out)
    let texts = try models.map { path in
      let model = try MaskedTextModel(contentsOf: modelFile(path))
      model.move(to: common.target)
      return model
    }
    for (path, model) in zip(models, texts).dropFirst() where model.vocabulary != texts[0].vocabulary {
      throw CorrectorError.incompatible("\(path) has other characters than \(models[0])")
    }
    let sampler = try MaskedSampler(
      MaskedProduct(texts, exponents: exponents), unmasking: .independent(texts[0].schedule))
    let options = try corrector.options()
    guard options.particles >= 1, options.groups >= 1, options.threshold >= 0 else {
      throw UsageError("--particles and --groups are at least 1, and --threshold is at least 0")
    }
    let engine = SequentialMonteCarlo(resampling: options.resampling, threshold: options.threshold)
    let shape = ParticleShape(groups: options.groups, particles: options.particles)
    let random = common.start()
    let result = try sampler.correct(
      shape, steps: options.steps, engine: engine, random: random.split("correct"))
    let weights = result.particles.weights.doubles
    let lines = texts[0].vocabulary.lines(result.particles.state)
    try writeTexts(
      lines.enumerated().map { row, text in
        [
          "text": .string(text), "group": .integer(row / shape.particles), "weight": .number(weights[row]),
        ]
      }, to: out)
    if corrector.json {
      let summary: JSONValue = [
        "exponents": .array(exponents.map { .number($0) }), "particles": .integer(shape.particles),
        "groups": .integer(shape.groups), "steps": .integer(options.steps),
        "resamplings": .integer(result.trace.resamplings.count),
        "log_evidence": .number(result.logEvidence.value),
        "log_evidence_error": .number(result.logEvidence.standardError),
      ]
      print(summary.compact)
      return
    }
    print("\(lines.count) texts written to \(out)")
    print("log Z \(result.logEvidence), \(result.trace.resamplings.count) resamplings")
  }
}
