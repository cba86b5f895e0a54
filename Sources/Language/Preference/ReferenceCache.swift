import Foundation
import Torch
import Training

/// What a reference says of pairs, on disk: log-likelihoods that are found once for many trainings.
///
/// The file knows the model and the pairs that it is of, by digests of all weights and tokens, and is refused for others.
public struct ReferenceCache: Sendable {
  public let url: URL

  public init(url: URL) { self.url = url }

  /// Reads the likelihoods of these pairs under this model; where there is no file, finds and writes them.
  ///
  /// - Returns: `[pairs, 2]` in `Double`; see ``Transformer/referenceLikelihoods(of:tokensPerBatch:)``.
  /// - Throws: ``LanguageError`` where the file is of another model or of other pairs; storage errors.
  public func likelihoods(of pairs: [PreferencePair], under model: Transformer) throws -> Tensor {
    let (weights, data) = (Self.digest(of: model), Self.digest(of: pairs))
    guard FileManager.default.fileExists(atPath: url.path) else {
      let found = try model.referenceLikelihoods(of: pairs)
      try Safetensors.write(
        [(Self.name, found)], metadata: ["model": weights, "pairs": data], to: url)
      return found
    }
    let file = try SafetensorsFile(contentsOf: url)
    for (key, digest, what) in [("model", weights, "another model"), ("pairs", data, "other pairs")]
    where file.metadata[key] != digest {
      throw LanguageError(
        .badValue, file: url.path, place: key,
        found: file.metadata[key] == nil ? "no digest" : "likelihoods of \(what)",
        expected: "those of this model and these pairs; remove the file, or name another one")
    }
    let found = try file.tensor(named: Self.name).to(.double)
    guard found.shape == [pairs.count, 2] else {
      throw LanguageError(
        .malformed, file: url.path, place: Self.name, found: "shape \(found.shape)",
        expected: "[\(pairs.count), 2]")
    }
    return found
  }

  private static let name = "log_likelihoods"

  private static func digest(of model: Transformer) -> String {
    var hash = SHA256()
    // What an adapter or a soft prompt changes belongs to the model.
    let own = model.namedParameters.map(\.value)
    let attached = [model.adapter, model.softPrompt].compactMap { $0 as Module? }
      .flatMap { $0.namedParameters.map(\.value) }
    for parameter in own + attached {
      parameter.value.detach().bytes.withUnsafeBytes { hash.update($0) }
    }
    return hash.hexDigest()
  }

  private static func digest(of pairs: [PreferencePair]) -> String {
    var hash = SHA256()
    func add(_ tokens: [Int]) { ([tokens.count] + tokens).withUnsafeBytes { hash.update($0) } }
    func add(_ weights: [Float]?) { (weights ?? []).withUnsafeBytes { hash.update($0) } }
    for pair in pairs {
      for tokens in [pair.prompt, pair.chosen, pair.rejected, pair.rejectedPrompt ?? []] { add(tokens) }
      for weights in [pair.chosenWeights, pair.rejectedWeights] { add(weights) }
    }
    return hash.hexDigest()
  }
}
