import CTorch

// Reductions. Without axes they reduce over everything; `keep` leaves reduced axes with extent 1.
extension Tensor {
  /// The sum.
  public func sum(_ axes: Int..., keep: Bool = false) -> Tensor { sum(axes: axes, keep: keep) }
  /// The sum.
  public func sum(axes: [Int], keep: Bool = false) -> Tensor {
    unary("sum") { pointer in withInt64(axes) { ct_sum(pointer, $0, $1, keep) } }
  }

  /// The mean.
  public func mean(_ axes: Int..., keep: Bool = false) -> Tensor { mean(axes: axes, keep: keep) }
  /// The mean.
  public func mean(axes: [Int], keep: Bool = false) -> Tensor {
    unary("mean") { pointer in withInt64(axes) { ct_mean(pointer, $0, $1, keep) } }
  }

  /// The largest element; NaN wins.
  public func max(_ axes: Int..., keep: Bool = false) -> Tensor { max(axes: axes, keep: keep) }
  /// The largest element; NaN wins.
  public func max(axes: [Int], keep: Bool = false) -> Tensor {
    unary("max") { pointer in withInt64(axes) { ct_amax(pointer, $0, $1, keep) } }
  }

  /// The smallest element; NaN wins.
  public func min(_ axes: Int..., keep: Bool = false) -> Tensor { min(axes: axes, keep: keep) }
  /// The smallest element; NaN wins.
  public func min(axes: [Int], keep: Bool = false) -> Tensor {
    unary("min") { pointer in withInt64(axes) { ct_amin(pointer, $0, $1, keep) } }
  }

  /// log Σ eˣ without overflow; −∞ for all −∞.
  public func logSumExp(_ axes: Int..., keep: Bool = false) -> Tensor { logSumExp(axes: axes, keep: keep) }
  /// log Σ eˣ without overflow; −∞ for all −∞.
  public func logSumExp(axes: [Int], keep: Bool = false) -> Tensor {
    unary("logSumExp") { pointer in withInt64(axes) { ct_logsumexp(pointer, $0, $1, keep) } }
  }

  /// Whether every element is non-zero.
  public func all(_ axes: Int..., keep: Bool = false) -> Tensor { all(axes: axes, keep: keep) }
  /// Whether every element is non-zero.
  public func all(axes: [Int], keep: Bool = false) -> Tensor {
    unary("all") { pointer in withInt64(axes) { ct_all(pointer, $0, $1, keep) } }
  }

  /// Whether an element is non-zero.
  public func any(_ axes: Int..., keep: Bool = false) -> Tensor { any(axes: axes, keep: keep) }
  /// Whether an element is non-zero.
  public func any(axes: [Int], keep: Bool = false) -> Tensor {
    unary("any") { pointer in withInt64(axes) { ct_any(pointer, $0, $1, keep) } }
  }

  /// The variance; `correction` 1 divides by n − 1, 0 by n.
  public func variance(_ axes: Int..., correction: Double = 1, keep: Bool = false) -> Tensor {
    unary("variance") { pointer in withInt64(axes) { ct_var(pointer, $0, $1, correction, keep) } }
  }
  /// The standard deviation; `correction` as in ``variance(_:correction:keep:)``.
  public func standardDeviation(_ axes: Int..., correction: Double = 1, keep: Bool = false) -> Tensor {
    unary("standardDeviation") { pointer in withInt64(axes) { ct_var(pointer, $0, $1, correction, keep) } }
      .sqrt()
  }
  /// The p-norm of the elements as one vector along the axes.
  public func norm(_ axes: Int..., order: Double = 2, keep: Bool = false) -> Tensor {
    unary("norm") { pointer in withInt64(axes) { ct_norm(pointer, order, $0, $1, keep) } }
  }
  /// The product along an axis.
  public func product(_ axis: Int, keep: Bool = false) -> Tensor {
    unary("product") { ct_prod($0, Int64(axis), keep) }
  }
  /// The position of the largest element along an axis.
  public func argmax(_ axis: Int, keep: Bool = false) -> Tensor {
    unary("argmax") { ct_argmax($0, Int64(axis), keep) }
  }
  /// The position of the smallest element along an axis.
  public func argmin(_ axis: Int, keep: Bool = false) -> Tensor {
    unary("argmin") { ct_argmin($0, Int64(axis), keep) }
  }
  public func cumulativeSum(_ axis: Int) -> Tensor { unary("cumulativeSum") { ct_cumsum($0, Int64(axis)) } }
  public func cumulativeProduct(_ axis: Int) -> Tensor {
    unary("cumulativeProduct") { ct_cumprod($0, Int64(axis)) }
  }
  public func cumulativeLogSumExp(_ axis: Int) -> Tensor {
    unary("cumulativeLogSumExp") { ct_logcumsumexp($0, Int64(axis)) }
  }
  public func cumulativeMaximum(_ axis: Int) -> (values: Tensor, indices: Tensor) {
    pair("cumulativeMaximum") { ct_cummax($0, Int64(axis), $1, $2) }
  }
  public func softmax(_ axis: Int) -> Tensor { unary("softmax") { ct_softmax($0, Int64(axis)) } }
  public func logSoftmax(_ axis: Int) -> Tensor { unary("logSoftmax") { ct_log_softmax($0, Int64(axis)) } }

  /// Sorted along an axis, with the positions the values came from; stable.
  public func sorted(_ axis: Int = -1, descending: Bool = false) -> (values: Tensor, indices: Tensor) {
    pair("sorted") { ct_sort($0, Int64(axis), descending, true, $1, $2) }
  }
  /// The `k` largest (or smallest) along an axis, best first, with their positions.
  public func top(_ k: Int, axis: Int = -1, largest: Bool = true) -> (values: Tensor, indices: Tensor) {
    pair("top") { ct_topk($0, Int64(k), Int64(axis), largest, $1, $2) }
  }
  /// The distinct values in increasing order, each element's place among them, and how often each occurs.
  public func unique() -> (values: Tensor, inverse: Tensor, counts: Tensor) {
    withExtendedLifetime(handle) {
      var values: OpaquePointer?
      var inverse: OpaquePointer?
      var counts: OpaquePointer?
      if ct_unique(handle.pointer, &values, &inverse, &counts) == 0, let values, let inverse, let counts {
        return (Tensor(taking: values), Tensor(taking: inverse), Tensor(taking: counts))
      }
      fail("unique", [self])
      return (.placeholder, .placeholder, .placeholder)
    }
  }
  /// Where each of `values` would be inserted into this sorted tensor (last axis); with `right` after equal ones.
  public func searchSorted(_ values: Tensor, right: Bool = false) -> Tensor {
    binary("searchSorted", values) { ct_searchsorted($0, $1, right) }
  }
  /// Quantiles at `levels` in [0, 1] along an axis, linear between order statistics; levels come first.
  public func quantile(_ levels: [Double], axis: Int, keep: Bool = false) -> Tensor {
    let q = Tensor(levels).to(like: self)
    return binary("quantile", q) { ct_quantile($0, $1, Int64(axis), keep) }
  }
  /// How often each of 0, 1, … occurs in a tensor of whole numbers.
  public func binCount(minimumLength: Int = 0) -> Tensor {
    unary("binCount") { ct_bincount($0, Int64(minimumLength)) }
  }
}
