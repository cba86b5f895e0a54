import RealModule
import Torch

/// A stream of randomness for every group of particles, so that a group's result does not depend on which groups
/// are worked on beside it.
public struct GroupRandom: Sendable {
  private var streams: [RandomSource]

  /// Group g draws from `source.split(first + g)`.
  public init(_ source: RandomSource, groups: Int, first: Int = 0) {
    streams = (0..<groups).map { source.split(first + $0) }
  }

  public var groups: Int { streams.count }

  /// Streams of the same groups that are independent of these; does not advance them.
  public func split(_ index: Int) -> GroupRandom {
    var result = self
    for group in streams.indices { result[group] = streams[group].split(index) }
    return result
  }

  /// Where a group's draws come from.
  public subscript(group: Int) -> RandomSource {
    get { streams[group] }
    set { streams[group] = newValue }
  }

  /// Standard normals, `[groups·particles] + event`.
  public mutating func normal(
    particles: Int, event: [Int], dtype: DType = .float, device: Device = .cpu
  ) -> Tensor {
    draws(particles, event, dtype, device, wholesale: { Self.normals(&$0, $1, dtype) }) { stream, values in
      // Box and Muller's pairs.
      for i in stride(from: 0, to: values.count, by: 2) {
        let radius = (-2 * Double.log(1 - stream.uniform())).squareRoot()
        let angle = 2 * Double.pi * stream.uniform()
        values[i] = radius * .cos(angle)
        if i + 1 < values.count { values[i + 1] = radius * .sin(angle) }
      }
    }
  }

  /// libtorch draws normals of double precision one by one; from many on, Box and Muller's pairs are made of its
  /// vectorised functions instead, in pieces with streams of their own that are worked on side by side.
  private static func normals(_ stream: inout RandomSource, _ shape: [Int], _ dtype: DType) -> Tensor {
    let count = shape.reduce(1, *)
    guard dtype == .double, count >= 2 * piece else { return stream.normal(shape, dtype: dtype) }
    let source = stream.split("normals")
    let base = source.split(Int(truncatingIfNeeded: stream.next()))
    let parts = concurrently((count + piece - 1) / piece) { index -> Tensor in
      var own = base.split(index)
      let pairs = (min(piece, count - index * piece) + 1) / 2
      let uniforms = own.uniform([2, pairs], dtype: .double)
      let radius = ((-uniforms[0]).log1p() * -2).sqrt()
      let angle = uniforms[1] * (2 * Double.pi)
      return .concatenate([radius * angle.cos(), radius * angle.sin()])
    }
    return Tensor.concatenate(parts)[0..<count].reshape(shape)
  }
  /// Even, and small enough for a core's cache.
  private static let piece = 1 << 14

  /// Uniforms on [0, 1), `[groups·particles] + event`.
  public mutating func uniform(
    particles: Int, event: [Int] = [], dtype: DType = .double, device: Device = .cpu
  ) -> Tensor {
    draws(particles, event, dtype, device, wholesale: { $0.uniform($1, dtype: dtype) }) { stream, values in
      for i in values.indices { values[i] = stream.uniform() }
    }
  }

  /// One category a row from `[groups·particles, categories]` weights ≥ 0 of any scale, as `Int64` `[rows]`.
  public mutating func categorical(_ weights: Tensor) -> Tensor {
    let cumulated = weights.to(.double).cumulativeSum(-1)
    let levels = uniform(particles: weights.size(0) / groups, device: weights.device)
    let reached = levels.unsqueeze(1) * cumulated.slice(axis: 1, start: weights.size(1) - 1)
    return cumulated.searchSorted(reached, right: true).squeeze(1).clamp(0, Double(weights.size(1) - 1))
  }

  /// Small groups are drawn number by number into one array; large ones by libtorch, a call a group. Which of the
  /// two depends on the group's own size alone.
  private mutating func draws(
    _ particles: Int, _ event: [Int], _ dtype: DType, _ device: Device,
    wholesale: (inout RandomSource, [Int]) -> Tensor,
    each: (inout RandomSource, UnsafeMutableBufferPointer<Double>) -> Void
  ) -> Tensor {
    let perGroup = event.reduce(particles, *)
    if perGroup >= 1024 {
      let parts = streams.indices.map { wholesale(&streams[$0], [particles] + event) }
      return (parts.count == 1 ? parts[0] : .concatenate(parts)).to(device: device)
    }
    var values = [Double](repeating: 0, count: groups * perGroup)
    values.withUnsafeMutableBufferPointer { values in
      for g in streams.indices {
        each(&streams[g], UnsafeMutableBufferPointer(rebasing: values[g * perGroup..<(g + 1) * perGroup]))
      }
    }
    return Tensor(values, shape: [groups * particles] + event).to(dtype, device: device)
  }
}
