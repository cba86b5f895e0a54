import CTorch

/// RMSProp (Tieleman & Hinton 2012): steps along g/(√v + ε), v a moving mean of g² that starts at 0 and is not corrected
/// for that, without momentum.
public final class RMSProp: Optimiser {
  public let parameters: [Parameter]
  public var learningRate: Double
  public let decay: Double
  public let epsilon: Double

  private let squares: [Tensor]

  /// - Parameter decay: α of the moving mean, in [0, 1).
  public init(
    _ parameters: [Parameter], learningRate: Double = 1e-2, decay: Double = 0.99, epsilon: Double = 1e-8
  ) {
    (self.parameters, self.learningRate, self.decay, self.epsilon) = (
      parameters, learningRate, decay, epsilon
    )
    squares = parameters.map { .zeros(like: $0.value.detach()) }
  }

  public func step(_ gradients: [Tensor]) {
    precondition(
      gradients.count == parameters.count,
      "RMSProp: \(gradients.count) gradients, \(parameters.count) parameters")
    let status = withPointers(parameters.map(\.value)) { p, n in
      withPointers(gradients) { g, _ in
        withPointers(squares) { v, _ in ct_rmsprop(p, g, v, n, learningRate, decay, epsilon) }
      }
    }
    if status != 0 { fail("RMSProp", gradients) }
  }

  private var cells: [(name: String, tensor: Tensor)] {
    squares.enumerated().map { ("square.\($0)", $1) }
  }

  public var state: [(name: String, tensor: Tensor)] { cells.map { ($0.name, $0.tensor.clone()) } }
  public func load(_ state: [String: Tensor]) throws { try restore(cells, from: state) }
}
