import Foundation
import Testing

import Report

/// A Chromium on the search path.
private enum Chromium {
  static let path: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    for name in ["chromium", "chromium-browser", "google-chrome"] {
      for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
        return "\(folder)/\(name)"
      }
    }
    return nil
  }()

  /// Loads a page and gives the document as it stands after its scripts.
  static func document(of page: URL, profile: URL) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: try #require(path))
    process.arguments = [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
      "--user-data-dir=\(profile.path(percentEncoded: false))", "--virtual-time-budget=60000", "--dump-dom",
      page.absoluteString,
    ]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }
}

private let hasRuntime = if case .script = VegaRuntime.find() { true } else { false }

@Suite(
  "Pages in a browser", .serialized,
  .enabled(if: Chromium.path != nil, "no Chromium found; `apt-get install chromium` enables these tests"),
  .enabled(if: hasRuntime, "no Vega runtime found; `scripts/vega` takes it"))
struct BrowserTests {
  @Test("every plot of a page from disk is drawn, without a script error", .timeLimit(.minutes(2)))
  func draws() throws {
    try withTemporaryFolder { folder in
      let page = try SampleReport.report.write(to: folder)
      let document = try Chromium.document(of: page, profile: folder.appending(path: "profile"))
      #expect(document.contains("<div id=\"script-errors\" role=\"alert\" hidden=\"\"></div>"))
      #expect(document.contains("data-plots-drawn=\"7\""))
      #expect(document.components(separatedBy: "<svg ").count >= 1 + 7)
      for mark in ["mark-line", "mark-symbol", "mark-area", "mark-rect", "mark-rule", "mark-text role-mark"] {
        #expect(document.contains(mark), "no \(mark)")
      }
      #expect(document.contains("<title>Sample &amp; &lt;report&gt;</title>"))
    }
  }

  @Test("a plot that fails is reported on the page, and the others are still drawn", .timeLimit(.minutes(2)))
  func reportsErrors() throws {
    try withTemporaryFolder { folder in
      let plot = Plot(x: "x", y: "y", marks: [.points(x: [1], y: [1])])
      let report = HTMLReport(
        title: "T", sections: [.init(title: "S", items: [.plot(plot, name: "a"), .plot(plot, name: "b")])])
      let page = folder.appending(path: "page.html")
      let broken = report.html().replacing(
        "id=\"specification-0\">{", with: "id=\"specification-0\">{\"broken\":")
      try writeAtomically(Data(broken.utf8), to: page)
      let document = try Chromium.document(of: page, profile: folder.appending(path: "profile"))
      #expect(document.contains("<div id=\"script-errors\" role=\"alert\"><p>plot 1: SyntaxError"))
      #expect(document.contains("data-plots-drawn=\"1\""))
    }
  }
}
