import Foundation
import Testing
import Torch
import Training

@Suite("Tables from arrays, IDX and summaries") struct ArrayTableTests {
  private func table(_ array: Tensor, _ options: TableOptions = TableOptions()) throws -> NumericTable {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("t.npy")
      try NPY.write(array, to: url)
      return try NumericTable(contentsOf: url, options: options)
    }
  }

  private func kind(_ array: Tensor, _ options: TableOptions = TableOptions()) -> TableError.Kind? {
    #expect(throws: TableError.self) { try table(array, options) }?.kind
  }

  @Test("arrays of one and two axes and any number type are tables")
  func arrays() throws {
    #expect(try table(Tensor([1.5, 2.5])).values.shape == [2, 1])
    let grid = try table(Tensor([1, 2, 3, 4], shape: [2, 2]), TableOptions(columns: ["column2"]))
    #expect(grid.names == ["column2"])
    #expect(grid.values.isEqual(to: Tensor([2.0, 4], shape: [2, 1])))
    let labelled = try table(
      Tensor([1.0, 7, 2, -3, 5, 7], shape: [3, 2]), TableOptions(label: .position(2)))
    #expect(labelled.names == ["column1"])
    #expect(labelled.labels?.classes == ["-3", "7"])
    #expect(labelled.labels?.indices.integers == [1, 0, 1])
  }

  @Test("arrays that are no tables are refused by kind")
  func faults() throws {
    #expect(kind(.zeros([2, 2, 2])) == .badShape)
    #expect(kind(Tensor(1.0)) == .badShape)
    #expect(kind(.zeros([0, 2])) == .empty)
    #expect(kind(Tensor([1.0, 2]).fft()) == .badShape)
    #expect(kind(Tensor([1 << 60])) == .nonFinite)
    #expect(kind(.zeros([2, 2]), TableOptions(columns: ["x"])) == .unknownColumn)
    let error = #expect(throws: TableError.self) {
      try table(Tensor([1, 2, .nan, .infinity], shape: [2, 2]))
    }
    #expect(error?.kind == .nonFinite)
    #expect(error?.occurrences == 2)
    #expect(error?.line == 2)
    #expect(error?.columnName == "column1")
    let broken = #expect(throws: TableError.self) { try readBroken() }
    #expect(broken?.kind == .unreadable)
    #expect(broken?.found.contains("byte 0") == true)
  }

  private func readBroken() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("t.npy")
      try Data("nothing".utf8).write(to: url)
      _ = try NumericTable(contentsOf: url)
    }
  }

  @Test("archives give their first array, or the one named")
  func archives() throws {
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("t.npz")
      try NPZ.write([("a", Tensor([1.0, 2])), ("b", Tensor([3.0]))], to: url)
      #expect(try NumericTable(contentsOf: url).values.doubles == [1, 2])
      #expect(try NumericTable(contentsOf: url, options: TableOptions(entry: "b")).values.doubles == [3])
      let error = #expect(throws: TableError.self) {
        try NumericTable(contentsOf: url, options: TableOptions(entry: "c"))
      }
      #expect(error?.kind == .unknownColumn)
      #expect(error?.expected == "one of a, b")
    }
  }

  @Test("IDX images are read; every fault has its kind")
  func idx() throws {
    func read(_ bytes: [UInt8], _ name: String = "t.idx") throws -> Tensor {
      try withTemporaryFolder { folder in
        let url = folder.appendingPathComponent(name)
        try Data(bytes).write(to: url)
        return try IDX.read(contentsOf: url)
      }
    }
    func kind(_ bytes: [UInt8], _ name: String = "t.idx") -> StorageError.Kind? {
      #expect(throws: StorageError.self) { try read(bytes, name) }?.kind
    }
    let header: [UInt8] = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]
    #expect(
      try read(header + [1, 2, 3, 4, 5, 255]).isEqual(
        to: Tensor([1, 2, 3, 4, 5, 255] as [UInt8], shape: [2, 3])))
    #expect(kind(header + [1, 2, 3, 4, 5]) == .truncated)
    #expect(kind(header + [1, 2, 3, 4, 5, 6, 7]) == .badOffsets)
    #expect(kind([]) == .truncated)
    #expect(kind(Array(header.prefix(10))) == .truncated)
    #expect(kind([1] + header.dropFirst()) == .wrongMagic)
    #expect(kind([0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0]) == .unsupportedType)
    #expect(kind([0, 0, 8, 0]) == .badShape)
    #expect(kind([0, 0, 8, 2] + [UInt8](repeating: 0xff, count: 8)) == .tooLarge)
    #expect(kind([0, 0, 8, 1, 0x7f, 0xff, 0xff, 0xff, 0]) == .truncated)
    #expect(kind(header, "t.gz") == .cannotRead)
    let packed = try #require(Data(base64Encoded: Self.packedIDX))
    #expect(
      try read(Array(packed), "t.gz").isEqual(to: Tensor([1, 2, 3, 4, 5, 255] as [UInt8], shape: [2, 3])))
  }
  /// The array above, by Python's gzip.compress(…, mtime=0).
  private static let packedIDX = "H4sIAAAAAAACA2Ng4GBiYGAAYWZGJmYW1v8A8N5fIRIAAAA="

  @Test("a summary has closed-form moments and lists constant columns")
  func summary() throws {
    let table = NumericTable(
      names: ["x", "constant", "binary"],
      values: Tensor([1e9 + 1, 0.1, 0, 1e9 + 2, 0.1, 1, 1e9 + 3, 0.1, 1], shape: [3, 3]))
    let summary = TableSummary(table)
    #expect(summary.constantColumns == ["constant"])
    let x = summary.columns[0]
    #expect(x.count == 3 && x.minimum == 1e9 + 1 && x.maximum == 1e9 + 3 && x.mean == 1e9 + 2)
    #expect(x.standardDeviation == 1)
    #expect(summary.columns[1].standardDeviation == 0)
    #expect(summary.columns[1].mean == 0.1)
    #expect(summary.columns.map(\.distinctValues) == [3, 1, 2])
    let one = TableSummary(NumericTable(names: ["x"], values: .ones([1, 1])))
    #expect(one.columns[0].standardDeviation == 0)
    let many = TableSummary(NumericTable(names: ["x"], values: Tensor.range(to: 1000).reshape(-1, 1)))
    #expect(many.columns[0].hasMoreValues)
    #expect(many.columns[0].mean == 499.5)
    // The variance of 0..<n is n(n + 1)/12.
    #expect(Swift.abs(many.columns[0].standardDeviation - (1000.0 * 1001 / 12).squareRoot()) < 1e-10)
  }
}
