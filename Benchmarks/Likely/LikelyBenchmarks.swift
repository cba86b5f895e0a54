import ArgumentParser

/// The benchmarks: `compare` runs all the others and the peers in turn; `Benchmarks/run` calls it.
@main
struct LikelyBenchmarks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "LikelyBenchmarks", abstract: "Time the same work in Likely and in its peers.",
    subcommands: [
      Compare.self, Prepare.self, TrainingTask.self, SamplingTask.self, LikelihoodTask.self, PeakTask.self,
      StateSpaceTask.self, LangevinTask.self, SteeringTask.self, CorrectorTask.self, OverheadTask.self,
      LanguagePrepare.self, LanguageTask.self, TokensTask.self, ChatTask.self, PreferenceTask.self,
      BanditTask.self, OrdinalTask.self, HoldoutTask.self, CausalTask.self, EpidemicTask.self,
      SelectionTask.self, EffectTask.self, ExpectationTask.self,
      ClusterTask.self,
    ])
}
