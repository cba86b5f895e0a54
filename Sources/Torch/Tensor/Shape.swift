import CTorch

extension Tensor {
  /// The same elements in another shape; one axis may be −1.
  public func reshape(_ shape: Int...) -> Tensor { reshape(shape) }
  /// The same elements in another shape; one axis may be −1.
  public func reshape(_ shape: [Int]) -> Tensor {
    unary("reshape") { pointer in withInt64(shape) { ct_reshape(pointer, $0, $1) } }
  }
  /// Axes of extent 1 repeated without copying; −1 keeps an axis.
  public func expand(_ shape: [Int]) -> Tensor {
    unary("expand") { pointer in withInt64(shape) { ct_expand(pointer, $0, $1) } }
  }
  /// The axes in another order.
  public func permute(_ axes: Int...) -> Tensor { permute(axes) }
  /// The axes in another order.
  public func permute(_ axes: [Int]) -> Tensor {
    unary("permute") { pointer in withInt64(axes) { ct_permute(pointer, $0, $1) } }
  }
  public func transpose(_ i: Int, _ j: Int) -> Tensor {
    unary("transpose") { ct_transpose($0, Int64(i), Int64(j)) }
  }
  /// The matrix transpose (last two axes exchanged).
  public var transposed: Tensor { transpose(-2, -1) }
  /// Without the axis, which has extent 1.
  public func squeeze(_ axis: Int) -> Tensor { unary("squeeze") { ct_squeeze($0, Int64(axis)) } }
  /// With a new axis of extent 1 at the position.
  public func unsqueeze(_ axis: Int) -> Tensor { unary("unsqueeze") { ct_unsqueeze($0, Int64(axis)) } }
  /// The axes from `start` to `end` joined into one.
  public func flatten(_ start: Int = 0, _ end: Int = -1) -> Tensor {
    unary("flatten") { ct_flatten($0, Int64(start), Int64(end)) }
  }
  /// Joined along an existing axis.
  public static func concatenate(_ parts: [Tensor], axis: Int = 0) -> Tensor {
    Tensor("concatenate", withPointers(parts) { ct_cat($0, $1, Int64(axis)) }, operands: parts)
  }
  /// Joined along a new axis.
  public static func stack(_ parts: [Tensor], axis: Int = 0) -> Tensor {
    Tensor("stack", withPointers(parts) { ct_stack($0, $1, Int64(axis)) }, operands: parts)
  }
  /// Pieces of the given extent along an axis; the last may be shorter.
  public func split(_ size: Int, axis: Int = 0) -> [Tensor] {
    precondition(size > 0, "split: size must be positive, not \(size)")
    let capacity = Swift.max(1, (self.size(axis) + size - 1) / size)
    var parts = [OpaquePointer?](repeating: nil, count: capacity)
    let count = withExtendedLifetime(handle) {
      ct_split(handle.pointer, Int64(size), Int64(axis), &parts, Int32(capacity))
    }
    if count < 0 { fail("split", [self]) }
    return parts.prefix(Int(Swift.max(count, 0))).map { Tensor(taking: $0!) }
  }
  /// Tiled along every axis.
  public func tile(_ counts: [Int]) -> Tensor {
    unary("tile") { pointer in withInt64(counts) { ct_repeat(pointer, $0, $1) } }
  }
  /// Every slice of the axis repeated in place: a a b b c c.
  public func repeatInterleave(_ count: Int, axis: Int) -> Tensor {
    unary("repeatInterleave") { ct_repeat_interleave($0, Int64(count), Int64(axis)) }
  }
  public func flip(_ axes: Int...) -> Tensor {
    unary("flip") { pointer in withInt64(axes) { ct_flip(pointer, $0, $1) } }
  }
  public func roll(_ shift: Int, axis: Int) -> Tensor {
    unary("roll") { ct_roll($0, Int64(shift), Int64(axis)) }
  }
  /// The lower triangle, zero elsewhere.
  public func lowerTriangle(_ diagonal: Int = 0) -> Tensor {
    unary("lowerTriangle") { ct_tril($0, Int64(diagonal)) }
  }
  /// The upper triangle, zero elsewhere.
  public func upperTriangle(_ diagonal: Int = 0) -> Tensor {
    unary("upperTriangle") { ct_triu($0, Int64(diagonal)) }
  }
  /// The diagonal of the last two axes.
  public func diagonal(_ offset: Int = 0) -> Tensor {
    unary("diagonal") { ct_diagonal($0, Int64(offset), -2, -1) }
  }
  /// Matrices with the last axis on their diagonals.
  public func diagonalMatrix() -> Tensor { unary("diagonalMatrix", ct_diag_embed) }
  /// Padded with a value; `padding` gives before and after for the last axis, then the one before it, …
  public func padded(_ padding: [Int], value: Double = 0) -> Tensor {
    unary("padded") { pointer in withInt64(padding) { ct_pad_constant(pointer, $0, $1, value) } }
  }
  /// Whole numbers 0..<classes as rows of the identity.
  public func oneHot(_ classes: Int) -> Tensor { unary("oneHot") { ct_one_hot($0, Int64(classes)) } }

  /// Coordinates of a rectangular grid, one tensor an axis, the first axis slowest.
  public static func grid(_ axes: [Tensor]) -> [Tensor] {
    var grids = [OpaquePointer?](repeating: nil, count: axes.count)
    if withPointers(axes, { ct_meshgrid($0, $1, &grids) }) != 0 {
      fail("grid", axes)
      return axes
    }
    return grids.map { Tensor(taking: $0!) }
  }
}
