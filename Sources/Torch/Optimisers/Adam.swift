import CTorch

/// Adam (Kingma & Ba 2015) and, with `decoupled` weight decay, AdamW (Loshchilov & Hutter 2019); libtorch's fused kernel.
public final class Adam: Optimiser {
  public let parameters: [Parameter]
  public var learningRate: Double
  public let betas: (Double, Double)
  public let epsilon: Double
  public let weightDecay: Double
  public let isDecoupled: Bool

  private let means: [Tensor]
  private let squares: [Tensor]
  private let steps: [Tensor]

  /// - Parameters:
  ///   - betas: decay of the first and second moment, each in [0, 1).
  ///   - weightDecay: ≥ 0; added to the gradient, or applied to the parameter itself when `decoupled`.
  public init(
    _ parameters: [Parameter], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999),
    epsilon: Double = 1e-8, weightDecay: Double = 0, decoupled: Bool = false
  ) {
    self.parameters = parameters
    self.learningRate = learningRate
    self.betas = betas
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    isDecoupled = decoupled
    means = parameters.map { .zeros(like: $0.value.detach()) }
    squares = parameters.map { .zeros(like: $0.value.detach()) }
    steps = parameters.map { .zeros([], device: $0.value.device) }
  }

  public func step(_ gradients: [Tensor]) {
    precondition(
      gradients.count == parameters.count,
      "Adam: \(gradients.count) gradients, \(parameters.count) parameters")
    let options = ct_adam_options(
      learning_rate: learningRate, beta1: betas.0, beta2: betas.1, weight_decay: weightDecay,
      epsilon: epsilon,
      amsgrad: false, decoupled: isDecoupled)
    let status = withPointers(parameters.map(\.value)) { p, n in
      withPointers(gradients) { g, _ in
        withPointers(means) { m, _ in
          withPointers(squares) { v, _ in
            withPointers(steps) { s, _ in ct_fused_adam(p, g, m, v, nil, s, n, options) }
          }
        }
      }
    }
    if status != 0 { fail("Adam", gradients) }
  }

  private var cells: [(name: String, tensor: Tensor)] {
    parameters.indices.flatMap { i in
      [("mean.\(i)", means[i]), ("square.\(i)", squares[i]), ("step.\(i)", steps[i])]
    }
  }

  public var state: [(name: String, tensor: Tensor)] { cells.map { ($0.name, $0.tensor.clone()) } }
  public func load(_ state: [String: Tensor]) throws { try restore(cells, from: state) }
}

/// AdamW: ``Adam`` with decoupled weight decay.
public func AdamW(_ parameters: [Parameter], learningRate: Double = 1e-3, weightDecay: Double = 1e-2) -> Adam
{
  Adam(parameters, learningRate: learningRate, weightDecay: weightDecay, decoupled: true)
}

/// Stochastic gradient descent with momentum; libtorch's fused kernel.
public final class SGD: Optimiser {
  public let parameters: [Parameter]
  public var learningRate: Double
  public let momentum: Double
  public let weightDecay: Double
  public let isNesterov: Bool

  private let momenta: [Tensor]
  private let steps: Tensor

  /// - Parameter momentum: in [0, 1); Nesterov's variant needs it positive.
  public init(
    _ parameters: [Parameter], learningRate: Double, momentum: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false
  ) {
    precondition(!nesterov || momentum > 0, "SGD: Nesterov's step needs a positive momentum")
    self.parameters = parameters
    self.learningRate = learningRate
    self.momentum = momentum
    self.weightDecay = weightDecay
    isNesterov = nesterov
    momenta = momentum > 0 ? parameters.map { .zeros(like: $0.value.detach()) } : []
    steps = .zeros([])
  }

  public func step(_ gradients: [Tensor]) {
    precondition(
      gradients.count == parameters.count, "SGD: \(gradients.count) gradients, \(parameters.count) parameters"
    )
    let first = steps.item() == 0
    let status = withPointers(parameters.map(\.value)) { p, n in
      withPointers(gradients) { g, _ in
        withPointers(momenta) { m, _ in
          ct_fused_sgd(
            p, g, momenta.isEmpty ? nil : m, n, learningRate, momentum, weightDecay, 0, isNesterov, first)
        }
      }
    }
    if status != 0 { fail("SGD", gradients) }
    copyInPlace(steps + 1, into: steps)
  }

  private var cells: [(name: String, tensor: Tensor)] {
    momenta.enumerated().map { ("momentum.\($0)", $1) } + [("steps", steps)]
  }

  public var state: [(name: String, tensor: Tensor)] { cells.map { ($0.name, $0.tensor.clone()) } }
  public func load(_ state: [String: Tensor]) throws { try restore(cells, from: state) }
}
