import Torch

/// Candidates whose unknown labels pass a threshold, with false discovery rate at most q in finite samples: nothing is
/// assumed of the models, only that units and candidates are exchangeable.
///
/// ```swift
/// let scores = try ConformalScores(calibration: [mu1, mu2], passes: labels.map { $0 > 1.5 }, candidates: [nu1, nu2])
/// let selection = ConformalSelection(level: 0.2).select(scores, using: &random)
/// selection.chosen   // positions of candidates
/// ```
/// With several models each candidate is tested by the one that would select most, chosen in a way that treats the candidate
/// like a labelled unit (OptCS-MSel); plainly taking the model with the largest selection is not valid.
///
/// Source: Bai & Jin 2024 (arXiv 2411.17983); Jin & Candès 2023 for one model. Cost: O(K(n + m) log(n + m)).
public struct ConformalSelection: Sendable, Hashable {
  /// What decides between candidates whose numbers R_j differ.
  public enum Pruning: String, Sendable, Hashable, CaseIterable, Codable {
    /// A uniform number for every candidate.
    case hete
    /// One uniform number for all.
    case homo
    /// None: plain e-BH.
    case dtm
  }

  /// q in (0, 1).
  public var level: Double
  public var pruning = Pruning.hete
  /// β in (0, 1]: trades power of the first step for less pruning.
  public var shrinkage = 1.0
  /// p-values with a uniform number among ties, instead of the larger ones that count all ties.
  public var isRandomised = true
  /// Ties between models are broken at random; by their order else. Both are symmetric.
  public var breaksTiesAtRandom = true

  public init(level: Double, pruning: Pruning = .hete) { (self.level, self.pruning) = (level, pruning) }

  public struct Selection: Sendable, Hashable {
    /// Positions of the selected candidates, in order.
    public let chosen: [Int]
    /// One a candidate, by the model that tests it.
    public let pValues: [Double]
    /// 1{p ≤ qβR/m}/(qβR/m).
    public let eValues: [Double]
    /// R_j.
    public let sizes: [Int]
    /// The model that tests the candidate.
    public let models: [Int]
    /// ξ_j.
    public let pruning: [Double]

    /// The same with every candidate tested by one model.
    public func tested(by model: Int) -> Selection {
      Selection(
        chosen: chosen, pValues: pValues, eValues: eValues, sizes: sizes,
        models: [Int](repeating: model, count: models.count), pruning: pruning)
    }
  }

  /// - Throws: ``StatisticsError`` (`option`) for levels outside (0, 1); weights with several models.
  public func select(_ scores: ConformalScores, using random: inout RandomSource) throws(StatisticsError)
    -> Selection
  {
    try check(scores)
    let m = scores.candidateCount
    let uniforms = isRandomised ? random.uniforms(m) : nil
    let sizes =
      scores.weights == nil
      ? (0..<scores.models).map { auxiliarySizes(scores, model: $0) } : [weightedSizes(scores)]
    return select(
      sizes: sizes, pValues: (0..<scores.models).map { scores.pValues(model: $0, uniforms: uniforms) },
      using: &random)
  }

  /// Every candidate by the model with the largest R_j, then pruned; both `[models][candidates]`.
  func select(sizes: [[Int]], pValues: [[Double]], using random: inout RandomSource) -> Selection {
    let m = sizes[0].count
    let models = (0..<m).map { j in
      let largest = sizes.map { $0[j] }.max()!
      let best = sizes.indices.filter { sizes[$0][j] == largest }
      return best[breaksTiesAtRandom && best.count > 1 ? random.integer(in: 0..<best.count) : 0]
    }
    let xi: [Double]
    switch pruning {
    case .dtm: xi = [Double](repeating: 1, count: m)
    case .homo: xi = [Double](repeating: random.uniform(), count: m)
    case .hete: xi = random.uniforms(m)
    }
    return selection(
      p: (0..<m).map { pValues[models[$0]][$0] }, sizes: (0..<m).map { sizes[models[$0]][$0] },
      models: models,
      pruning: xi)
  }

  /// The procedure of one model where R_j is the number that BH selects: plain conformal selection.
  public func selectPlain(_ scores: ConformalScores, using random: inout RandomSource) throws(StatisticsError)
    -> Selection
  {
    try check(scores)
    let p = scores.pValues(uniforms: isRandomised ? random.uniforms(scores.candidateCount) : nil)
    let chosen = benjaminiHochberg(p, level: level)
    let count = chosen.count(where: \.self)
    let m = Double(p.count)
    let cutoff = level * Double(max(1, count)) / m
    return Selection(
      chosen: chosen.indices.filter { chosen[$0] }, pValues: p,
      eValues: p.map { $0 <= cutoff ? 1 / cutoff : 0 },
      sizes: [Int](repeating: max(1, count), count: p.count), models: [Int](repeating: 0, count: p.count),
      pruning: [Double](repeating: 1, count: p.count))
  }

  func check(_ scores: ConformalScores) throws(StatisticsError) {
    guard level > 0, level < 1 else {
      throw StatisticsError(.option, "q", found: "\(level)", expected: "in (0, 1)")
    }
    guard shrinkage > 0, shrinkage <= 1 else {
      throw StatisticsError(.option, "beta", found: "\(shrinkage)", expected: "in (0, 1]")
    }
    guard scores.weights == nil || scores.models == 1 else {
      throw StatisticsError(
        .option, "the weights", found: "weights with \(scores.models) models", expected: "one model",
        advice: "choose the model on other data")
    }
  }

  /// C = {p ≤ qβR/m}; r* = max{r: #{j ∈ C: ξβR ≤ r} ≥ r}; {j ∈ C: ξβR ≤ r*}.
  func selection(p: [Double], sizes: [Int], models: [Int], pruning xi: [Double]) -> Selection {
    let m = Double(p.count)
    let cutoffs = sizes.map { level * shrinkage * Double($0) / m }
    let isIn = p.indices.map { p[$0] <= cutoffs[$0] * (1 + 1e-12) }
    let keys = p.indices.filter { isIn[$0] }.map { xi[$0] * shrinkage * Double(sizes[$0]) }.sorted()
    let size = keys.enumerated().reduce(0) { $1.element <= Double($1.offset + 1) ? $1.offset + 1 : $0 }
    let chosen = p.indices.filter { isIn[$0] && xi[$0] * shrinkage * Double(sizes[$0]) <= Double(size) }
    return Selection(
      chosen: chosen, pValues: p, eValues: p.indices.map { isIn[$0] ? 1 / cutoffs[$0] : 0 }, sizes: sizes,
      models: models, pruning: xi)
  }

  /// R_j of one model for every candidate: what BH selects from the p-values that count candidate j as a labelled unit and
  /// give it p = 0.
  ///
  /// With candidates sorted by score and cnt_t units at or below the t-th, a candidate before j moves up one place, which
  /// j takes (it is selected from place t + 1 on if cnt_t/(n + 1) ≤ q(t + 1)/m), and one behind j counts one unit more ((cnt_t + 1)/(n + 1) ≤ qt/m):
  /// R_j is the largest such place.
  public func auxiliarySizes(_ scores: ConformalScores, model k: Int) -> [Int] {
    let m = scores.candidateCount
    let ranks = scores.ranks(k)
    let order = (0..<m).sorted { scores.candidates[k][$0] > scores.candidates[k][$1] }
    let line = level * Double(scores.unitCount + 1) / Double(m) * (1 + 1e-12)
    // The largest t up to a place with the first condition, and the largest of all with the second.
    var largestBefore = [Int](repeating: 0, count: m + 1)
    var last = 0
    for (t, j) in order.enumerated() {
      let count = ranks.below(-scores.candidates[k][j]).orEqual
      let place = t + 1
      largestBefore[place] = count <= line * Double(place + 1) ? place + 1 : largestBefore[t]
      if count + 1 <= line * Double(place) { last = place }
    }
    var sizes = [Int](repeating: 1, count: m)
    var first = 0
    for (t, j) in order.enumerated() {
      // j stands first among its ties.
      if t > 0, scores.candidates[k][order[t - 1]] != scores.candidates[k][j] { first = t }
      sizes[j] = max(1, largestBefore[first], last > first + 1 ? last : 0)
    }
    return sizes
  }

  /// The same with weights, whose line is another for every candidate: O(m) each.
  private func weightedSizes(_ scores: ConformalScores) -> [Int] {
    let m = scores.candidateCount
    let ranks = scores.ranks(0)
    let mu = scores.candidates[0]
    let order = (0..<m).sorted { mu[$0] > mu[$1] }
    let below = order.map { ranks.below(-mu[$0]).orEqual }
    return (0..<m).map { j in
      let own = scores.weights!.candidates[j]
      let line = level / Double(m) * (ranks.total + own) * (1 + 1e-12)
      var (place, size) = (1, 1)
      for (t, l) in order.enumerated() where l != j {
        place += 1
        if below[t] + (mu[l] <= mu[j] ? own : 0) <= line * Double(place) { size = place }
      }
      return size
    }
  }
}
