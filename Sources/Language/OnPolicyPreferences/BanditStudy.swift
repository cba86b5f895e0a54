import Probability
import Torch

/// Trainings on a bandit, of several objectives and seeds: what `likely bandit preference` runs.
public struct BanditStudy: Sendable {
  public enum PolicyKind: String, Sendable, Hashable, CaseIterable {
    /// A logit an action.
    case tabular
    /// The paper's network of a context that says nothing.
    case network
  }

  public var bandit: PreferenceBandit
  public var policy = PolicyKind.tabular
  public var options = OnlinePreferenceOptions()

  public init(_ bandit: PreferenceBandit) { self.bandit = bandit }

  /// One training.
  /// - Throws: ``LanguageError``.
  public func run(random: RandomSource) throws -> OnlineResult {
    switch policy {
    case .tabular:
      return try OnlinePreferenceLoop(TabularPolicy(bandit), bandit: bandit, options: options).run(
        random: random)
    case .network:
      var stream = random.split("network")
      let policy = NetworkPolicy(bandit, using: &stream)
      return try OnlinePreferenceLoop(policy, bandit: bandit, options: options).run(random: random)
    }
  }

  /// Trainings with the seeds' own streams, in their order, side by side where there are threads.
  ///
  /// - Parameter seeds: how many; equal seeds of two objectives draw from equal streams.
  public func run(seeds: Int, random: RandomSource) throws -> [OnlineResult] {
    try concurrently(seeds) { try run(random: random.split("seed").split($0)) }
  }
}

extension [OnlineResult] {
  /// Mean and standard error over trainings of what the policies are at the end.
  public func final(_ value: (PolicyLaw) -> Double?) -> Estimate {
    Estimate(meanOf: compactMap { $0.readings.last.flatMap { value($0.law) } })
  }
}
