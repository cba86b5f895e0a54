import CTorch

/// The only source of randomness: a value that remembers how many draws it has made.
///
/// Equal seeds give equal draws on equal devices. `split` gives streams that are independent of this one
/// and of each other, whatever has been drawn so far, so a result that takes stream `i` for item `i` does not
/// depend on the order in which items are worked on. Its whole state is three words: see ``state``.
public struct RandomSource: RandomNumberGenerator, Sendable, Hashable {
  /// Key and number of draws; enough to continue the stream elsewhere.
  public private(set) var state: State

  public struct State: Sendable, Hashable, Codable {
    var key0: UInt64
    var key1: UInt64
    var draws: UInt64
  }

  public init(seed: UInt64) {
    state = State(key0: Self.mix(seed &+ 0x9e37_79b9_7f4a_7c15), key1: Self.mix(~seed), draws: 0)
  }

  public init(state: State) { self.state = state }

  /// The stream with the given index; does not advance this one.
  public func split(_ index: Int) -> RandomSource {
    let i = UInt64(bitPattern: Int64(index))
    let key0 = Self.mix(state.key0 ^ Self.mix(i &+ 0xd1b5_4a32_d192_ed03))
    let key1 = Self.mix(state.key1 &+ Self.mix(key0 &+ i))
    return RandomSource(state: State(key0: key0, key1: key1, draws: 0))
  }

  /// The stream with the given name; does not advance this one.
  public func split(_ name: String) -> RandomSource {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return split(Int(truncatingIfNeeded: Int64(bitPattern: hash)))
  }

  /// 64 random bits.
  public mutating func next() -> UInt64 {
    state.draws &+= 1
    return Self.mix(Self.mix(state.key0 &+ state.draws &* 0x9e37_79b9_7f4a_7c15) ^ state.key1)
  }

  /// Steele, Lea and Flood's 64-bit finaliser (SplitMix64).
  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  private mutating func seed() -> ct_seed { ct_seed(a: next(), b: next()) }

  // MARK: Scalars

  /// Uniform on [0, 1), 53 bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// As many numbers as ``uniform()`` gives, one after another, `[count]` in `Double`: faster than asking for each, and
  /// for tensors of any shape where the numbers must not depend on it.
  public mutating func uniforms(_ count: Int) -> [Double] {
    [Double](unsafeUninitializedCapacity: count) { values, initialised in
      writeUniforms(to: UnsafeMutableBufferPointer(rebasing: values[0..<count]))
      initialised = count
    }
  }

  /// The same, into memory that is there already.
  package mutating func writeUniforms(to values: UnsafeMutableBufferPointer<Double>) {
    var own = self
    for i in values.indices { values[i] = own.uniform() }
    self = own
  }

  /// A whole number in the range.
  public mutating func integer(in range: Range<Int>) -> Int { Int.random(in: range, using: &self) }

  // MARK: Tensors

  /// Uniform on [low, high).
  public mutating func uniform(
    _ shape: [Int], low: Double = 0, high: Double = 1, dtype: DType = .float, device: Device = .cpu
  ) -> Tensor {
    let seed = seed()
    return Tensor(
      "uniform",
      withInt64(shape) { ct_uniform($0, $1, low, high, dtype.rawValue, device.type, device.index, seed) })
  }

  /// Standard normal.
  public mutating func normal(_ shape: [Int], dtype: DType = .float, device: Device = .cpu) -> Tensor {
    let seed = seed()
    return Tensor(
      "normal", withInt64(shape) { ct_normal($0, $1, dtype.rawValue, device.type, device.index, seed) })
  }

  /// Standard normals of every stream, `[streams, count]` in `Double` on the processor, by Box and Muller from as many
  /// draws of ``uniform()``, rounded up to an even number: what a stream gives does not depend on those beside it.
  package static func normals(_ streams: inout [RandomSource], _ count: Int) -> Tensor {
    let states = streams.map { ct_stream(key0: $0.state.key0, key1: $0.state.key1, draws: $0.state.draws) }
    for i in streams.indices { streams[i].state.draws &+= UInt64(count + count % 2) }
    return Tensor("normals", ct_normals(states, Int64(states.count), Int64(count)))
  }

  /// Standard normal, with the shape, type and device of `other`.
  public mutating func normal(like other: Tensor) -> Tensor {
    normal(other.shape, dtype: other.dtype, device: other.device)
  }

  /// ±1 with equal probability.
  public mutating func rademacher(like other: Tensor) -> Tensor {
    integers(other.shape, in: 0..<2, device: other.device).to(other.dtype) * 2 - 1
  }

  /// Exponential with mean 1.
  public mutating func exponential(_ shape: [Int], dtype: DType = .float, device: Device = .cpu) -> Tensor {
    let seed = seed()
    return Tensor(
      "exponential",
      withInt64(shape) { ct_exponential($0, $1, dtype.rawValue, device.type, device.index, seed) })
  }

  /// Whole numbers in the range.
  public mutating func integers(_ shape: [Int], in range: Range<Int>, device: Device = .cpu) -> Tensor {
    precondition(!range.isEmpty, "integers(in:): the range is empty")
    let seed = seed()
    return Tensor(
      "integers",
      withInt64(shape) {
        ct_random_int(
          $0, $1, Int64(range.lowerBound), Int64(range.upperBound), device.type, device.index, seed)
      })
  }

  /// 0..<n in random order.
  public mutating func permutation(_ n: Int, device: Device = .cpu) -> Tensor {
    Tensor("permutation", ct_permutation(Int64(n), device.type, device.index, seed()))
  }

  /// Gamma with rate 1 and the given concentrations (> 0), element by element; differentiable in them.
  public mutating func gamma(_ concentration: Tensor) -> Tensor {
    let seed = seed()
    return concentration.unary("gamma") { ct_gamma($0, seed) }
  }

  /// Poisson counts with the given rates (≥ 0).
  public mutating func poisson(_ rate: Tensor) -> Tensor {
    let seed = seed()
    return rate.unary("poisson") { ct_poisson($0, seed) }
  }

  /// Successes among `count` trials of the given probabilities.
  public mutating func binomial(_ count: Tensor, _ probability: Tensor) -> Tensor {
    let seed = seed()
    return count.binary("binomial", probability) { ct_binomial($0, $1, seed) }
  }

  /// 1 with the given probabilities, else 0.
  public mutating func bernoulli(_ probability: Tensor) -> Tensor {
    let seed = seed()
    return probability.unary("bernoulli") { ct_bernoulli($0, seed) }
  }

  /// `count` draws a row from the categories of `weights` (`[..., categories]`, ≥ 0, any scale): `[..., count]`.
  public mutating func categorical(_ weights: Tensor, count: Int, replacement: Bool = true) -> Tensor {
    let seed = seed()
    // libtorch refuses to draw nothing.
    guard count > 0 else {
      return .zeros(Array(weights.shape.dropLast()) + [0], dtype: .int64, device: weights.device)
    }
    return weights.unary("categorical") { ct_multinomial($0, Int64(count), replacement, seed) }
  }
}
