/// A network or a part of one: a class whose stored properties are its parameters and sub-modules.
///
/// Parameters are found by reflection and named as PyTorch names them: `property.property.0.weight`, where
/// arrays contribute positions. Not Sendable: one module is trained by one task at a time.
open class Module {
  /// Whether layers such as dropout act as in training.
  public private(set) var isTraining = true

  public init() {}

  private enum Member {
    case parameter(Parameter)
    case buffer(Buffer)
    case module(Module)
  }

  // Reflection is slow and the set of properties is fixed, so it runs once.
  private lazy var members: [(name: String, member: Member)] = {
    var result: [(String, Member)] = []
    func visit(_ name: String, _ value: Any) {
      switch value {
      case let parameter as Parameter: result.append((name, .parameter(parameter)))
      case let buffer as Buffer: result.append((name, .buffer(buffer)))
      case let module as Module: result.append((name, .module(module)))
      case let list as [Any]: for (i, element) in list.enumerated() { visit("\(name).\(i)", element) }
      default:
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .optional, let (_, inner) = mirror.children.first { visit(name, inner) }
      }
    }
    var classes: [Mirror] = []
    var mirror: Mirror? = Mirror(reflecting: self)
    while let current = mirror, current.subjectType != Module.self {
      classes.append(current)
      mirror = current.superclassMirror
    }
    for current in classes.reversed() {
      for case (let label?, let value) in current.children { visit(label, value) }
    }
    return result
  }()

  private func collect<Value>(_ prefix: String, _ pick: (Member) -> Value?) -> [(name: String, value: Value)]
  {
    members.flatMap { name, member -> [(name: String, value: Value)] in
      let path = prefix + name
      if let value = pick(member) { return [(path, value)] }
      if case .module(let module) = member { return module.collect(path + ".", pick) }
      return []
    }
  }

  /// All parameters with their names, in the order of the properties.
  public var namedParameters: [(name: String, value: Parameter)] {
    collect("") { if case .parameter(let parameter) = $0 { parameter } else { nil } }
  }

  /// All buffers with their names.
  public var namedBuffers: [(name: String, value: Buffer)] {
    collect("") { if case .buffer(let buffer) = $0 { buffer } else { nil } }
  }

  /// The parameters that training changes.
  public var trainableParameters: [Parameter] { namedParameters.map(\.value).filter(\.isTrainable) }

  /// Numbers in all parameters.
  public var parameterCount: Int { namedParameters.reduce(0) { $0 + $1.value.count } }

  /// Numbers in the parameters that training changes.
  public var trainableParameterCount: Int { trainableParameters.reduce(0) { $0 + $1.count } }

  /// Sets this module and everything below it to training or evaluation.
  public func train(_ training: Bool = true) {
    isTraining = training
    for case (_, .module(let module)) in members { module.train(training) }
  }

  /// Freezes (or thaws) the parameters whose name satisfies the condition.
  public func freeze(_ frozen: Bool = true, where condition: (String) -> Bool = { _ in true }) {
    for (name, parameter) in namedParameters where condition(name) { parameter.isTrainable = !frozen }
  }

  /// Moves all parameters and buffers, before optimisers are made of them.
  public func move(to dtype: DType? = nil, device: Device? = nil) {
    for (_, parameter) in namedParameters { parameter.move(to: dtype, device: device) }
    for (_, buffer) in namedBuffers { buffer.value = buffer.value.to(dtype, device: device) }
  }

  /// Copies of all parameters and buffers, by name.
  public func state() -> [(name: String, tensor: Tensor)] {
    namedParameters.map { ($0.name, $0.value.snapshot()) }
      + namedBuffers.map { ($0.name, $0.value.value.clone()) }
  }

  /// Overwrites parameters and buffers from tensors with the same names and shapes.
  /// - Throws: ``ModuleStateError`` naming what is missing, unknown or of another shape; nothing is changed then.
  public func load(_ state: [String: Tensor]) throws {
    let shapes =
      namedParameters.map { ($0.name, $0.value.shape) } + namedBuffers.map { ($0.name, $0.value.value.shape) }
    let known = Set(shapes.map(\.0))
    let missing = shapes.map(\.0).filter { state[$0] == nil }
    let unknown = state.keys.filter { !known.contains($0) }.sorted()
    let misshapen = shapes.filter { name, shape in state[name].map { $0.shape != shape } ?? false }
    guard missing.isEmpty, unknown.isEmpty, misshapen.isEmpty else {
      throw ModuleStateError(
        missing: missing, unknown: unknown,
        misshapen: misshapen.map { "\($0.0): \(state[$0.0]!.shape) where \($0.1) is expected" })
    }
    for (name, parameter) in namedParameters { parameter.assign(state[name]!) }
    for (name, buffer) in namedBuffers { buffer.value = state[name]!.to(like: buffer.value) }
  }
}

/// Why a stored state does not fit a module.
public struct ModuleStateError: Error, Sendable, Hashable, CustomStringConvertible {
  public let missing: [String]
  public let unknown: [String]
  public let misshapen: [String]

  public var description: String {
    func line(_ what: String, _ names: [String]) -> String? {
      names.isEmpty
        ? nil : "\(what): \(names.prefix(5).joined(separator: ", "))\(names.count > 5 ? ", …" : "")"
    }
    let lines = [line("missing", missing), line("unknown", unknown), line("of another shape", misshapen)]
    return "the stored parameters do not fit the model; " + lines.compactMap { $0 }.joined(separator: "; ")
  }
}

/// A module from one tensor to one tensor.
public protocol Layer: Module {
  func callAsFunction(_ x: Tensor) -> Tensor
}
