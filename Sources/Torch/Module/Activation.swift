import CTorch

/// A nonlinearity applied element by element.
public enum Activation: String, Sendable, CaseIterable, Codable {
  case relu, silu, tanh, gelu, selu, sigmoid, softplus, elu

  /// f(x).
  public func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .relu: x.relu()
    case .silu: x.silu()
    case .tanh: x.tanh()
    case .gelu: x.gelu()
    case .selu: x.selu()
    case .sigmoid: x.sigmoid()
    case .softplus: x.softplus()
    case .elu: x.elu()
    }
  }

  /// f(x) and f′(x), the latter 0 at kinks.
  public func valueAndDerivative(_ x: Tensor) -> (value: Tensor, derivative: Tensor) {
    switch self {
    case .relu: return (x.relu(), (x .> 0).to(x.dtype))
    case .silu:
      let s = x.sigmoid()
      let value = x * s
      return (value, s + value * (1 - s))
    case .tanh:
      let value = x.tanh()
      return (value, 1 - value.square())
    case .gelu:
      let cdf = 0.5 * (1 + (x * 0.5.squareRoot()).erf())
      return (x * cdf, cdf + x * (x.square() * -0.5).exp() * 0.3989422804014327)
    case .selu:
      let (alpha, scale) = (1.6732632423543772, 1.0507009873554805)
      let value = x.selu()
      // Below 0 the value is s α (eˣ − 1) and the derivative s α eˣ.
      return (
        value, Tensor.where(x .> 0, .full([], scale, dtype: x.dtype, device: x.device), value + alpha * scale)
      )
    case .sigmoid:
      let value = x.sigmoid()
      return (value, value * (1 - value))
    case .softplus: return (x.softplus(), x.sigmoid())
    case .elu: return (x.elu(), Tensor.where(x .> 0, Tensor.ones(like: x), x.exp()))
    }
  }

  /// f written over its input, for a temporary that nobody else holds and whose maker's derivative does not need it.
  ///
  /// While a recording runs, only where the derivative follows from f(x) itself; that also spares its backward pass
  /// the exponential.
  func overwriting(_ temporary: Tensor) -> Tensor {
    let kind: Int32? =
      switch self {
      case .relu: 0
      case .silu: 1
      case .tanh: 2
      case .gelu: 3
      case .selu: 4
      case .sigmoid: 5
      case .softplus, .elu: nil
      }
    let followsFromValue = [.relu, .tanh, .selu, .sigmoid].contains(self)
    guard let kind, followsFromValue || !ct_grad_enabled() else { return self(temporary) }
    withExtendedLifetime(temporary.handle) {
      if ct_activate_in_place(temporary.handle.pointer, kind) != 0 { fail(rawValue, [temporary]) }
    }
    return temporary
  }
}

extension Tensor {
  /// This temporary that nobody else holds times `factor`, written over it where nothing is recorded.
  func overwritten(times factor: Tensor) -> Tensor {
    guard !ct_grad_enabled() else { return self * factor }
    withExtendedLifetime((handle, factor.handle)) {
      if ct_multiply_in_place(handle.pointer, factor.handle.pointer) != 0 { fail("*", [self, factor]) }
    }
    return self
  }
}
