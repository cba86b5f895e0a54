import Foundation
import Likely

/// A command that answers with one line of JSON, or just ends.
struct Side {
  let name: String
  let command: [String]

  /// Runs it once; the time is the one it answers with, or else that from start to end.
  func run() throws -> [String: Double] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    let output = Pipe()
    process.standardOutput = output
    var text = Data()
    let time = try seconds {
      try process.run()
      text = output.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
    }
    guard process.terminationStatus == 0 else {
      throw BenchmarkError(
        reason: "\(command.joined(separator: " ")) ended with \(process.terminationStatus)")
    }
    var facts = ["seconds": time]
    if let line = text.split(separator: UInt8(ascii: "\n")).last,
      let answer = try? JSONSerialization.jsonObject(with: line) as? [String: Any]
    {
      for (name, value) in answer { if let number = value as? Double { facts[name] = number } }
    }
    return facts
  }
}

struct BenchmarkError: Error, CustomStringConvertible {
  let reason: String
  var description: String { reason }
}

/// What the ratio, or the difference, of the two sides' medians must reach.
enum Bar {
  case faster(Double)
  /// Likely may take this many seconds more.
  case within(Double)
  /// Shown only.
  case none
}

/// The same work on both sides, run in turn.
struct Comparison {
  let name: String
  let likely: Side
  let peer: Side
  let bar: Bar
  /// Whether the sides read what `prepare` writes.
  var isPrepared = true

  struct Outcome {
    let comparison: Comparison
    let likely: [[String: Double]]
    let peer: [[String: Double]]

    var ratio: Double { median(peer) / median(likely) }
    /// Of the fastest rounds, which other work on the machine disturbs least.
    var ratioOfFastest: Double { fastest(peer) / fastest(likely) }

    /// Of the processors' time in the fastest rounds; nothing where a side does not state it.
    var ratioOfProcessors: Double {
      func least(_ runs: [[String: Double]]) -> Double { runs.compactMap { $0["processor"] }.min() ?? .nan }
      return least(peer) / least(likely)
    }

    func median(_ runs: [[String: Double]], _ fact: String = "seconds") -> Double {
      let sorted = runs.compactMap { $0[fact] }.sorted()
      guard !sorted.isEmpty else { return .nan }
      return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
    func fastest(_ runs: [[String: Double]]) -> Double { runs.compactMap { $0["seconds"] }.min() ?? .nan }

    var holds: Bool? {
      switch comparison.bar {
      // Both, so that neither load during some rounds nor one lucky round decides.
      case .faster(let least): min(ratio, ratioOfFastest) >= least
      case .within(let most): median(likely) - median(peer) <= most
      case .none: nil
      }
    }

    var bar: String {
      switch comparison.bar {
      case .faster(let least): "≥ \(formatNumber(least))×"
      case .within(let most): "+ \(formatNumber(most)) s"
      case .none: "—"
      }
    }
  }

  /// One run of each side in turn, `rounds` times, so that what else the machine does falls on both.
  func run(rounds: Int) throws -> Outcome {
    var results: (likely: [[String: Double]], peer: [[String: Double]]) = ([], [])
    for round in 0..<rounds {
      // The order changes from round to round: nobody always runs on the cooler processor.
      if round % 2 == 0 {
        results.likely.append(try likely.run())
        results.peer.append(try peer.run())
      } else {
        results.peer.append(try peer.run())
        results.likely.append(try likely.run())
      }
    }
    return Outcome(comparison: self, likely: results.likely, peer: results.peer)
  }
}
