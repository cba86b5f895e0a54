/// The latent projection of a diagram: measured variables with directed edges, for paths through hidden variables only, and
/// bidirected ones, for hidden causes that two share through hidden variables only.
public struct MixedGraph: Sendable, Hashable {
  /// Parents before children.
  public let variables: [String]
  /// By variable, in topological order.
  public let parents: [String: [String]]
  /// By variable, the hidden cause it shares with another.
  let confounders: [String: [String: String]]

  public init(_ diagram: CausalDiagram) { self.init(diagram, among: Set(diagram.variables)) }

  /// - Parameter relevant: a set of variables that holds all their ancestors; the others are left out.
  init(_ diagram: CausalDiagram, among relevant: Set<String>) {
    let topological = diagram.topological.filter(relevant.contains)
    variables = topological.filter { !diagram.hidden.contains($0) }
    let order = Dictionary(uniqueKeysWithValues: variables.enumerated().map { ($0.element, $0.offset) })
    var parents: [String: Set<String>] = [:]
    for variable in variables {
      var open = diagram.parents(of: variable)
      var seen = Set(open)
      while let parent = open.popLast() {
        if diagram.hidden.contains(parent) {
          for other in diagram.parents(of: parent) where seen.insert(other).inserted { open.append(other) }
        } else {
          parents[variable, default: []].insert(parent)
        }
      }
    }
    self.parents = Dictionary(
      uniqueKeysWithValues: variables.map { name in
        (name, (parents[name] ?? []).sorted { order[$0]! < order[$1]! })
      })
    var confounders: [String: [String: String]] = [:]
    for hidden in topological where diagram.hidden.contains(hidden) {
      var open = diagram.children(of: hidden).filter(relevant.contains)
      var seen = Set(open)
      var reached: [String] = []
      while let child = open.popLast() {
        if diagram.hidden.contains(child) {
          for other in diagram.children(of: child)
          where relevant.contains(other) && seen.insert(other).inserted { open.append(other) }
        } else {
          reached.append(child)
        }
      }
      for a in reached {
        for b in reached where a != b {
          if confounders[a]?[b] == nil { confounders[a, default: [:]][b] = hidden }
        }
      }
    }
    self.confounders = confounders
  }

  func sorted(_ names: some Sequence<String>) -> [String] { sorted(Set(names)) }

  func sorted(_ set: Set<String>) -> [String] { variables.filter(set.contains) }

  /// The variables and what they come from, by directed paths inside `set`.
  func ancestors(of names: some Sequence<String>, within set: Set<String>) -> Set<String> {
    var found = Set(names)
    var open = Array(found)
    while let name = open.popLast() {
      for parent in parents[name]! where set.contains(parent) && found.insert(parent).inserted {
        open.append(parent)
      }
    }
    return found
  }

  /// The c-component of a variable: what bidirected paths inside `set` join it to.
  public func component(of name: String, within set: Set<String>) -> Set<String> {
    var found: Set<String> = [name]
    var open = [name]
    while let next = open.popLast() {
      for other in (confounders[next] ?? [:]).keys where set.contains(other) && found.insert(other).inserted {
        open.append(other)
      }
    }
    return found
  }

  /// All c-components inside `set`, each in topological order, by their first variables.
  public func components(within set: Set<String>) -> [[String]] {
    var left = set
    var found: [[String]] = []
    for name in variables where left.contains(name) {
      let component = component(of: name, within: set)
      left.subtract(component)
      found.append(sorted(component))
    }
    return found
  }

  /// A shortest bidirected path inside `set`, in words: `Raf ← PKC → Mek`.
  func confounding(from start: String, to end: String, within set: Set<String>) -> String? {
    var previous: [String: String] = [:]
    var open = [start]
    var seen: Set<String> = [start]
    while let name = open.first {
      open.removeFirst()
      if name == end { break }
      for other in sorted((confounders[name] ?? [:]).keys)
      where set.contains(other) && seen.insert(other).inserted {
        previous[other] = name
        open.append(other)
      }
    }
    guard seen.contains(end) else { return nil }
    var words = end
    var name = end
    while let before = previous[name] {
      words = "\(before) ← \(confounders[before]![name]!) → " + words
      name = before
    }
    return words
  }

  /// What P(v | all before v) depends on: the c-component of v among the variables up to it, and their parents (Tian &
  /// Pearl 2002). Every factor of a formula then has as few variables as the diagram allows.
  public func pillow(of name: String, within set: Set<String>) -> [String] {
    let upTo = Set(sorted(set).prefix { $0 != name } + [name])
    let component = component(of: name, within: upTo)
    var found = component
    for member in component { found.formUnion(parents[member]!.filter(upTo.contains)) }
    found.remove(name)
    return sorted(found)
  }
}

extension CausalDiagram {
  /// Whether two sets are d-separated by a third, hidden variables included as paths.
  /// - Parameters:
  ///   - cutInto: variables whose incoming edges count as removed.
  ///   - cutOutOf: variables whose outgoing edges count as removed.
  public func isSeparated(
    _ a: Set<String>, _ b: Set<String>, given: Set<String>, cutInto: Set<String> = [],
    cutOutOf: Set<String> = []
  ) -> Bool {
    func parents(_ name: String) -> [String] {
      cutInto.contains(name) ? [] : box(of: name).parents.filter { !cutOutOf.contains($0) }
    }
    // The moral graph of the ancestors.
    var relevant = a.union(b).union(given)
    var open = Array(relevant)
    while let name = open.popLast() {
      for parent in parents(name) where relevant.insert(parent).inserted { open.append(parent) }
    }
    var neighbours: [String: Set<String>] = [:]
    for name in relevant {
      let family = parents(name) + [name]
      for one in family { neighbours[one, default: []].formUnion(family.filter { $0 != one }) }
    }
    var seen = a.subtracting(given)
    open = Array(seen)
    while let name = open.popLast() {
      if b.contains(name) { return false }
      for other in neighbours[name] ?? [] where !given.contains(other) && seen.insert(other).inserted {
        open.append(other)
      }
    }
    return true
  }
}
