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

  /// Group g draws from `streams[g]`.
  public init(_ streams: [RandomSource]) { self.streams = streams }

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
    let perGroup = event.reduce(particles, *)
    // libtorch draws normals of double precision one by one.
    guard dtype == .double || perGroup < Self.few else {
      return wholesale([particles] + event, device) { $0.normal($1, dtype: dtype) }
    }
    return RandomSource.normals(&streams, perGroup).reshape([groups * particles] + event)
      .to(dtype, device: device)
  }

  /// Uniforms on [0, 1), `[groups·particles] + event`.
  public mutating func uniform(
    particles: Int, event: [Int] = [], dtype: DType = .double, device: Device = .cpu
  ) -> Tensor {
    let perGroup = event.reduce(particles, *)
    guard perGroup < Self.few else {
      return wholesale([particles] + event, device) { $0.uniform($1, dtype: dtype) }
    }
    return each(perGroup).reshape([groups * particles] + event).to(dtype, device: device)
  }

  /// One category a row from `[groups·particles, categories]` weights ≥ 0 of any scale, as `Int64` `[rows]`.
  public mutating func categorical(_ weights: Tensor) -> Tensor {
    let cumulated = weights.to(.double).cumulativeSum(-1)
    let levels = uniform(particles: weights.size(0) / groups, device: weights.device)
    let reached = levels.unsqueeze(1) * cumulated.slice(axis: 1, start: weights.size(1) - 1)
    return cumulated.searchSorted(reached, right: true).squeeze(1).clamp(0, Double(weights.size(1) - 1))
  }

  /// Groups with fewer numbers are drawn number by number into one array, larger ones by libtorch, a call a group. Which
  /// of the two depends on the group's own size alone.
  private static let few = 1024

  private mutating func wholesale(
    _ shape: [Int], _ device: Device, _ draw: (inout RandomSource, [Int]) -> Tensor
  ) -> Tensor {
    let parts = streams.indices.map { draw(&streams[$0], shape) }
    return (parts.count == 1 ? parts[0] : .concatenate(parts)).to(device: device)
  }

  /// Uniforms, `[groups·count]` in `Double`.
  private mutating func each(_ count: Int) -> Tensor {
    let values = [Double](unsafeUninitializedCapacity: groups * count) { values, initialised in
      for g in streams.indices {
        streams[g].writeUniforms(
          to: UnsafeMutableBufferPointer(rebasing: values[g * count..<(g + 1) * count]))
      }
      initialised = groups * count
    }
    return Tensor(values)
  }
}
