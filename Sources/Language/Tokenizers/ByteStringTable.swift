/// A hash table from byte strings to numbers, which keeps its keys in one array.
///
/// Vocabularies and word caches are asked millions of times with a part of a text, which must not become a `String`
/// for that.
struct ByteStringTable: Sendable {
  private struct Entry {
    var hash: UInt32
    var value: Int32
    var start: Int
    var count: Int
  }

  private var keys: [UInt8] = []
  private var entries: [Entry] = []
  /// Numbers of entries, -1 where free; at most half are taken.
  private var slots: [Int32]

  init(minimumCapacity: Int = 0) {
    var capacity = 16
    while capacity < 2 * minimumCapacity { capacity *= 2 }
    slots = Array(repeating: -1, count: capacity)
    entries.reserveCapacity(minimumCapacity)
  }

  var count: Int { entries.count }

  /// The number of a key, or nil.
  @inline(__always) func value(of key: UnsafeBufferPointer<UInt8>) -> Int32? {
    let slot = slots[find(key, hash: Self.hash(key))]
    return slot < 0 ? nil : entries[Int(slot)].value
  }

  func value(of key: some Sequence<UInt8>) -> Int32? {
    Array(key).withUnsafeBufferPointer { value(of: $0) }
  }

  /// Adds a key with its number, or gives the key's number if it is there already, which stays.
  @discardableResult
  mutating func insert(_ key: UnsafeBufferPointer<UInt8>, _ value: Int32) -> Int32? {
    let hash = Self.hash(key)
    var slot = find(key, hash: hash)
    if slots[slot] >= 0 { return entries[Int(slots[slot])].value }
    if 2 * (entries.count + 1) > slots.count {
      grow()
      slot = find(key, hash: hash)
    }
    slots[slot] = Int32(entries.count)
    entries.append(Entry(hash: hash, value: value, start: keys.count, count: key.count))
    keys.append(contentsOf: key)
    return nil
  }

  @discardableResult
  mutating func insert(_ key: some Sequence<UInt8>, _ value: Int32) -> Int32? {
    Array(key).withUnsafeBufferPointer { insert($0, value) }
  }

  mutating func setValue(_ value: Int32, of key: UnsafeBufferPointer<UInt8>) {
    if insert(key, value) != nil {
      entries[Int(slots[find(key, hash: Self.hash(key))])].value = value
    }
  }

  /// The slot that holds the key or would take it.
  @inline(__always) private func find(_ key: UnsafeBufferPointer<UInt8>, hash: UInt32) -> Int {
    let mask = slots.count - 1
    var slot = Int(hash) & mask
    while true {
      let number = slots[slot]
      if number < 0 { return slot }
      let entry = entries[Int(number)]
      if entry.hash == hash, entry.count == key.count, holds(key, at: entry.start) { return slot }
      slot = (slot + 1) & mask
    }
  }

  @inline(__always) private func holds(_ key: UnsafeBufferPointer<UInt8>, at start: Int) -> Bool {
    keys.withUnsafeBufferPointer { keys in
      for i in 0..<key.count where keys[start + i] != key[i] { return false }
      return true
    }
  }

  private mutating func grow() {
    slots = Array(repeating: -1, count: 2 * slots.count)
    let mask = slots.count - 1
    for (number, entry) in entries.enumerated() {
      var slot = Int(entry.hash) & mask
      while slots[slot] >= 0 { slot = (slot + 1) & mask }
      slots[slot] = Int32(number)
    }
  }

  /// Eight bytes at a time, mixed by 128-bit products.
  @inline(__always) private static func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt32 {
    func mixed(_ a: UInt64, _ b: UInt64) -> UInt64 {
      let (high, low) = a.multipliedFullWidth(by: b)
      return high ^ low
    }
    var state = UInt64(key.count) &* 0x9e37_79b9_7f4a_7c15
    let raw = UnsafeRawBufferPointer(key)
    var position = 0
    while position + 8 <= raw.count {
      let block = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      state = mixed(state ^ block, 0xd6e8_feb8_6659_fd93)
      position += 8
    }
    var block: UInt64 = 0
    while position < raw.count {
      block = block << 8 | UInt64(raw[position])
      position += 1
    }
    state = mixed(state ^ block, 0xa076_1d64_78bd_642f)
    return UInt32(truncatingIfNeeded: state ^ state >> 32)
  }
}
