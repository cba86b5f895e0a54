import Foundation
import Likely
import Logging
import Synchronization

/// Log messages as plain lines on standard error, clear of a progress bar.
struct LineLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level

  /// The program's level: verbs set it from their options after the log system has started.
  static let programLevel = Mutex(Logger.Level.notice)

  /// Starts the log system, once a program.
  static func start() {
    LoggingSystem.bootstrap { _ in LineLogHandler(logLevel: programLevel.withLock { $0 }) }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let isBarThere = isatty(STDERR_FILENO) == 1
    let word = event.level >= .warning ? "\(event.level): " : ""
    tell((isBarThere ? "\r\u{1B}[K" : "") + word + "\(event.message)")
  }
}
