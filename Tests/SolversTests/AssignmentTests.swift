import Solvers
import Testing
import Torch

@Suite("Assignment") struct AssignmentTests {
  private func total(_ costs: [Double], _ columns: [Int]) -> Double {
    columns.enumerated().reduce(0) { $0 + costs[$1.offset * columns.count + $1.element] }
  }

  private func permutations(_ items: [Int]) -> [[Int]] {
    guard items.count > 1 else { return [items] }
    return items.indices.flatMap { i -> [[Int]] in
      var rest = items
      let first = rest.remove(at: i)
      return permutations(rest).map { [first] + $0 }
    }
  }

  @Test("nothing is matched to nothing, and one to one")
  func smallest() {
    #expect(Assignment.solve([], 0) == [])
    #expect(Assignment.solve([-3], 1) == [0])
  }

  @Test("the total is that of the best permutation, for real, tied and negative costs", arguments: 2...7)
  func bruteForce(n: Int) {
    let all = permutations(Array(0..<n))
    var random = RandomSource(seed: UInt64(n))
    for trial in 0..<12 {
      // Every third matrix has few different whole numbers, hence many ties.
      let costs = (0..<n * n).map { _ in
        trial % 3 == 0 ? Double(random.integer(in: 0..<3)) : random.uniform() * 10 - 5
      }
      let found = Assignment.solve(costs, n)
      #expect(Set(found) == Set(0..<n))
      let best = all.map { total(costs, $0) }.min()!
      #expect(abs(total(costs, found) - best) < 1e-12)
    }
  }

  @Test("matchings are those of scipy")
  func scipy() throws {
    for matching in try ScipyFixture.load().assignments {
      let found = Assignment.solve(matching.costs, matching.n)
      #expect(found == matching.columns)
      #expect(abs(total(matching.costs, found) - matching.total) < 1e-10)
    }
  }

  @Test("adding a number to a row or a column changes nothing; costs that all tie give some matching")
  func invariance() {
    let n = 30
    var random = RandomSource(seed: 11)
    let costs = (0..<n * n).map { _ in random.uniform() }
    let shifted = costs.enumerated().map { $1 + Double($0 / n) * 3 - Double($0 % n) }
    #expect(Assignment.solve(shifted, n) == Assignment.solve(costs, n))
    #expect(Set(Assignment.solve([Double](repeating: 1, count: n * n), n)) == Set(0..<n))
  }
}
