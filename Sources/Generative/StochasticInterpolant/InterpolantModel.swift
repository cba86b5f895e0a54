import Probability
import Torch
import Training

/// A stochastic interpolant that can be sampled, and evaluated where its base has a density.
///
/// Rows outside are in the data's coordinates; inside they are standardised.
public final class InterpolantModel {
  public let fields: any InterpolantFields
  public let base: BaseDistribution
  public let standardiser: Standardiser
  /// The columns' names, in order.
  public let columns: [String]
  /// The names of the classes that conditions choose from; empty without classes.
  public let classes: [String]
  /// Columns of the condition, 0 for none.
  public let conditions: Int

  public init(
    fields: any InterpolantFields, base: BaseDistribution, standardiser: Standardiser, columns: [String],
    classes: [String] = [], conditions: Int = 0
  ) {
    self.fields = fields
    self.base = base
    self.standardiser = standardiser
    self.columns = columns
    self.classes = classes
    self.conditions = classes.isEmpty ? conditions : classes.count
  }

  /// The exact model between two mixtures.
  public convenience init(
    exactFrom base: GaussianMixture, to target: GaussianMixture, schedule: InterpolantSchedule,
    columns: [String]? = nil
  ) throws {
    let fields = try ExactFields(from: base, to: target, schedule: schedule)
    self.init(
      fields: fields, base: base.isStandardNormal ? .gaussian : .mixture(base),
      standardiser: .identity(target.dimension),
      columns: columns ?? (0..<target.dimension).map { "x\($0 + 1)" })
  }

  /// Where the networks are and rows are worked on; exact fields stay on the processor.
  public private(set) var device = Device.cpu

  /// Moves the networks to a device.
  public func move(to device: Device) {
    guard let learned = fields as? LearnedFields else { return }
    learned.network.move(device: device)
    self.device = device
  }

  /// The same model as it is now, its networks made ready for many evaluations of `rows` rows on the processor.
  func packed(rows: Int) -> InterpolantModel {
    guard device == .cpu, let learned = fields as? LearnedFields else { return self }
    return InterpolantModel(
      fields: learned.packed(rows: rows), base: base, standardiser: standardiser, columns: columns,
      classes: classes, conditions: conditions)
  }

  public var schedule: InterpolantSchedule { fields.schedule }
  public var dimension: Int { fields.dimension }

  /// One-hot rows for a class.
  /// - Throws: ``InterpolantError`` where the class is unknown.
  public func condition(class name: String, count: Int) throws -> Tensor {
    guard let index = classes.firstIndex(of: name) else {
      throw InterpolantError.invalidOption(
        name: "--class", found: name, expected: "one of \(classes.joined(separator: ", "))")
    }
    return Tensor([Int](repeating: index, count: count)).oneHot(classes.count).to(.float)
  }

  /// Checks a condition against what the model was trained with.
  func validate(condition: Tensor?) throws {
    switch (conditions, condition) {
    case (0, nil): break
    case (0, _): throw InterpolantError.conditionUnexpected
    case (_, nil):
      throw InterpolantError.conditionRequired(
        classes.isEmpty
          ? "its \(conditions) columns with --condition"
          : "a class with --class, or a label column with --label")
    case (let expected, let given?):
      guard given.size(1) == expected else {
        throw InterpolantError.columnsDiffer(found: given.size(1), expected: expected)
      }
    }
  }

  /// Checks rows of data and takes them into the model's coordinates.
  func enter(_ data: Tensor) throws -> Tensor {
    guard data.size(1) == dimension else {
      throw InterpolantError.columnsDiffer(found: data.size(1), expected: dimension)
    }
    try requireFinite(data)
    return standardiser.standardise(data.to(.double)).to(workingType, device: device)
  }

  /// Exact fields are evaluated in Double, networks in float.
  var workingType: DType { fields is ExactFields ? .double : .float }
}

/// Names the first entry of `[n, d]` that is NaN or infinite.
func requireFinite(_ data: Tensor) throws {
  let bad = data.isFinite().logicalNot().nonzero()
  guard bad.size(0) == 0 else {
    throw InterpolantError.nonFiniteData(row: bad[0, 0].integer() + 1, column: bad[0, 1].integer() + 1)
  }
}
