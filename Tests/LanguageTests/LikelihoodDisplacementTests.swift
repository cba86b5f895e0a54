import Foundation
import Language
import Testing
import Torch

@Suite("Likelihood displacement")
struct LikelihoodDisplacementTests {
  private static let table: Tensor = {
    var values: [Double] = []
    for i in 0..<6 {
      for j in 0..<4 { values.append(sin(1.3 * Double(i) + 0.7 * Double(j) + 0.2)) }
    }
    return Tensor(values, shape: [6, 4])
  }()

  private func states(_ count: Int) -> Tensor {
    var values: [Double] = []
    for context in 0..<count {
      for j in 0..<4 { values.append(cos(0.9 * Double(j) + 0.4 + 0.5 * Double(context))) }
    }
    return Tensor(values, shape: [count, 4])
  }

  private let texts = UnconstrainedFeatures.Pair(
    chosen: .init(contexts: [0, 1, 2], tokens: [1, 3, 0]),
    rejected: .init(contexts: [0, 1, 3], tokens: [1, 2, 0]))

  @Test("rates of single tokens are the published closed form, and its three parts add up to them")
  func singleTokens() {
    let model = UnconstrainedFeatures(unembedding: Self.table, hidden: states(1))
    let pair = UnconstrainedFeatures.Pair(chosen: .init(token: 1), rejected: .init(token: 2))
    let (w, h) = (Self.table.doubles, states(1).doubles)
    let p = model.logProbabilities(context: 0).exp().doubles
    func row(_ i: Int) -> [Double] { Array(w[4 * i..<4 * i + 4]) }
    func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let difference = zip(row(1), row(2)).map(-)
    let mean = (0..<4).map { j in (0..<6).reduce(0) { $0 + p[$1] * row($1)[j] } }
    for z in 0..<6 {
      let own = (z == 1 ? 1.0 : 0) - (z == 2 ? 1.0 : 0) - p[1] + p[2]
      let truth = 0.05 * (dot(zip(row(z), mean).map(-), difference) + dot(h, h) * own)
      #expect(abs(model.rate(of: .init(token: z), under: pair, strength: 0.05) - truth) < 1e-12)
    }
    let drivers = model.drivers(preferred: 1, other: 2)
    let rate = model.rate(of: pair.chosen, under: pair, strength: 1)
    #expect(abs(drivers.rate - rate) < 1e-12)
    #expect(drivers.norms >= 0)
  }

  @Test("rates of texts agree with automatic differentiation")
  func automatic() {
    let model = UnconstrainedFeatures(unembedding: Self.table, hidden: states(4))
    func logLikelihood(_ y: UnconstrainedFeatures.Response, _ w: Tensor, _ h: Tensor) -> Tensor {
      let logs = h.select(axis: 0, Tensor(y.contexts)).matmul(w.transposed).logSoftmax(-1)
      return logs.gather(axis: 1, Tensor(y.tokens).unsqueeze(1)).sum()
    }
    func slopes(_ y: UnconstrainedFeatures.Response) -> [Tensor] {
      valueAndGradient(of: { logLikelihood(y, $0[0], $0[1]) }, at: [Self.table, states(4)]).1
    }
    let (first, second) = (slopes(texts.chosen), slopes(texts.rejected))
    for (y, own) in [(texts.chosen, first), (texts.rejected, second)] {
      let truth = zip(own, zip(first, second)).reduce(0) { $0 + ($1.0 * ($1.1.0 - $1.1.1)).sum().item() }
      #expect(abs(model.rate(of: y, under: texts, strength: 1) - truth) < 1e-10)
    }
  }

  @Test("CHES is 0 for equal responses, asymmetric, and grows with the square of the states")
  func similarity() {
    let model = UnconstrainedFeatures(unembedding: Self.table, hidden: states(4))
    #expect(abs(model.similarity(.init(chosen: texts.chosen, rejected: texts.chosen)).ches) < 1e-12)
    let swapped = UnconstrainedFeatures.Pair(chosen: texts.rejected, rejected: texts.chosen)
    #expect(abs(model.similarity(swapped).ches - model.similarity(texts).ches) > 0.1)
    var larger = model
    larger.hidden = 3 * model.hidden
    #expect(abs(larger.similarity(texts).ches - 9 * model.similarity(texts).ches) < 1e-10)
    let shares = model.positiveShares(texts)
    #expect((0...1).contains(shares.within) && (0...1).contains(shares.across))
  }

  @Test("gradient flow is what small steps of descent come to, and raises the margin")
  func flow() {
    let start = UnconstrainedFeatures(unembedding: Self.table, hidden: states(4))
    let descent = UnconstrainedFeatures.Descent(texts, loss: .preset(.dpo, beta: 0.1), from: start)
    #expect(abs(descent.strengths(start).chosen - 0.05) < 1e-12)
    #expect(abs(descent.strengths(start).rejected + 0.05) < 1e-12)
    var (flowed, stepped) = (start, start)
    for _ in 0..<10 { flowed = flowed.flowed(descent, time: 0.1) }
    for _ in 0..<2000 { stepped = stepped.stepped(descent, learningRate: 5e-4) }
    for y in [texts.chosen, texts.rejected] {
      #expect(abs(flowed.logLikelihood(of: y) - stepped.logLikelihood(of: y)) < 1e-4)
    }
    func margin(_ model: UnconstrainedFeatures) -> Double {
      model.logLikelihood(of: texts.chosen) - model.logLikelihood(of: texts.rejected)
    }
    #expect(margin(flowed) > margin(start))
    // A likelihood term adds λ‖∇ ln π(y⁺)‖².
    let helped = UnconstrainedFeatures.Descent(
      texts, loss: .preset(.dpo, beta: 0.1, weight: 1), from: start)
    #expect(helped.strengths(start).chosen > descent.strengths(start).chosen)
  }

  private func model() throws -> Transformer {
    var random = RandomSource(seed: 3)
    return try Transformer(
      .llama(vocabularySize: 12, width: 16, layers: 2, heads: 2, contextLength: 16), using: &random)
  }

  @Test("a probe sees whole laws, raises the margin, and refuses what makes no sense")
  func probe() throws {
    var probe = DisplacementProbe(prompt: [1, 2, 3], preferred: 4, other: 5)
    (probe.steps, probe.learningRate) = (20, 1e-3)
    let path = try probe.run(model())
    #expect(path.logProbabilities.shape == [21, 12] && path.steps == 20)
    for step in [0, 20] {
      #expect(abs(path.logProbabilities[step].exp().sum().item() - 1) < 1e-6)
    }
    #expect(path.margin(step: 20) > path.margin(step: 0))
    #expect(path.largestDrop >= 0 && path.largestDrop < 1)
    for gainer in path.gainers(3) { #expect(gainer.after > gainer.before) }
    func failure(_ change: (inout DisplacementProbe) -> Void) -> String? {
      var bad = probe
      change(&bad)
      do {
        _ = try bad.run(model())
        return nil
      } catch { return "\(error)" }
    }
    #expect(failure { $0.other = 4 }?.contains("other") == true)
    #expect(failure { $0.preferred = 12 }?.contains("token 12") == true)
    #expect(failure { $0.steps = 0 }?.contains("steps") == true)
    #expect(failure { $0.loss = .preset(.dpo, beta: 0) }?.contains("beta") == true)
  }
}
