import Testing
import Torch

/// Fails unless both have one shape and their largest difference is at most `tolerance`.
func expectClose(
  _ a: Tensor, _ b: Tensor, _ tolerance: Double = 1e-12, _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard a.shape == b.shape else {
    Issue.record("shapes \(a.shape) and \(b.shape)", sourceLocation: sourceLocation)
    return
  }
  guard a.count > 0 else { return }
  let difference = (a.to(.double) - b.to(.double)).abs().max().item()
  // Written so that NaN fails.
  #expect(difference <= tolerance, comment, sourceLocation: sourceLocation)
}

/// Normal numbers in double precision from a seed.
func normal(_ shape: [Int], seed: UInt64 = 1) -> Tensor {
  var random = RandomSource(seed: seed)
  return random.normal(shape, dtype: .double)
}
