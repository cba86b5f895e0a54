import Foundation
import Testing
import Torch

@Suite("Linear algebra") struct LinearAlgebraTests {
  /// Batched symmetric positive definite matrices with a condition number below about 100.
  private func positiveDefinite(_ n: Int, batch: Int = 3) -> Tensor {
    let a = normal([batch, n, 2 * n])
    return a.matmul(a.transposed) / Double(2 * n) + Tensor.identity(n, dtype: .double) * 0.1
  }
  private func identity(_ n: Int) -> Tensor { .identity(n, dtype: .double) }

  @Test("einsum is the product, trace, outer product and contraction it spells")
  func einsum() {
    let (a, b) = (normal([2, 3, 4]), normal([2, 4, 5], seed: 2))
    expectClose(.einsum("bij,bjk->bik", a, b), a.matmul(b))
    expectClose(.einsum("bij->bji", a), a.transposed)
    expectClose(.einsum("ii->", normal([4, 4])), normal([4, 4]).trace())
    let (u, v) = (normal([3]), normal([4], seed: 2))
    expectClose(.einsum("i,j->ij", u, v), u.outer(v))
    expectClose(.einsum("bij,j->bi", a, v), (a * v).sum(2))
    expectClose(.einsum("i,bij,j->b", u, a, v), (a * u.unsqueeze(1) * v).sum(1, 2))
    #expect(u.dot(u).item() == u.square().sum().item())
  }

  @Test("A v = λ v for every eigenvalue of a matrix that is not symmetric, complex ones too")
  func eig() {
    let a = Tensor([0.0, -1, 0, 1, 0, 0, 2, 3, 0.5], shape: [3, 3])
    let (values, vectors) = a.eig()
    let (real, imaginary) = (values.real().doubles, values.imag().doubles)
    let pairs = zip(real, imaginary).sorted { ($0.0, $0.1) < ($1.0, $1.1) }
    #expect(abs(pairs[0].0) < 1e-14 && abs(pairs[0].1 + 1) < 1e-14 && abs(pairs[1].1 - 1) < 1e-14)
    #expect(abs(pairs[2].0 - 0.5) < 1e-14 && pairs[2].1 == 0)
    let (x, y) = (vectors.real(), vectors.imag())
    expectClose(a.matmul(x), x * values.real() - y * values.imag())
    expectClose(a.matmul(y), x * values.imag() + y * values.real())
    // A batch is as its members.
    let both = Tensor.stack([a, a * 2]).eig().values.real().max(1).doubles
    #expect(abs(both[0] - 0.5) < 1e-14 && abs(both[1] - 1) < 1e-14)
  }

  @Test("A = L Lᵀ, and its solves and log-determinant")
  func cholesky() {
    let a = positiveDefinite(6)
    let l = a.cholesky()
    expectClose(l.matmul(l.transposed), a)
    expectClose(l.upperTriangle(1), .zeros(like: l), 0)
    let b = normal([3, 6, 2], seed: 4)
    expectClose(a.matmul(l.choleskySolve(b)), b, 1e-11)
    expectClose(l.matmul(l.triangularSolve(b)), b)
    expectClose(l.transposed.matmul(l.transposed.triangularSolve(b, upper: true)), b)
    let row = b.transposed
    expectClose(l.triangularSolve(row, left: false).matmul(l), row)
    expectClose(a.slogdet().logAbs, l.diagonal().log().sum(-1) * 2)
    #expect(throws: TorchError.self) { try withTorchErrors { (-a).cholesky() } }
  }

  @Test("A = V diag(λ) Vᵀ with increasing λ and orthonormal V")
  func eigh() {
    let a = positiveDefinite(7)
    let (values, vectors) = a.eigh()
    expectClose((vectors * values.unsqueeze(-2)).matmul(vectors.transposed), a)
    expectClose(vectors.transposed.matmul(vectors), identity(7).expand([3, 7, 7]))
    #expect((values[.all, 1...] .>= values[.all, ..<6]).all().booleans == [true])
    expectClose(values.sum(-1), a.diagonal().sum(-1))
  }

  @Test("A = U diag(s) Vᵀ, thin and full, for tall and wide matrices", arguments: [[5, 3], [3, 5]])
  func svd(shape: [Int]) {
    let a = normal(shape)
    let (u, s, vh) = a.svd()
    #expect(u.shape == [shape[0], 3] && vh.shape == [3, shape[1]])
    expectClose((u * s).matmul(vh), a)
    expectClose(u.transposed.matmul(u), identity(3))
    expectClose(vh.matmul(vh.transposed), identity(3))
    expectClose(s.square().sum(), a.square().sum())
    let full = a.svd(full: true)
    #expect(full.u.shape == [shape[0], shape[0]] && full.vh.shape == [shape[1], shape[1]])
    expectClose(full.u.matmul(full.u.transposed), identity(shape[0]))
  }

  @Test("A = Q R with orthonormal Q and triangular R")
  func qr() {
    let a = normal([2, 6, 4])
    let (q, r) = a.qr()
    expectClose(q.matmul(r), a)
    expectClose(q.transposed.matmul(q), identity(4).expand([2, 4, 4]))
    expectClose(r.lowerTriangle(-1), .zeros(like: r), 0)
  }

  @Test("least squares leave a residual orthogonal to the columns, and are exact where a solution exists")
  func leastSquares() {
    let (a, b) = (normal([8, 3]), normal([8, 2], seed: 2))
    let x = a.leastSquares(b)
    expectClose(a.transposed.matmul(a.matmul(x) - b), .zeros([3, 2], dtype: .double))
    let exact = normal([3, 2], seed: 3)
    expectClose(a.leastSquares(a.matmul(exact)), exact)
  }

  @Test("solve, inverse, determinant and matrix exponential")
  func solve() {
    let a = normal([3, 5, 5]) + identity(5) * 4
    let b = normal([3, 5, 2], seed: 2)
    expectClose(a.matmul(a.solve(b)), b, 1e-11)
    expectClose(a.matmul(a.inverse()), identity(5).expand([3, 5, 5]), 1e-11)
    let (sign, logAbs) = a.slogdet()
    let determinant = a.det()
    expectClose(sign * logAbs.exp() / determinant, .ones([3], dtype: .double), 1e-12)
    // One exchange of rows turns the sign.
    #expect(Tensor([0.0, 2, 3, 0], shape: [2, 2]).slogdet().sign.item() == -1)
    expectClose(Tensor([0.0, 2, 3, 0], shape: [2, 2]).slogdet().logAbs, Tensor(log(6.0)), 1e-15)
    // exp of a rotation's generator is the rotation.
    let generator = Tensor([0.0, -1, 1, 0], shape: [2, 2])
    let turned = Tensor([cos(1.0), -sin(1.0), sin(1.0), cos(1.0)], shape: [2, 2])
    expectClose(generator.matrixExponential(), turned, 1e-15)
    #expect(throws: TorchError.self) {
      try withTorchErrors { Tensor.zeros([2, 2], dtype: .double).solve(.ones([2, 1], dtype: .double)) }
    }
  }

  @Test("distances are those of the rows")
  func distances() {
    let (a, b) = (normal([4, 3]), normal([5, 3], seed: 2))
    let difference = a.unsqueeze(1) - b.unsqueeze(0)
    expectClose(a.distances(to: b), difference.square().sum(-1).sqrt(), 1e-12)
    expectClose(a.distances(to: b, order: 1), difference.abs().sum(-1), 1e-12)
  }
}

@Suite("Fourier transform") struct FourierTests {
  @Test("the inverse transform returns the signal")
  func inverse() {
    for n in [8, 15] {
      let x = normal([3, n])
      expectClose(x.fft().inverseFFT().real(), x)
      expectClose(x.fft().inverseFFT().imag(), .zeros(like: x))
      expectClose(x.realFFT().inverseRealFFT(length: n), x)
      #expect(x.realFFT().shape == [3, n / 2 + 1])
      expectClose(x.realFFT().viewAsReal(), x.fft()[.all, ..<(n / 2 + 1)].viewAsReal())
    }
  }

  @Test("Parseval: the energy is the same in both domains")
  func parseval() {
    let x = normal([64])
    let power = x.fft().viewAsReal().square().sum()
    expectClose(power / 64, x.square().sum(), 1e-11)
  }

  @Test("a cosine has two lines, a pulse is white, and convolution is a product")
  func signals() {
    let t = Tensor.range(to: 16, dtype: .double)
    let wave = (t * (2 * .pi * 3 / 16)).cos()
    var lines = [Double](repeating: 0, count: 16)
    lines[3] = 8
    lines[13] = 8
    expectClose(wave.fft().real(), Tensor(lines), 1e-13)
    var pulse = [Double](repeating: 0, count: 8)
    pulse[0] = 1
    #expect(Tensor(pulse).fft().real().doubles == [Double](repeating: 1, count: 8))
    let (a, b) = (normal([8]), normal([8], seed: 2))
    let circular = Tensor.stack((0..<8).map { (b * a.flip(0).roll($0 + 1, axis: 0)).sum() })
    expectClose((a.fft() * b.fft()).inverseFFT().real(), circular)
    #expect(a.fft(length: 12).shape == [12])
  }
}
