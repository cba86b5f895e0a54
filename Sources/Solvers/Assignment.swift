/// The matching of rows to columns with the smallest total cost.
///
/// Shortest augmenting paths with potentials (the Hungarian method as Jonker and Volgenant run it):
/// exact, O(n³) time and O(n) memory beside the costs.
public enum Assignment {
  /// - Parameter costs: row-major, `n × n`, finite.
  /// - Returns: the column of every row.
  public static func solve(_ costs: [Double], _ n: Int) -> [Int] {
    precondition(costs.count == n * n, "Assignment: \(costs.count) costs for \(n) rows")
    // No comparison with NaN holds, so the search below would never end.
    precondition(costs.allSatisfy(\.isFinite), "Assignment: a cost is NaN or infinite")
    // Position 0 is a dummy, so that every search starts outside the matching.
    var rowPotential = [Double](repeating: 0, count: n + 1)
    var columnPotential = [Double](repeating: 0, count: n + 1)
    var rowOf = [Int](repeating: 0, count: n + 1)
    costs.withUnsafeBufferPointer { costs in
      for row in 1...max(n, 1) where n > 0 {
        rowOf[0] = row
        var column = 0
        var slack = [Double](repeating: .infinity, count: n + 1)
        var previous = [Int](repeating: 0, count: n + 1)
        var visited = [Bool](repeating: false, count: n + 1)
        repeat {
          visited[column] = true
          let current = rowOf[column]
          let base = (current - 1) * n
          var delta = Double.infinity
          var next = 0
          for j in 1...n where !visited[j] {
            let reduced = costs[base + j - 1] - rowPotential[current] - columnPotential[j]
            if reduced < slack[j] {
              slack[j] = reduced
              previous[j] = column
            }
            if slack[j] < delta {
              delta = slack[j]
              next = j
            }
          }
          for j in 0...n {
            if visited[j] {
              rowPotential[rowOf[j]] += delta
              columnPotential[j] -= delta
            } else {
              slack[j] -= delta
            }
          }
          column = next
        } while rowOf[column] != 0
        while column != 0 {
          let back = previous[column]
          rowOf[column] = rowOf[back]
          column = back
        }
      }
    }
    var result = [Int](repeating: 0, count: n)
    for j in 1...max(n, 1) where n > 0 { result[rowOf[j] - 1] = j - 1 }
    return result
  }
}
