import CTorch

/// A tensor that training changes.
///
/// Optimisers update it in place: `value` always shows the present state, and a copy that shall outlive the
/// next step is taken with ``snapshot()``.
public final class Parameter {
  /// The present value, recorded for gradients while ``isTrainable``.
  public private(set) var value: Tensor

  /// Whether training changes it; frozen parameters receive no gradients.
  public var isTrainable: Bool {
    didSet {
      if isTrainable != oldValue { value = value.requiringGradient(isTrainable) }
    }
  }

  public init(_ value: Tensor, trainable: Bool = true) {
    self.value = value.requiringGradient(trainable)
    isTrainable = trainable
  }

  public var shape: [Int] { value.shape }
  public var count: Int { value.count }

  /// A copy of the present value that later steps leave alone.
  public func snapshot() -> Tensor { value.detach().clone() }

  /// Overwrites the value, in place, with one of the same shape.
  public func assign(_ new: Tensor) {
    precondition(
      new.shape == value.shape, "assign: shape \(new.shape) into a parameter of shape \(value.shape)")
    copyInPlace(new, into: value)
  }

  /// Moves the parameter to a device or type, before optimisers are made of it.
  public func move(to dtype: DType? = nil, device: Device? = nil) {
    value = value.detach().to(dtype, device: device).requiringGradient(isTrainable)
  }
}

/// A tensor that belongs to a module's state but is not trained, such as a running mean.
public final class Buffer {
  public var value: Tensor
  public init(_ value: Tensor) { self.value = value }
}

/// Overwrites `target`'s memory.
package func copyInPlace(_ source: Tensor, into target: Tensor) {
  withExtendedLifetime((source.handle, target.handle)) {
    if ct_copy_into(target.handle.pointer, source.handle.pointer) != 0 { fail("assign", [target, source]) }
  }
}
