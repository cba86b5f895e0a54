import Foundation
import Testing
import Torch
import Training

@Suite("Large tables", .serialized) struct LargeTableTests {
  /// A line of `/proc/self/status` in bytes.
  private func memory(_ key: String) throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(key) })
    return try #require(line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }) * 1024
  }

  @Test("10⁶ rows of 10 take seconds, and memory of about their doubles")
  func million() throws {
    let (rows, columns) = (1_000_000, 10)
    try withTemporaryFolder { folder in
      let url = folder.appendingPathComponent("t.csv")
      var random = RandomSource(seed: 5)
      // 1,000 different rows of 17 digits, over and over.
      let texts = (0..<1000).map { _ in
        (0..<columns).map { _ in "\(random.uniform() - 0.5)" }.joined(separator: ",") + "\n"
      }
      let piece = Data(texts.joined().utf8)
      try Data().write(to: url)
      let file = try FileHandle(forWritingTo: url)
      for _ in 0..<rows / 1000 { try file.write(contentsOf: piece) }
      try file.close()

      // The peak is the process's, so other tests may only raise it: the highest mark is reset first.
      try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
      let before = try memory("VmRSS")
      let clock = ContinuousClock()
      var read: NumericTable?
      let time = try clock.measure { read = try NumericTable(contentsOf: url) }
      let peak = try memory("VmHWM")
      let doubles = rows * columns * 8
      print("10⁶ × 10: \(time), \(Double(peak - before) / Double(doubles)) times the doubles")
      #expect(read?.values.shape == [rows, columns])
      #expect(read?.values[0].doubles == texts[0].dropLast().split(separator: ",").map { Double($0)! })
      #expect(read?.values[-1].doubles == texts[999].dropLast().split(separator: ",").map { Double($0)! })
      #expect(time < .seconds(8))
      // Other tests of this process run at the same time; a String a cell would take ten times as much.
      #expect(peak - before < 3 * doubles)
    }
  }
}
