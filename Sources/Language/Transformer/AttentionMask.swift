import Torch

/// Who sees whom in one forward pass of `new` tokens after `past` ones.
struct AttentionMask {
  let past: Int
  let new: Int
  let padding: KeyValueCache.Padding?
  let isBidirectional: Bool
  /// Documents that the tokens belong to, `[batch, new]`: none is seen from another, but 0 from all that follow it.
  let documents: Tensor?
  /// Where tokens stand in their own texts, `[batch or 1, new]`, if that is not their slot.
  let places: Tensor?
  private var made: [Int?: Tensor] = [:]

  init(
    past: Int, new: Int, padding: KeyValueCache.Padding?, isBidirectional: Bool, documents: Tensor?,
    places: Tensor?
  ) {
    precondition(documents == nil || past == 0, "AttentionMask: documents begin where the text does")
    (self.past, self.new, self.padding, self.isBidirectional) = (past, new, padding, isBidirectional)
    (self.documents, self.places) = (documents, past == 0 ? places : nil)
  }

  /// What attention is to be told: the tokens before a position are what it sees without any mask.
  enum Form {
    case everything, causal
    /// True where seen, `[batch or 1, 1, new, past + new]`.
    case mask(Tensor)
  }

  mutating func form(window: Int?, device: Device) -> Form {
    // A window that reaches over all tokens is none.
    let window = window.flatMap { $0 < past + new ? $0 : nil }
    if window == nil, padding == nil, documents == nil {
      if isBidirectional || new == 1 { return .everything }
      if past == 0 { return .causal }
    }
    if let known = made[window] { return .mask(known) }
    let mask = make(window).to(device: device)
    made[window] = mask
    return .mask(mask)
  }

  private func make(_ window: Int?) -> Tensor {
    let slots = Tensor.range(to: Double(past + new)).unsqueeze(0)
    let distance = slots.slice(axis: 1, start: past).transpose(0, 1) - slots
    var seen = (isBidirectional ? distance .== distance : distance .>= 0).unsqueeze(0)
    // How far apart tokens are, where empty slots lie between them, differs from row to row.
    let positions = places?.to(device: .cpu) ?? padding.map { $0.positions(slots) } ?? slots
    let apart = positions.slice(axis: 1, start: past).unsqueeze(2) - positions.unsqueeze(1)
    if let window { seen = seen .& (apart .< Double(window)) }
    if let padding {
      // An empty slot sees itself: attention to nothing is no number.
      seen = (seen .& padding.isEmpty(slots).logicalNot().unsqueeze(1)) .| (distance .== 0).unsqueeze(0)
    }
    if let documents {
      let own = documents.to(device: .cpu)
      seen = seen .& ((own.unsqueeze(2) .== own.unsqueeze(1)) .| (own .== 0).unsqueeze(1))
    }
    return seen.unsqueeze(1)
  }
}

extension KeyValueCache.Padding {
  /// Of slots `[1, n]` whether they are empty, `[batch, n]`.
  func isEmpty(_ slots: Tensor) -> Tensor {
    (slots .>= Double(start)) .& (slots .< Tensor(counts).unsqueeze(1) + Double(start))
  }

  /// Of slots `[1, n]` the position of the token that lies there, `[batch, n]`; of empty ones some position.
  func positions(_ slots: Tensor) -> Tensor {
    Tensor.where(slots .< Double(start), slots, (slots - Tensor(counts).unsqueeze(1)).clamp(Double(start)))
  }
}
