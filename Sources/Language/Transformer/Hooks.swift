import Torch

/// What looks at the inside of a transformer on its way, or changes it: a function of a tensor that gives the tensor to
/// go on with.
///
/// Hooks act in scoring, generation and training alike; see ``Transformer/withHooks(_:_:)``. Where several stand at one
/// place, they act in the order in which they were added.
public struct Hooks {
  /// Where in a text a pass is.
  public struct Site: Sendable, Hashable {
    public let layer: Int
    /// Slots that were read before this pass: the first new token is in slot `past`.
    public let past: Int
  }

  public typealias Hook = (_ x: Tensor, _ site: Site) -> Tensor

  /// Places of a block.
  public enum Place: Sendable, Hashable {
    /// The residual stream before a block, `[batch, new, width]`; before block 0 these are the embeddings.
    case streamBefore
    /// The residual stream after a block, `[batch, new, width]`.
    case streamAfter
    /// What the heads give, before they are joined by the output map, `[batch, new, heads, headWidth]`.
    case heads
    /// Who attends to whom, `[batch, heads, new, past + new]`, rows of sum 1. Attention is then taken step by step.
    case pattern
  }

  private struct Key: Hashable {
    let place: Place
    let layer: Int
  }
  private var hooks: [Key: [Hook]] = [:]

  public init() {}

  /// Adds a hook at a place of a block.
  public mutating func add(_ place: Place, layer: Int, _ hook: @escaping Hook) {
    hooks[Key(place: place, layer: layer), default: []].append(hook)
  }

  /// Multiplies what a head gives; 0 ablates it.
  ///
  /// - Parameter slots: of the text, where it acts; everywhere when `nil`.
  public mutating func scale(head: Int, layer: Int, by factor: Double, slots: Range<Int>? = nil) {
    add(.heads, layer: layer) { x, site in
      let part = x.slice(axis: 2, start: head, end: head + 1)
      guard let slots else { return x.replacing(axis: 2, head..<head + 1, with: part * factor) }
      let own = Tensor.range(from: Double(site.past), to: Double(site.past + x.size(1)))
      let isIn = (own .>= Double(slots.lowerBound)) .& (own .< Double(slots.upperBound))
      let factors = Tensor.where(isIn, Tensor(factor), Tensor(1.0)).to(like: x).reshape(1, -1, 1, 1)
      return x.replacing(axis: 2, head..<head + 1, with: part * factors)
    }
  }

  /// Replaces the residual stream after a block at one slot of the text by a vector `[width]` or `[batch, width]`.
  public mutating func replaceStream(afterLayer layer: Int, slot: Int, with vector: Tensor) {
    add(.streamAfter, layer: layer) { x, site in
      let place = slot - site.past
      guard (0..<x.size(1)).contains(place) else { return x }
      let rows = vector.to(like: x).reshape(-1, 1, x.size(2)).expand([x.size(0), 1, x.size(2)])
      return x.replacing(axis: 1, place..<place + 1, with: rows)
    }
  }

  /// Tells `reader` what is at a place, and changes nothing.
  public mutating func read(_ place: Place, layer: Int, _ reader: @escaping (Tensor, Site) -> Void) {
    add(place, layer: layer) { x, site in
      reader(x, site)
      return x
    }
  }

  func has(_ place: Place, layer: Int) -> Bool { hooks[Key(place: place, layer: layer)] != nil }

  func apply(_ place: Place, layer: Int, past: Int, to x: Tensor) -> Tensor {
    guard let own = hooks[Key(place: place, layer: layer)] else { return x }
    return own.reduce(x) { $1($0, Site(layer: layer, past: past)) }
  }
}

extension Transformer {
  /// Runs `body` with hooks at work.
  public func withHooks<Result>(_ hooks: Hooks, _ body: () throws -> Result) rethrows -> Result {
    let before = self.hooks
    self.hooks = hooks
    defer { self.hooks = before }
    return try body()
  }

  /// Multiplies what a head adds to the stream, in the weights themselves; 0 takes the head out for good.
  public func scaleHead(_ head: Int, layer: Int, by factor: Double) {
    precondition(
      (0..<configuration.heads).contains(head) && (0..<configuration.layers).contains(layer),
      "scaleHead: head \(head) of layer \(layer)")
    let weight = blocks[layer].attention.output.weight
    let columns = head * configuration.headWidth..<(head + 1) * configuration.headWidth
    withoutGradient {
      let part = weight.value.slice(axis: 1, start: columns.lowerBound, end: columns.upperBound)
      weight.assign(weight.value.replacing(axis: 1, columns, with: part * factor))
    }
  }
}
