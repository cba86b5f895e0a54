import Torch

/// Which part of the rows each row belongs to, for cross-validation and cross-fitting.
public struct Folds: Sendable, Hashable {
  /// In 0..<count, one a row.
  public let parts: [Int]
  public let count: Int

  /// - Parameter parts: in 0..<count, one a row.
  public init(parts: [Int], count: Int) {
    precondition(parts.allSatisfy { (0..<count).contains($0) }, "Folds: parts outside 0..<\(count)")
    (self.parts, self.count) = (parts, count)
  }

  /// Parts of equal size, to within one row.
  public static func random(rows: Int, count: Int, using random: inout RandomSource) -> Folds {
    stratified(by: [Int](repeating: 0, count: rows), count: count, using: &random)
  }

  /// Parts that have equal shares of every stratum, to within one row of each.
  ///
  /// - Parameter strata: one a row; equal ones are dealt out one after another.
  public static func stratified(by strata: [Int], count: Int, using random: inout RandomSource) -> Folds {
    precondition(count > 0, "Folds: \(count) parts")
    var order = Array(strata.indices)
    order.shuffle(using: &random)
    // The next stratum goes on where the last ended, so that sizes stay equal as well.
    var parts = [Int](repeating: 0, count: strata.count)
    for (place, row) in order.enumerated().sorted(by: {
      (strata[$0.element], $0.offset) < (strata[$1.element], $1.offset)
    })
    .map(\.element).enumerated() {
      parts[row] = place % count
    }
    return Folds(parts: parts, count: count)
  }

  /// Whole groups stay together: every group goes to the part that is smallest so far, larger groups first.
  public static func grouped(by groups: [Int], count: Int, using random: inout RandomSource) -> Folds {
    precondition(count > 0, "Folds: \(count) parts")
    let members = Dictionary(grouping: groups.indices) { groups[$0] }
    var order = members.keys.sorted()
    order.shuffle(using: &random)
    let largest = order.enumerated().sorted {
      (-members[$0.element]!.count, $0.offset) < (-members[$1.element]!.count, $1.offset)
    }
    var parts = [Int](repeating: 0, count: groups.count)
    var sizes = [Int](repeating: 0, count: count)
    for (_, group) in largest {
      let part = sizes.indices.min { sizes[$0] < sizes[$1] }!
      sizes[part] += members[group]!.count
      for row in members[group]! { parts[row] = part }
    }
    return Folds(parts: parts, count: count)
  }

  /// The rows of a part, in order.
  public func rows(in part: Int) -> [Int] { parts.indices.filter { parts[$0] == part } }

  /// The rows outside a part, in order.
  public func rows(outside part: Int) -> [Int] { parts.indices.filter { parts[$0] != part } }
}
