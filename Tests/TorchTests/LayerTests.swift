import Foundation
import Testing
import Torch

@Suite("Layers") struct LayerTests {
  private func double<M: Module>(_ make: (inout RandomSource) -> M) -> M {
    var random = RandomSource(seed: 5)
    let module = make(&random)
    module.move(to: .double)
    return module
  }

  @Test("a linear layer is x Wᵀ + b, its weights uniform within ±1/√fan-in")
  func linear() {
    let layer = double { Linear(7, 50, using: &$0) }
    let x = normal([4, 7])
    let (w, b) = (layer.weight.value.detach(), layer.bias!.value.detach())
    expectClose(layer(x).detach(), Tensor.einsum("ni,oi->no", x, w) + b)
    let bound = 1 / 7.0.squareRoot()
    for parameter in [w, b] {
      let largest = parameter.abs().max().item()
      #expect(largest <= bound && largest > 0.9 * bound)
      #expect(parameter.min().item() < 0 && parameter.max().item() > 0)
    }
    #expect(double { Linear(7, 2, bias: false, using: &$0) }.bias == nil)
  }

  @Test("an embedding looks rows up")
  func embedding() {
    let layer = double { Embedding(6, 3, using: &$0) }
    let found = layer(Tensor(rows: [[4, 0], [4, 5]]))
    #expect(found.shape == [2, 2, 3])
    for (place, row) in [(0, 4), (1, 0), (2, 4), (3, 5)] {
      #expect(found.reshape(4, 3)[place].isEqual(to: layer.weight.value[row]))
    }
  }

  @Test("normalisations are their formulas")
  func normalisations() {
    let x = normal([3, 8]) * 2 + 1
    func centred(_ y: Tensor, _ epsilon: Double) -> Tensor {
      (y - y.mean(-1, keep: true)) / (y.variance(-1, correction: 0, keep: true) + epsilon).sqrt()
    }
    let (scale, shift) = (normal([8], seed: 6), normal([8], seed: 7))
    let layerNorm = double { _ in LayerNorm(8) }
    layerNorm.weight.assign(scale)
    layerNorm.bias.assign(shift)
    expectClose(layerNorm(x).detach(), centred(x, 1e-5) * scale + shift)
    let rms = double { _ in RMSNorm(8) }
    rms.weight.assign(scale)
    expectClose(rms(x).detach(), x / (x.square().mean(-1, keep: true) + 1e-6).sqrt() * scale)
    let group = double { _ in GroupNorm(groups: 2, channels: 8) }
    group.weight.assign(scale)
    group.bias.assign(shift)
    let image = normal([3, 8, 5])
    let expected = centred(image.reshape(3, 2, 20), 1e-5).reshape(3, 8, 5)
    expectClose(group(image).detach(), expected * scale.unsqueeze(-1) + shift.unsqueeze(-1))
  }

  @Test("convolutions are their sums, with stride, padding, dilation and groups")
  func convolution() {
    let layer = double {
      Conv1d(4, 6, kernel: 3, stride: 2, padding: 2, dilation: 2, groups: 2, using: &$0)
    }
    let x = normal([2, 4, 9])
    let (w, b) = (layer.weight.value.detach().doubles, layer.bias!.value.detach().doubles)
    let values = x.doubles
    let length = (9 + 2 * 2 - 2 * 2 - 1) / 2 + 1
    var expected: [Double] = []
    for n in 0..<2 {
      for o in 0..<6 {
        for position in 0..<length {
          var sum = b[o]
          for i in 0..<2 {
            for k in 0..<3 {
              let place = position * 2 - 2 + k * 2
              if (0..<9).contains(place) {
                sum += w[(o * 2 + i) * 3 + k] * values[(n * 4 + o / 3 * 2 + i) * 9 + place]
              }
            }
          }
          expected.append(sum)
        }
      }
    }
    expectClose(layer(x).detach(), Tensor(expected, shape: [2, 6, length]))
    // A 2-d layer whose kernel acts along one axis alone is the 1-d layer.
    let flat = double { Conv2d(4, 6, kernel: 1, using: &$0) }
    let image = normal([2, 4, 3, 5])
    let mixed = Tensor.einsum("oi,nihw->nohw", flat.weight.value.detach().reshape(6, 4), image)
    expectClose(flat(image).detach(), mixed + flat.bias!.value.detach().reshape(6, 1, 1))
  }

  @Test("the transposed convolution is the convolution's adjoint")
  func transposed() {
    let layer = double { ConvTranspose2d(3, 2, kernel: 4, stride: 2, padding: 1, using: &$0) }
    layer.bias.assign(.zeros([2], dtype: .double))
    let (x, y) = (normal([2, 3, 4, 4]), normal([2, 2, 8, 8], seed: 8))
    let up = layer(x).detach()
    #expect(up.shape == y.shape)
    let down = y.conv2d(weight: layer.weight.value.detach(), stride: 2, padding: 1)
    expectClose((up * y).sum(), (x * down).sum(), 1e-11)
  }

  @Test("attention is softmax(q kᵀ/√d) v in every head; causal positions see no later one")
  func attention() {
    let layer = double { SelfAttention(6, heads: 2, using: &$0) }
    let x = normal([2, 5, 6])
    func heads(_ y: Tensor) -> Tensor { y.detach().reshape(2, 5, 2, 3).transpose(1, 2) }
    let (q, k, v) = (heads(layer.query(x)), heads(layer.key(x)), heads(layer.value(x)))
    let weights = (q.matmul(k.transposed) / 3.0.squareRoot()).softmax(-1)
    let joined = weights.matmul(v).transpose(1, 2).reshape(2, 5, 6)
    expectClose(layer(x).detach(), layer.output(joined).detach(), 1e-10)
    let causal = layer(x, causal: true).detach()
    let changed = Tensor.concatenate([x[.all, 0..<3], x[.all, 3...] + 1], axis: 1)
    expectClose(layer(changed, causal: true).detach()[.all, 0..<3], causal[.all, 0..<3])
    #expect((layer(changed, causal: true).detach()[.all, 3] - causal[.all, 3]).abs().max().item() > 1e-3)
  }

  @Test("a chain applies its layers in order")
  func sequential() {
    let chain = double { Sequential(Linear(3, 4, using: &$0), LayerNorm(4), Linear(4, 2, using: &$0)) }
    let x = normal([5, 3])
    expectClose(chain(x), chain.layers[2](chain.layers[1](chain.layers[0](x))), 0)
  }

  @Test("a U-Net keeps the image's size at every size, and depends on its context", arguments: [4, 7, 8, 12])
  func unet(size: Int) {
    var random = RandomSource(seed: 9)
    let network = UNet(shape: [1, size, size], context: 2, width: 8, outputs: size * size, using: &random)
    let x = random.normal([3, size * size])
    let shared = network(x, context: Tensor([0.1, 0.2].map { Float($0) }))
    #expect(shared.shape == x.shape)
    // A context that all rows share is the same context on every row.
    let rows = Tensor(rows: [[Float]](repeating: [0.1, 0.2], count: 3))
    expectClose(network(x, context: rows), shared, 1e-5)
    #expect((network(x, context: rows + 1) - shared).abs().max().item() > 1e-4)
    let scalar = UNet(shape: [1, size, size], context: 2, width: 8, outputs: 1, using: &random)
    #expect(scalar(x, context: rows).shape == [3, 1])
  }

  @Test("time embeddings are their formulas")
  func timeEmbedding() {
    let t = Tensor([0, 0.25, 1.0])
    expectClose(TimeEmbedding.identity(t), t.unsqueeze(1), 0)
    let smooth = TimeEmbedding.interpolant(t)
    for (row, value) in t.doubles.enumerated() {
      let expected = [value, cos(.pi * value), sin(.pi * value), log(1.02 - value)]
      expectClose(smooth[row], Tensor(expected))
    }
    let embedding = TimeEmbedding.sinusoidal(width: 6, scale: 10, period: 1000)
    #expect([TimeEmbedding.identity, .interpolant, embedding].map(\.width) == [1, 4, 6])
    for name in ["identity", "interpolant", "sinusoidal:64"] {
      #expect(TimeEmbedding(name)?.description == name)
    }
    for name in ["", "sinusoidal", "sinusoidal:7", "sinusoidal:0", "sinusoidal:x", "identity:2"] {
      #expect(TimeEmbedding(name) == nil)
    }
    let features = embedding(t)
    for (row, value) in t.doubles.enumerated() {
      let angles = (0..<3).map { 10 * value * Foundation.pow(1000, -Double($0) / 3) }
      expectClose(features[row], Tensor(angles.map { cos($0) } + angles.map { sin($0) }))
    }
  }
}
