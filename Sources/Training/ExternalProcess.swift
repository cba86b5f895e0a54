import Foundation
import Report
import Synchronization

/// A user's own program as a function: it reads one line of JSON a call and answers each with one line, in order.
///
/// The command runs in a shell, is started at the first call and kept; it has to flush after every line. Where it
/// ends early it is started again, and what it had not answered is asked once more.
public final class ExternalProcess: Sendable {
  public let command: String
  /// Seconds for a batch.
  public let timeLimit: Double
  /// How often it may end early before that is an error.
  public let restarts: Int

  private struct Running {
    let process: Process
    let input: Pipe
    let output: Pipe
    let errors: Tail
    /// Bytes after the last line that was asked for.
    var rest = Data()
  }

  private struct State {
    var running: Running?
    var failures = 0
    var calls = 0
  }

  private let state = Mutex(State())

  public init(_ command: String, timeLimit: Double = 60, restarts: Int = 2) {
    precondition(timeLimit > 0 && restarts >= 0, "ExternalProcess: \(timeLimit) s, \(restarts) restarts")
    (self.command, self.timeLimit, self.restarts) = (command, timeLimit, restarts)
  }

  deinit { state.withLock { Self.stop(&$0) } }

  /// Calls that were answered.
  public var calls: Int { state.withLock { $0.calls } }

  /// The answers to a batch, in order, as lines of text.
  /// - Throws: ``ExternalProcessError``.
  public func callAsFunction(_ requests: [JSONValue]) throws(ExternalProcessError) -> [String] {
    try state.withLock { (state: inout sending State) throws(ExternalProcessError) -> [String] in
      try answers(to: requests.map(\.compact), &state)
    }
  }

  private func answers(to lines: [String], _ state: inout State) throws(ExternalProcessError) -> [String] {
    let deadline = ContinuousClock.now + .seconds(timeLimit)
    var answers: [String] = []
    while answers.count < lines.count {
      if state.running == nil { state.running = try start() }
      var running = state.running!
      let asked = lines[answers.count...]
      // Before anything is asked nothing can be answered.
      if let text = Self.surplus(&running) { throw surplusError(text, lines.count, &state) }
      Self.write(asked.joined(separator: "\n") + "\n", to: running.input)
      let outcome = Self.read(asked.count, &running, until: deadline)
      answers += outcome.lines
      state.calls += outcome.lines.count
      state.running = running
      switch outcome.end {
      case .complete:
        // A line too many would shift all later answers.
        if let text = Self.surplus(&running) { throw surplusError(text, lines.count, &state) }
        state.running = running
      case .late:
        Self.stop(&state)
        throw ExternalProcessError(
          command: command,
          reason: "no answer to line \(answers.count + 1) of \(lines.count) within \(timeLimit) s",
          advice: "let it flush after every line, or raise the time limit")
      case .closed:
        running.process.waitUntilExit()
        let (status, tail) = (running.process.terminationStatus, running.errors.text)
        Self.stop(&state)
        state.failures += 1
        guard state.failures <= restarts else {
          throw ExternalProcessError(
            command: command,
            reason: "it ended with status \(status) after \(answers.count) of \(lines.count) answers"
              + (tail.isEmpty ? "" : ": \(tail)"),
            advice: "it has to answer every line of its input with one line until its input ends")
        }
      }
    }
    return answers
  }

  private func surplusError(_ text: String, _ count: Int, _ state: inout State) -> ExternalProcessError {
    Self.stop(&state)
    return ExternalProcessError(
      command: command,
      reason: "more answers than the \(count) lines that were asked: \(text)",
      advice: "it has to answer every line of its input with one line, and nothing else")
  }

  // MARK: The process

  private func start() throws(ExternalProcessError) -> Running {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    let (input, output, errors) = (Pipe(), Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = errors
    do {
      try process.run()
    } catch {
      throw ExternalProcessError(
        command: command, reason: "cannot be started: \(error)", advice: "try it in a shell")
    }
    return Running(process: process, input: input, output: output, errors: Tail(errors))
  }

  private static func stop(_ state: inout State) {
    guard let running = state.running else { return }
    // Its input closes with the last who holds the pipe: a writer may still be at work on the descriptor.
    state.running = nil
    if running.process.isRunning { running.process.terminate() }
  }

  /// In the background: an answer that fills its pipe before all is asked must not stop both sides.
  private static func write(_ text: String, to pipe: Pipe) {
    let descriptor = pipe.fileHandleForWriting.fileDescriptor
    let data = Data(text.utf8)
    let thread = Thread {
      // A command that has ended closes its pipe; the reader sees that, and no signal shall.
      var signals = sigset_t()
      sigemptyset(&signals)
      sigaddset(&signals, SIGPIPE)
      pthread_sigmask(SIG_BLOCK, &signals, nil)
      data.withUnsafeBytes { bytes in
        var sent = 0
        while sent < bytes.count {
          let count = Foundation.write(descriptor, bytes.baseAddress! + sent, bytes.count - sent)
          if count < 0, errno == EINTR { continue }
          guard count > 0 else { return }
          sent += count
        }
      }
      // The pipe stays open until everything is written.
      withExtendedLifetime(pipe) {}
    }
    thread.start()
  }

  private enum End { case complete, late, closed }

  private static func read(_ count: Int, _ running: inout Running, until deadline: ContinuousClock.Instant)
    -> (
      lines: [String], end: End
    )
  {
    let descriptor = running.output.fileHandleForReading.fileDescriptor
    var lines: [String] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      while lines.count < count, let newline = running.rest.firstIndex(of: 10) {
        lines.append(String(decoding: running.rest[..<newline], as: UTF8.self))
        running.rest = Data(running.rest[(newline + 1)...])
      }
      if lines.count == count { return (lines, .complete) }
      let left = ContinuousClock.now.duration(to: deadline)
      guard left > .zero else { return (lines, .late) }
      var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let milliseconds = Int32(min(1e9, Double(left.components.seconds) * 1000 + 1))
      let ready = Foundation.poll(&poll, 1, milliseconds)
      if ready < 0, errno == EINTR { continue }
      guard ready > 0 else { continue }
      let received = Foundation.read(descriptor, &buffer, buffer.count)
      if received < 0, errno == EINTR { continue }
      guard received > 0 else { return (lines, .closed) }
      running.rest.append(contentsOf: buffer[..<received])
    }
  }
}

extension ExternalProcess {
  /// The beginning of what has come by now without having been asked for.
  private static func surplus(_ running: inout Running) -> String? {
    let descriptor = running.output.fileHandleForReading.fileDescriptor
    var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    if running.rest.isEmpty, Foundation.poll(&poll, 1, 0) > 0 {
      var buffer = [UInt8](repeating: 0, count: 1 << 10)
      // Where its output has ended, the next reading tells.
      let received = Foundation.read(descriptor, &buffer, buffer.count)
      if received > 0 { running.rest.append(contentsOf: buffer[..<received]) }
    }
    guard !running.rest.isEmpty else { return nil }
    let line = running.rest.prefix { $0 != 10 }.prefix(60)
    return line.isEmpty ? "an empty line" : String(decoding: line, as: UTF8.self)
  }
}

/// The last line that a command wrote to its standard error.
private final class Tail: Sendable {
  private let data = Mutex(Data())

  init(_ pipe: Pipe) {
    pipe.fileHandleForReading.readabilityHandler = { [weak self] handle in
      let part = handle.availableData
      guard !part.isEmpty else {
        handle.readabilityHandler = nil
        return
      }
      self?.data.withLock { $0 = Data(($0 + part).suffix(2000)) }
    }
  }

  var text: String {
    data.withLock { String(decoding: $0, as: UTF8.self) }
      .split(separator: "\n").last.map(String.init) ?? ""
  }
}

/// Why a command did not answer.
public struct ExternalProcessError: Error, Sendable, Hashable, CustomStringConvertible {
  public let command: String
  public let reason: String
  public let advice: String

  public init(command: String, reason: String, advice: String) {
    (self.command, self.reason, self.advice) = (command, reason, advice)
  }

  public var description: String { "the command `\(command)`: \(reason); \(advice)" }
}
