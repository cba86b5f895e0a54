import ArgumentParser
import Foundation
import Likely
import Yams

/// Why a configuration file cannot be used.
struct ConfigurationFileError: Error, CustomStringConvertible {
  let description: String
  /// Whether the file itself is not there.
  var isMissing = false
}

/// `--config file.yaml`: a mapping of long options to values, put before the user's own options, which win.
enum ConfigurationFile {
  /// The arguments with every `--config FILE` replaced by the file's options.
  static func expand(_ arguments: [String], of root: any ParsableCommand.Type) throws -> [String] {
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
    var command = root
    var verbs = 0
    while verbs < rest.count,
      let next = command.configuration.subcommands.first(where: { $0._commandName == rest[verbs] })
    {
      command = next
      verbs += 1
    }
    return rest.prefix(verbs) + (try options(path, of: command)) + rest.dropFirst(verbs)
  }

  /// The long options of a command, as its help lists them.
  private static func knownOptions(of command: any ParsableCommand.Type) -> Set<String> {
    var known: Set<String> = []
    for line in command.helpMessage(includeHidden: true, columns: 200).split(separator: "\n") {
      let text = line.drop { $0 == " " }
      guard text.hasPrefix("-") else { continue }
      // The names end where two spaces or a value's name begin: `-q, --quiet`, `--ema/--no-ema`, `--lr <rate>`.
      let names = text.prefix { !"<".contains($0) }.split(whereSeparator: { " ,/".contains($0) })
      for name in names.prefix(while: { $0.hasPrefix("-") }) where name.hasPrefix("--") {
        known.insert(String(name.dropFirst(2)))
      }
    }
    return known.subtracting(["config", "help", "version"])
  }

  /// The file's mapping as options of a command.
  /// - Throws: ``ConfigurationFileError`` naming the key or the place.
  static func options(_ path: String, of command: any ParsableCommand.Type) throws -> [String] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigurationFileError(
        description: "\(path): cannot be read; give a YAML file of long options", isMissing: true)
    }
    let known = knownOptions(of: command)
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
      guard known.contains(key) else {
        throw ConfigurationFileError(
          description: "\(path): unknown key \(key); \(command._commandName) takes "
            + known.filter { !$0.hasPrefix("no-") }.sorted().joined(separator: ", "))
      }
      switch mapping[key]! {
      // A flag that cannot be negated is off when it is left out.
      case let value as Bool:
        return value ? ["--\(key)"] : known.contains("no-\(key)") ? ["--no-\(key)"] : []
      case let value as [Any]: return ["--\(key)=" + value.map { "\($0)" }.joined(separator: ",")]
      case is NSNull: return []
      case let value as String: return ["--\(key)=\(value)"]
      case let value as Int: return ["--\(key)=\(value)"]
      case let value as Double: return ["--\(key)=\(value)"]
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
