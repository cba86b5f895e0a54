/// Benjamini and Hochberg's procedure: the hypotheses with the k̂ smallest p-values, k̂ = max{k: p_(k) ≤ qk/m}.
///
/// The false discovery rate is at most q where p-values of true hypotheses are valid and independent, or positively
/// dependent.
/// - Complexity: O(m log m).
public func benjaminiHochberg(_ p: [Double], level q: Double) -> [Bool] {
  let limit = benjaminiHochbergCount(p, level: q)
  guard limit > 0 else { return [Bool](repeating: false, count: p.count) }
  let cutoff = p.sorted()[limit - 1]
  return p.map { $0 <= cutoff }
}

/// How many it selects.
func benjaminiHochbergCount(_ p: [Double], level q: Double) -> Int {
  let m = Double(p.count)
  return p.sorted().enumerated().reduce(0) { largest, entry in
    // Products, and room for their rounding: p-values are ratios of counts that often meet the line exactly.
    entry.element * m <= q * Double(entry.offset + 1) * (1 + 1e-12) ? entry.offset + 1 : largest
  }
}

/// The same for e-values: the largest set whose members have e ≥ m/(q·size). Valid under any dependence.
public func eBenjaminiHochberg(_ e: [Double], level q: Double) -> [Bool] {
  benjaminiHochberg(e.map { 1 / $0 }, level: q)
}
