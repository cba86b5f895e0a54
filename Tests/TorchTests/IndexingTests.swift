import Testing
import Torch

@Suite("Indexing and shape") struct IndexingTests {
  let grid = Tensor.range(to: 12).reshape(3, 4)

  @Test("gather picks along an axis what the index says")
  func gather() {
    let index = Tensor([3, 0, 1, 1, 2, 3], shape: [3, 2])
    #expect(grid.gather(axis: 1, index).integers == [3, 0, 5, 5, 10, 11])
    #expect(grid.gather(axis: 0, Tensor([2, 0, 1, 2], shape: [1, 4])).integers == [8, 1, 6, 11])
  }

  @Test("scatter undoes gather along a permutation; the original does not change")
  func scatter() {
    var random = RandomSource(seed: 1)
    let order = Tensor.stack((0..<3).map { _ in random.permutation(4) })
    let picked = grid.gather(axis: 1, order)
    #expect(Tensor.zeros(like: grid).scatter(axis: 1, order, picked).isEqual(to: grid))
    #expect(grid.integers == Array(0..<12))
    let summed = Tensor.zeros([2, 2]).scatterAdd(
      axis: 1, Tensor([0, 0, 1, 0], shape: [2, 2]), .ones([2, 2]))
    #expect(summed.floats == [2, 0, 1, 1])
  }

  @Test("index_add adds slices, repeated positions several times")
  func indexAdd() {
    let sum = Tensor.zeros([3, 4], dtype: .int64).indexAdd(axis: 0, Tensor([2, 0, 2]), grid)
    #expect(sum.integers == [4, 5, 6, 7, 0, 0, 0, 0, 8, 10, 12, 14])
    // As a product with the matrix of ones at (index, position).
    let x = normal([5, 3])
    let index = Tensor([1, 1, 0, 3, 1])
    expectClose(
      Tensor.zeros([4, 3], dtype: .double).indexAdd(axis: 0, index, x),
      index.oneHot(4).to(.double).transposed.matmul(x))
  }

  @Test("masks select, fill and choose")
  func masks() {
    let even = grid.remainder(2) .== 0
    #expect(grid.masked(by: even).integers == [0, 2, 4, 6, 8, 10])
    #expect(grid[even].integers == [0, 2, 4, 6, 8, 10])
    #expect(grid.filled(where: even, with: -1).sum().integer() == 36 - 6)
    #expect(Tensor.where(even, grid, -grid).sum().integer() == 30 - 36)
    #expect(even.nonzero().shape == [6, 2])
    #expect(grid[Tensor([true, false, true])].integers == [0, 1, 2, 3, 8, 9, 10, 11])
  }

  @Test("writing into copies: ranges and positions")
  func writing() {
    let replaced = grid.replacing(axis: 1, 1..<3, with: .zeros([3, 2], dtype: .int64))
    #expect(replaced.integers == [0, 0, 0, 3, 4, 0, 0, 7, 8, 0, 0, 11])
    let put = grid.putting(Tensor([-1, -2]), at: [Tensor([0, 2]), Tensor([1, 3])])
    #expect(put[0, 1].integer() == -1 && put[2, 3].integer() == -2)
    let accumulated = grid.putting(
      Tensor([1, 1]), at: [Tensor([0, 0]), Tensor([1, 1])], accumulating: true)
    #expect(accumulated[0, 1].integer() == 3)
  }

  @Test("a position beyond the end is an error, a range beyond it is cut")
  func bounds() {
    #expect(throws: TorchError.self) { try withTorchErrors { grid[3] } }
    #expect(throws: TorchError.self) {
      try withTorchErrors { grid.gather(axis: 1, Tensor([4], shape: [1, 1])) }
    }
    #expect(grid[1..<9].shape == [2, 4])
    #expect(grid[-1, -1].integer() == 11)
  }

  @Test("shape operations move elements where they should")
  func shapes() {
    #expect(grid.transposed[3, 1].integer() == 7)
    #expect(grid.permute(1, 0).isEqual(to: grid.permute([1, 0])))
    #expect(grid.unsqueeze(0).shape == [1, 3, 4] && grid.unsqueeze(0).squeeze(0).isEqual(to: grid))
    #expect(Tensor.concatenate([grid, grid], axis: 1).shape == [3, 8])
    #expect(Tensor.stack([grid, grid]).shape == [2, 3, 4])
    #expect(Tensor.concatenate(grid.split(3, axis: 1), axis: 1).isEqual(to: grid))
    #expect(grid.split(3, axis: 1).map { $0.size(1) } == [3, 1])
    #expect(grid.flip(0)[0].integers == [8, 9, 10, 11])
    #expect(grid.roll(1, axis: 1)[0].integers == [3, 0, 1, 2])
    #expect(Tensor([1, 2]).tile([2]).integers == [1, 2, 1, 2])
    #expect(Tensor([1, 2]).repeatInterleave(2, axis: 0).integers == [1, 1, 2, 2])
    #expect((grid.lowerTriangle() + grid.upperTriangle(1)).isEqual(to: grid))
    #expect(grid.diagonal().integers == [0, 5, 10])
    #expect(Tensor([1, 2]).diagonalMatrix().integers == [1, 0, 0, 2])
    #expect(Tensor([1, 2]).padded([1, 2], value: 9).integers == [9, 1, 2, 9, 9])
    #expect(Tensor([1]).expand([3, 1]).shape == [3, 1])
    let axes = Tensor.grid([Tensor([1, 2]), Tensor([3, 4, 5])])
    #expect(axes[0].integers == [1, 1, 1, 2, 2, 2] && axes[1].integers == [3, 4, 5, 3, 4, 5])
  }
}
