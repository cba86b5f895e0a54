/// The type of a tensor's elements.
public enum DType: Int32, Sendable, Hashable, CaseIterable {
  case uint8 = 0
  case int8 = 1
  case int16 = 2
  case int32 = 3
  case int64 = 4
  case float16 = 5
  case float = 6
  case double = 7
  case complexFloat = 9
  case complexDouble = 10
  case bool = 11
  case bfloat16 = 15

  /// Bytes one element takes.
  public var size: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .int16, .float16, .bfloat16: 2
    case .int32, .float: 4
    case .int64, .double, .complexFloat: 8
    case .complexDouble: 16
    }
  }

  /// Whether gradients can flow through tensors of this type.
  public var isDifferentiable: Bool {
    switch self {
    case .float16, .float, .double, .complexFloat, .complexDouble, .bfloat16: true
    default: false
    }
  }
}

/// A Swift type that tensors can be made of and read back as.
public protocol TensorScalar: Sendable, BitwiseCopyable {
  static var dtype: DType { get }
}

extension Float: TensorScalar { public static var dtype: DType { .float } }
extension Double: TensorScalar { public static var dtype: DType { .double } }
extension Int64: TensorScalar { public static var dtype: DType { .int64 } }
extension Int: TensorScalar { public static var dtype: DType { .int64 } }
extension Int32: TensorScalar { public static var dtype: DType { .int32 } }
extension UInt8: TensorScalar { public static var dtype: DType { .uint8 } }
extension Bool: TensorScalar { public static var dtype: DType { .bool } }
