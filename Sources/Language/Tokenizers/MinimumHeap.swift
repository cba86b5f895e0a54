/// A binary heap that gives its least element.
struct MinimumHeap<Element: Comparable> {
  private var elements: [Element]

  /// Takes time in proportion to the number of elements.
  init(_ elements: [Element]) {
    self.elements = elements
    for i in stride(from: elements.count / 2 - 1, through: 0, by: -1) { sink(i) }
  }

  mutating func insert(_ element: Element) {
    elements.append(element)
    var i = elements.count - 1
    while i > 0, elements[i] < elements[(i - 1) / 2] {
      elements.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }

  mutating func popFirst() -> Element? {
    guard let first = elements.first, let last = elements.popLast() else { return nil }
    if !elements.isEmpty {
      elements[0] = last
      sink(0)
    }
    return first
  }

  private mutating func sink(_ start: Int) {
    var i = start
    while true {
      var least = i
      for child in 2 * i + 1...2 * i + 2 where child < elements.count && elements[child] < elements[least] {
        least = child
      }
      if least == i { return }
      elements.swapAt(i, least)
      i = least
    }
  }
}
