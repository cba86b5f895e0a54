import Testing
import Torch

@Suite("Convolution and interpolation") struct ConvolutionTests {
  /// Windows of the padded input, `[batch, channels, width, positions]`.
  private func windows(_ x: Tensor, _ width: Int, stride: Int, padding: Int, dilation: Int) -> Tensor {
    let padded = x.padded([padding, padding])
    let positions = (padded.size(2) - dilation * (width - 1) - 1) / stride + 1
    return .stack(
      (0..<width).map { tap in
        padded[
          .all, .all,
          .stride(from: tap * dilation, to: tap * dilation + stride * (positions - 1) + 1, by: stride)]
      }, axis: 2)
  }

  @Test(
    "conv1d is the sum over windows, with stride, padding, dilation and bias",
    arguments: [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 0, 2)])
  func conv1d(stride: Int, padding: Int, dilation: Int) {
    let (x, weight, bias) = (normal([2, 3, 17]), normal([4, 3, 3], seed: 2), normal([4], seed: 3))
    let byHand = Tensor.einsum(
      "bcwp,ocw->bop", windows(x, 3, stride: stride, padding: padding, dilation: dilation), weight)
    expectClose(
      x.conv1d(weight: weight, bias: bias, stride: stride, padding: padding, dilation: dilation),
      byHand + bias.unsqueeze(1))
  }

  @Test("conv2d sums shifted inputs; groups keep channels apart")
  func conv2d() {
    let (x, weight) = (normal([2, 4, 6, 7]), normal([3, 4, 2, 3], seed: 2))
    var byHand = Tensor.zeros([2, 3, 5, 5], dtype: .double)
    for i in 0..<2 {
      for j in 0..<3 {
        byHand += Tensor.einsum(
          "bchw,oc->bohw", x[.all, .all, i..<i + 5, j..<j + 5], weight[.all, .all, i, j])
      }
    }
    expectClose(x.conv2d(weight: weight), byHand)
    let grouped = normal([6, 2, 3, 3], seed: 3)
    let halves = [0, 1].map {
      x[.all, (2 * $0)..<(2 * $0 + 2)].conv2d(weight: grouped[(3 * $0)..<(3 * $0 + 3)], padding: 1)
    }
    expectClose(x.conv2d(weight: grouped, padding: 1, groups: 2), .concatenate(halves, axis: 1))
  }

  @Test("the transposed convolution is the adjoint: ⟨Ax, y⟩ = ⟨x, Aᵀy⟩", arguments: [(1, 0), (2, 1), (3, 0)])
  func adjoint(stride: Int, padding: Int) {
    let (x, weight) = (normal([2, 3, 16]), normal([5, 3, 4], seed: 2))
    let forward = x.conv1d(weight: weight, stride: stride, padding: padding)
    let y = normal(forward.shape, seed: 3)
    let missing = (16 + 2 * padding - 4) % stride
    let back = y.convTranspose1d(weight: weight, stride: stride, padding: padding, outputPadding: missing)
    #expect(back.shape == x.shape)
    expectClose((forward * y).sum(), (x * back).sum(), 1e-11)
    let (image, kernel) = (normal([2, 3, 10, 10]), normal([5, 3, 4, 4], seed: 2))
    let mapped = image.conv2d(weight: kernel, stride: stride, padding: padding)
    let z = normal(mapped.shape, seed: 3)
    let returned = z.convTranspose2d(
      weight: kernel, stride: stride, padding: padding, outputPadding: (10 + 2 * padding - 4) % stride)
    expectClose((mapped * z).sum(), (image * returned).sum(), 1e-10)
  }

  @Test("pooling takes means and maxima of windows")
  func pooling() {
    let x = Tensor.range(to: 16, dtype: .double).reshape(1, 1, 4, 4)
    #expect(x.averagePool2d(2).doubles == [2.5, 4.5, 10.5, 12.5])
    #expect(x.maxPool2d(2).doubles == [5, 7, 13, 15])
    #expect(x.maxPool2d(2, stride: 1).shape == [1, 1, 3, 3])
  }

  @Test("interpolation repeats, is exact on lines between pixel centres, and holds at the border")
  func interpolation() {
    let x = Tensor([1.0, 2, 4], shape: [1, 1, 3])
    #expect(x.interpolate(to: [6]).doubles == [1, 1, 2, 2, 4, 4])
    // Pixel centres of the larger grid are at −0.25, 0.25, 0.75, … of the smaller; outside the first it holds.
    #expect(x.interpolate(to: [6], mode: .linear).doubles == [1, 1.25, 1.75, 2.5, 3.5, 4])
    let plane = Tensor.grid([.range(to: 4, dtype: .double), .range(to: 4, dtype: .double)])
    let image = (plane[0] * 2 + plane[1] * 3).reshape(1, 1, 4, 4)
    let large = image.interpolate(to: [8, 8], mode: .linear)
    // Inside, bilinear interpolation of a plane is the plane.
    let fine = Tensor.grid([.range(to: 8, dtype: .double), .range(to: 8, dtype: .double)])
    let expected = (fine[0] / 2 - 0.25) * 2 + (fine[1] / 2 - 0.25) * 3
    expectClose(large[0, 0, 1..<7, 1..<7], expected[1..<7, 1..<7])
  }
}

@Suite("Attention and embedding") struct AttentionTests {
  private let q = normal([2, 3, 5, 4])
  private let k = normal([2, 3, 6, 4], seed: 2)
  private let v = normal([2, 3, 6, 7], seed: 3)

  @Test("attention is softmax(Q Kᵀ/√d) V")
  func plain() {
    let scores = q.matmul(k.transposed)
    expectClose(.attention(q, k, v), (scores / 2).softmax(-1).matmul(v))
    expectClose(.attention(q, k, v, scale: 0.3), (scores * 0.3).softmax(-1).matmul(v))
  }

  @Test("masks and causality close positions")
  func masks() {
    let scores = q.matmul(k.transposed) / 2
    let allowed = (Tensor.range(to: 30).remainder(3) .!= 1).reshape(5, 6)
    let closed = scores.filled(where: allowed.logicalNot(), with: -.infinity)
    expectClose(.attention(q, k, v, mask: allowed), closed.softmax(-1).matmul(v))
    let bias = normal([5, 6], seed: 4)
    expectClose(.attention(q, k, v, mask: bias), (scores + bias).softmax(-1).matmul(v))
    let causal = Tensor.attention(k, k, v, causal: true)
    // The first position sees itself only, the last everything.
    expectClose(causal[.all, .all, 0], v[.all, .all, 0])
    expectClose(causal[.all, .all, -1], Tensor.attention(k, k, v)[.all, .all, -1])
    let future = Tensor.ones([6, 6]).upperTriangle(1) .> 0
    let byHand = (k.matmul(k.transposed) / 2).filled(where: future, with: -.infinity).softmax(-1).matmul(v)
    expectClose(causal, byHand)
  }

  @Test("an embedding is a row of the table, and its gradient counts the uses")
  func embedding() {
    let table = normal([5, 3])
    let positions = Tensor([4, 0, 4], shape: [1, 3])
    let rows = Tensor.embedding(table, positions)
    #expect(rows.shape == [1, 3, 3])
    expectClose(rows[0, 1], table[0], 0)
    let gradient = valueAndGradient(of: { Tensor.embedding($0, positions).sum() }, at: table).gradient
    #expect(gradient[.all, 0].doubles == [1, 0, 0, 0, 2])
    expectClose(
      rows.linear(weight: table[..<2, .all], bias: Tensor([1.0, 2])),
      rows.matmul(table[..<2].transposed) + Tensor([1.0, 2]))
  }
}
