import ArgumentParser
import Foundation
import Likely
import Yams

/// Why a configuration file cannot be used.
struct ConfigurationFileError: Error, CustomStringConvertible {
  let description: String
}

/// `--config file.yaml`: a mapping of long options to values, put before the user's own options, which win.
enum ConfigurationFile {
  /// The arguments with every `--config FILE` replaced by the file's options.
  static func expand(_ arguments: [String]) throws -> [String] {
    guard let position = arguments.firstIndex(where: { $0 == "--config" || $0.hasPrefix("--config=") }) else {
      return arguments
    }
    var rest = arguments
    let path: String
    if arguments[position] == "--config" {
      guard position + 1 < arguments.count else {
        throw ConfigurationFileError(description: "--config needs a file")
      }
      path = arguments[position + 1]
      rest.removeSubrange(position...position + 1)
    } else {
      path = String(arguments[position].dropFirst("--config=".count))
      rest.remove(at: position)
    }
    // Options of the file go right after the subcommands, so that a later option of the user overrides.
    let verbs = rest.prefix { !$0.hasPrefix("-") }.count
    return rest.prefix(min(verbs, 2)) + (try options(path)) + rest.dropFirst(min(verbs, 2))
  }

  static func options(_ path: String) throws -> [String] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigurationFileError(description: "\(path): cannot be read; give a YAML file of long options")
    }
    let node: Any?
    do {
      node = try Yams.load(yaml: String(decoding: data, as: UTF8.self))
    } catch {
      throw ConfigurationFileError(description: "\(path): not YAML: \(error)")
    }
    guard let mapping = node as? [String: Any] else {
      throw ConfigurationFileError(
        description: "\(path): a mapping of long options to values is expected, such as `steps: 500`")
    }
    return try mapping.keys.sorted().flatMap { key -> [String] in
      switch mapping[key]! {
      case let value as Bool: return [value ? "--\(key)" : "--no-\(key)"]
      case let value as [Any]: return ["--\(key)", value.map { "\($0)" }.joined(separator: ",")]
      case is NSNull: return []
      case let value as String: return ["--\(key)", value]
      case let value as Int: return ["--\(key)", String(value)]
      case let value as Double: return ["--\(key)", "\(value)"]
      default:
        throw ConfigurationFileError(
          description: "\(path): \(key): a number, text, true/false or list is expected")
      }
    }
  }

  /// Options of a parsed command as a mapping, for the run folder.
  static func resolved(_ command: some ParsableArguments) -> [String: ConfigurationValue] {
    var result: [String: ConfigurationValue] = [:]
    collect(command, into: &result)
    return result
  }

  private static func collect(_ value: Any, into result: inout [String: ConfigurationValue]) {
    for case (let label?, let child) in Mirror(reflecting: value).children {
      if let option = child as? any ParsedOption {
        let name = label.drop { $0 == "_" }.reduce("") { text, c in
          c.isUppercase ? text + "-" + c.lowercased() : text + String(c)
        }
        guard name != "out", name != "resume", let value = ConfigurationValue(option.anyValue) else {
          continue
        }
        result[name] = value
      } else if let group = child as? any ParsedGroup {
        collect(group.anyGroup, into: &result)
      }
    }
  }
}

/// A value of the configuration.
enum ConfigurationValue: Codable {
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case text(String)

  init?(_ value: Any) {
    switch value {
    case let value as Bool: self = .bool(value)
    case let value as Int: self = .integer(value)
    case let value as UInt64: self = .integer(Int(truncatingIfNeeded: value))
    case let value as Double: self = .number(value)
    case let value as String: self = .text(value)
    case let value as any RawRepresentable: self = .text("\(value.rawValue)")
    case let value as any CustomStringConvertible:
      let mirror = Mirror(reflecting: value)
      guard mirror.displayStyle == .optional else {
        self = .text(value.description)
        return
      }
      guard let inner = mirror.children.first else { return nil }
      self.init(inner.value)
    default:
      let mirror = Mirror(reflecting: value)
      guard mirror.displayStyle == .optional, let inner = mirror.children.first else { return nil }
      self.init(inner.value)
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .text(let value): try container.encode(value)
    }
  }
}

// The parser's property wrappers, seen through reflection.
private protocol ParsedOption { var anyValue: Any { get } }
private protocol ParsedGroup { var anyGroup: Any { get } }
extension Option: ParsedOption { fileprivate var anyValue: Any { wrappedValue } }
extension Flag: ParsedOption { fileprivate var anyValue: Any { wrappedValue } }
extension OptionGroup: ParsedGroup { fileprivate var anyGroup: Any { wrappedValue } }
