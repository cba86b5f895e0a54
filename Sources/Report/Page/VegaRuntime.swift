import Foundation

/// The JavaScript that draws plots in a page, or the reason why there is none.
public enum VegaRuntime: Sendable, Equatable {
  /// A script that defines `vegaEmbed`.
  case script(String)
  case missing(reason: String)

  /// Looks for the script: `$LIKELY_VEGA`, then `.deps/vega/vega-embed-bundle.js` above the running program,
  /// then the same path in the package that this code was built from.
  ///
  /// A file that `$LIKELY_VEGA` names but that cannot be read is missing: nothing else is tried then, because
  /// the user asked for that one.
  public static func find(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> VegaRuntime {
    if let path = environment["LIKELY_VEGA"], !path.isEmpty {
      return read(URL(filePath: path)) ?? .missing(reason: "$LIKELY_VEGA names \(path), which cannot be read")
    }
    let starts = [Bundle.main.executableURL, URL(filePath: #filePath)].compactMap { $0 }
    for start in starts {
      for folder in ancestors(of: start) {
        if let script = read(folder.appending(path: ".deps/vega/vega-embed-bundle.js")) { return script }
      }
    }
    return .missing(reason: "the Vega runtime is not set up")
  }

  private static func read(_ url: URL) -> VegaRuntime? {
    guard let data = try? Data(contentsOf: url), !data.isEmpty else { return nil }
    return .script(String(decoding: data, as: UTF8.self))
  }

  private static func ancestors(of url: URL) -> [URL] {
    var folders: [URL] = []
    var folder = url.resolvingSymlinksInPath().deletingLastPathComponent()
    while folder.pathComponents.count > 1 {
      folders.append(folder)
      folder = folder.deletingLastPathComponent()
    }
    return folders
  }
}
