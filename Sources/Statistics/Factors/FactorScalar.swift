import RealModule

/// Numbers ≥ 0 that tables can hold and contractions can add, multiply and divide.
public protocol FactorScalar: Sendable, Equatable {
  static var zero: Self { get }
  static var one: Self { get }
  /// The number as a `Double`, which may underflow.
  var plain: Double { get }
  init(plain value: Double)
  /// Whether it is exactly nothing, and no underflow.
  var isNothing: Bool { get }
  static func + (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  /// Of a divisor that is not zero.
  static func / (a: Self, b: Self) -> Self
}

extension Double: FactorScalar {
  public static var one: Double { 1 }
  public var plain: Double { self }
  public init(plain value: Double) { self = value }
  public var isNothing: Bool { self == 0 }
}

/// A number ≥ 0 kept as its logarithm: for products that underflow, of more than a few hundred probabilities.
public struct LogNumber: FactorScalar {
  /// −∞ for zero.
  public var log: Double

  public init(log: Double) { self.log = log }
  public init(plain value: Double) { log = .log(value) }

  public var isNothing: Bool { log == -.infinity }
  public static var zero: LogNumber { LogNumber(log: -.infinity) }
  public static var one: LogNumber { LogNumber(log: 0) }
  public var plain: Double { .exp(log) }

  public static func + (a: LogNumber, b: LogNumber) -> LogNumber {
    let high = max(a.log, b.log)
    guard high > -.infinity else { return zero }
    return LogNumber(log: high + .log(onePlus: .exp(min(a.log, b.log) - high)))
  }
  public static func * (a: LogNumber, b: LogNumber) -> LogNumber { LogNumber(log: a.log + b.log) }
  public static func / (a: LogNumber, b: LogNumber) -> LogNumber { LogNumber(log: a.log - b.log) }
}

/// A number with its derivative in one direction: what is computed from tables of these is differentiated exactly.
public struct DualNumber: FactorScalar {
  public var value: Double
  public var derivative: Double

  public init(_ value: Double, derivative: Double) { (self.value, self.derivative) = (value, derivative) }
  public init(plain value: Double) { self.init(value, derivative: 0) }

  public var isNothing: Bool { value == 0 }
  public static var zero: DualNumber { DualNumber(0, derivative: 0) }
  public static var one: DualNumber { DualNumber(1, derivative: 0) }
  public var plain: Double { value }

  public static func + (a: DualNumber, b: DualNumber) -> DualNumber {
    DualNumber(a.value + b.value, derivative: a.derivative + b.derivative)
  }
  public static func * (a: DualNumber, b: DualNumber) -> DualNumber {
    DualNumber(a.value * b.value, derivative: a.derivative * b.value + a.value * b.derivative)
  }
  public static func / (a: DualNumber, b: DualNumber) -> DualNumber {
    let quotient = a.value / b.value
    return DualNumber(quotient, derivative: (a.derivative - quotient * b.derivative) / b.value)
  }
}
