import Foundation
import Testing
import Torch
import Training

@Suite("Decimal numbers") struct DecimalTests {
  @Test("every text is read to the same bits as Swift's own reader")
  func agreesWithSwift() throws {
    var random = RandomSource(seed: 3)
    var texts = [
      "0", "-0", "0.0", "1", "+1", ".5", "5.", "-.25", "00012", "1e5", "1E-5", "1e+22", "1e-22", "1e23",
      "1e-23",
      "9007199254740993", "9007199254740992.5", "9007199254740993e-3", "18446744073709551615",
      "123456789012345678901234567890", "0.000000000000000000000000000001", "2.2250738585072011e-308",
      "4.9e-324",
      "1e-400", "1.7976931348623157e308", "8.5e-27", "6.62607015e-34", "9999999999999999999e27",
      "9007199254740991e-22", "0.1000000000000000055511151231257827", "1e27", "1e28",
      "1000000000000000000000000000000",
    ]
    for _ in 0..<100_000 {
      // Random bits, random short decimals, and halves between neighbours, where rounding is decided.
      let bits = Double(bitPattern: random.next())
      if bits.isFinite { texts.append("\(bits)") }
      texts.append("\(random.integer(in: -999_999..<1_000_000))e\(random.integer(in: -30..<30))")
      texts.append("\(random.uniform() * 100)")
      let mantissa = random.next() >> 10 | 1
      texts.append("\(mantissa)e\(random.integer(in: -28..<28))")
    }
    let content = texts.joined(separator: "\n")
    let values = try table(content, TableOptions(header: .absent)).values.doubles
    #expect(values.count == texts.count)
    for (text, value) in zip(texts, values) where Double(text)!.bitPattern != value.bitPattern {
      Issue.record("\(text) is read as \(value)")
    }
  }

  @Test("what is written reads back exactly, with names, labels and order")
  func roundTrip() throws {
    var random = RandomSource(seed: 4)
    let values =
      random.normal([500, 3], dtype: .double)
      * pow(10, random.uniform([500, 3], low: -300, high: 300, dtype: .double))
    let labels = TableLabels(
      name: "kind", classes: ["two, three", "one"], indices: random.integers([500], in: 0..<2))
    let original = NumericTable(names: ["a", "b \"quoted\"", "c;d"], values: values, labels: labels)
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("t.csv")
      try original.write(csv: url)
      let read = try NumericTable(contentsOf: url, options: TableOptions(label: "kind"))
      #expect(read.names == original.names)
      #expect(read.values.isEqual(to: values))
      #expect(read.labels?.classes == ["one", "two, three"])
      #expect(read.labels?.indices.isEqual(to: 1 - labels.indices) == true)
      let array = folder.appendingPathComponent("t.npy")
      try original.write(npy: array)
      #expect(try NumericTable(contentsOf: array).values.isEqual(to: values))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
      let error = #expect(throws: StorageError.self) {
        try original.write(csv: folder.appendingPathComponent("no/t.csv"))
      }
      #expect(error?.kind == .cannotWrite)
    }
  }
}
