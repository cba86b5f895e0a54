import Files
import Foundation
import Report
import Torch

extension TextClassifier {
  private static let key = "score.weight"

  /// Reads a Hugging Face folder of a `…ForSequenceClassification` model.
  ///
  /// - Parameter dtype: of the weights in memory.
  /// - Throws: ``LanguageError``, `StorageError`.
  public convenience init(folder: URL, dtype: DType = .float) throws {
    let fields = try JSONNode(contentsOf: folder.appendingPathComponent("config.json"))
    let transformer = try Transformer(folder: folder, dtype: dtype, hasHead: false, others: [Self.key])
    let named = try fields.optional("id2label")?.entries().count
    let count = try named ?? fields.integer("num_labels", default: 2)
    let labels = try (0..<count).map { number in
      try fields.optional("id2label")?.string("\(number)") ?? "LABEL_\(number)"
    }
    let weight = try WeightFiles(folder: folder).tensor(
      Self.key, shape: [count, transformer.configuration.width])
    self.init(transformer, weight: weight.to(dtype), labels: labels)
    train(false)
  }

  /// Writes a folder that `transformers` loads for sequence classification.
  ///
  /// - Throws: storage errors; every file appears whole or not at all.
  public func write(to folder: URL) throws {
    let names = labels.enumerated().map { (key: "\($0)", value: JSONValue.string($1)) }
    let numbers = labels.enumerated().map { (key: $1, value: JSONValue.integer($0)) }
    try transformer.write(
      to: folder, task: "ForSequenceClassification", others: [(Self.key, head.weight.value.detach())],
      fields: [
        ("id2label", .object(.init(uniqueKeysWithValues: names))),
        ("label2id", .object(.init(numbers, uniquingKeysWith: { first, _ in first }))),
      ])
  }
}
