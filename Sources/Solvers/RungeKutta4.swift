import Torch

/// Kutta's classical scheme of order four.
public struct RungeKutta4: FixedStepScheme {
  public init() {}
  public var order: Int { 4 }
  public var evaluations: Int { 4 }

  public func step(_ field: TimeField, _ t: Double, _ x: Tensor, _ h: Double) -> Tensor {
    let k1 = field(t, x)
    let k2 = field(t + h / 2, x.adding(k1, scaledBy: h / 2))
    let k3 = field(t + h / 2, x.adding(k2, scaledBy: h / 2))
    let k4 = field(t + h, x.adding(k3, scaledBy: h))
    return x.adding(k1 + k4, scaledBy: h / 6).adding(k2 + k3, scaledBy: h / 3)
  }
}
