import CTorch

/// An error of libtorch: the operation, its operands' shapes, and libtorch's reason.
public struct TorchError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The operation that failed.
  public let operation: String
  /// What it was given and why that does not work.
  public let reason: String

  public var description: String { "\(operation): \(reason)" }
}

/// Runs `body` so that an error of libtorch inside it is thrown instead of stopping the program.
///
/// The first error is the one thrown; operations after it, until `body` returns, work on an empty
/// placeholder and their results are discarded. Use it around user-shaped computations, not to guard
/// against shapes the program itself chose.
/// - Throws: ``TorchError``, or what `body` throws when no operation failed before.
public func withTorchErrors<Result>(_ body: () throws -> Result) throws -> Result {
  let scope = ErrorScope()
  do {
    let result = try ErrorScope.$current.withValue(scope, operation: body)
    if let first = scope.first { throw first }
    return result
  } catch {
    throw scope.first ?? error
  }
}

/// Where failures inside `withTorchErrors` are kept. Synchronous code only touches it from one thread.
final class ErrorScope: @unchecked Sendable {
  @TaskLocal static var current: ErrorScope?
  var first: TorchError?
}

/// Records the failure that the bridge just reported, or stops the program outside `withTorchErrors`.
@inline(never)
func fail(_ operation: String, _ operands: [Tensor]) {
  let shapes = operands.map { "\($0.shape)" }.joined(separator: ", ")
  let message = String(cString: ct_last_error())
  let error = TorchError(
    operation: operation, reason: shapes.isEmpty ? message : "shapes \(shapes): \(message)")
  guard let scope = ErrorScope.current else { fatalError(error.description) }
  if scope.first == nil { scope.first = error }
}
