/// A prefix tree of byte strings in arrays, the children of a node beside each other.
struct ByteTrie: Sendable {
  private var labels: [UInt8] = []
  /// Where the children of a node begin; they end where those of the next node begin.
  private var children: [Int32] = []
  /// The number of the string that ends in a node, or -1.
  private var values: [Int32] = []
  /// The root's children by their byte, which most searches end at.
  private var first: [Int32]

  /// - Parameter strings: none twice, none empty; each with its number.
  init(_ strings: [(bytes: [UInt8], value: Int32)]) {
    let sorted = strings.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    first = Array(repeating: -1, count: 256)
    labels = [0]
    values = [-1]
    // Breadth first, so that siblings lie together: a node is a range of sorted strings with a common prefix.
    var queue: [(range: Range<Int>, depth: Int)] = [(0..<sorted.count, 0)]
    var node = 0
    while node < queue.count {
      let (range, depth) = queue[node]
      children.append(Int32(labels.count))
      var start = range.lowerBound
      if start < range.upperBound, sorted[start].bytes.count == depth {
        values[node] = sorted[start].value
        start += 1
      }
      while start < range.upperBound {
        let label = sorted[start].bytes[depth]
        var end = start + 1
        while end < range.upperBound, sorted[end].bytes[depth] == label { end += 1 }
        if node == 0 { first[Int(label)] = Int32(labels.count) }
        labels.append(label)
        values.append(-1)
        queue.append((start..<end, depth + 1))
        start = end
      }
      node += 1
    }
    children.append(Int32(labels.count))
  }

  /// Whether any string begins with this byte.
  @inline(__always) func hasString(beginningWith byte: UInt8) -> Bool { first[Int(byte)] >= 0 }

  /// Calls `body` with the length and number of every string that the text has at `position`, the shortest first.
  @inline(__always) func prefixes(
    of text: UnsafeBufferPointer<UInt8>, at position: Int, _ body: (_ length: Int, _ value: Int32) -> Void
  ) {
    var node = Int(first[Int(text[position])])
    var end = position + 1
    while node >= 0 {
      if values[node] >= 0 { body(end - position, values[node]) }
      guard end < text.count else { return }
      node = child(of: node, text[end])
      end += 1
    }
  }

  @inline(__always) private func child(of node: Int, _ label: UInt8) -> Int {
    var (low, high) = (Int(children[node]), Int(children[node + 1]))
    while low < high {
      let middle = (low + high) >> 1
      if labels[middle] < label { low = middle + 1 } else { high = middle }
    }
    return low < Int(children[node + 1]) && labels[low] == label ? low : -1
  }
}
