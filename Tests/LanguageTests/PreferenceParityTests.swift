import Files
import Foundation
import Language
import Testing
import Torch

/// Against trl 1.16.0; see Fixtures/make_preferences.py.
@Suite("Preference objectives beside trl")
struct PreferenceParityTests {
  private struct Fixture: Decodable {
    struct Pair: Decodable {
      let prompt_ids: [Int]
      let chosen_ids: [Int]
      let rejected_ids: [Int]
    }
    struct Loss: Decodable {
      let objective: String
      let beta: Double
      let loss: Double
    }
    let pairs: [Pair]
    let reference: [[Double]]
    let losses: [Loss]
  }

  /// Our objective of that name, and what trl's is more than ours for every pair.
  private func ours(_ name: String, _ beta: Double) -> (loss: PreferenceLoss, constant: Double)? {
    switch name {
    case "sigmoid": (.preset(.dpo, beta: beta), 0)
    case "hinge": (.init(score: .ratio, ranking: .hinge(beta: beta, margin: 1)), 0)
    case "ipo": (.preset(.ipoMean, beta: beta), 0)
    case "nca_pair": (.preset(.nca, beta: beta), 0)
    case "bco_pair": (.init(score: .ratio, ranking: .binary(beta: beta)), 0)
    case "apo_zero": (.preset(.apoZero, beta: beta), 1)
    // Theirs is σ(βr_w) + 1 − σ(βΔ).
    case "apo_down": (.preset(.apoDown, beta: beta), 1)
    case "sigmoid_norm":
      (.init(score: .meanRatio, ranking: .logistic(beta: beta, margin: 0, smoothing: 0)), 0)
    case "orpo": (.init(score: .odds, ranking: .logistic(beta: beta, margin: 0, smoothing: 0)), 0)
    case "cpo": (.init(score: .likelihood, ranking: .logistic(beta: beta, margin: 0, smoothing: 0)), 0)
    case "simpo": (.preset(.simpo, beta: beta), 0)
    default: nil
    }
  }

  @Test("losses of a fixed batch agree to 1e-5")
  func losses() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/preferences.json")
    let fixture = try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: url))
    let model = try ModelFixture("llama").model
    let pairs = fixture.pairs.map {
      PreferencePair(prompt: $0.prompt_ids, chosen: $0.chosen_ids, rejected: $0.rejected_ids)
    }
    let found = withoutGradient { model.likelihoods(of: pairs, reference: Tensor(rows: fixture.reference)) }
    var compared = 0
    for row in fixture.losses {
      guard let (loss, constant) = ours(row.objective, row.beta) else { continue }
      let own = loss(found).mean().item() + constant
      #expect(abs(own - row.loss) < 1e-5 * max(1, abs(row.loss)), "\(row.objective), β = \(row.beta): \(own)")
      compared += 1
    }
    #expect(compared == 12)
  }
}
