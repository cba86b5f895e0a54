import Torch

/// Sobol's low-discrepancy sequence with the direction numbers of Joe and Kuo, in up to 40 dimensions.
///
/// The first 2ᵐ points have one point in every dyadic interval of length 2⁻ᵐ in each coordinate. `shift` moves all
/// points by random binary digits, which keeps that and makes means unbiased.
///
/// Source: Joe & Kuo 2008, table `new-joe-kuo-6.21201`; Bratley & Fox 1988 for the order by Gray code.
public struct SobolSequence: Sendable {
  public let dimension: Int
  private let directions: [[UInt32]]
  private let shift: [UInt32]
  private var index: UInt32 = 0
  private var current: [UInt32]

  /// The most dimensions.
  public static var maximumDimension: Int { table.count + 1 }

  /// The sequence as it is; its first point is 0.
  public init(dimension: Int) {
    self.init(dimension: dimension, shift: Array(repeating: 0, count: dimension))
  }

  /// The sequence with a random digital shift.
  public init(dimension: Int, using random: inout RandomSource) {
    self.init(
      dimension: dimension,
      shift: (0..<dimension).map { _ in UInt32(truncatingIfNeeded: random.next() >> 32) }
    )
  }

  private init(dimension: Int, shift: [UInt32]) {
    precondition(
      (1...Self.maximumDimension).contains(dimension),
      "SobolSequence: \(dimension) dimensions of at most \(Self.maximumDimension)")
    self.dimension = dimension
    self.shift = shift
    directions = (0..<dimension).map(Self.directions(of:))
    current = Array(repeating: 0, count: dimension)
  }

  /// The next point, in [0, 1)^dimension. Cost: `dimension` exclusive ors.
  public mutating func next() -> [Double] {
    if index > 0 {
      // The place of the digit in which the Gray codes of this index and the one before differ.
      let place = index.trailingZeroBitCount
      for j in 0..<dimension { current[j] ^= directions[j][place] }
    }
    precondition(index < .max, "SobolSequence: all 2³² points were taken")
    index += 1
    return (0..<dimension).map { Double(current[$0] ^ shift[$0]) * 0x1p-32 }
  }

  /// The next `count` points.
  public mutating func next(_ count: Int) -> [[Double]] { (0..<count).map { _ in next() } }

  private static func directions(of coordinate: Int) -> [UInt32] {
    guard coordinate > 0 else { return (0..<32).map { 1 << (31 - $0) } }
    let (polynomial, initial) = table[coordinate - 1]
    let degree = initial.count
    var v = initial.enumerated().map { $1 << UInt32(31 - $0) }
    for i in degree..<32 {
      var next = v[i - degree] ^ (v[i - degree] >> UInt32(degree))
      for k in 1..<max(degree, 1) where (polynomial >> UInt32(degree - 1 - k)) & 1 == 1 { next ^= v[i - k] }
      v.append(next)
    }
    return v
  }

  /// The inner coefficients a of the primitive polynomial and the first direction numbers m of every dimension from the
  /// second on.
  private static let table: [(polynomial: UInt32, initial: [UInt32])] = [
    (0, [1]), (1, [1, 3]), (1, [1, 3, 1]), (2, [1, 1, 1]), (1, [1, 1, 3, 3]), (4, [1, 3, 5, 13]),
    (2, [1, 1, 5, 5, 17]), (4, [1, 1, 5, 5, 5]), (7, [1, 1, 7, 11, 19]), (11, [1, 1, 5, 1, 1]),
    (13, [1, 1, 1, 3, 11]), (14, [1, 3, 5, 5, 31]), (1, [1, 3, 3, 9, 7, 49]), (13, [1, 1, 1, 15, 21, 21]),
    (16, [1, 3, 1, 13, 27, 49]), (19, [1, 1, 1, 15, 7, 5]), (22, [1, 3, 1, 15, 13, 25]),
    (25, [1, 1, 5, 5, 19, 61]), (1, [1, 3, 7, 11, 23, 15, 103]), (4, [1, 3, 7, 13, 13, 15, 69]),
    (7, [1, 1, 3, 13, 7, 35, 63]), (8, [1, 3, 5, 9, 1, 25, 53]), (14, [1, 3, 1, 13, 9, 35, 107]),
    (19, [1, 3, 1, 5, 27, 61, 31]), (21, [1, 1, 5, 11, 19, 41, 61]), (28, [1, 3, 5, 3, 3, 13, 69]),
    (31, [1, 1, 7, 13, 1, 19, 1]), (32, [1, 3, 7, 5, 13, 19, 59]), (37, [1, 1, 3, 9, 25, 29, 41]),
    (41, [1, 3, 5, 13, 23, 1, 55]), (42, [1, 3, 7, 3, 13, 59, 17]), (50, [1, 3, 1, 3, 5, 53, 69]),
    (55, [1, 1, 5, 5, 23, 33, 13]), (56, [1, 1, 7, 7, 1, 61, 123]), (59, [1, 1, 7, 9, 13, 61, 49]),
    (62, [1, 3, 3, 5, 3, 55, 33]), (14, [1, 3, 1, 15, 31, 13, 49, 245]),
    (21, [1, 3, 5, 15, 31, 59, 63, 97]), (22, [1, 3, 1, 11, 11, 11, 77, 249]),
  ]
}
