/// A vector field's value and divergence at the rows of a batch.
public struct FieldWithDivergence: Sendable {
  /// f(x), `[batch, d]`.
  public let value: Tensor
  /// Σᵢ ∂fᵢ/∂xᵢ, `[batch]`.
  public let divergence: Tensor

  public init(value: Tensor, divergence: Tensor) {
    self.value = value
    self.divergence = divergence
  }
}

/// How a divergence is found.
public enum DivergenceMethod: Sendable, Hashable {
  /// Every coordinate: one forward pass and d backward passes, which share it.
  case exact
  /// Hutchinson's estimate from Rademacher probes: unbiased, one backward pass a probe.
  case hutchinson(probes: Int)
}

/// The exact divergence of a field that works row by row on `[batch, d]`.
///
/// Cost: one forward pass, then d backward passes over the same record.
/// - Parameter differentiable: the divergence can be differentiated again (with respect to parameters).
public func exactDivergence(of field: (Tensor) -> Tensor, at x: Tensor, differentiable: Bool = false)
  -> FieldWithDivergence
{
  withGradient {
    let leaf = x.requiringGradient()
    let value = field(leaf)
    guard value.requiresGradient else {
      return FieldWithDivergence(
        value: value, divergence: .zeros([x.size(0)], dtype: x.dtype, device: x.device))
    }
    let d = x.size(-1)
    let identity = Tensor.identity(d, dtype: x.dtype, device: x.device)
    var divergence = Tensor.zeros([x.size(0)], dtype: x.dtype, device: x.device)
    for i in 0..<d {
      let seed = identity[i].expand(value.shape)
      let row = gradients(
        of: [value], withRespectTo: [leaf], seeds: [seed], keepGraph: i + 1 < d,
        differentiable: differentiable)[0]
      divergence = divergence + row[.all, i]
    }
    return FieldWithDivergence(value: differentiable ? value : value.detach(), divergence: divergence)
  }
}

/// Hutchinson's unbiased estimate of the divergence, E[vᵀ (∂f/∂x) v], from given probes `[probes, batch, d]`.
///
/// The same probes along an integration keep its integrand smooth.
public func hutchinsonDivergence(of field: (Tensor) -> Tensor, at x: Tensor, probes: Tensor)
  -> FieldWithDivergence
{
  withGradient {
    let leaf = x.requiringGradient()
    let value = field(leaf)
    guard value.requiresGradient else {
      return FieldWithDivergence(
        value: value, divergence: .zeros([x.size(0)], dtype: x.dtype, device: x.device))
    }
    let count = probes.size(0)
    var sum = Tensor.zeros([x.size(0)], dtype: x.dtype, device: x.device)
    for i in 0..<count {
      let probe = probes[i]
      let product = gradients(of: [value], withRespectTo: [leaf], seeds: [probe], keepGraph: i + 1 < count)[0]
      sum = sum + (product * probe).sum(-1)
    }
    return FieldWithDivergence(value: value.detach(), divergence: sum / Double(count))
  }
}
