import Foundation
import Testing

@Suite("Data sets by name", .enabled(if: Program.isBuilt, Program.advice)) struct DataSetTests {
  private static let folder = ProcessInfo.processInfo.environment["LIKELY_DATA"].map {
    URL(fileURLWithPath: $0)
  }
  private static let isThere =
    folder.map { FileManager.default.fileExists(atPath: $0.appending(path: "small/iris.csv").path) } ?? false

  @Test(
    "a data set's own header, names and label are known when it is named",
    .enabled(if: isThere, "$LIKELY_DATA has no small/iris.csv"), arguments: ["iris", "wine", "breast-cancer"])
  func named(set: String) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "sets-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let outcome = try Program.run(
      ["diffusion", "train", "--data", "data:\(set)", "--out", "run"] + Program.small, in: folder)
    #expect(outcome.status == 0, "\(outcome.error)")
    let drawn = try Program.run(
      ["diffusion", "sample", "run", "--count", "3", "--class", "1", "--steps", "2", "--out", "s.csv"],
      in: folder)
    #expect(drawn.status == 0, "\(drawn.error)")
    #expect(
      try String(contentsOf: folder.appending(path: "s.csv"), encoding: .utf8).split(separator: "\n").count
        == 4)
  }
}
