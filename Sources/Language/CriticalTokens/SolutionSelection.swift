import Torch

/// A solution that a model wrote to a question, with the answer that was found in it.
public struct Solution: Sendable, Hashable {
  /// Tells it from others of the same question.
  public var number: Int
  /// `nil` where none was found.
  public var answer: String?
  public var isCorrect: Bool

  public init(number: Int, answer: String?, isCorrect: Bool) {
    (self.number, self.answer, self.isCorrect) = (number, answer, isCorrect)
  }
}

/// Which solutions of a question are learnt from (Lin et al. 2025).
public struct SolutionSelection: Sendable, Hashable {
  /// For the model of right solutions.
  public var positive: [Int] = []
  /// For the model of wrong ones.
  public var negative: [Int] = []
  /// The most frequent right answer and the most frequent wrong one; `nil` where either is missing.
  public var pair: Pair?

  public struct Pair: Sendable, Hashable {
    public let chosen: Int
    public let rejected: Int
  }

  /// Groups solutions by their answers, drops those without one, and draws one of a group.
  ///
  /// - Parameters:
  ///   - negativeShare: wrong answers are taken by their frequency until their groups hold this share of the wrong
  ///     solutions; after the first only answers that were given more than once.
  ///   - random: draws the solution of a group.
  public init(_ solutions: [Solution], negativeShare: Double = 0.5, using random: inout RandomSource) {
    precondition(negativeShare > 0 && negativeShare <= 1, "SolutionSelection: a share of \(negativeShare)")
    func groups(_ isCorrect: Bool) -> [[Int]] {
      var byAnswer: [(answer: String, numbers: [Int])] = []
      for solution in solutions where solution.isCorrect == isCorrect {
        guard let answer = solution.answer, !answer.isEmpty else { continue }
        if let place = byAnswer.firstIndex(where: { $0.answer == answer }) {
          byAnswer[place].numbers.append(solution.number)
        } else {
          byAnswer.append((answer, [solution.number]))
        }
      }
      // Of equally frequent answers the one that came first.
      return byAnswer.enumerated().sorted {
        ($1.element.numbers.count, $0.offset) < ($0.element.numbers.count, $1.offset)
      }.map(\.element.numbers)
    }
    func drawn(_ group: [Int]) -> Int { group[random.integer(in: 0..<group.count)] }
    let (right, wrong) = (groups(true), groups(false))
    if let first = right.first { positive = [drawn(first)] }
    let needed = (negativeShare * Double(wrong.reduce(0) { $0 + $1.count })).rounded(.up)
    var taken = 0
    for (place, group) in wrong.enumerated() where Double(taken) < needed {
      guard place == 0 || group.count > 1 else { break }
      negative.append(drawn(group))
      taken += group.count
    }
    if let first = right.first, let second = wrong.first {
      pair = Pair(chosen: drawn(first), rejected: drawn(second))
    }
  }
}
