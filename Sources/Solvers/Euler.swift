import Torch

/// x + h f(t, x).
public struct Euler: FixedStepScheme {
  public init() {}
  public var order: Int { 1 }
  public var evaluations: Int { 1 }

  public func step(_ field: TimeField, _ t: Double, _ x: Tensor, _ h: Double) -> Tensor {
    x.adding(field(t, x), scaledBy: h)
  }
}
