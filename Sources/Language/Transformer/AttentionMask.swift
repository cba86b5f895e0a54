import Torch

/// Who sees whom in one forward pass of `new` tokens after `past` ones.
struct AttentionMask {
  let past: Int
  let new: Int
  let padding: KeyValueCache.Padding?
  let isBidirectional: Bool
  /// How far the new tokens are seen, `[batch, new]`: token i from i to before `reach[i]`, counted from the first new one.
  /// Several texts in a row, or a tree of texts laid out depth first, are told apart so.
  let reach: Tensor?
  /// Where the new tokens stand in their own texts, `[batch or 1, new]`, if that is not their slot.
  let places: Tensor?
  private var made: [Int?: Tensor] = [:]

  init(
    past: Int, new: Int, padding: KeyValueCache.Padding?, isBidirectional: Bool, reach: Tensor?,
    places: Tensor?
  ) {
    precondition(reach == nil || padding == nil, "AttentionMask: a reach in rows with empty slots")
    (self.past, self.new, self.padding, self.isBidirectional) = (past, new, padding, isBidirectional)
    (self.reach, self.places) = (reach, places)
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
    if window == nil, padding == nil, reach == nil {
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
    // How far apart tokens are, where empty slots or other texts lie between them, differs from row to row.
    if let window { seen = seen .& (apart(slots) .< Double(window)) }
    if let padding {
      // An empty slot sees itself: attention to nothing is no number.
      seen = (seen .& padding.isEmpty(slots).logicalNot().unsqueeze(1)) .| (distance .== 0).unsqueeze(0)
    }
    if let reach {
      let end = reach.to(device: .cpu).to(.float).unsqueeze(1) + Double(past)
      let own = slots.slice(axis: 1, start: past)
      var within = own.unsqueeze(2) .< end
      if isBidirectional { within = within .& (end.transpose(1, 2) .> own.unsqueeze(1)) }
      // What was read before is seen by all.
      let before = Tensor.ones([reach.size(0), new, past], dtype: .bool)
      seen = seen .& (past == 0 ? within : .concatenate([before, within], axis: 2))
    }
    return seen.unsqueeze(1)
  }

  /// `[batch or 1, new, past + new]`.
  private func apart(_ slots: Tensor) -> Tensor {
    var positions = padding.map { $0.positions(slots) } ?? slots
    if let places {
      let before = slots.slice(axis: 1, start: 0, end: past).expand([places.size(0), past])
      positions = .concatenate([before, places.to(device: .cpu).to(slots.dtype)], axis: 1)
    }
    return positions.slice(axis: 1, start: past).unsqueeze(2) - positions.unsqueeze(1)
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
