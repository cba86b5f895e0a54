import CTorch

/// body(x) with none of its record kept: the backward pass runs `body` again (gradient checkpointing, Chen et al. 2016).
///
/// Memory for about one more forward pass of time. Differentiable once; without a recording it is `body(x)`.
/// - Parameters:
///   - parameters: every tensor beside `x` that `body` reads and a gradient may be asked for. One that is left out gets a
///     gradient of 0.
///   - body: gives the same result when it is run again, and does nothing else.
public func checkpointed(_ x: Tensor, reading parameters: [Tensor], _ body: @escaping (Tensor) -> Tensor)
  -> Tensor
{
  guard isRecordingGradient else { return body(x) }
  let context = Unmanaged.passRetained(CheckpointedBody(body)).toOpaque()
  let inputs = [x] + parameters
  let result = withPointers(inputs) { pointers, count in
    ct_checkpoint(
      pointers, count,
      { argument, context in
        ct_retain(argument)
        let body = Unmanaged<CheckpointedBody>.fromOpaque(context!).takeUnretainedValue()
        let result = body.run(Tensor(taking: argument!))
        ct_retain(result.handle.pointer)
        return result.handle.pointer
      }, { Unmanaged<CheckpointedBody>.fromOpaque($0!).release() }, context)
  }
  return Tensor("checkpointed", result, operands: inputs)
}

/// A closure that C functions hold by address.
private final class CheckpointedBody {
  let run: (Tensor) -> Tensor
  init(_ run: @escaping (Tensor) -> Tensor) { self.run = run }
}
