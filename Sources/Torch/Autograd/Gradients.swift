import CTorch

// Reverse mode. Functions are differentiated where they stand: inputs are marked, the function runs once,
// and libtorch walks its record back.

extension Tensor {
  /// Whether operations on this tensor are recorded for gradients.
  public var requiresGradient: Bool { withExtendedLifetime(handle) { ct_requires_grad(handle.pointer) } }

  /// The same values as a new start of a graph.
  public func requiringGradient(_ value: Bool = true) -> Tensor {
    let leaf = detach()
    withExtendedLifetime(leaf.handle) {
      if ct_set_requires_grad(leaf.handle.pointer, value) != 0 { fail("requiringGradient", [self]) }
    }
    return leaf
  }
}

/// Whether operations on tensors that need gradients are recorded now, on this thread.
public var isRecordingGradient: Bool { ct_grad_enabled() }

/// Runs `body` without recording for gradients.
@inline(__always)
public func withoutGradient<Result>(_ body: () throws -> Result) rethrows -> Result {
  try withGradientRecording(false, body)
}

/// Runs `body` with recording for gradients, also inside ``withoutGradient(_:)``.
@inline(__always)
public func withGradient<Result>(_ body: () throws -> Result) rethrows -> Result {
  try withGradientRecording(true, body)
}

func withGradientRecording<Result>(_ enabled: Bool, _ body: () throws -> Result) rethrows -> Result {
  let before = ct_grad_enabled()
  ct_set_grad_enabled(enabled)
  defer { ct_set_grad_enabled(before) }
  return try body()
}

/// Gradients of `outputs` (weighted by `seeds`, ones where left out) with respect to `inputs`.
///
/// - Parameters:
///   - keepGraph: the record stays for another walk.
///   - differentiable: the gradients can be differentiated again.
/// - Returns: one tensor an input; zeros where the outputs do not depend on it.
public func gradients(
  of outputs: [Tensor], withRespectTo inputs: [Tensor], seeds: [Tensor]? = nil, keepGraph: Bool = false,
  differentiable: Bool = false
) -> [Tensor] {
  var results = [OpaquePointer?](repeating: nil, count: inputs.count)
  let status = withPointers(outputs) { o, n in
    withPointers(inputs) { i, m in
      guard let seeds else {
        return ct_gradients(o, nil, n, i, m, keepGraph || differentiable, differentiable, &results)
      }
      return withPointers(seeds) { s, _ in
        ct_gradients(o, s, n, i, m, keepGraph || differentiable, differentiable, &results)
      }
    }
  }
  if status != 0 { fail("gradients", outputs + inputs) }
  return zip(results, inputs).map { result, input in result.map(Tensor.init(taking:)) ?? .zeros(like: input) }
}

/// The value of a scalar function and its gradients at `inputs`.
///
/// ```swift
/// let (value, gradients) = valueAndGradient(of: { ($0[0] * $0[0]).sum() }, at: [x])   // gradients[0] = 2x
/// ```
public func valueAndGradient(of function: ([Tensor]) -> Tensor, at inputs: [Tensor]) -> (
  value: Tensor, gradients: [Tensor]
) {
  withGradient {
    let leaves = inputs.map { $0.requiringGradient() }
    let value = function(leaves)
    precondition(
      value.count == 1, "valueAndGradient: the function gives shape \(value.shape), not one number")
    return (value.detach(), gradients(of: [value], withRespectTo: leaves))
  }
}

/// The value of a function of one tensor and the gradient of the sum of its outputs.
///
/// For a function that works row by row this is each row's own gradient.
public func valueAndGradient(of function: (Tensor) -> Tensor, at input: Tensor) -> (
  value: Tensor, gradient: Tensor
) {
  withGradient {
    let leaf = input.requiringGradient()
    let value = function(leaf)
    return (value.detach(), gradients(of: [value.sum()], withRespectTo: [leaf])[0])
  }
}

/// f(x) and v ↦ vᵀ ∂f/∂x. The returned closure may be called again and again; each call is one backward pass.
public func vectorJacobianProduct(of function: (Tensor) -> Tensor, at input: Tensor) -> (
  value: Tensor, pullback: (Tensor) -> Tensor
) {
  withGradient {
    let leaf = input.requiringGradient()
    let value = function(leaf)
    return (
      value.detach(), { gradients(of: [value], withRespectTo: [leaf], seeds: [$0], keepGraph: true)[0] }
    )
  }
}

/// f(x) and (∂f/∂x) v in one forward pass with dual numbers.
public func jacobianVectorProduct(of function: (Tensor) -> Tensor, at input: Tensor, along tangent: Tensor)
  -> (
    value: Tensor, tangent: Tensor
  )
{
  let level = ct_dual_enter()
  precondition(level >= 0, "jacobianVectorProduct: cannot be nested in itself")
  defer { ct_dual_exit(level) }
  let dual = input.binary("jacobianVectorProduct", tangent) { ct_make_dual($0, $1, level) }
  let result = function(dual)
  return withExtendedLifetime(result.handle) {
    var value: OpaquePointer?
    var derivative: OpaquePointer?
    if ct_unpack_dual(result.handle.pointer, level, &value, &derivative) != 0 {
      fail("jacobianVectorProduct", [input, tangent])
      return (.placeholder, .placeholder)
    }
    let primal = Tensor(taking: value!)
    // A function that does not depend on its input has no tangent.
    return (primal, derivative.map(Tensor.init(taking:)) ?? .zeros(like: primal))
  }
}

/// The value, gradient and H·v of a scalar function, by differentiating gradient·v.
public func hessianVectorProduct(of function: (Tensor) -> Tensor, at input: Tensor, along vector: Tensor) -> (
  value: Tensor, gradient: Tensor, product: Tensor
) {
  withGradient {
    let leaf = input.requiringGradient()
    let value = function(leaf)
    let gradient = gradients(of: [value.sum()], withRespectTo: [leaf], differentiable: true)[0]
    guard gradient.requiresGradient else { return (value.detach(), gradient, .zeros(like: input)) }
    let product = gradients(of: [(gradient * vector).sum()], withRespectTo: [leaf])[0]
    return (value.detach(), gradient.detach(), product)
  }
}
