/// The probability that at least one of k solutions, drawn without replacement from n of which c are right, is right:
/// 1 − C(n − c, k)/C(n, k) (Chen et al. 2021).
///
/// - Throws: ``LanguageError`` where k or c exceed n, or are out of range.
public func passAtK(samples n: Int, correct c: Int, k: Int) throws(LanguageError) -> Double {
  func require(_ holds: Bool, _ name: String, _ found: Int, _ expected: String) throws(LanguageError) {
    guard holds else {
      throw LanguageError(.badValue, file: "pass@k", place: name, found: "\(found)", expected: expected)
    }
  }
  try require(k >= 1 && k <= n, "k", k, "1 to the \(n) samples")
  try require(c >= 0 && c <= n, "correct", c, "0 to the \(n) samples")
  guard n - c >= k else { return 1 }
  // The product of (n − c − i)/(n − i) without factorials.
  var none = 1.0
  for i in 0..<k { none *= Double(n - c - i) / Double(n - i) }
  return 1 - none
}
