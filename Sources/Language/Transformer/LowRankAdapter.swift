import Foundation
import Torch

/// Which projections a low-rank adapter changes, and how much it can.
public struct LowRankOptions: Sendable, Hashable {
  public var rank = 8
  /// s = alpha/rank, or alpha/√rank with ``isRankStabilised``.
  public var alpha = 16.0
  public var isRankStabilised = false
  /// Ends of the projections' names in files, such as `q_proj`; those of queries and values (or of all three where a
  /// file has one) when empty.
  public var targets: [String] = []

  public init() {}

  public var scale: Double {
    alpha / (isRankStabilised ? Double(rank).squareRoot() : Double(rank))
  }
}

/// A low-rank adapter (LoRA, Hu et al. 2022): W + s B A in place of W for some projections of a transformer, which stays
/// as it is.
///
/// Several adapters may be made for one model, of which one is attached at a time.
public final class LowRankAdapter: Module {
  public let options: LowRankOptions
  public let updates: [LowRankUpdate]
  /// Of every update the projection, and its own name in files.
  let places: [Place]

  struct Place {
    let projection: String
    let name: String
    let rows: Range<Int>
    let mixesHeads: Bool
  }

  /// An adapter that changes nothing yet: A is uniform on ±1/√in, and B is 0.
  ///
  /// - Throws: ``LanguageError`` for a target that the model does not have, naming those it has.
  public init(for model: Transformer, options: LowRankOptions, using random: inout RandomSource)
    throws(LanguageError)
  {
    guard options.rank >= 1 else {
      throw LanguageError(
        .badValue, file: "adapter", place: "rank", found: "\(options.rank)", expected: "at least 1")
    }
    self.options = options
    places = try Self.places(model, options.targets)
    let projections = model.projections
    var updates: [LowRankUpdate] = []
    for place in places {
      let weight = projections[place.projection]!.weight.value
      let inputs = weight.size(1)
      let bound = 1 / Double(inputs).squareRoot()
      updates.append(
        LowRankUpdate(
          down: random.uniform([options.rank, inputs], low: -bound, high: bound, device: weight.device),
          up: .zeros([place.rows.count, options.rank], device: weight.device), scale: options.scale,
          rows: place.rows))
    }
    self.updates = updates
  }

  init(options: LowRankOptions, places: [Place], updates: [LowRankUpdate]) {
    (self.options, self.places, self.updates) = (options, places, updates)
  }

  /// The projections that targets name.
  static func places(_ model: Transformer, _ targets: [String]) throws(LanguageError) -> [Place] {
    let all = model.projections.keys.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
      .flatMap { projection -> [Place] in
        let rows = model.projections[projection]!.weight.shape[0]
        let stored = model.configuration.stored("\(projection).weight", rows: rows)
        var start = 0
        return stored.pieces.map { piece in
          defer { start += piece.rows }
          return Place(
            projection: projection, name: String(piece.name.dropLast(".weight".count)),
            rows: start..<start + piece.rows, mixesHeads: stored.mixesHeads)
        }
      }
    func ends(_ place: Place, _ target: String) -> Bool {
      place.name == target || place.name.hasSuffix(".\(target)")
    }
    let asked = targets.isEmpty ? model.configuration.usualTargets : targets
    for target in asked where !all.contains(where: { ends($0, target) }) {
      let known = Set(all.map { $0.name.split(separator: ".").last.map(String.init) ?? "" }).sorted()
      throw LanguageError(
        .badValue, file: "adapter", place: "targets", found: "\"\(target)\"",
        expected: "some of \(known.joined(separator: ", "))")
    }
    return all.filter { place in asked.contains { ends(place, $0) } }
  }

  /// W + s B A written into the model's own weights. The adapter must not be attached then.
  public func merge(into model: Transformer) {
    precondition(model.adapter !== self, "merge: the adapter is attached, and would count twice")
    withoutGradient {
      for (place, update) in zip(places, updates) {
        let weight = model.projections[place.projection]!.weight
        let change = update.up.value.matmul(update.down.value) * update.scale
        let old = weight.value.slice(axis: 0, start: place.rows.lowerBound, end: place.rows.upperBound)
        weight.assign(
          weight.value.replacing(axis: 0, place.rows, with: (old.to(.float) + change).to(old.dtype)))
      }
    }
  }
}

extension Transformer {
  /// The linear maps of the blocks, by name.
  var projections: [String: Projection] {
    var result: [String: Projection] = [:]
    for (i, block) in blocks.enumerated() {
      result["blocks.\(i).attention.queryKeyValue"] = block.attention.queryKeyValue
      result["blocks.\(i).attention.output"] = block.attention.output
      result["blocks.\(i).feedForward.up"] = block.feedForward.up
      result["blocks.\(i).feedForward.down"] = block.feedForward.down
    }
    return result
  }

  /// Lets an adapter act, in place of the one that did; `nil` leaves the model as it is by itself.
  public func attach(_ adapter: LowRankAdapter?) {
    self.adapter = adapter
    var updates: [String: [LowRankUpdate]] = [:]
    if let adapter {
      for (place, update) in zip(adapter.places, adapter.updates) {
        updates[place.projection, default: []].append(update)
      }
    }
    for (name, projection) in projections { projection.attach(updates[name] ?? []) }
  }

  /// Runs `body` with another adapter, or without any: the model that was fine-tuned is its own reference.
  public func withAdapter<Result>(_ other: LowRankAdapter?, _ body: () throws -> Result) rethrows -> Result {
    let before = adapter
    attach(other)
    defer { attach(before) }
    return try body()
  }
}

extension TransformerConfiguration {
  fileprivate var usualTargets: [String] {
    switch family {
    case .gpt2: ["c_attn"]
    case .gptNeoX: ["query_key_value"]
    case .llama, .mistral, .qwen2, .qwen3: ["q_proj", "v_proj"]
    }
  }
}
