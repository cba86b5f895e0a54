import Testing
import Torch

@Suite("Loops over a few rows")
struct RowTests {
  @Test(
    "products of one or two rows are those of the matrix", arguments: [1, 2, 3, 5, 16, 64, 131],
    [1, 7, 16, 100, 259])
  func products(outputs: Int, inputs: Int) {
    var random = RandomSource(seed: UInt64(outputs * 1000 + inputs))
    let weight = random.normal([outputs, inputs])
    let bias = random.normal([outputs])
    for rows in [1, 2, 3] {
      let x = random.normal([rows, 1, inputs])
      withoutGradient {
        let expected = x.to(.double).linear(weight: weight.to(.double), bias: bias.to(.double))
        let found = x.rowLinear(weight: weight, bias: bias)
        #expect(found.shape == [rows, 1, outputs])
        expectClose(found.to(.double), expected, 1e-4)
        let low = x.to(.bfloat16).rowLinear(weight: weight.to(.bfloat16))
        let lowExpected = x.to(.bfloat16).to(.double).linear(weight: weight.to(.bfloat16).to(.double))
        #expect(low.dtype == .bfloat16)
        let size = lowExpected.abs().max().item()
        expectClose(low.to(.double), lowExpected, 0.01 * size + 1e-6)
      }
    }
  }

  @Test("a large matrix has the same rows whatever the threads")
  func threads() {
    var random = RandomSource(seed: 1)
    let (weight, x) = (random.normal([4096, 300]), random.normal([1, 300]))
    let before = Libtorch.threads
    defer { Libtorch.threads = before }
    let found = [1, 2].map { threads in
      Libtorch.threads = threads
      return withoutGradient { x.rowLinear(weight: weight) }
    }
    #expect(found[0].isEqual(to: found[1]))
    expectClose(found[0], withoutGradient { x.linear(weight: weight) }, 1e-3)
  }

  @Test("norms and rotations are those that are recorded, in every shape", arguments: [4, 16, 24, 50])
  func others(width: Int) {
    var random = RandomSource(seed: UInt64(width))
    let all = random.normal([2, 5, 6, width])
    let weight = random.normal([width])
    // Heads of a wider tensor, as attention has them.
    let part = all.slice(axis: 2, start: 1, end: 4)
    let half = width / 4
    for batch in [1, 2] {
      let angles = random.normal([batch, 5, 1, half])
      let (cosines, sines) = (angles.cos(), angles.sin())
      let recorded = part.requiringGradient().rotated(cosines: cosines, sines: sines).detach()
      let found = withoutGradient { part.rotated(cosines: cosines, sines: sines) }
      expectClose(found, recorded, 1e-6)
    }
    let norm = RMSNorm(weight: weight, epsilon: 1e-5)
    expectClose(withoutGradient { norm(part) }, norm(part).detach(), 1e-5)
  }
}
