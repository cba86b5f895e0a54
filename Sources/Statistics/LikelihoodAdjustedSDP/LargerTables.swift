import RealModule
import Torch

/// Ways to a fit besides one program of all rows: leaving outliers out, and programs of a part of the rows.
extension ILASDP {
  /// What a fit stands on: labels of all rows, and the search that has their covariances.
  struct Found {
    var labels: [Int]
    var search: LabelSearch
    var best: LabelSearch.Outcome
    var reports: [ILASDPFit.Search]
    var outliers: [Int] = []
    /// Whether the search saw all rows that count, so that a certificate is about them.
    var isWhole = true
  }

  /// Searches from every start.
  /// - Parameter rows: positions of the rows of x in the table, for messages.
  func searched(
    _ x: Tensor, _ constraints: RowConstraints, rows: [Int], given: [Int]?,
    deadline: ContinuousClock.Instant?, using random: inout RandomSource, log: (String) -> Void
  ) throws(StatisticsError) -> Found {
    let search = LabelSearch(self, x, constraints, deadline: deadline)
    var best: LabelSearch.Outcome?
    var reports: [ILASDPFit.Search] = []
    if clusters == 1 { return try single(search) }
    let names = given == nil ? starts.map(\.rawValue) : ["given labels"]
    for (place, name) in names.enumerated() {
      if best != nil, search.isOutOfTime() { break }
      let labels = given ?? search.labels(starts[place], using: &random)
      let found = search.run(from: labels, using: &random)
      reports.append(
        .init(
          start: name, labels: labels, criterion: found.criterion, outerIterations: found.outerIterations,
          innerIterations: found.innerIterations, ending: found.ending))
      log("start \(name): Q = \(found.criterion), \(found.ending)")
      if found.criterion > best?.criterion ?? -.infinity { best = found }
    }
    guard let best, best.criterion > -.infinity else {
      for report in reports {
        if let same = search.identicalRows(report.labels) { throw identical(same.map { rows[$0] }) }
      }
      let pairs = constraints.separated.isEmpty && !constraints.hasGroups ? "" : " and keeps the pairs"
      throw StatisticsError(
        .noAnswer, "\(clusters) clusters",
        found: "no search that ends in clusters of at least \(search.minimumSize) rows\(pairs)",
        expected: "clusters that have a covariance",
        advice: "take fewer clusters, other starts, or the diagonal family")
    }
    return Found(labels: best.labels, search: search, best: best, reports: reports)
  }

  /// All rows in one cluster, which there is nothing to search for: what others are judged by.
  private func single(_ search: LabelSearch) throws(StatisticsError) -> Found {
    let labels = [Int](repeating: 0, count: search.x.size(0))
    let only = LabelSearch.Outcome(
      labels: labels, criterion: search.criterion(labels), ending: "one cluster")
    guard only.criterion > -.infinity else {
      throw StatisticsError(
        .noAnswer, "one cluster", found: "pairs that it does not keep, or a singular covariance",
        expected: "rows that may share a cluster", advice: "take more clusters, or the diagonal family")
    }
    let report = ILASDPFit.Search(
      start: "one cluster", labels: labels, criterion: only.criterion, outerIterations: 0,
      innerIterations: 0, ending: only.ending)
    return Found(labels: labels, search: search, best: only, reports: [report], isWhole: false)
  }

  private func identical(_ rows: [Int]) -> StatisticsError {
    let names = rows.prefix(5).map { row in rowNames.map { $0[row] } ?? "row \(row + 1)" }
    return StatisticsError(
      .noAnswer, "\(clusters) clusters",
      found: "no search but to a cluster of \(rows.count) rows that are all the same: "
        + names.joined(separator: ", ") + (rows.count > names.count ? ", …" : ""),
      expected: "clusters whose rows differ, as others have no covariance",
      advice: "leave duplicates out (weights of rows count them), or take fewer clusters or other starts")
  }

  /// Fits, leaves out the rows farthest from their cluster, and fits again, until these rest.
  func trimmed(
    _ x: Tensor, _ constraints: RowConstraints, deadline: ContinuousClock.Instant?,
    using random: inout RandomSource, log: (String) -> Void
  ) throws(StatisticsError) -> Found {
    let n = x.size(0)
    let count = Int((outlierShare * Double(n)).rounded(.up))
    guard count > 0 else {
      return try searched(
        x, constraints, rows: Array(0..<n), given: givenLabels, deadline: deadline, using: &random, log: log)
    }
    // At first those far from the columns' medians: with them in, clusters of a few strays may be all that is found.
    let middle = x.quantile([0.5], axis: 0)
    let spread = (x - middle).abs().quantile([0.5], axis: 0).clamp(1e-300)
    var outliers = ((x - middle) / spread).square().sum(1).top(count, axis: 0).indices.integers.sorted()
    var found: Found?
    for _ in 0..<5 {
      let left = Set(outliers)
      let kept = (0..<n).filter { !left.contains($0) }
      var next = try searched(
        x.select(axis: 0, Tensor(kept)), constraints.subset(kept), rows: kept,
        given: givenLabels.map { all in kept.map { all[$0] } },
        deadline: deadline, using: &random, log: log)
      let own = next.search.moments(next.best.labels)
      let model = try GaussianDiscriminant(means: own.means, covariances: own.covariances)
      next.labels = model.predict(x)
      for (place, row) in kept.enumerated() { next.labels[row] = next.best.labels[place] }
      next.outliers = outliers
      found = next
      let distances = model.squaredDistances(x).min(1)
      let farthest = distances.top(count, axis: 0).indices.integers.sorted()
      if farthest == outliers || next.search.isOutOfTime() { break }
      outliers = farthest
    }
    return found!
  }

  /// Programs of random parts of the rows; the other rows go to their likeliest cluster, and the best labels of all rows are kept.
  func lifted(
    _ x: Tensor, _ constraints: RowConstraints, part: Int, deadline: ContinuousClock.Instant?,
    using random: inout RandomSource, log: (String) -> Void
  ) throws(StatisticsError) -> Found {
    let all = LabelSearch(self, x, constraints, deadline: deadline)
    var best: Found?
    var failure: StatisticsError?
    for round in 1...max(1, subsamples) {
      if best != nil, all.isOutOfTime() { break }
      log("part \(round) of \(subsamples)")
      let rows = Array(random.permutation(x.size(0)).integers.prefix(part)).sorted()
      do throws(StatisticsError) {
        let own = try searched(
          x.select(axis: 0, Tensor(rows)), constraints.subset(rows), rows: rows,
          given: givenLabels.map { all in rows.map { all[$0] } },
          deadline: deadline, using: &random, log: log)
        let moments = own.search.moments(own.best.labels)
        let model = try GaussianDiscriminant(means: moments.means, covariances: moments.covariances)
        let outcome = all.lifted(model)
        let previous = best?.best.criterion ?? -.infinity
        if outcome.criterion > previous {
          best = Found(
            labels: outcome.labels, search: all, best: outcome, reports: own.reports, isWhole: false)
        }
      } catch {
        failure = error
      }
    }
    if let best { return best }
    throw failure
      ?? StatisticsError(
        .noAnswer, "parts of \(part) rows", found: "no labels of all rows that are proper clusters",
        expected: "clusters that have a covariance", advice: "take larger parts, or fewer clusters")
  }
}
