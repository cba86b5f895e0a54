import Torch

/// A text to be fine-tuned on: tokens, and how much the prediction of each counts.
public struct WeightedText: Sendable, Hashable {
  public var tokens: [Int]
  /// Of the prediction of `tokens[i]` from those before it; that of the first never counts.
  public var weights: [Float]

  /// - Parameter weights: as many as tokens.
  public init(tokens: [Int], weights: [Float]) {
    precondition(
      tokens.count == weights.count, "WeightedText: \(tokens.count) tokens, \(weights.count) weights")
    (self.tokens, self.weights) = (tokens, weights)
  }

  /// A prompt, which counts for nothing, and its response.
  public init(prompt: [Int], response: [Int]) {
    self.init(
      tokens: prompt + response,
      weights: Array(repeating: 0, count: prompt.count) + Array(repeating: 1, count: response.count))
  }
}

/// Texts in rows of one length, one behind the other; those in a row do not see each other.
public struct PackedTexts: Sendable {
  /// `[rows, length]` each: the tokens that are read, those that follow them, the weights of these, the slot behind
  /// the text that a token belongs to (or behind itself where a row is empty), and its place in it.
  public let tokens: Tensor
  public let targets: Tensor
  public let weights: Tensor
  public let reach: Tensor
  public let positions: Tensor
  /// Texts that are longer than a row takes, and are left out.
  public let tooLong: [Int]

  /// Packs texts as they come, each into the first row that has room.
  ///
  /// - Parameter length: of a row; a text of n tokens takes n − 1 slots, since its last one is only predicted.
  public init(_ texts: [WeightedText], length: Int) {
    precondition(length > 0, "PackedTexts: rows of \(length)")
    var rows: [[Int]] = []
    // Rows that may have room, by what is left; full ones are passed over.
    var open: [(row: Int, left: Int)] = []
    var tooLong: [Int] = []
    for (i, text) in texts.enumerated() where text.tokens.count >= 2 {
      let size = text.tokens.count - 1
      guard size <= length else {
        tooLong.append(i)
        continue
      }
      if let place = open.firstIndex(where: { $0.left >= size }) {
        rows[open[place].row].append(i)
        open[place].left -= size
        if open[place].left < 8 { open.remove(at: place) }
      } else {
        rows.append([i])
        open.append((rows.count - 1, length - size))
        // So many are looked through for every text.
        if open.count > 64 { open.removeFirst() }
      }
    }
    self.tooLong = tooLong
    let count = rows.count * length
    var (tokens, targets) = ([Int](repeating: 0, count: count), [Int](repeating: 0, count: count))
    var weights = [Float](repeating: 0, count: count)
    var (reach, positions) = ((0..<count).map { $0 % length + 1 }, [Int](repeating: 0, count: count))
    for (r, row) in rows.enumerated() {
      var slot = r * length
      for i in row {
        let text = texts[i]
        let end = slot % length + text.tokens.count - 1
        for place in 0..<text.tokens.count - 1 {
          (tokens[slot], targets[slot]) = (text.tokens[place], text.tokens[place + 1])
          weights[slot] = text.weights[place + 1]
          (reach[slot], positions[slot]) = (end, place)
          slot += 1
        }
      }
    }
    let shape = [rows.count, length]
    self.tokens = Tensor(tokens, shape: shape)
    self.targets = Tensor(targets, shape: shape)
    self.weights = Tensor(weights, shape: shape)
    self.reach = Tensor(reach, shape: shape)
    self.positions = Tensor(positions, shape: shape)
  }

  public var rows: Int { tokens.size(0) }

  var tensors: [Tensor] { [tokens, targets, weights, reach, positions] }
}

extension Transformer {
  /// −Σ w log p/Σ w over texts, a scalar, differentiable; what training on texts descends on.
  public func loss(of texts: [WeightedText]) -> Tensor {
    loss(packed: PackedTexts(texts, length: max(1, (texts.map(\.tokens.count).max() ?? 0) - 1)).tensors)
  }

  /// −Σ w log p/Σ w over rows of ``PackedTexts``, a scalar; 0 where no weight is.
  func loss(packed rows: [Tensor]) -> Tensor {
    let device = embedding.weight.value.device
    let (tokens, targets, weights) = (rows[0], rows[1].reshape(-1), rows[2].reshape(-1))
    // Logits only where a prediction counts.
    let places = weights.nonzero().squeeze(1)
    guard places.count > 0 else { return .zeros([], device: device) }
    let hidden = hiddenStates(tokens, reach: rows[3], positions: rows[4])
      .reshape(-1, configuration.width).select(axis: 0, places.to(device: device))
    let counted = weights.select(axis: 0, places)
    return .weightedLogLikelihood(
      hidden: hidden, table: outputTable, targets: targets.select(axis: 0, places).to(device: device),
      weights: (counted * (-1 / counted.sum().item())).to(device: device))
  }
}
