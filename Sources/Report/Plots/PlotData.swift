import OrderedCollections

/// The rows behind a mark: columns of numbers and of text, all of one length.
struct PlotData: Sendable, Equatable {
  private(set) var numbers: OrderedDictionary<String, [Double]> = [:]
  private(set) var texts: OrderedDictionary<String, [String]> = [:]
  private(set) var count: Int?

  var rowCount: Int { count ?? 0 }

  mutating func add(_ name: String, _ values: [Double]) {
    check(name, values.count)
    numbers[name] = values
  }

  mutating func add(_ name: String, _ values: [String]) {
    check(name, values.count)
    texts[name] = values
  }

  private mutating func check(_ name: String, _ length: Int) {
    precondition(
      count == nil || count == length, "Plot: column '\(name)' has \(length) rows, expected \(count ?? 0)")
    count = length
  }

  /// The rows at `indices`, in that order.
  func selecting(_ indices: [Int]) -> PlotData {
    var result = self
    result.count = indices.count
    for name in numbers.keys { result.numbers[name] = indices.map { numbers[name]![$0] } }
    for name in texts.keys { result.texts[name] = indices.map { texts[name]![$0] } }
    return result
  }

  /// The rows whose numbers are all finite and, in the `positive` columns, above zero.
  func drawable(positive: Set<String>) -> PlotData {
    var isGood = [Bool](repeating: true, count: rowCount)
    for (name, values) in numbers {
      let mustBePositive = positive.contains(name)
      for (index, value) in values.enumerated()
      where !value.isFinite || (mustBePositive && value <= 0) {
        isGood[index] = false
      }
    }
    return isGood.allSatisfy { $0 } ? self : selecting((0..<rowCount).filter { isGood[$0] })
  }

  /// At most `limit` rows, chosen without regard to their values, in their old order.
  ///
  /// A fixed scramble of the row numbers decides: a plain stride would alias with periodic data, and a random
  /// choice would make two runs differ.
  func thinned(to limit: Int) -> PlotData {
    guard rowCount > limit else { return self }
    let ranked = (0..<rowCount).sorted { scramble($0) < scramble($1) }
    return selecting(ranked.prefix(limit).sorted())
  }

  /// About `limit` rows that keep the outline of `name`: the least and greatest of each run of rows.
  func outlined(by name: String, to limit: Int) -> PlotData {
    guard rowCount > limit, let values = numbers[name] else { return self }
    let run = (2 * rowCount + limit - 1) / limit
    var kept: Set<Int> = [0, rowCount - 1]
    for start in stride(from: 0, to: rowCount, by: run) {
      let rows = start..<min(start + run, rowCount)
      kept.insert(rows.min { values[$0] < values[$1] }!)
      kept.insert(rows.max { values[$0] < values[$1] }!)
    }
    return selecting(kept.sorted())
  }

  /// One object a row, as Vega-Lite's `data.values`.
  var json: JSONValue {
    .array(
      (0..<rowCount).map { row in
        var object: OrderedDictionary<String, JSONValue> = [:]
        for (name, values) in numbers { object[name] = .number(values[row]) }
        for (name, values) in texts { object[name] = .string(values[row]) }
        return .object(object)
      })
  }

  /// The rows as a table; `headings` names the columns that people should see.
  func table(title: String, headings: OrderedDictionary<String, String>) -> ReportTable {
    let names = headings.keys.filter { numbers[$0] != nil || texts[$0] != nil }
    let columns = names.map { name -> ReportTable.Column in
      texts[name] != nil ? .text(headings[name]!) : .number(headings[name]!, digits: 6)
    }
    let rows = (0..<rowCount).map { row in
      names.map { name -> ReportTable.Cell in
        numbers[name].map { .number($0[row]) } ?? .text(texts[name]![row])
      }
    }
    return ReportTable(title: title, columns: columns, rows: rows)
  }
}

/// A fixed bijection of 64-bit numbers whose images look unordered (the multiply-and-shift mixing of hashes).
private func scramble(_ index: Int) -> UInt64 {
  var bits = UInt64(truncatingIfNeeded: index) &+ 1
  bits = (bits ^ (bits >> 32)) &* 0x9E37_79B9_7F4A_7C15
  bits = (bits ^ (bits >> 29)) &* 0xD6E8_FEB8_6659_FD93
  return bits ^ (bits >> 32)
}
