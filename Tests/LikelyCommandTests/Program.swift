import Foundation
import Likely
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// The program under test, as it was built together with the tests.
enum Program {
  static let url: URL? = {
    let besideTests = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return [besideTests, package.appending(path: ".build/release")].map { $0.appending(path: "likely") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }()

  static var isBuilt: Bool { url != nil }
  static let advice: Comment = "the program is not built; run swift build -c release first"

  /// Options of a training that takes a moment and gives the same bits everywhere.
  static let small = [
    "--steps", "2", "--batch", "8", "--width", "8", "--depth", "1", "--threads", "1", "--quiet",
  ]

  static func start(_ arguments: [String], in folder: URL) throws -> Running {
    try Running(url ?? URL(fileURLWithPath: "/"), arguments, in: folder)
  }

  /// Runs to the end.
  static func run(_ arguments: [String], in folder: URL) throws -> Outcome {
    try start(arguments, in: folder).finish()
  }
}

struct Outcome {
  let status: Int32
  /// Whether a signal ended it.
  let isKilled: Bool
  let output: String
  let error: String

  /// What a command with `--json` printed.
  func object() throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any], "\(error)")
  }
}

/// A program at work. Its output goes to files, so that no full pipe ever stops it.
final class Running {
  private let process = Process()
  private let files: URL

  init(_ url: URL, _ arguments: [String], in folder: URL) throws {
    files = FileManager.default.temporaryDirectory.appending(path: "likely-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
    process.executableURL = url
    process.arguments = arguments
    process.currentDirectoryURL = folder
    for name in ["out", "err"] { try Data().write(to: files.appending(path: name)) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: files.appending(path: "out"))
    process.standardError = try FileHandle(forWritingTo: files.appending(path: "err"))
    try process.run()
  }

  var isRunning: Bool { process.isRunning }

  func signal(_ number: Int32) { if process.isRunning { kill(process.processIdentifier, number) } }

  /// The largest resident memory so far in bytes; `nil` when the process is gone.
  var peakMemory: Int? {
    let path = "/proc/\(process.processIdentifier)/status"
    guard let text = try? String(contentsOfFile: path, encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM") })
    else { return nil }
    return line.split { !$0.isNumber }.first.flatMap { Int($0) }.map { $0 * 1024 }
  }

  /// Processor time so far in seconds, whatever else the machine does; `nil` when the process is gone.
  var processorTime: Double? {
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th fields after it.
    guard let text = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[end...].split(separator: " ").dropFirst().compactMap { Double($0) ?? 0 }
    return fields.count > 12 ? (fields[11] + fields[12]) / Double(sysconf(Int32(_SC_CLK_TCK))) : nil
  }

  func finish() throws -> Outcome {
    process.waitUntilExit()
    func text(_ name: String) throws -> String {
      String(decoding: try Data(contentsOf: files.appending(path: name)), as: UTF8.self)
    }
    defer { try? FileManager.default.removeItem(at: files) }
    return Outcome(
      status: process.terminationStatus, isKilled: process.terminationReason == .uncaughtSignal,
      output: try text("out"), error: try text("err"))
  }
}

/// A folder of its own for one test, removed afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appending(path: "likely-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// Tables and models that many tests read, made once.
enum Inputs {
  static let folder: URL? = try? make()

  /// A folder of its own for one test, in which all inputs appear under their names.
  static func with<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let inputs = try #require(folder)
    return try withTemporaryFolder { folder in
      for name in try FileManager.default.contentsOfDirectory(atPath: inputs.path) {
        try FileManager.default.createSymbolicLink(
          at: folder.appending(path: name), withDestinationURL: inputs.appending(path: name))
      }
      return try body(folder)
    }
  }

  private static func numbers(_ columns: Int, seed: UInt64) -> [[Double]] {
    var random = RandomSource(seed: seed)
    return (0..<60).map { _ in (0..<columns).map { _ in random.uniform() * 4 - 2 } }
  }

  private static func csv(_ header: String, _ rows: [[Double]]) -> String {
    header + "\n" + rows.map { $0.map { "\($0)" }.joined(separator: ",") + "\n" }.joined()
  }

  private static func make() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: "likely-inputs-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let quoted = numbers(2, seed: 4).map { "\"\($0[0])\",\"\($0[1])\"\r\n" }.joined()
    let texts = [
      "two.csv": csv("x,y", numbers(2, seed: 1)), "three.csv": csv("x,y,z", numbers(3, seed: 2)),
      "column.csv": csv("x", numbers(1, seed: 3)), "windows.csv": "\u{FEFF}\"x\",\"y\"\r\n" + quoted,
      "ragged.csv": "x,y\n1,2\n3\n4,5\n", "text.csv": "x,y\n1,2\n3,abc\n4,5\n",
      "nan.csv": "x,y\n1,2\n3,4\nnan,5\n", "empty.csv": "", "row.csv": "x,y\n1,2\n",
      "constant.csv": "x,y\n1,2\n3,2\n4,2\n", "semicolon.csv": "x;y\n1;2\n3;4\n4;6\n",
      "mixture.json": #"{"weights": [1], "means": [[0, 1]], "covariances": [[[1, 0], [0, 2]]]}"#,
      "bad.json": #"{"weights": [0.5, 0.5], "means": [[0, 1]], "covariances": [[[1, 0], [0, 2]]]}"#,
      "notes.xlsx": "nothing to see",
    ]
    for (name, text) in texts { try Data(text.utf8).write(to: folder.appending(path: name)) }
    for (name, options) in [
      ("model", []), ("table-base", ["--base", "three.csv", "--data", "three.csv"]),
      ("mirror", ["--schedule", "mirror"]),
      ("no-noise", ["--schedule", "linear", "--gamma", "zero", "--fields", "b"]),
    ] {
      let outcome = try Program.run(
        ["interpolant", "train", "--data", "two.csv", "--out", name] + Program.small + options, in: folder)
      guard outcome.status == 0 else { throw CocoaError(.fileReadUnknown) }
    }
    let model = try Data(contentsOf: folder.appending(path: "model/model.safetensors"))
    try model.prefix(100).write(to: folder.appending(path: "header.safetensors"))
    try model.dropLast(10).write(to: folder.appending(path: "cut.safetensors"))
    try NPY.write(.ones([20, 2]), to: folder.appending(path: "whole.npy"))
    try Data(contentsOf: folder.appending(path: "whole.npy")).dropLast(8).write(
      to: folder.appending(path: "cut.npy"))
    return folder
  }
}
