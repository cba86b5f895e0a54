import RealModule
import Torch

/// One search of iLA-SDP: labels and covariances in turn, never to a smaller criterion.
struct LabelSearch {
  let method: ILASDP
  let x: Tensor
  let constraints: RowConstraints
  let minimumSize: Int
  private let deadline: ContinuousClock.Instant?
  /// The trace of the rows' covariance.
  private let spread: Double

  init(_ method: ILASDP, _ x: Tensor, _ constraints: RowConstraints, deadline: ContinuousClock.Instant?) {
    (self.method, self.x, self.constraints, self.deadline) = (method, x, constraints, deadline)
    spread = ClusterCovariances.spread(x, weights: constraints.weights)
    let usual = max(3, x.size(1) + 1)
    // Where there are too few rows for it, shrinkage has to do.
    minimumSize = method.minimumSize ?? min(usual, max(2, x.size(0) / (2 * method.clusters)))
  }

  struct Outcome {
    var labels: [Int]
    var criterion: Double
    var outerIterations = 0
    var innerIterations = 0
    var ending = "labels rest"
    /// The last program, to start another from.
    var program: MembershipSolution?
  }

  func isOutOfTime() -> Bool { deadline.map { ContinuousClock.now >= $0 } ?? false }

  // MARK: Starts

  func labels(_ start: ILASDP.Start, using random: inout RandomSource) -> [Int] {
    switch start {
    case .sdp:
      let centred = x - x.mean(0)
      var program = KMeansSDP(clusters: method.clusters)
      program.options.isOutOfTime = clock
      return program.solve(centred.matmul(centred.transposed), constraints: constraints, using: &random)
        .labels
    case .ward: return WardTree(x).labels(clusters: method.clusters)
    case .kmeans:
      return KMeans(clusters: method.clusters).fit(x, weights: constraints.weights, using: &random).labels
    case .spectral: return SpectralClustering(clusters: method.clusters).labels(x, using: &random)
    }
  }

  private var clock: @Sendable () -> Bool {
    let deadline = deadline
    return { deadline.map { ContinuousClock.now >= $0 } ?? false }
  }

  // MARK: Steps

  func moments(_ labels: [Int]) -> ClusterCovariances.Moments {
    method.covariances.moments(x, labels: labels, clusters: method.clusters, weights: constraints.weights)
  }

  /// Whether labels are proper: every cluster large enough, all pairs kept.
  func isProper(_ labels: [Int]) -> Bool {
    var counts = [Int](repeating: 0, count: method.clusters)
    for label in labels { counts[label] += 1 }
    return counts.min()! >= minimumSize && constraints.areKept(by: labels)
  }

  /// Rows of the first cluster in which all are the same; `nil` where there is none.
  func identicalRows(_ labels: [Int]) -> [Int]? {
    guard Set(labels).count == method.clusters else { return nil }
    let clusters = ClusterCovariances.collapsed(moments(labels).covariances, spread: spread)
    return clusters.first.map { cluster in labels.indices.filter { labels[$0] == cluster } }
  }

  func criterion(_ labels: [Int]) -> Double {
    isProper(labels) ? ClusterCovariances.criterion(moments(labels)) : -.infinity
  }

  /// The program of labels for these covariances: with one block where they are equal.
  func program(
    _ covariances: Tensor, tolerance: Double, resting: Int? = nil, from previous: MembershipSolution?,
    using random: inout RandomSource
  ) -> MembershipSolution? {
    guard ClusterCovariances.collapsed(covariances, spread: spread).isEmpty,
      let factors = try? withTorchErrors({ covariances.cholesky() })
    else { return nil }
    var options = MembershipOptions()
    options.solver.tolerance = tolerance
    options.solver.maximumIterations = method.innerIterations
    options.restingPasses = resting
    options.restingGapPasses = resting == nil ? method.restingGapPasses : nil
    options.isOutOfTime = clock
    if Self.areEqual(covariances) {
      var program = KMeansSDP(clusters: method.clusters)
      program.options = options
      let affinities = LikelihoodAdjustedSDP.affinities(x, factors: factors[0..<1])[0]
      return program.solve(affinities, constraints: constraints, from: previous, using: &random)
    }
    var program = LikelihoodAdjustedSDP()
    program.options = options
    return program.solve(
      LikelihoodAdjustedSDP.affinities(x, factors: factors), constraints: constraints, from: previous)
  }

  /// Equal but for rounding: then the split of Z into Z_k is not determined.
  static func areEqual(_ covariances: Tensor) -> Bool {
    let gap = (covariances - covariances[0..<1]).abs().max().item()
    return gap <= 1e-8 * covariances.abs().max().item()
  }

  // MARK: Search

  func run(from start: [Int], using random: inout RandomSource) -> Outcome {
    let kept = constraints.rows(
      constraints.repaired(constraints.groups(start), clusters: method.clusters))
    var outcome = Outcome(labels: kept, criterion: criterion(kept))
    var previous: MembershipSolution?
    // Labels whose covariances the next step takes: proper or not for the first, as shrinkage makes do.
    var current = kept
    guard Set(kept).count == method.clusters else {
      outcome.ending = "the start has empty clusters"
      return outcome
    }
    guard !moments(kept).isCollapsed else {
      outcome.ending = "the start has a cluster of identical rows"
      return outcome
    }
    outcome.ending = "\(method.outerIterations) steps"
    // Where labels rest at a relaxation that is no partition, one step by the covariances of the relaxation itself.
    var relaxed: Tensor?
    for step in 1...max(1, method.outerIterations) {
      if isOutOfTime() {
        outcome.ending = "out of time"
        break
      }
      guard
        let solution = program(
          relaxed ?? moments(current).covariances, tolerance: method.innerTolerance,
          resting: method.restingPasses, from: previous, using: &random)
      else {
        outcome.ending = "a singular covariance"
        break
      }
      previous = solution
      outcome.program = solution
      (outcome.outerIterations, outcome.innerIterations) = (
        step, outcome.innerIterations + solution.iterations
      )
      let level = outcome.criterion - 1e-12 * abs(outcome.criterion)
      let next = best(of: solution, above: level)
      let gain = next.criterion - outcome.criterion
      let isSame = next.labels == current
      if next.criterion >= level, next.criterion > -.infinity {
        (outcome.labels, outcome.criterion, current) = (next.labels, next.criterion, next.labels)
        if !isSame, !(gain < 1e-6 * abs(outcome.criterion)) {
          relaxed = nil
          continue
        }
        outcome.ending = isSame ? "labels rest" : "Q rests"
      } else {
        outcome.ending = next.criterion == -.infinity ? "a cluster too small" : "Q would fall"
      }
      let z = solution.memberships
      if relaxed != nil || solution.certificate.isCertified || z.size(0) != method.clusters { break }
      relaxed = method.covariances.covariances(x, memberships: z, weights: constraints.weights)
    }
    if method.polishes { polish(&outcome) }
    return outcome
  }

  /// Of the labels that a program ends with, before and after rows have moved, those with the larger Q; polished where neither
  /// reaches the level, as what they lead to may.
  private func best(of solution: MembershipSolution, above level: Double) -> Outcome {
    var candidates = Set([solution.labels, solution.rounded]).map { labels in
      let isFull = Set(labels).count == method.clusters
      return Outcome(labels: labels, criterion: isFull ? criterion(labels) : -.infinity)
    }
    if method.polishes, candidates.allSatisfy({ $0.criterion < level }) {
      for i in candidates.indices { polish(&candidates[i]) }
    }
    // By labels where equal: a set has no order.
    return candidates.max {
      $0.criterion != $1.criterion
        ? $0.criterion < $1.criterion : $0.labels.lexicographicallyPrecedes($1.labels)
    }!
  }

  /// Passes of hard expectation–maximisation and moves of single rows in turn, while Q grows.
  private func polish(_ outcome: inout Outcome) {
    guard outcome.criterion > -.infinity else { return }
    repeat { reassign(&outcome) } while exchange(&outcome)
  }

  /// Hard expectation–maximisation: every group to its likeliest cluster, while Q grows.
  private func reassign(_ outcome: inout Outcome) {
    for _ in 0..<100 {
      let own = moments(outcome.labels)
      guard let model = try? GaussianDiscriminant(means: own.means, covariances: own.covariances) else {
        return
      }
      let labels = assigned(model)
      guard labels != outcome.labels, Set(labels).count == method.clusters else { return }
      let value = criterion(labels)
      guard value > outcome.criterion else { return }
      (outcome.labels, outcome.criterion, outcome.ending) = (labels, value, "polished")
    }
  }

  /// Every group's likeliest cluster, as labels of rows.
  private func assigned(_ model: GaussianDiscriminant) -> [Int] {
    let scores = model.scores(x)
    guard constraints.hasGroups else { return scores.argmax(1).integers }
    let weighted = scores * Tensor(constraints.weights).unsqueeze(1)
    let sums = Tensor.zeros([constraints.groups.count, method.clusters], dtype: .double)
      .indexAdd(axis: 0, Tensor(constraints.groupOf), weighted)
    return constraints.rows(sums.argmax(1).integers)
  }

  /// Labels of all rows from a model of a part of them.
  func lifted(_ model: GaussianDiscriminant) -> Outcome {
    let labels = assigned(model)
    guard Set(labels).count == method.clusters else {
      return Outcome(labels: labels, criterion: -.infinity, ending: "a cluster without rows")
    }
    var outcome = Outcome(labels: labels, criterion: criterion(labels), ending: "assigned")
    polish(&outcome)
    return outcome
  }

  // MARK: End

  /// Everything known of the labels found, with a last program at their covariances for a certificate.
  func finished(
    _ found: ILASDP.Found, _ projection: PrincipalProjection?, begin: ContinuousClock.Instant,
    using random: inout RandomSource
  ) throws(StatisticsError) -> ILASDPFit {
    let best = found.best
    let own = moments(best.labels)
    let model = try GaussianDiscriminant(means: own.means, covariances: own.covariances)
    let solution =
      isOutOfTime() || !found.isWhole || !method.certifies
      ? nil : program(own.covariances, tolerance: method.finalTolerance, from: best.program, using: &random)
    let total = own.masses.reduce(0, +)
    let scores = model.scores(x).gather(axis: 1, Tensor(best.labels).unsqueeze(1)).squeeze(1)
    let value = (scores * Tensor(constraints.weights)).sum().item()
    let logLikelihood = value - 0.5 * total * Double(x.size(1)) * .log(2 * .pi)
    let parameters = method.covariances.parameters(clusters: method.clusters, dimension: x.size(1))
    return ILASDPFit(
      labels: found.labels, model: model, projection: projection, masses: own.masses,
      criterion: best.criterion, logLikelihood: logLikelihood,
      bayesianCriterion: 2 * logLikelihood - Double(parameters) * .log(total),
      // The bound beside what the labels found reach, be they the last program's own or not.
      certificate: solution.map { .init(upperBound: $0.certificate.upperBound, lowerBound: 2 * value) },
      program: solution, searches: found.reports, isOutOfTime: isOutOfTime(),
      seconds: (ContinuousClock.now - begin).inSeconds, outliers: found.outliers)
  }
}
