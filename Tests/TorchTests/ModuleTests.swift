import Testing
import Torch

private final class Block: Module {
  let first: Linear
  let list: [Linear]
  let maybe: Linear?
  let absent: Linear?
  let scale = Parameter(.ones([2]))
  let running = Buffer(.zeros([3]))
  let note = "not a part of the state"

  init(using random: inout RandomSource) {
    first = Linear(2, 3, using: &random)
    list = [Linear(3, 3, bias: false, using: &random), Linear(3, 2, using: &random)]
    maybe = Linear(2, 2, bias: false, using: &random)
    absent = nil
  }
}

private final class Network: Module {
  let blocks: [Block]
  let dropout = Dropout(0.5)

  init(using random: inout RandomSource) {
    blocks = [Block(using: &random), Block(using: &random)]
  }
}

private func network(seed: UInt64 = 1) -> Network {
  var random = RandomSource(seed: seed)
  return Network(using: &random)
}

@Suite("Modules") struct ModuleTests {
  @Test("names are those that PyTorch gives to nested modules, arrays and optionals")
  func names() {
    let inside = [
      "first.weight", "first.bias", "list.0.weight", "list.1.weight", "list.1.bias", "maybe.weight", "scale",
    ]
    let expected = (0..<2).flatMap { i in inside.map { "blocks.\(i).\($0)" } }
    #expect(network().namedParameters.map(\.name) == expected)
    #expect(network().namedBuffers.map(\.name) == ["blocks.0.running", "blocks.1.running"])
    var random = RandomSource(seed: 1)
    // The properties of a superclass come first, whatever subclass declares them anew.
    let convolution = Conv2d(1, 2, kernel: 3, using: &random)
    #expect(convolution.namedParameters.map(\.name) == ["weight", "bias"])
    let chain = Sequential(convolution, GroupNorm(groups: 1, channels: 2))
    #expect(
      chain.namedParameters.map(\.name)
        == ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"])
  }

  @Test("parameters are counted, and freezing takes them out of training")
  func freezing() {
    let module = network()
    let block = 6 + 3 + 9 + 6 + 2 + 4 + 2
    #expect(module.parameterCount == 2 * block)
    module.freeze { $0.hasPrefix("blocks.0.") }
    #expect(module.trainableParameterCount == block)
    #expect(module.parameterCount == 2 * block)
    let frozen = module.blocks[0].first
    #expect(!frozen.weight.value.requiresGradient)
    #expect(!frozen(.ones([1, 2])).requiresGradient)
    #expect(module.blocks[1].first(.ones([1, 2])).requiresGradient)
    module.freeze(false)
    #expect(module.trainableParameterCount == 2 * block)
    #expect(frozen(.ones([1, 2])).requiresGradient)
  }

  @Test("a state taken and loaded gives the same module; later steps leave the taken state alone")
  func roundTrip() throws {
    let (one, other) = (network(seed: 1), network(seed: 2))
    one.blocks[0].running.value = Tensor([1, 2, 3].map { Float($0) })
    let state = one.state()
    #expect(!one.blocks[0].first.weight.value.isEqual(to: other.blocks[0].first.weight.value))
    try other.load(Dictionary(uniqueKeysWithValues: state.map { ($0.name, $0.tensor) }))
    for ((name, a), (otherName, b)) in zip(one.state(), other.state()) {
      #expect(name == otherName)
      #expect(a.isEqual(to: b))
    }
    #expect(other.blocks[0].first.weight.value.requiresGradient)
    let before = state[0].tensor.floats
    one.blocks[0].first.weight.assign(.zeros([3, 2]))
    #expect(state[0].tensor.floats == before)
  }

  @Test("a state that does not fit is refused by name, and nothing is changed")
  func loadErrors() throws {
    let module = network()
    let before = module.state()
    var state = Dictionary(uniqueKeysWithValues: network(seed: 2).state().map { ($0.name, $0.tensor) })
    state["blocks.1.scale"] = nil
    state["blocks.7.scale"] = .ones([2])
    state["blocks.0.first.weight"] = .ones([2, 3])
    let error = #expect(throws: ModuleStateError.self) { try module.load(state) }
    #expect(error?.missing == ["blocks.1.scale"])
    #expect(error?.unknown == ["blocks.7.scale"])
    #expect(error?.misshapen == ["blocks.0.first.weight: [2, 3] where [3, 2] is expected"])
    let text = try #require(error?.description)
    for part in ["missing: blocks.1.scale", "unknown: blocks.7.scale", "[2, 3] where [3, 2]"] {
      #expect(text.contains(part))
    }
    for (a, b) in zip(before, module.state()) { #expect(a.tensor.isEqual(to: b.tensor)) }
  }

  @Test("training and evaluation reach every part; dropout acts in training alone")
  func modes() {
    let module = network()
    var random = RandomSource(seed: 3)
    let x = Tensor.ones([200, 100])
    #expect(module.isTraining && module.blocks[1].list[0].isTraining)
    let dropped = module.dropout(x, using: &random)
    // Kept entries are scaled by 1/(1 − rate), so each is 0 or 2 and the mean stays 1 (s.e. 1/√20,000).
    #expect(Set(dropped.floats) == [0, 2])
    #expect(abs(dropped.mean().item() - 1) < 5 / 20_000.0.squareRoot())
    module.train(false)
    #expect(!module.isTraining && !module.blocks[1].list[0].isTraining && !module.dropout.isTraining)
    #expect(module.dropout(x, using: &random).isEqual(to: x))
    module.train()
    #expect(module.dropout.isTraining)
  }

  @Test("dropout's gradient is its own mask")
  func dropoutGradient() {
    let layer = Dropout(0.25)
    let x = normal([50, 4])
    var random = RandomSource(seed: 4)
    var same = random
    let y = layer(x, using: &random)
    let gradient = valueAndGradient(of: { layer($0, using: &same) }, at: x).gradient
    expectClose(y, x * gradient)
    #expect(Set(gradient.doubles.map { ($0 * 3).rounded() }) == [0, 4])
  }

  @Test("parameters and buffers move to another type together")
  func move() {
    let module = network()
    module.move(to: .double)
    #expect(module.namedParameters.allSatisfy { $0.value.value.dtype == .double })
    #expect(module.namedBuffers.allSatisfy { $0.value.value.dtype == .double })
    #expect(module.blocks[0].scale.value.requiresGradient)
  }
}
