import Foundation
import Report
import Torch

/// The whole state of a training after a number of steps: enough to continue it bit for bit.
public struct Checkpoint: Sendable {
  /// Steps done.
  public let step: Int
  /// Tensors by name; the first part of a name says whose they are (`model.`, `optimiser.`, …).
  public let tensors: [(name: String, tensor: Tensor)]
  /// Small facts that are not tensors, such as the best validation value so far.
  public let facts: [String: String]

  public init(step: Int, tensors: [(name: String, tensor: Tensor)], facts: [String: String]) {
    (self.step, self.tensors, self.facts) = (step, tensors, facts)
  }

  /// The tensors whose name starts with `prefix.`, without it.
  public func part(_ prefix: String) -> [String: Tensor] {
    let start = prefix + "."
    return Dictionary(
      uniqueKeysWithValues: tensors.filter { $0.name.hasPrefix(start) }.map {
        (String($0.name.dropFirst(start.count)), $0.tensor)
      })
  }
}

/// The checkpoints of a run folder.
public struct CheckpointStore: Sendable {
  public let folder: URL
  /// How many of the newest stay.
  public let keeping: Int

  public init(folder: URL, keeping: Int = 2) {
    (self.folder, self.keeping) = (folder, max(1, keeping))
  }

  private static let digits = 9

  /// Where the checkpoint of a step is.
  public func url(step: Int) -> URL {
    let number = String(step)
    let padding = String(repeating: "0", count: max(0, Self.digits - number.count))
    return folder.appending(path: "step-\(padding)\(number).safetensors")
  }

  /// The steps that have a checkpoint, in increasing order.
  public var steps: [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.compactMap { name in
      guard name.hasPrefix("step-"), name.hasSuffix(".safetensors") else { return nil }
      return Int(name.dropFirst(5).dropLast(12))
    }.sorted()
  }

  /// Writes a checkpoint, then removes those that are no longer kept.
  public func write(_ checkpoint: Checkpoint) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var metadata = checkpoint.facts
    metadata["step"] = String(checkpoint.step)
    try Safetensors.write(checkpoint.tensors, metadata: metadata, to: url(step: checkpoint.step))
    for old in steps.filter({ $0 < checkpoint.step }).dropLast(keeping - 1) {
      try? FileManager.default.removeItem(at: url(step: old))
    }
  }

  /// Reads the newest checkpoint that is whole; `nil` where there is none.
  ///
  /// A damaged file costs the steps since the one before it and nothing else, as training from there repeats
  /// them bit for bit.
  /// - Parameter note: told about every damaged file that was passed over.
  /// - Throws: the storage's error of the newest file where all are damaged.
  public func newest(noting note: (String) -> Void = { _ in }) throws -> Checkpoint? {
    var failures: [any Error] = []
    for step in steps.reversed() {
      do {
        let checkpoint = try read(step: step)
        for failure in failures { note("\(failure); continuing from the checkpoint before it") }
        return checkpoint
      } catch {
        failures.append(error)
      }
    }
    if let first = failures.first { throw first }
    return nil
  }

  private func read(step: Int) throws -> Checkpoint {
    let file = try SafetensorsFile(contentsOf: url(step: step))
    var tensors: [(name: String, tensor: Tensor)] = []
    for name in file.names { tensors.append((name, try file.tensor(named: name).clone())) }
    return Checkpoint(step: step, tensors: tensors, facts: file.metadata)
  }
}
