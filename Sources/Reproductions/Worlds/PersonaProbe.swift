import Foundation
import Language
import Report
import Torch
import Training

/// Single prompts of real statements: a small model is taught to answer them, then to prefer one of two answers, and the
/// whole law of the answer is watched.
enum PersonaProbe {
  private static let yes = ["Yes", "Yeah", "Sure", "Certainly", "Absolutely"]
  private static let no = ["No", "Never", "Maybe", "Perhaps"]

  private struct Statement {
    let words: [String]
    /// Whether the answer that shows the trait is yes; the model is taught the other one.
    let matchesYes: Bool
  }

  private static func statements() throws -> [Statement] {
    let url = try DataCatalogue.file(of: DataCatalogue.dataSet(named: "persona"))
    var found: [Statement] = []
    try JSONLine.forEach(in: Data(contentsOf: url), file: url.path) { line throws(LanguageError) in
      guard let text = try line.text("statement"), let answer = try line.text("answer_matching_behavior")
      else {
        throw line.failure(line.keys, "statement and answer_matching_behavior")
      }
      let words = text.lowercased().split { !$0.isLetter && $0 != "'" }.map(String.init)
      found.append(Statement(words: words, matchesYes: answer.contains("Yes")))
    }
    return found
  }

  /// Answers, then words that come twice or more, then one token for all others.
  private struct Vocabulary {
    let ids: [String: Int]
    var count: Int { ids.count + 1 }

    init(_ statements: [Statement]) {
      var counts: [String: Int] = [:]
      for word in statements.flatMap(\.words) { counts[word, default: 0] += 1 }
      let words = counts.filter { $0.value >= 2 }.keys.sorted()
      ids = Dictionary(
        uniqueKeysWithValues: (yes + no + words.map { "·" + $0 }).enumerated().map { ($1, $0) })
    }

    func prompt(_ statement: Statement) -> [Int] { statement.words.map { ids["·" + $0] ?? ids.count } }
  }

  static func run(random: RandomSource, log: ExperimentLog) throws -> ExperimentOutcome {
    let all: [Statement]
    do {
      all = try statements()
    } catch let error as DataSetError {
      return ExperimentOutcome(claims: [
        Claim("C: single prompts of real statements", rule: .count(atLeast: 10, of: 10), notRun: "\(error)")
      ])
    }
    let vocabulary = Vocabulary(all)
    var stream = random.split("network")
    let model = try smallDecoder(
      vocabulary: vocabulary.count, context: all.map(\.words.count).max()! + 1, width: 64, using: &stream)
    try model.pretrain(
      steps: 320, learningRate: 1e-3, random: random.split("training"), log: log, title: "answers"
    ) { _, random in
      (0..<32).map { _ in
        let statement = all[random.integer(in: 0..<all.count)]
        let group = statement.matchesYes ? no : yes
        let answer = vocabulary.ids[group[random.integer(in: 0..<group.count)]]!
        return WeightedText(prompt: vocabulary.prompt(statement), response: [answer])
      }
    }
    var outcome = ExperimentOutcome()
    var table = ReportTable(
      title: "C: a hundred steps of DPO on one prompt",
      columns: [
        .text("preference"), .integer("prompt"), .number("π(y⁺) before"), .number("after"),
        .number("largest drop"), .text("gained most"),
      ])
    for (preferred, other, matchesYes) in [("Yes", "No", false), ("No", "Never", true)] {
      log("C: \(preferred) is preferred to \(other)")
      let candidates = all.indices.filter { all[$0].matchesYes == matchesYes }
      var (rises, errors, drops) = (0, [Double](), [Double]())
      for seed in 0..<10 {
        var stream = random.split("prompt").split(seed)
        let place = candidates[stream.integer(in: 0..<candidates.count)]
        var probe = DisplacementProbe(
          prompt: vocabulary.prompt(all[place]), preferred: vocabulary.ids[preferred]!,
          other: vocabulary.ids[other]!)
        probe.learningRate = 1e-5
        errors.append(try rateError(model, probe))
        let path = try probe.run(model.copy())
        if path.margin(step: probe.steps) > path.margin(step: 0) { rises += 1 }
        drops.append(path.largestDrop)
        let names = Dictionary(uniqueKeysWithValues: vocabulary.ids.map { ($1, $0) })
        let gained = path.gainers(2).map {
          "\(names[$0.token] ?? "?") +\(formatNumber($0.after - $0.before))"
        }
        table.append([
          .text("\(preferred) ≻ \(other)"), .integer(place + 1),
          .number(path.probability(of: probe.preferred, step: 0)),
          .number(path.probability(of: probe.preferred, step: probe.steps)), .number(path.largestDrop),
          .text(gained.joined(separator: ", ")),
        ])
      }
      outcome.claims += [
        Claim(
          "C: prompts for which \(preferred) gains on \(other) (π(\(preferred)) falls by up to \(formatNumber(drops.max()!)))",
          measured: Double(rises), uncertainty: nil, rule: .count(atLeast: 10, of: 10)),
        Claim(
          "C: largest relative error of the rates of nine answers in one step, \(preferred) and \(other)",
          measured: errors.max()!, uncertainty: nil, rule: .atMost(1e-3)),
      ]
    }
    outcome.items.append(.table(table))
    return outcome
  }

  /// How far a step of size 1e-5, forth and back, changes ln π of the nine answers, against −ℓ′⟨∇ ln π(z), ∇ margin⟩; in
  /// `Double`, since such changes are below `Float`'s digits.
  private static func rateError(_ single: Transformer, _ probe: DisplacementProbe) throws -> Double {
    let model = try single.copy()
    model.move(to: .double)
    model.freeze(false)
    let parameters = model.trainableParameters
    let text = Tensor(probe.prompt).unsqueeze(0)
    func law() -> Tensor { model.logits(text)[0, probe.prompt.count - 1].logSoftmax(0) }
    func slopes(_ value: Tensor) -> [Tensor] {
      gradients(of: [value], withRespectTo: parameters.map(\.value))
    }
    let before = law()
    let reference = (before[probe.preferred] - before[probe.other]).item()
    let margin = slopes(before[probe.preferred] - before[probe.other])
    // −ℓ′ of DPO where the policy is its reference: β σ(0).
    let strength = 0.1 * 0.5
    let answers = 0..<(yes.count + no.count)
    let rates = answers.map { answer in
      let own = slopes(law()[answer])
      return strength * zip(own, margin).reduce(0) { $0 + ($1.0 * $1.1).sum().item() }
    }
    let size = 1e-5
    let direction = slopes(-(0.1 * (law()[probe.preferred] - law()[probe.other] - reference)).logSigmoid())
    /// The law after a step of this size from where the model began.
    let start = parameters.map { $0.snapshot() }
    func stepped(_ size: Double) -> Tensor {
      withoutGradient {
        for (parameter, (value, slope)) in zip(parameters, zip(start, direction)) {
          parameter.assign(value - size * slope)
        }
        return law()
      }
    }
    // A step forth and one back, so that what is of second order in it goes out: some rates are all but 0.
    let change = (stepped(size) - stepped(-size)) / (2 * size)
    return answers.map { answer in
      abs(change[answer].item() - rates[answer]) / abs(rates[answer])
    }.max()!
  }
}
