import Foundation
import Testing
import Torch
import Training

private struct Crash: Error {}

/// A network with random draws in its loss, averages, validation and a schedule: everything that a checkpoint holds.
private final class Noisy: Module {
  let body: MLP
  let dropout = Dropout(0.2)

  override init() {
    var random = RandomSource(seed: 51)
    body = MLP([3, 16, 2], using: &random)
  }
}

@Suite("Stopping and resuming") struct ResumeTests {
  private let problem = Regression()

  /// Trains to the end, or to what the loss throws.
  private func train(
    _ run: RunFolder, resuming: Bool = false, seed: UInt64 = 1, patience: Int? = nil,
    interruption: Interruption? = nil, before: (Int) throws -> Void = { _ in }
  ) throws -> (module: Module, result: TrainingResult) {
    let module = Noisy()
    let options = TrainingOptions(
      steps: 40, schedule: .cosine(), warmUp: 5, clipNorm: 1, averageDecay: 0.9, validateEvery: 6,
      patience: patience,
      checkpointEvery: 5, logEvery: 3)
    let trainer = Trainer(
      module, optimiser: AdamW(module.trainableParameters, learningRate: 0.05), options: options,
      random: RandomSource(seed: seed), run: run, interruption: interruption)
    let rows = ShuffledRows(
      [problem.x, problem.y], batchSize: 10, random: RandomSource(seed: seed).split("order"))
    let result = try trainer.fit(
      resuming: resuming,
      validation: {
        // With patience it rises with every line of the metrics, so that there is something to run out of.
        (module.body(problem.x) - problem.y).square().mean().item()
          + (patience == nil ? 0 : Double(MetricsLog.read(run.metrics).count))
      },
      loss: { step, stream in
        try before(step)
        let batch = rows.batch(at: step)
        let noisy = batch[0] + stream.normal(like: batch[0]) * 0.1
        return (module.body(module.dropout(noisy, using: &stream)) - batch[1]).square().mean()
      })
    return (module, result)
  }

  private func expectSame(_ a: Module, _ b: Module, sourceLocation: SourceLocation = #_sourceLocation) {
    for (one, other) in zip(a.state(), b.state()) {
      #expect(one.tensor.bytes == other.tensor.bytes, "\(one.name)", sourceLocation: sourceLocation)
    }
  }

  @Test("a crash at any step is made up for bit for bit, metrics included", arguments: [5, 13, 24, 39])
  func crash(step: Int) throws {
    try withTemporaryFolder { folder in
      let (one, two) = (
        try RunFolder(creating: folder.appending(path: "1")),
        try RunFolder(creating: folder.appending(path: "2"))
      )
      let whole = try train(one)
      #expect(throws: Crash.self) { try train(two, before: { if $0 == step { throw Crash() } }) }
      let resumed = try train(two, resuming: true)
      expectSame(whole.module, resumed.module)
      #expect(whole.result.loss == resumed.result.loss)
      #expect(whole.result.best?.step == resumed.result.best?.step)
      #expect(whole.result.best?.value == resumed.result.best?.value)
      #expect(try Data(contentsOf: one.metrics) == Data(contentsOf: two.metrics))
      // Resuming what is finished changes nothing.
      let again = try train(two, resuming: true, before: { _ in throw Crash() })
      expectSame(whole.module, again.module)
      #expect(again.result.steps == 40 && again.result.loss == whole.result.loss)
    }
  }

  @Test("a requested stop finishes the step, writes a checkpoint and says how to go on")
  func interruption() throws {
    try withTemporaryFolder { folder in
      let (one, two) = (
        try RunFolder(creating: folder.appending(path: "1")),
        try RunFolder(creating: folder.appending(path: "2"))
      )
      let whole = try train(one)
      let interruption = Interruption(listening: false)
      let error = #expect(throws: TrainingError.self) {
        try train(two, interruption: interruption, before: { if $0 == 16 { interruption.request() } })
      }
      #expect(error == .interrupted(step: 17, folder: two.url.path))
      #expect(try #require(error?.description).contains("--resume"))
      #expect(try CheckpointStore(folder: two.checkpoints).newest()?.step == 17)
      expectSame(whole.module, try train(two, resuming: true).module)
    }
  }

  @Test("a run that patience ended stays ended when it is resumed")
  func patience() throws {
    try withTemporaryFolder { folder in
      let run = try RunFolder(creating: folder)
      let stopped = try train(run, patience: 2)
      #expect(stopped.result.stoppedEarly && stopped.result.steps < 40)
      let resumed = try train(run, resuming: true, patience: 2, before: { _ in throw Crash() })
      #expect(resumed.result.stoppedEarly && resumed.result.steps == stopped.result.steps)
      expectSame(stopped.module, resumed.module)
    }
  }

  @Test("another seed, and nothing to resume, are refused")
  func refused() throws {
    try withTemporaryFolder { folder in
      let run = try RunFolder(creating: folder)
      #expect(throws: TrainingError.nothingToResume(run.url.path)) { try train(run, resuming: true) }
      _ = try train(run)
      let error = #expect(throws: TrainingError.self) { try train(run, resuming: true, seed: 2) }
      #expect(error == .mismatch("it was made with another seed"))
    }
  }

  @Test("the newest checkpoints are kept; a damaged one is passed over for the one before it")
  func damaged() throws {
    try withTemporaryFolder { folder in
      let (one, two) = (
        try RunFolder(creating: folder.appending(path: "1")),
        try RunFolder(creating: folder.appending(path: "2"))
      )
      let whole = try train(one)
      #expect(throws: Crash.self) { try train(two, before: { if $0 == 28 { throw Crash() } }) }
      let store = CheckpointStore(folder: two.checkpoints)
      #expect(store.steps == [20, 25])
      let bytes = try Data(contentsOf: store.url(step: 25))
      try bytes.prefix(bytes.count / 2).write(to: store.url(step: 25))
      var notes: [String] = []
      #expect(try store.newest { notes.append($0) }?.step == 20)
      #expect(notes.count == 1 && notes[0].contains("step-000000025.safetensors"))
      expectSame(whole.module, try train(two, resuming: true).module)

      for step in store.steps { try Data("nonsense".utf8).write(to: store.url(step: step)) }
      let error = #expect(throws: StorageError.self) { try train(two, resuming: true) }
      #expect(try #require(error).description.contains("step-000000040.safetensors"))
    }
  }
}

@Suite("Run folders") struct RunFolderTests {
  private struct Settings: Codable, Equatable {
    var steps = 3
    var name = "a: b"
  }

  @Test("a configuration is read back as it was written")
  func configuration() throws {
    try withTemporaryFolder { folder in
      let run = try RunFolder(creating: folder.appending(path: "deep/run"))
      try run.write(configuration: Settings())
      #expect(try run.readConfiguration(Settings.self) == Settings())
      #expect(try RunFolder(existing: run.url).readConfiguration(Settings.self) == Settings())
    }
  }

  @Test("missing, occupied, unwritable and unreadable folders are typed errors that name the path")
  func errors() throws {
    try withTemporaryFolder { folder in
      let nowhere = folder.appending(path: "nowhere")
      let missing = #expect(throws: RunFolderError.self) { try RunFolder(existing: nowhere) }
      #expect(missing == .missing(nowhere.path))
      let file = folder.appending(path: "file")
      try Data().write(to: file)
      #expect(throws: RunFolderError.missing(file.path)) { try RunFolder(existing: file) }

      let run = try RunFolder(creating: folder.appending(path: "run"))
      #expect(throws: RunFolderError.self) { try run.readConfiguration(Settings.self) }
      try run.write(configuration: Settings())
      let occupied = #expect(throws: RunFolderError.self) { try RunFolder(creating: run.url) }
      #expect(occupied == .occupied(run.url.path))
      #expect(try #require(occupied).description.contains("--resume"))
      #expect(throws: Never.self) { try RunFolder(creating: run.url, resuming: true) }

      let below = #expect(throws: RunFolderError.self) {
        try RunFolder(creating: file.appending(path: "run"))
      }
      guard case .notWritable(let path, let reason) = try #require(below) else {
        Issue.record("\(below!)")
        return
      }
      #expect(path == file.appending(path: "run").path && reason == "Not a directory")

      try Data("steps: many\n".utf8).write(to: run.configuration)
      let unreadable = #expect(throws: RunFolderError.self) { try run.readConfiguration(Settings.self) }
      #expect(try #require(unreadable).description.contains(run.configuration.path))
    }
  }
}

@Suite("Standardiser") struct StandardiserTests {
  @Test("columns get mean 0 and deviation 1, and come back; the log-determinant is that of the map")
  func affine() {
    var random = RandomSource(seed: 61)
    let x = random.normal([500, 3], dtype: .double) * Tensor([0.1, 2, 30]) + Tensor([5.0, -1, 100])
    let standardiser = Standardiser(fitting: x)
    let y = standardiser.standardise(x)
    #expect(y.mean(0).abs().max().item() < 1e-12)
    #expect((y.variance(0, correction: 0) - 1).abs().max().item() < 1e-12)
    #expect((standardiser.restore(y) - x).abs().max().item() < 1e-12)
    // The images of the unit vectors span the map's determinant.
    let images =
      standardiser.standardise(.identity(3, dtype: .double))
      - standardiser.standardise(.zeros([3, 3], dtype: .double))
    #expect(abs(images.slogdet().logAbs.item() - standardiser.logDeterminant) < 1e-12)
    #expect(Standardiser.identity(4).logDeterminant == 0)
  }

  @Test("a constant column is moved and not scaled")
  func constant() {
    let standardiser = Standardiser(fitting: Tensor(rows: [[1.0, 7], [3, 7]]))
    #expect(standardiser.scale.doubles == [1, 1])
    #expect(standardiser.standardise(Tensor(rows: [[3.0, 7]])).doubles == [1, 0])
  }
}
