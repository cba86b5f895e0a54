import Foundation
import Testing
import Torch

@Suite("Softmax, losses and norms") struct NormalisationTests {
  @Test("softmax is positive, sums to one, ignores a shift and survives large logits")
  func softmax() {
    let x = normal([5, 7]) * 10
    let p = x.softmax(1)
    expectClose(p.sum(1), .ones([5], dtype: .double))
    expectClose((x + 1e4).softmax(1), p, 1e-10)
    expectClose(p, x.exp() / x.exp().sum(1, keep: true))
    expectClose(x.logSoftmax(1), x - x.logSumExp(1, keep: true))
    #expect(Tensor([1e300, 0]).softmax(0).doubles == [1, 0])
  }

  @Test("cross entropy is the negative log-probability of the target, reduced as asked")
  func crossEntropy() {
    let logits = normal([6, 4])
    let target = Tensor([0, 1, 2, 3, 1, 0])
    let each = -logits.logSoftmax(1).gather(axis: 1, target.unsqueeze(1)).squeeze(1)
    expectClose(logits.crossEntropy(target, reduction: .none), each)
    expectClose(logits.crossEntropy(target), each.mean())
    expectClose(logits.crossEntropy(target, reduction: .sum), each.sum())
    let masked = Tensor([0, -100, 2, -100, 1, 0])
    expectClose(logits.crossEntropy(masked), each[Tensor([0, 2, 4, 5])].mean())
    expectClose(Tensor.zeros([1, 8], dtype: .double).crossEntropy(Tensor([3])), Tensor(log(8.0)))
  }

  @Test("layer norm has mean 0 and variance 1 over its axes, then scale and shift")
  func layerNorm() {
    let x = normal([3, 4, 5]) * 7 + 3
    let (weight, bias) = (normal([4, 5], seed: 2), normal([4, 5], seed: 3))
    let plain = x.layerNorm([4, 5], epsilon: 0)
    expectClose(plain.mean(1, 2), .zeros([3], dtype: .double))
    expectClose(plain.variance(1, 2, correction: 0), .ones([3], dtype: .double))
    expectClose(x.layerNorm([4, 5], weight: weight, bias: bias, epsilon: 0), plain * weight + bias)
    let byHand = (x - x.mean(2, keep: true)) / (x.variance(2, correction: 0, keep: true) + 0.1).sqrt()
    expectClose(x.layerNorm([5], epsilon: 0.1), byHand)
  }

  @Test("group norm is layer norm within groups of channels")
  func groupNorm() {
    let x = normal([2, 6, 4, 4])
    let (weight, bias) = (normal([6], seed: 2), normal([6], seed: 3))
    let groups = x.reshape(2, 3, 32).layerNorm([32], epsilon: 1e-5).reshape(2, 6, 4, 4)
    expectClose(x.groupNorm(3), groups)
    expectClose(
      x.groupNorm(3, weight: weight, bias: bias), groups * weight.reshape(6, 1, 1) + bias.reshape(6, 1, 1))
  }

  @Test("RMS norm has mean square 1, then scale")
  func rmsNorm() {
    let x = normal([3, 8]) * 5
    let weight = normal([8], seed: 2)
    let plain = x.rmsNorm([8], epsilon: 0)
    expectClose(plain.square().mean(1), .ones([3], dtype: .double))
    expectClose(
      x.rmsNorm([8], weight: weight, epsilon: 0.5), x / (x.square().mean(1, keep: true) + 0.5).sqrt() * weight
    )
  }

  @Test("activations have their formulas")
  func activations() {
    let x = Tensor.linspace(-4, 4, count: 33, dtype: .double)
    expectClose(x.silu(), x * x.sigmoid())
    expectClose(x.gelu(), x * 0.5 * ((x / 2.0.squareRoot()).erf() + 1))
    let inner = (x + x.pow(3) * 0.044715) * (2 / Double.pi).squareRoot()
    expectClose(x.gelu(approximate: true), x * 0.5 * (inner.tanh() + 1))
    expectClose(x.softplus(), (x.exp() + 1).log())
    expectClose(x.relu() - (-x).relu(), x)
    expectClose(x.leakyReLU(slope: 0.2), x.relu() - (-x).relu() * 0.2)
    expectClose(x.elu(alpha: 2), Tensor.where(x .> 0, x, x.expm1() * 2))
    expectClose(
      x.clamp(-1, 2), x.maximum(.full([], -1, dtype: .double)).minimum(.full([], 2, dtype: .double)))
  }
}
