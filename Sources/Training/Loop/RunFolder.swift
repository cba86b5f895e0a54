import Foundation
import Report
import Torch
import Yams

/// The folder of one piece of work: `config.yaml`, `metrics.jsonl`, `checkpoints/`, `model.safetensors`,
/// samples and reports. Every file in it appears whole or not at all.
public struct RunFolder: Sendable, Hashable {
  public let url: URL

  public var configuration: URL { url.appending(path: "config.yaml") }
  public var metrics: URL { url.appending(path: "metrics.jsonl") }
  public var checkpoints: URL { url.appending(path: "checkpoints", directoryHint: .isDirectory) }
  public var model: URL { url.appending(path: "model.safetensors") }

  /// A folder that is already there.
  /// - Throws: ``RunFolderError/missing(_:)``.
  public init(existing url: URL) throws {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory), isDirectory.boolValue
    else {
      throw RunFolderError.missing(url.path)
    }
    self.url = url
  }

  /// Makes the folder for new work, or opens it again to resume.
  /// - Throws: ``RunFolderError`` where it holds a run and is not resumed, or cannot be made.
  public init(creating url: URL, resuming: Bool = false) throws {
    self.url = url
    if !resuming, FileManager.default.fileExists(atPath: configuration.path) {
      throw RunFolderError.occupied(url.path)
    }
    do {
      try createFolder(at: url)
    } catch {
      throw RunFolderError.notWritable(url.path, error.reason)
    }
  }

  /// Writes the resolved configuration as YAML, keys sorted.
  public func write<Configuration: Encodable>(configuration value: Configuration) throws {
    let encoder = YAMLEncoder()
    encoder.options.sortKeys = true
    try writeAtomically(Data(try encoder.encode(value).utf8), to: configuration)
  }

  /// Reads the resolved configuration back.
  /// - Throws: ``RunFolderError`` where it is missing or does not fit.
  public func readConfiguration<Configuration: Decodable>(_ type: Configuration.Type) throws -> Configuration
  {
    guard let data = FileManager.default.contents(atPath: configuration.path) else {
      throw RunFolderError.missing(configuration.path)
    }
    do {
      return try YAMLDecoder().decode(type, from: data)
    } catch {
      throw RunFolderError.unreadable(configuration.path, "\(error)")
    }
  }
}

/// Why a run folder cannot be used.
public enum RunFolderError: Error, Sendable, Hashable, CustomStringConvertible {
  case missing(String)
  case occupied(String)
  case notWritable(String, String)
  case unreadable(String, String)

  public var description: String {
    switch self {
    case .missing(let path): "\(path): not found; give the folder of a run that `train` made"
    case .occupied(let path):
      "\(path) already holds a run; use --resume to continue it, or another --out"
    case .notWritable(let path, let reason): "\(path): cannot be made: \(reason)"
    case .unreadable(let path, let reason): "\(path): not a configuration of this program: \(reason)"
    }
  }
}
