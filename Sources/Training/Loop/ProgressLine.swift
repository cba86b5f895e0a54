import Foundation

/// Tells a person how far long work has come, on standard error: a bar on a terminal, plain lines otherwise.
public final class ProgressLine {
  private let title: String
  private let total: Int
  private let isTerminal: Bool
  private let start = ContinuousClock.now
  private var lastShown: ContinuousClock.Instant?
  private let isSilent: Bool
  private var first: Int?

  /// - Parameter silent: shows nothing, for tests and `--quiet`.
  public init(_ title: String, total: Int, silent: Bool = false) {
    self.title = title
    self.total = total
    isSilent = silent
    isTerminal = isatty(STDERR_FILENO) == 1
  }

  /// Shows the state; at most ten times a second on a terminal and every five seconds elsewhere.
  public func update(_ done: Int, _ note: @autoclosure () -> String = "") {
    guard !isSilent else { return }
    let now = ContinuousClock.now
    if first == nil { first = done }
    let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(5)
    if let lastShown, now - lastShown < pause, done < total { return }
    lastShown = now
    let seconds = (now - start).seconds
    let rate = seconds > 0 ? Double(done - (first ?? 0)) / seconds : 0
    let remaining = rate > 0 ? Double(total - done) / rate : 0
    let text =
      "\(title) \(done)/\(total)  \(Self.short(rate))/s  "
      + (done < total ? "\(Self.clock(remaining)) left" : "in \(Self.clock(seconds))") + "  \(note())"
    if isTerminal {
      let width = 24
      let filled = total > 0 ? width * done / total : width
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
      write("\r\u{1B}[K\(bar) \(text)" + (done >= total ? "\n" : ""))
    } else {
      write(text + "\n")
    }
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  private static func short(_ rate: Double) -> String {
    rate >= 100 ? "\(Int(rate))" : String(format: "%.1f", rate)
  }

  private static func clock(_ seconds: Double) -> String {
    let s = Int(seconds.rounded())
    return s >= 3600
      ? String(format: "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60)
      : String(format: "%d:%02d", s / 60, s % 60)
  }
}

extension Duration {
  /// Seconds as a number, for rates.
  package var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
