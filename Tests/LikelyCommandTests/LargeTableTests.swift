import Foundation
import Likely
import Testing

@Suite("Large tables", .serialized, .enabled(if: Program.isBuilt, Program.advice)) struct LargeTableTests {
  @Test("10⁶ rows are trained on in seconds and bounded memory")
  func million() throws {
    try withTemporaryFolder { folder in
      var random = RandomSource(seed: 81)
      // 1,000 different rows, over and over.
      let piece = (0..<1000).map { _ in
        (0..<3).map { _ in "\(random.uniform())" }.joined(separator: ",") + "\n"
      }
      let url = folder.appending(path: "t.csv")
      try Data("a,b,c\n".utf8).write(to: url)
      let file = try FileHandle(forWritingTo: url)
      try file.seekToEnd()
      let data = Data(piece.joined().utf8)
      for _ in 0..<1000 { try file.write(contentsOf: data) }
      try file.close()

      let running = try Program.start(
        [
          "interpolant", "train", "--data", "t.csv", "--steps", "1", "--width", "64", "--threads", "1",
          "--quiet", "--out",
          "run",
        ],
        in: folder)
      var (peak, seconds) = (0, 0.0)
      while running.isRunning {
        peak = max(peak, running.peakMemory ?? 0)
        seconds = max(seconds, running.processorTime ?? 0)
        usleep(20_000)
      }
      let outcome = try running.finish()
      print("10⁶ × 3: \(seconds) s of processor time, peak \(peak >> 20) MB")
      #expect(outcome.status == 0, "\(outcome.error)")
      // The program alone takes some 150 MB, the rows as doubles 24 MB, a copy here and there.
      #expect(peak > 0 && peak < 450 << 20)
      #expect(seconds > 0 && seconds < 20)
    }
  }
}
