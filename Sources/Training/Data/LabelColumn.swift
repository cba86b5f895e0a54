import Torch

/// A column of classes: a number for every row, and what the numbers mean.
public struct TableLabels: Sendable {
  /// The column's name.
  public let name: String
  /// The classes as the file writes them: by value where all are numbers, else in alphabetical order.
  public let classes: [String]
  /// Positions in `classes`, `[rows]`, Int64.
  public let indices: Tensor

  public init(name: String, classes: [String], indices: Tensor) {
    self.name = name
    self.classes = classes
    self.indices = indices
  }

  /// Numbers the distinct values; numbers that are equal (`1` and `1.0`) are one class.
  init(name: String, values: [String], codes: [Int32]) {
    let numbers = values.map { Double($0) }
    let areNumbers = numbers.allSatisfy { $0?.isFinite == true }
    let order = values.indices.sorted { a, b in
      areNumbers && numbers[a]! != numbers[b]! ? numbers[a]! < numbers[b]! : values[a] < values[b]
    }
    var classes: [String] = []
    var number = [Int](repeating: 0, count: values.count)
    var last: Int?
    for value in order {
      let isRepeated = areNumbers && last.map { numbers[$0]! == numbers[value]! } ?? false
      if !isRepeated { classes.append(values[value]) }
      number[value] = classes.count - 1
      last = value
    }
    self.init(name: name, classes: classes, indices: Tensor(codes.map { number[Int($0)] }))
  }
}

/// Labels as they are read: codes in order of appearance.
struct LabelCollector {
  /// Position in the file, from 0.
  let column: Int
  private var codes: [Int32] = []
  private var known: [[UInt8]: Int32] = [:]
  private var values: [String] = []

  init(column: Int) { self.column = column }

  var classCount: Int { values.count }

  mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) {
    let key = Array(bytes)
    if let code = known[key] {
      codes.append(code)
      return
    }
    let code = Int32(values.count)
    known[key] = code
    values.append(String(decoding: key, as: UTF8.self))
    codes.append(code)
  }

  func labels(name: String) -> TableLabels { TableLabels(name: name, values: values, codes: codes) }
}
