import CTorch

/// `body(0)`, `body(1)`, … of independent pieces of work, worked on side by side; the results are in order.
///
/// With several pieces each runs on one of libtorch's threads and its operations stay on that thread, which for
/// pieces that fit the processor's cache is faster than spreading every small operation over all threads. A single
/// piece uses all threads as usual. Gradients are not recorded inside. Pieces must not touch the same mutable state.
/// - Throws: the error of the first piece that failed.
public func concurrently<Result, Failure: Error>(
  _ count: Int, _ body: @Sendable (Int) throws(Failure) -> Result
) throws(Failure) -> [Result] {
  var outcomes = [Swift.Result<Result, Failure>?](repeating: nil, count: count)
  outcomes.withUnsafeMutableBufferPointer { outcomes in
    let places = outcomes.baseAddress
    withoutActuallyEscaping(body) { body in
      let job = Job { index in
        withoutGradient {
          do throws(Failure) {
            places?[index] = .success(try body(index))
          } catch {
            places?[index] = .failure(error)
          }
        }
      }
      withExtendedLifetime(job) {
        ct_parallel(
          Int64(count),
          { index, context in
            Unmanaged<Job>.fromOpaque(context!).takeUnretainedValue().run(Int(index))
          }, Unmanaged.passUnretained(job).toOpaque())
      }
    }
  }
  var results: [Result] = []
  results.reserveCapacity(count)
  for outcome in outcomes { results.append(try outcome!.get()) }
  return results
}

/// A closure that a C function can be given by address.
private final class Job {
  let run: (Int) -> Void
  init(_ run: @escaping (Int) -> Void) { self.run = run }
}
