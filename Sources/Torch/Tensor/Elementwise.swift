import CTorch

// One value in, one value out, element by element (or matrix by matrix where it says so).
extension Tensor {
  /// eˣ.
  public func exp() -> Tensor { unary("exp", ct_exp) }
  /// eˣ − 1, accurate near 0.
  public func expm1() -> Tensor { unary("expm1", ct_expm1) }
  /// The natural logarithm.
  public func log() -> Tensor { unary("log", ct_log) }
  /// log(1 + x), accurate near 0.
  public func log1p() -> Tensor { unary("log1p", ct_log1p) }
  /// The base-2 logarithm.
  public func log2() -> Tensor { unary("log2", ct_log2) }
  /// The base-10 logarithm.
  public func log10() -> Tensor { unary("log10", ct_log10) }
  /// The square root.
  public func sqrt() -> Tensor { unary("sqrt", ct_sqrt) }
  /// 1/√x.
  public func rsqrt() -> Tensor { unary("rsqrt", ct_rsqrt) }
  /// x².
  public func square() -> Tensor { unary("square", ct_square) }
  /// 1/x.
  public func reciprocal() -> Tensor { unary("reciprocal", ct_reciprocal) }
  /// The absolute value.
  public func abs() -> Tensor { unary("abs", ct_abs) }
  /// −1, 0 or 1.
  public func sign() -> Tensor { unary("sign", ct_sign) }
  public func sin() -> Tensor { unary("sin", ct_sin) }
  public func cos() -> Tensor { unary("cos", ct_cos) }
  public func tan() -> Tensor { unary("tan", ct_tan) }
  public func asin() -> Tensor { unary("asin", ct_asin) }
  public func acos() -> Tensor { unary("acos", ct_acos) }
  public func atan() -> Tensor { unary("atan", ct_atan) }
  public func sinh() -> Tensor { unary("sinh", ct_sinh) }
  public func cosh() -> Tensor { unary("cosh", ct_cosh) }
  public func tanh() -> Tensor { unary("tanh", ct_tanh) }
  /// 1/(1 + e⁻ˣ).
  public func sigmoid() -> Tensor { unary("sigmoid", ct_sigmoid) }
  /// max(x, 0).
  public func relu() -> Tensor { unary("relu", ct_relu) }
  /// Klambauer et al. 2017's self-normalising unit.
  public func selu() -> Tensor { unary("selu", ct_selu) }
  /// x·sigmoid(x).
  public func silu() -> Tensor { unary("silu", ct_silu) }
  /// log(1 + eˣ).
  public func softplus() -> Tensor { unary("softplus", ct_softplus) }
  public func floor() -> Tensor { unary("floor", ct_floor) }
  public func ceil() -> Tensor { unary("ceil", ct_ceil) }
  /// To the nearest whole number, halves to even.
  public func round() -> Tensor { unary("round", ct_round) }
  /// Towards zero.
  public func trunc() -> Tensor { unary("trunc", ct_trunc) }
  /// The error function.
  public func erf() -> Tensor { unary("erf", ct_erf) }
  /// 1 − erf(x).
  public func erfc() -> Tensor { unary("erfc", ct_erfc) }
  /// The inverse of erf, on (−1, 1).
  public func erfinv() -> Tensor { unary("erfinv", ct_erfinv) }
  /// log |Γ(x)|.
  public func lgamma() -> Tensor { unary("lgamma", ct_lgamma) }
  /// The derivative of log Γ.
  public func digamma() -> Tensor { unary("digamma", ct_digamma) }
  /// The modified Bessel function of order 0.
  public func i0() -> Tensor { unary("i0", ct_i0) }
  /// x − trunc(x).
  public func frac() -> Tensor { unary("frac", ct_frac) }
  /// The same values, cut from the graph of gradients.
  public func detach() -> Tensor { unary("detach", ct_detach) }
  /// The same values, one after the other in memory.
  public func contiguous() -> Tensor { unary("contiguous", ct_contiguous) }
  /// A copy with its own memory.
  public func clone() -> Tensor { unary("clone", ct_clone) }
  /// The positions of non-zero elements, `[count, rank]`.
  public func nonzero() -> Tensor { unary("nonzero", ct_nonzero) }
  /// The real part of a complex tensor.
  public func real() -> Tensor { unary("real", ct_real) }
  /// The imaginary part of a complex tensor.
  public func imag() -> Tensor { unary("imag", ct_imag) }
  /// The complex conjugate.
  public func conj() -> Tensor { unary("conj", ct_conj) }
  /// The argument of a complex number.
  public func angle() -> Tensor { unary("angle", ct_angle) }
  /// The inverse of square matrices `[..., n, n]`; prefer `solve` or a Cholesky factor.
  public func inverse() -> Tensor { unary("inverse", ct_inverse) }
  /// The determinant of square matrices.
  public func det() -> Tensor { unary("det", ct_det) }
  /// The log-determinant of matrices with positive determinant.
  public func logdet() -> Tensor { unary("logdet", ct_logdet) }
  /// The sum of a matrix's diagonal.
  public func trace() -> Tensor { unary("trace", ct_trace) }
  /// Where elements are NaN.
  public func isNaN() -> Tensor { unary("isNaN", ct_isnan) }
  /// Where elements are ±∞.
  public func isInfinite() -> Tensor { unary("isInfinite", ct_isinf) }
  /// Where elements are neither NaN nor infinite.
  public func isFinite() -> Tensor { unary("isFinite", ct_isfinite) }
  /// log sigmoid(x), without overflow.
  public func logSigmoid() -> Tensor { unary("logSigmoid", ct_log_sigmoid) }
  /// Where elements are zero or false.
  public func logicalNot() -> Tensor { unary("logicalNot", ct_logical_not) }
  /// The standard normal quantile function.
  public func normalQuantile() -> Tensor { unary("normalQuantile", ct_special_ndtri) }
  /// The logarithm of the standard normal distribution function, accurate in the lower tail.
  public func logNormalCDF() -> Tensor { unary("logNormalCDF", ct_special_log_ndtr) }
  /// A complex tensor as `[..., 2]` real numbers.
  public func viewAsReal() -> Tensor { unary("viewAsReal", ct_view_as_real) }
  /// `[..., 2]` real numbers as a complex tensor.
  public func viewAsComplex() -> Tensor { unary("viewAsComplex", ct_view_as_complex) }
  /// The exponential of square matrices.
  public func matrixExponential() -> Tensor { unary("matrixExponential", ct_matrix_exp) }

  /// The Gaussian error linear unit; with `approximate` its tanh form.
  public func gelu(approximate: Bool = false) -> Tensor { unary("gelu") { ct_gelu($0, approximate) } }
  /// x for x > 0, else `slope`·x.
  public func leakyReLU(slope: Double = 0.01) -> Tensor { unary("leakyReLU") { ct_leaky_relu($0, slope) } }
  /// x for x > 0, else α(eˣ − 1).
  public func elu(alpha: Double = 1) -> Tensor { unary("elu") { ct_elu($0, alpha) } }
  /// Elements below or above the range are moved to its ends; NaN stays.
  public func clamp(_ low: Double = -.infinity, _ high: Double = .infinity) -> Tensor {
    unary("clamp") { ct_clamp($0, low, high) }
  }
}
