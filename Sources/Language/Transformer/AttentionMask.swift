import Torch

/// Who sees whom in one forward pass of `new` tokens after `past` ones.
struct AttentionMask {
  let past: Int
  let new: Int
  /// Slots at the left of every row that hold no token.
  let padding: [Int]?
  let isBidirectional: Bool
  /// Documents that the tokens belong to, `[batch, new]`: none is seen from another.
  let documents: Tensor?
  private var made: [Int?: Tensor] = [:]

  init(past: Int, new: Int, padding: [Int]?, isBidirectional: Bool, documents: Tensor?) {
    precondition(documents == nil || past == 0, "AttentionMask: documents begin where the text does")
    (self.past, self.new, self.padding, self.isBidirectional) = (past, new, padding, isBidirectional)
    self.documents = documents
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
    let queries = Tensor.range(from: Double(past), to: Double(past + new)).unsqueeze(1)
    let keys = Tensor.range(to: Double(past + new)).unsqueeze(0)
    let distance = queries - keys
    var seen = isBidirectional ? distance .== distance : distance .>= 0
    if let window { seen = seen .& (distance .< Double(window)) }
    var result = seen.unsqueeze(0)
    if let padding {
      let starts = Tensor(padding).reshape(-1, 1, 1)
      // A slot without a token sees itself: attention to nothing is no number.
      result = (result .& (keys.unsqueeze(0) .>= starts)) .| (distance .== 0).unsqueeze(0)
    }
    if let documents {
      let own = documents.to(device: .cpu)
      result = result .& (own.unsqueeze(2) .== own.unsqueeze(1))
    }
    return result.unsqueeze(1)
  }
}
