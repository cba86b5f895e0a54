import Torch

/// Over what an objective compares two responses.
public enum PreferenceAggregation: String, Sendable, Hashable, CaseIterable, Codable {
  /// Sums over their tokens.
  case sequence
  /// Their tokens, place by place, a missing one counting 0; the mean over the places of the longer response (Lin et al.
  /// 2025).
  case token
  /// The same over all places of the padded batch, prompts among them, each of which adds what two zeros make: as the
  /// authors' program does, which makes gradients smaller the longer the batch.
  case paddedToken = "padded-token"
}

extension PreferenceLoss {
  /// The objective place by place, `[pairs]`, differentiable.
  ///
  /// - Parameters:
  ///   - values: ln π of every token, of the preferred response of the first pair, then of its other one, and so on:
  ///     ``Transformer/tokenLogProbabilities(of:)``.
  ///   - reference: the same under the reference; `nil` where the objective needs none.
  public func tokenwise(
    _ values: Tensor, reference: Tensor?, pairs: [PreferencePair], aggregation: PreferenceAggregation
  ) -> Tensor {
    precondition(aggregation != .sequence, "tokenwise: sums are no places")
    let places = pairs.map { max($0.chosen.count, $0.rejected.count) }
    let total = places.reduce(0, +)
    var (slots, weights) = ([Int](), [Float]())
    var start = 0
    for (pair, count) in zip(pairs, places) {
      for (side, tokens, own) in [
        (0, pair.chosen, pair.chosenWeights), (1, pair.rejected, pair.rejectedWeights),
      ] {
        slots += tokens.indices.map { 2 * (start + $0) + side }
        weights += own ?? Array(repeating: 1, count: tokens.count)
      }
      start += count
    }
    let device = values.device
    let (slotTensor, weightTensor) = (Tensor(slots).to(device: device), Tensor(weights).to(device: device))
    func sides(_ tokens: Tensor) -> (Tensor, Tensor) {
      let table = Tensor.zeros([2 * total], dtype: .double, device: device)
        .indexAdd(axis: 0, slotTensor, tokens.to(.double, device: device) * weightTensor).reshape(total, 2)
      return (table[TensorIndex.all, 0], table[TensorIndex.all, 1])
    }
    let (chosen, rejected) = sides(values)
    let known = reference.map(sides)
    let ones = Tensor.ones([total], dtype: .double, device: device)
    let found = self(
      ResponseLikelihoods(
        chosen: chosen, rejected: rejected, chosenLengths: ones, rejectedLengths: ones,
        chosenReference: known?.0, rejectedReference: known?.1)
    ).sumsOfRuns(places)
    guard aggregation == .paddedToken else {
      return found / Tensor(places.map(Double.init)).to(device: device)
    }
    let longest = pairs.map(\.length).max() ?? 0
    let zero = Tensor.zeros([1], dtype: .double, device: device)
    let one = Tensor.ones([1], dtype: .double, device: device)
    let idle = self(
      ResponseLikelihoods(
        chosen: zero, rejected: zero, chosenLengths: one, rejectedLengths: one, chosenReference: zero,
        rejectedReference: zero))
    let missing = Tensor(places.map { Double(longest - $0) }).to(device: device)
    return (found + missing * idle) / Double(longest)
  }
}
