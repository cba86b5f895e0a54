import CTorch

// Matrices are the last two axes; the axes before them are batches.
extension Tensor {
  /// Sums of products over named axes, such as `einsum("bij,bj->bi", a, x)`.
  public static func einsum(_ equation: String, _ operands: Tensor...) -> Tensor {
    Tensor("einsum", withPointers(operands) { ct_einsum(equation, $0, $1) }, operands: operands)
  }

  /// Distances between the rows of `[..., n, d]` and `[..., m, d]`: `[..., n, m]`.
  public func distances(to other: Tensor, order: Double = 2) -> Tensor {
    binary("distances", other) { ct_cdist($0, $1, order) }
  }

  /// The lower Cholesky factor L, A = L Lᵀ; an error where A is not positive definite.
  public func cholesky() -> Tensor { unary("cholesky") { ct_cholesky($0, false) } }

  /// A⁻¹B for A = L Lᵀ with this tensor as L.
  public func choleskySolve(_ b: Tensor) -> Tensor {
    b.binary("choleskySolve", self) { ct_cholesky_solve($0, $1, false) }
  }

  /// X in T X = B (or X T = B with `left` false) for this triangular T.
  public func triangularSolve(_ b: Tensor, upper: Bool = false, left: Bool = true) -> Tensor {
    binary("triangularSolve", b) { ct_solve_triangular($0, $1, upper, left, false) }
  }

  /// X in A X = B.
  public func solve(_ b: Tensor) -> Tensor { binary("solve", b, ct_solve) }

  /// The least-squares solution of A X ≈ B, for A of full rank.
  public func leastSquares(_ b: Tensor) -> Tensor {
    binary("leastSquares", b) {
      var solution: OpaquePointer?
      return ct_lstsq($0, $1, &solution) == 0 ? solution : nil
    }
  }

  /// Eigenvalues in increasing order and eigenvectors (columns) of symmetric matrices.
  public func eigh() -> (values: Tensor, vectors: Tensor) { pair("eigh") { ct_eigh($0, $1, $2) } }

  /// Eigenvalues in no order and eigenvectors (columns of length 1) of square matrices, both complex.
  public func eig() -> (values: Tensor, vectors: Tensor) { pair("eig") { ct_eig($0, $1, $2) } }

  /// Q and R with orthonormal columns in Q.
  public func qr() -> (q: Tensor, r: Tensor) { pair("qr") { ct_qr($0, $1, $2) } }

  /// The sign and the log of the absolute value of the determinant.
  public func slogdet() -> (sign: Tensor, logAbs: Tensor) { pair("slogdet") { ct_slogdet($0, $1, $2) } }

  /// U, the singular values in decreasing order, and Vᵀ; thin unless `full`.
  public func svd(full: Bool = false) -> (u: Tensor, s: Tensor, vh: Tensor) {
    withExtendedLifetime(handle) {
      var u: OpaquePointer?
      var s: OpaquePointer?
      var vh: OpaquePointer?
      if ct_svd(handle.pointer, full, &u, &s, &vh) == 0, let u, let s, let vh {
        return (Tensor(taking: u), Tensor(taking: s), Tensor(taking: vh))
      }
      fail("svd", [self])
      return (.placeholder, .placeholder, .placeholder)
    }
  }

  /// The discrete Fourier transform along an axis, to complex numbers; `length` pads or cuts first.
  public func fft(axis: Int = -1, length: Int? = nil) -> Tensor {
    unary("fft") { ct_fft($0, 0, Int64(length ?? 0), Int64(axis)) }
  }
  /// The inverse of ``fft(axis:length:)``.
  public func inverseFFT(axis: Int = -1, length: Int? = nil) -> Tensor {
    unary("inverseFFT") { ct_fft($0, 1, Int64(length ?? 0), Int64(axis)) }
  }
  /// The non-negative frequencies of a real signal.
  public func realFFT(axis: Int = -1, length: Int? = nil) -> Tensor {
    unary("realFFT") { ct_fft($0, 2, Int64(length ?? 0), Int64(axis)) }
  }
  /// A real signal from its non-negative frequencies; give `length` where it is odd.
  public func inverseRealFFT(axis: Int = -1, length: Int? = nil) -> Tensor {
    unary("inverseRealFFT") { ct_fft($0, 3, Int64(length ?? 0), Int64(axis)) }
  }
}
