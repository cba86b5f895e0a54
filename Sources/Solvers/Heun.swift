import Torch

/// The explicit trapezoidal rule: a prediction by Euler, then the mean of both slopes.
public struct Heun: FixedStepScheme {
  public init() {}
  public var order: Int { 2 }
  public var evaluations: Int { 2 }

  public func step(_ field: TimeField, _ t: Double, _ x: Tensor, _ h: Double) -> Tensor {
    let k1 = field(t, x)
    let k2 = field(t + h, x.adding(k1, scaledBy: h))
    return x.adding(k1, scaledBy: h / 2).adding(k2, scaledBy: h / 2)
  }
}
