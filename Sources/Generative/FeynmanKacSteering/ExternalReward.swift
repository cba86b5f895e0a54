import Foundation
import Report
import Torch
import Training

/// A reward from any command that reads and writes JSON lines.
///
/// It is given one object a row, `{"x1": 0.3, "x2": 1.2}`, and answers with a number, or with an object that has one
/// under `reward`. `-inf` and `-Infinity`, bare or as text, forbid a row.
public struct ExternalReward: Reward {
  public let process: ExternalProcess
  private let columns: [String]
  private let batch: Int

  /// - Parameters:
  ///   - columns: the names under which the command finds a row's numbers.
  ///   - batch: the most rows that are sent before answers are waited for; the time limit is for as many.
  public init(_ process: ExternalProcess, columns: [String], batch: Int = 1000) {
    precondition(batch > 0, "ExternalReward: a batch of \(batch)")
    (self.process, self.columns, self.batch) = (process, columns, batch)
  }

  /// - Throws: `ExternalProcessError`.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    let (n, d) = (x.size(0), columns.count)
    let values = x.to(.double, device: .cpu).reshape(-1).doubles
    var rewards: [Double] = []
    rewards.reserveCapacity(n)
    for rows in rowBlocks(n, size: batch) {
      let requests = rows.map { row in
        JSONValue.object(
          .init(uniqueKeysWithValues: (0..<d).map { (columns[$0], .number(values[row * d + $0])) }))
      }
      rewards += try process.rewards(requests)
    }
    return Tensor(rewards)
  }
}
