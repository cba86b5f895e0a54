import CTorch

/// Changes parameters along gradients.
public protocol Optimiser: AnyObject {
  /// What it changes, in the order in which gradients are given.
  var parameters: [Parameter] { get }
  /// The step size of the next step.
  var learningRate: Double { get set }
  /// One step, in place; `gradients` match ``parameters`` one by one.
  func step(_ gradients: [Tensor])
  /// Everything besides the parameters that the next step depends on, by name.
  var state: [(name: String, tensor: Tensor)] { get }
  /// Continues from a stored ``state``.
  /// - Throws: ``ModuleStateError`` where names or shapes differ.
  func load(_ state: [String: Tensor]) throws
}

extension Optimiser {
  /// Copies stored tensors over the given ones, after checking that all are there with the same shape.
  func restore(_ targets: [(name: String, tensor: Tensor)], from state: [String: Tensor]) throws {
    let missing = targets.map(\.name).filter { state[$0] == nil }
    let misshapen = targets.filter { target in
      state[target.name].map { $0.shape != target.tensor.shape } ?? false
    }
    guard missing.isEmpty, misshapen.isEmpty else {
      throw ModuleStateError(missing: missing, unknown: [], misshapen: misshapen.map(\.name))
    }
    for target in targets { copyInPlace(state[target.name]!, into: target.tensor) }
  }
}

/// Scales gradients in place so that their joint 2-norm is at most `limit`.
/// - Returns: the norm before, a scalar on the gradients' device.
@discardableResult
public func clipGradients(_ gradients: [Tensor], limit: Double) -> Tensor {
  Tensor("clipGradients", withPointers(gradients) { ct_clip_gradients($0, $1, limit) }, operands: gradients)
}

/// The joint 2-norm of gradients, a scalar on their device.
public func gradientNorm(_ gradients: [Tensor]) -> Tensor { clipGradients(gradients, limit: 0) }
