/// What becomes of two neighbouring tokens: the rank of their merge and the token it gives.
struct PairTable: Sendable {
  /// Key and value in turn; a key of all ones is free, and at most half are taken.
  private var cells: [UInt64]
  private var shift: Int
  private(set) var count = 0

  init(minimumCapacity: Int) {
    var bits = 4
    while 1 << bits < 2 * minimumCapacity { bits += 1 }
    shift = 64 - bits
    cells = Array(repeating: .max, count: 2 << bits)
  }

  /// Sets what a pair becomes; a later merge of the same pair replaces an earlier one, as in Hugging Face's map.
  mutating func insert(_ left: Int32, _ right: Int32, rank: Int, merged: Int32) {
    precondition(2 * (count + 1) <= 1 << (64 - shift), "more pairs than the table was made for")
    let key = Self.key(left, right)
    let cell = cells.withUnsafeBufferPointer { Self.find(key, $0, shift: shift) }
    if cells[cell] == .max { count += 1 }
    cells[cell] = key
    cells[cell + 1] = UInt64(rank) << 32 | UInt64(UInt32(bitPattern: merged))
  }

  /// Lends a view that looks pairs up without counting references.
  @inline(__always) func withLookup<Result>(_ body: (Lookup) -> Result) -> Result {
    cells.withUnsafeBufferPointer { body(Lookup(cells: $0, shift: shift)) }
  }

  struct Lookup {
    fileprivate let cells: UnsafeBufferPointer<UInt64>
    fileprivate let shift: Int

    /// The rank (high half) and token (low half) of a pair; all ones where it does not merge.
    @inline(__always) func callAsFunction(_ left: Int32, _ right: Int32) -> UInt64 {
      let key = PairTable.key(left, right)
      let cell = PairTable.find(key, cells, shift: shift)
      return cells[cell] == key ? cells[cell + 1] : .max
    }
  }

  @inline(__always) private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always) private static func find(
    _ key: UInt64, _ cells: UnsafeBufferPointer<UInt64>, shift: Int
  ) -> Int {
    let mask = cells.count - 1
    var cell = Int((key &* 0x9e37_79b9_7f4a_7c15) >> UInt64(shift)) << 1
    while cells[cell] != key, cells[cell] != .max { cell = (cell + 2) & mask }
    return cell
  }
}
