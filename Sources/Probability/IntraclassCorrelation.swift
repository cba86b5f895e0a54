/// How much of the spread of values lies between groups: ICC(1) = (B − W)/(B + (k − 1)W), B and W the mean squares between
/// and within groups of k values (Shrout & Fleiss 1979).
///
/// - Parameter groups: at least two, of equally many values, at least two.
/// - Returns: from −1/(k − 1), where all groups have one mean, to 1, where values of a group are equal; NaN where nothing
///   varies.
public func intraclassCorrelation(_ groups: [[Double]]) -> Double {
  let (n, k) = (groups.count, groups.first?.count ?? 0)
  precondition(
    n >= 2 && k >= 2 && groups.allSatisfy { $0.count == k }, "intraclassCorrelation: \(n) groups of \(k)")
  let means = groups.map { $0.reduce(0, +) / Double(k) }
  let grand = means.reduce(0, +) / Double(n)
  let between = Double(k) * means.reduce(0) { $0 + ($1 - grand) * ($1 - grand) } / Double(n - 1)
  let within =
    zip(groups, means).reduce(0) { sum, group in
      sum + group.0.reduce(0) { $0 + ($1 - group.1) * ($1 - group.1) }
    } / Double(n * (k - 1))
  return (between - within) / (between + Double(k - 1) * within)
}
