import CTorch

/// One part of a subscript: a position, a range, a new axis, a mask or a tensor of positions.
public struct TensorIndex: Sendable {
  enum Part {
    case at(Int)
    case slice(start: Int, end: Int?, step: Int)
    case all, ellipsis, newAxis
    case tensor(Tensor)
  }
  let part: Part

  init(_ part: Part) { self.part = part }
}

/// What may stand inside a tensor's subscript.
public protocol TensorIndexConvertible {
  var tensorIndex: TensorIndex { get }
}

extension TensorIndex: TensorIndexConvertible { public var tensorIndex: TensorIndex { self } }
extension Int: TensorIndexConvertible { public var tensorIndex: TensorIndex { .init(.at(self)) } }
extension Tensor: TensorIndexConvertible { public var tensorIndex: TensorIndex { .init(.tensor(self)) } }
extension Range<Int>: TensorIndexConvertible {
  public var tensorIndex: TensorIndex { .init(.slice(start: lowerBound, end: upperBound, step: 1)) }
}
extension ClosedRange<Int>: TensorIndexConvertible {
  public var tensorIndex: TensorIndex { .init(.slice(start: lowerBound, end: upperBound + 1, step: 1)) }
}
extension PartialRangeFrom<Int>: TensorIndexConvertible {
  public var tensorIndex: TensorIndex { .init(.slice(start: lowerBound, end: nil, step: 1)) }
}
extension PartialRangeUpTo<Int>: TensorIndexConvertible {
  public var tensorIndex: TensorIndex { .init(.slice(start: 0, end: upperBound, step: 1)) }
}

extension TensorIndexConvertible where Self == TensorIndex {
  /// The whole axis.
  public static var all: TensorIndex { .init(.all) }
  /// As many whole axes as are left over.
  public static var ellipsis: TensorIndex { .init(.ellipsis) }
  /// A new axis of extent 1.
  public static var newAxis: TensorIndex { .init(.newAxis) }
  /// Every `step`-th position from `start` to before `end`.
  public static func stride(from start: Int = 0, to end: Int? = nil, by step: Int) -> TensorIndex {
    .init(.slice(start: start, end: end, step: step))
  }
}

extension Tensor {
  /// Parts of the tensor: `x[0]`, `x[.all, 1..<3]`, `x[.ellipsis, -1]`, `x[mask]`, `x[rows, columns]`.
  ///
  /// Ranges beyond the end are cut, as in libtorch; a position beyond it is an error.
  public subscript(_ indices: TensorIndexConvertible...) -> Tensor {
    let parts = indices.map(\.tensorIndex.part)
    let consumed = parts.reduce(0) { count, part in
      switch part {
      case .at, .slice, .all: count + 1
      case .tensor(let index): count + axesTaken(by: index)
      case .ellipsis, .newAxis: count
      }
    }
    var result = self
    var axis = 0
    var gathers: [Tensor?] = []
    for part in parts {
      switch part {
      case .at(let position):
        result = result.unary("subscript") { ct_select($0, Int64(axis), Int64(position)) }
      case .slice(let start, let end, let step):
        result = result.slice(axis: axis, start: start, end: end, step: step)
        axis += 1
      case .all: axis += 1
      case .ellipsis: axis += Swift.max(0, rank - consumed)
      case .newAxis:
        result = result.unsqueeze(axis)
        axis += 1
      case .tensor(let index):
        while gathers.count < axis { gathers.append(nil) }
        gathers.append(index)
        axis += axesTaken(by: index)
      }
    }
    return gathers.isEmpty ? result : result.gatherAdvanced(gathers)
  }

  /// A mask stands for as many axes as it has.
  private func axesTaken(by index: Tensor) -> Int { index.dtype == .bool ? index.rank : 1 }

  private func gatherAdvanced(_ indices: [Tensor?]) -> Tensor {
    withExtendedLifetime(indices) {
      var pointers = indices.map(\.pointer)
      return unary("subscript") { ct_index($0, &pointers, Int32(indices.count)) }
    }
  }

  /// Positions `start`, `start + step`, … before `end` along an axis; a view.
  public func slice(axis: Int, start: Int, end: Int? = nil, step: Int = 1) -> Tensor {
    unary("slice") { ct_slice($0, Int64(axis), Int64(start), end.map(Int64.init) ?? .max, Int64(step)) }
  }
  /// The slices at `index` (one axis of whole numbers) along an axis.
  public func select(axis: Int, _ index: Tensor) -> Tensor {
    binary("select", index) { ct_index_select($0, Int64(axis), $1) }
  }
  /// The elements where `mask` holds, as one axis.
  public func masked(by mask: Tensor) -> Tensor { binary("masked", mask, ct_masked_select) }
  /// With `value` where `mask` holds.
  public func filled(where mask: Tensor, with value: Double) -> Tensor {
    binary("filled", mask) { ct_masked_fill($0, $1, value) }
  }
  /// out[i][j] = self[index[i][j]][j] for axis 0, and so on.
  public func gather(axis: Int, _ index: Tensor) -> Tensor {
    binary("gather", index) { ct_gather($0, Int64(axis), $1) }
  }
  /// A copy with `source` written where `index` points along the axis.
  public func scatter(axis: Int, _ index: Tensor, _ source: Tensor) -> Tensor {
    ternary("scatter", index, source) { ct_scatter($0, Int64(axis), $1, $2) }
  }
  /// A copy with `source` added where `index` points along the axis.
  public func scatterAdd(axis: Int, _ index: Tensor, _ source: Tensor) -> Tensor {
    ternary("scatterAdd", index, source) { ct_scatter_add($0, Int64(axis), $1, $2) }
  }
  /// A copy with whole slices of `source` added at the positions `index` of the axis.
  public func indexAdd(axis: Int, _ index: Tensor, _ source: Tensor) -> Tensor {
    ternary("indexAdd", index, source) { ct_index_add($0, Int64(axis), $1, $2) }
  }
  /// A copy with `source` in the range of the axis.
  public func replacing(axis: Int, _ range: Range<Int>, with source: Tensor) -> Tensor {
    binary("replacing", source) {
      ct_slice_scatter($0, $1, Int64(axis), Int64(range.lowerBound), Int64(range.upperBound))
    }
  }
  /// A copy with `values` at the positions that `indices` give, one tensor an axis from the first.
  public func putting(_ values: Tensor, at indices: [Tensor], accumulating: Bool = false) -> Tensor {
    withPointers(indices) { pointers, count in
      binary("putting", values) { ct_index_put($0, pointers, count, $1, accumulating) }
    }
  }
}
