import Foundation
import Torch

/// A transformer with a head of one number as a reward of texts: a Hugging Face folder of a `…ForSequenceClassification`
/// model with one label and its tokeniser.
public struct RewardModel {
  public let classifier: TextClassifier
  public let tokenizer: Tokenizer
  private let name: String

  /// - Throws: ``LanguageError`` where the folder has not one label, `StorageError`.
  public init(folder: URL, device: Device = .cpu) throws {
    guard FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path) else {
      throw LanguageError(
        .missing, file: folder.path, found: "no config.json",
        expected: "a folder with config.json, model.safetensors and tokenizer.json")
    }
    classifier = try TextClassifier(folder: folder)
    guard classifier.labels.count == 1 else {
      throw LanguageError(
        .badValue, file: folder.path, place: "id2label", found: "\(classifier.labels.count) labels",
        expected: "one: the reward")
    }
    classifier.move(device: device)
    tokenizer = try Tokenizer(contentsOf: folder.appendingPathComponent("tokenizer.json"))
    name = folder.path
  }

  /// The scores of texts at their last tokens.
  ///
  /// - Parameters:
  ///   - batch: texts that are read side by side.
  ///   - place: of a text, for errors.
  /// - Throws: ``LanguageError`` for texts of no tokens or of more than the model has positions.
  public func callAsFunction(
    _ texts: [String], batch: Int = 32, place: (Int) -> String = { "text \($0)" }
  ) throws(LanguageError) -> [Double] {
    let tokens = texts.map { tokenizer.encode($0) }
    for (i, text) in tokens.enumerated() {
      guard !text.isEmpty, classifier.transformer.fits(text.count) else {
        throw LanguageError(
          text.isEmpty ? .badValue : .tooLong, file: name, place: place(i),
          found: "\(text.count) tokens",
          expected: "from 1 to \(classifier.transformer.contextLength.map { "\($0)" } ?? "any number")")
      }
    }
    return withoutGradient {
      stride(from: 0, to: tokens.count, by: batch).flatMap { start in
        classifier.scores(of: Array(tokens[start..<min(start + batch, tokens.count)])).squeeze(1)
          .to(.double, device: .cpu).doubles
      }
    }
  }
}
