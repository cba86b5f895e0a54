import CTorch

// Two values in, one out, with broadcasting; a `Double` stands for a tensor of that value.
extension Tensor {
  public static prefix func - (a: Tensor) -> Tensor { a.unary("-", ct_neg) }
  public static func + (a: Tensor, b: Tensor) -> Tensor { a.binary("+", b, ct_add) }
  public static func + (a: Tensor, b: Double) -> Tensor { a.unary("+") { ct_add_scalar($0, b) } }
  public static func - (a: Tensor, b: Tensor) -> Tensor { a.binary("-", b, ct_sub) }
  public static func - (a: Tensor, b: Double) -> Tensor { a.unary("-") { ct_sub_scalar($0, b) } }
  public static func * (a: Tensor, b: Tensor) -> Tensor { a.binary("*", b, ct_mul) }
  public static func * (a: Tensor, b: Double) -> Tensor { a.unary("*") { ct_mul_scalar($0, b) } }
  public static func / (a: Tensor, b: Tensor) -> Tensor { a.binary("/", b, ct_div) }
  public static func / (a: Tensor, b: Double) -> Tensor { a.unary("/") { ct_div_scalar($0, b) } }
  public static func + (a: Double, b: Tensor) -> Tensor { b + a }
  public static func - (a: Double, b: Tensor) -> Tensor { b.unary("-") { ct_scalar_minus(a, $0) } }
  public static func * (a: Double, b: Tensor) -> Tensor { b * a }
  public static func / (a: Double, b: Tensor) -> Tensor { b.unary("/") { ct_scalar_over(a, $0) } }
  public static func += (a: inout Tensor, b: Tensor) { a = a + b }
  public static func -= (a: inout Tensor, b: Tensor) { a = a - b }
  public static func *= (a: inout Tensor, b: Tensor) { a = a * b }
  public static func /= (a: inout Tensor, b: Tensor) { a = a / b }

  public static func .== (a: Tensor, b: Tensor) -> Tensor { a.binary(".==", b, ct_eq) }
  public static func .== (a: Tensor, b: Double) -> Tensor { a.unary(".==") { ct_eq_scalar($0, b) } }
  public static func .!= (a: Tensor, b: Tensor) -> Tensor { a.binary(".!=", b, ct_ne) }
  public static func .!= (a: Tensor, b: Double) -> Tensor { a.unary(".!=") { ct_ne_scalar($0, b) } }
  public static func .< (a: Tensor, b: Tensor) -> Tensor { a.binary(".<", b, ct_lt) }
  public static func .< (a: Tensor, b: Double) -> Tensor { a.unary(".<") { ct_lt_scalar($0, b) } }
  public static func .<= (a: Tensor, b: Tensor) -> Tensor { a.binary(".<=", b, ct_le) }
  public static func .<= (a: Tensor, b: Double) -> Tensor { a.unary(".<=") { ct_le_scalar($0, b) } }
  public static func .> (a: Tensor, b: Tensor) -> Tensor { a.binary(".>", b, ct_gt) }
  public static func .> (a: Tensor, b: Double) -> Tensor { a.unary(".>") { ct_gt_scalar($0, b) } }
  public static func .>= (a: Tensor, b: Tensor) -> Tensor { a.binary(".>=", b, ct_ge) }
  public static func .>= (a: Tensor, b: Double) -> Tensor { a.unary(".>=") { ct_ge_scalar($0, b) } }
  public static func .& (a: Tensor, b: Tensor) -> Tensor { a.binary(".&", b, ct_logical_and) }
  public static func .| (a: Tensor, b: Tensor) -> Tensor { a.binary(".|", b, ct_logical_or) }
  public static func .^ (a: Tensor, b: Tensor) -> Tensor { a.binary(".^", b, ct_logical_xor) }
  public static prefix func .! (a: Tensor) -> Tensor { a.logicalNot() }

  /// Whether type, shape and every element are the same (NaN differs from itself).
  public func isEqual(to other: Tensor) -> Bool {
    dtype == other.dtype && shape == other.shape
      && withExtendedLifetime((handle, other.handle)) { ct_equal(handle.pointer, other.handle.pointer) }
  }

  public func pow(_ exponent: Double) -> Tensor { unary("pow") { ct_pow_scalar($0, exponent) } }
  /// The remainder with the sign of the divisor.
  public func remainder(_ divisor: Double) -> Tensor {
    unary("remainder") { ct_remainder_scalar($0, divisor) }
  }

  public func pow(_ other: Tensor) -> Tensor { binary("pow", other, ct_pow) }
  /// The larger of two values; NaN wins.
  public func maximum(_ other: Tensor) -> Tensor { binary("maximum", other, ct_maximum) }
  /// The smaller of two values; NaN wins.
  public func minimum(_ other: Tensor) -> Tensor { binary("minimum", other, ct_minimum) }
  /// The remainder with the sign of the divisor.
  public func remainder(_ other: Tensor) -> Tensor { binary("remainder", other, ct_remainder) }
  public func atan2(_ other: Tensor) -> Tensor { binary("atan2", other, ct_atan2) }
  /// log(eᵃ + eᵇ) without overflow.
  public func logAddExp(_ other: Tensor) -> Tensor { binary("logAddExp", other, ct_logaddexp) }
  /// a·log b, 0 where a is 0.
  public func xlogy(_ other: Tensor) -> Tensor { binary("xlogy", other, ct_xlogy) }
  public func hypot(_ other: Tensor) -> Tensor { binary("hypot", other, ct_hypot) }
  /// P(a, x) with a this tensor.
  public func regularizedLowerGamma(_ other: Tensor) -> Tensor {
    binary("regularizedLowerGamma", other, ct_igamma)
  }
  /// Q(a, x) = 1 − P(a, x) with a this tensor.
  public func regularizedUpperGamma(_ other: Tensor) -> Tensor {
    binary("regularizedUpperGamma", other, ct_igammac)
  }
  /// ⌊a/b⌋.
  public func floorDivide(_ other: Tensor) -> Tensor { binary("floorDivide", other, ct_floor_divide) }
  /// a bᵀ of two vectors.
  public func outer(_ other: Tensor) -> Tensor { binary("outer", other, ct_outer) }
  /// The inner product of two vectors.
  public func dot(_ other: Tensor) -> Tensor { binary("dot", other, ct_dot) }
  /// The matrix product of the last two axes, batched over the others.
  public func matmul(_ other: Tensor) -> Tensor { binary("matmul", other, ct_matmul) }
  /// This tensor moved towards `other` by `weight`.
  public func lerp(_ other: Tensor, weight: Double) -> Tensor {
    binary("lerp", other) { ct_lerp($0, $1, weight) }
  }
  /// self + factor·b, in one pass.
  public func adding(_ b: Tensor, scaledBy factor: Double) -> Tensor {
    binary("adding(scaledBy:)", b) { ct_add_scaled($0, $1, factor) }
  }
  /// self + value·b·c.
  public func adding(_ b: Tensor, times c: Tensor, value: Double = 1) -> Tensor {
    ternary("adding(times:)", b, c) { ct_addcmul($0, $1, $2, value) }
  }
  /// `a` where the condition holds, else `b`.
  public static func `where`(_ condition: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
    condition.ternary("where", a, b, ct_where)
  }
}

/// baseˣ.
public func pow(_ base: Double, _ x: Tensor) -> Tensor { x.unary("pow") { ct_scalar_pow(base, $0) } }
