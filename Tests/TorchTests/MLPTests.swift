import Testing
import Torch

@Suite("Perceptrons") struct MLPTests {
  private func mlp(_ widths: [Int], _ activation: Activation) -> MLP {
    var random = RandomSource(seed: 21)
    let network = MLP(widths, activation: activation, using: &random)
    network.move(to: .double)
    return network
  }

  @Test("derivatives of activations are those of autograd", arguments: Activation.allCases)
  func derivatives(activation: Activation) {
    let x = Tensor.concatenate([normal([400]) * 3, Tensor([-40.0, 40, -0.1, 0.1])])
    let (value, derivative) = activation.valueAndDerivative(x)
    let automatic = valueAndGradient(of: { activation($0) }, at: x)
    expectClose(value, automatic.value, 1e-12)
    expectClose(derivative, automatic.gradient, 1e-12)
  }

  @Test("overwriting while recording leaves first and second derivatives", arguments: Activation.allCases)
  func overwritingRecorded(activation: Activation) {
    let network = mlp([3, 8, 8, 2], activation)
    var random = RandomSource(seed: 5)
    let (x, v) = (random.normal([6, 3], dtype: .double), random.normal([6, 3], dtype: .double))
    // Composed by hand, every temporary kept.
    func composed(_ x: Tensor) -> Tensor {
      let first = activation(network.layers[0](x))
      return network.layers[2](activation(network.layers[1](first)))
    }
    let parameters = network.trainableParameters.map(\.value)
    let got = gradients(of: [network(x).square().sum()], withRespectTo: parameters)
    let expected = gradients(of: [composed(x).square().sum()], withRespectTo: parameters)
    for (a, b) in zip(got, expected) { expectClose(a, b, 1e-12) }
    let curvature = hessianVectorProduct(of: { network($0).square().sum() }, at: x, along: v)
    let reference = hessianVectorProduct(of: { composed($0).square().sum() }, at: x, along: v)
    expectClose(curvature.product, reference.product, 1e-12)
  }

  @Test("overwriting a temporary gives the recorded values", arguments: Activation.allCases)
  func overwriting(activation: Activation) {
    let network = mlp([3, 8, 8, 2], activation)
    let x = normal([6, 3])
    expectClose(withoutGradient { network(x) }, network(x).detach(), 0)
    #expect(x.isEqual(to: normal([6, 3])))
  }

  @Test(
    "packed weights give the perceptron's values, also at the ends of the range",
    arguments: Activation.allCases, [0, 1, 4])
  func packed(activation: Activation, depth: Int) throws {
    let (d, k) = (3, 2)
    var random = RandomSource(seed: 24)
    let network = MLP(
      [d + k] + [Int](repeating: 32, count: depth) + [d], activation: activation, using: &random)
    let packed = try #require(PackedMLP(network, inputs: d, rows: 16))
    let far = Tensor([1e4, -1e4, 0, 1e30, 1e30, -1e30, -1e-6, 1e-6, 0] as [Float]).reshape(3, d)
    let x = Tensor.concatenate([random.normal([9, d], dtype: .float), far])
    for context in [random.normal([k], dtype: .float), random.normal([12, k], dtype: .float)] {
      withoutGradient {
        let (got, expected) = (packed(x, context: context), network(x, context: context))
        let scale = expected.abs().max().item()
        #expect(expected.isFinite().all().item() == 1)
        expectClose(got[0..<10], expected[0..<10], 2e-5 * max(1, expected[0..<10].abs().max().item()))
        expectClose(got, expected, 2e-5 * max(1, scale))
      }
    }
    network.move(to: .double)
    #expect(PackedMLP(network, inputs: d, rows: 16) == nil)
  }

  @Test(
    "the divergence carried forward is the exact one, for every activation, depth and context",
    arguments: Activation.allCases, [0, 1, 3])
  func divergence(activation: Activation, depth: Int) {
    let (d, k) = (4, 3)
    let network = mlp([d + k] + [Int](repeating: 16, count: depth) + [d], activation)
    let x = normal([9, d])
    for context in [normal([k], seed: 22), normal([9, k], seed: 23)] {
      let exact = exactDivergence(of: { network($0, context: context) }, at: x)
      let carried = withoutGradient { network.valueAndDivergence(x, context: context) }
      expectClose(carried.value, exact.value)
      expectClose(carried.divergence, exact.divergence, 1e-12)
    }
  }

  @Test("a context is the same as further inputs, shared or by row")
  func context() {
    let network = mlp([5, 8, 2], .silu)
    let (x, context) = (normal([6, 3]), normal([2], seed: 24))
    let rows = context.unsqueeze(0).expand([6, 2])
    let joined = network(.concatenate([x, rows], axis: 1)).detach()
    expectClose(network(x, context: context).detach(), joined)
    expectClose(network(x, context: rows).detach(), joined)
  }

  @Test("mixed precision computes in bfloat16 and stays close to float32")
  func autocast() {
    var random = RandomSource(seed: 25)
    let network = MLP([8, 128, 128, 4], activation: .silu, using: &random)
    let x = random.normal([256, 8])
    let exact = withoutGradient { network(x) }
    let mixed = withoutGradient { withAutocast(.bfloat16) { network(x) } }
    #expect(mixed.dtype == .bfloat16)
    #expect(network.layers[0].weight.value.dtype == .float)
    let error = ((mixed.to(.float) - exact).square().mean() / exact.square().mean()).sqrt().item()
    // bfloat16 has 8 bits: relative rounding 2⁻⁹ a number, averaged down by the sums.
    #expect(error < 0.02)
    #expect(error > 1e-4)
    // Outside the scope float32 is back.
    #expect(withoutGradient { network(x) }.isEqual(to: exact))
  }
}
