import Language
import Testing
import Torch

@Suite("Activations that are computed again")
struct CheckpointingTests {
  private func slopes(_ name: String, adapting: Bool, checkpointing: Bool, autocast: Bool = false) throws
    -> [Tensor]
  {
    let fixture = try ModelFixture(name)
    let model = fixture.model
    model.checkpointsActivations = checkpointing
    var parameters = model.trainableParameters.map(\.value)
    if adapting {
      var random = RandomSource(seed: 1)
      let adapter = try LowRankAdapter(for: model, options: LowRankOptions(), using: &random)
      for update in adapter.updates { update.up.assign(random.normal(update.up.shape)) }
      model.freeze()
      model.attach(adapter)
      parameters = adapter.trainableParameters.map(\.value)
    }
    func loss() -> Tensor {
      model.logLikelihoods(of: [
        ScoringItem(prompt: [1, 2, 3], continuations: [[4, 5], [6, 7, 8]]),
        ScoringItem(prompt: [9], continuations: [[10]]),
      ]).sum()
    }
    let value = autocast ? withAutocast { loss() } : loss()
    return [value.detach()] + gradients(of: [value], withRespectTo: parameters)
  }

  @Test(
    "gradients are the same up to rounding", arguments: ["gpt2", "gpt_neox", "llama3", "mistral", "qwen3"],
    [false, true])
  func equal(name: String, adapting: Bool) throws {
    let plain = try slopes(name, adapting: adapting, checkpointing: false)
    let again = try slopes(name, adapting: adapting, checkpointing: true)
    #expect(zip(plain, again).allSatisfy { largestDifference($0, $1) < 1e-5 * max(1, $0.abs().max().item()) })
    #expect(plain.dropFirst().contains { $0.abs().max().item() > 1e-3 })
  }

  @Test("products are taken in the type they had the first time")
  func autocast() throws {
    let plain = try slopes("llama", adapting: false, checkpointing: false, autocast: true)
    let again = try slopes("llama", adapting: false, checkpointing: true, autocast: true)
    #expect(zip(plain, again).allSatisfy { largestDifference($0, $1) < 1e-2 * max(1, $0.abs().max().item()) })
    let single = try slopes("llama", adapting: false, checkpointing: true)
    #expect(!again[1].isEqual(to: single[1]))
  }

  @Test("a function that is differentiated twice is refused, not differentiated wrongly")
  func twice() throws {
    let x = Tensor([1.0, 2.0]).requiringGradient()
    let y = checkpointed(x, reading: []) { ($0 * $0 * $0).sum() }
    #expect(throws: (any Error).self) {
      try withTorchErrors { _ = gradients(of: [y], withRespectTo: [x], differentiable: true) }
    }
    let again = checkpointed(x, reading: []) { ($0 * $0 * $0).sum() }
    #expect(gradients(of: [again], withRespectTo: [x])[0].doubles == [3, 12])
  }
}
