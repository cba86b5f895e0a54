import Sampling
import Torch

extension LanguageModel {
  /// Responses to prompts, drawn in batches.
  ///
  /// - Parameters:
  ///   - prompts: tokens, at least one each.
  ///   - random: response j to prompt i draws from `random.split(i).split(j)`, so that it does not depend on what is drawn
  ///     beside it.
  ///   - bytes: what a token stands for; needed for stop texts only.
  ///   - onToken: told every token as it is drawn, with its prompt and the number of the response.
  /// - Returns: `samples` responses to every prompt.
  /// - Throws: ``LanguageError`` for empty prompts, tokens outside the vocabulary, prompts that fill the context.
  /// - Complexity: tokens that all prompts begin with are read once; a transformer reads those that some of a batch begin
  ///   with once, too. Then one forward pass a token for all responses of a batch, and one wait for the device.
  public func generate(
    _ prompts: [[Int]], options: GenerationOptions, random: RandomSource,
    bytes: ((Int) -> [UInt8])? = nil,
    onToken: ((_ prompt: Int, _ sample: Int, _ token: Int) -> Void)? = nil
  ) throws(LanguageError) -> [[Generation]] {
    try options.validate()
    try check(prompts)
    guard options.stopTexts.isEmpty || bytes != nil else {
      throw LanguageError(
        .badValue, file: "generation", place: "stop texts", found: "no tokeniser",
        expected: "one, to find them")
    }
    var results = [[Generation]](
      repeating: .init(repeating: Generation(), count: options.samples), count: prompts.count)
    // Prompts of similar length share a batch.
    let order = prompts.indices.sorted { (prompts[$0].count, $0) < (prompts[$1].count, $1) }
    let perBatch = max(1, options.batch / options.samples)
    let rows = min(options.batch, prompts.count * options.samples)
    generating(rows: rows, tokens: options.maximumTokens) {
      let beginning = withoutGradient { readBeginning(of: prompts) }
      for start in stride(from: 0, to: order.count, by: perBatch) {
        let chosen = Array(order[start..<min(start + perBatch, order.count)])
        // A prompt with more responses than a batch takes has several.
        for first in stride(from: 0, to: options.samples, by: options.batch) {
          let samples = first..<min(first + options.batch, options.samples)
          let rows = chosen.flatMap { prompt in samples.map { (prompt: prompt, sample: $0) } }
          let drawing = BatchGeneration(
            model: self, options: options, bytes: bytes, onToken: onToken, beginning: beginning, rows: rows,
            random: random)
          let found = withoutGradient { drawing.run(chosen.map { prompts[$0] }, samples: samples.count) }
          for (row, generation) in zip(rows, found) { results[row.prompt][row.sample] = generation }
        }
      }
    }
    return results
  }

  /// Refuses prompts that cannot be read.
  func check(_ prompts: [[Int]]) throws(LanguageError) {
    for (i, prompt) in prompts.enumerated() {
      let place = "prompt \(i)"
      guard !prompt.isEmpty else {
        throw LanguageError(
          .badValue, file: "prompts", place: place, found: "no tokens",
          expected: "at least one, such as the token that begins a text")
      }
      if let token = prompt.first(where: { !(0..<vocabularySize).contains($0) }) {
        throw LanguageError(
          .badValue, file: "prompts", place: place, found: "token \(token)",
          expected: "tokens 0 to \(vocabularySize - 1)")
      }
      if let contextLength, prompt.count >= contextLength {
        throw LanguageError(
          .tooLong, file: "prompts", place: place, found: "\(prompt.count) tokens",
          expected: "fewer than the model's \(contextLength) positions")
      }
    }
  }
}

/// The responses of one batch on their way.
private final class BatchGeneration<Model: LanguageModel> {
  let model: Model
  let beginning: PromptBeginning<Model.Cache>?
  let options: GenerationOptions
  let bytes: ((Int) -> [UInt8])?
  let onToken: ((Int, Int, Int) -> Void)?
  let sampler: TokenSampler
  let rows: [(prompt: Int, sample: Int)]
  let stops: [[UInt8]]

  var generations: [Generation]
  /// The bytes of every response so far, where stop texts are looked for.
  var texts: [[UInt8]]
  /// The rows of the cache: responses that have not ended, and some that have.
  var living: [Int]
  var isDone: [Bool]
  /// Of every row of the cache.
  var streams: [RandomSource]
  /// Tokens that every row of the cache has had, `[rows, vocabulary]`; only with a repetition penalty.
  var seen: Tensor?

  init(
    model: Model, options: GenerationOptions, bytes: ((Int) -> [UInt8])?,
    onToken: ((Int, Int, Int) -> Void)?, beginning: PromptBeginning<Model.Cache>?,
    rows: [(prompt: Int, sample: Int)], random: RandomSource
  ) {
    self.beginning = beginning
    (self.model, self.options, self.bytes, self.onToken) = (model, options, bytes, onToken)
    (sampler, self.rows) = (TokenSampler(options: options), rows)
    stops = options.stopTexts.map { Array($0.utf8) }
    generations = .init(repeating: Generation(), count: rows.count)
    texts = .init(repeating: [], count: rows.count)
    living = Array(rows.indices)
    isDone = .init(repeating: false, count: rows.count)
    streams = rows.map { random.split($0.prompt).split($0.sample) }
  }

  func run(_ prompts: [[Int]], samples: Int) -> [Generation] {
    var (cache, logits) = model.read(prompts, after: beginning)
    let copies = prompts.indices.flatMap { Array(repeating: $0, count: samples) }
    if samples > 1 {
      cache = cache.fork(rows: copies)
      logits = logits.select(axis: 0, Tensor(copies).to(device: logits.device))
    }
    let lengths = copies.map { prompts[$0].count }
    if options.repetitionPenalty != 1 { seen = Self.occurrences(copies.map { prompts[$0] }, like: logits) }
    for step in 0..<options.maximumTokens {
      let drawn = draw(logits)
      for (place, row) in living.enumerated() where !isDone[row] {
        record(drawn[place], row, isLast: step + 1 == options.maximumTokens, promptLength: lengths[row])
      }
      let going = living.indices.filter { !isDone[living[$0]] }
      if going.isEmpty { break }
      var tokens = drawn.map { Int($0[0]) }
      // Rows that have ended are carried along until they are half of all: a smaller batch costs a copy of the cache.
      if going.count <= living.count / 2 {
        cache = cache.fork(rows: going)
        (living, streams) = (going.map { living[$0] }, going.map { streams[$0] })
        tokens = going.map { tokens[$0] }
        seen = seen.map { $0.select(axis: 0, Tensor(going).to(device: $0.device)) }
      }
      let next = Tensor(tokens).unsqueeze(1)
      if let known = seen {
        let own = next.to(device: known.device)
        seen = known.scatter(axis: 1, own, .ones(own.shape, dtype: .bool, device: known.device))
      }
      logits = model.logits(next, cache: cache, lastOnly: true).squeeze(1)
    }
    return generations
  }

  /// Of every row the token, and what statistics ask for: log-probability, entropy, tokens and log-probabilities of the
  /// most probable ones. Read from the device once.
  private func draw(_ logits: Tensor) -> [[Double]] {
    var random = GroupRandom(streams)
    let shaped = seen.map { sampler.penalised(logits, seen: $0) } ?? logits
    let tokens = sampler.sample(shaped, using: &random).unsqueeze(1)
    for place in streams.indices { streams[place] = random[place] }
    guard let count = options.statistics else { return tokens.integers.map { [Double($0)] } }
    let logs = logits.to(.float).logSoftmax(-1)
    let entropy = -(logs.exp() * logs.clamp(-1e30)).sum(-1, keep: true)
    var columns = [tokens.to(.double), logs.gather(axis: 1, tokens).to(.double), entropy.to(.double)]
    if count > 0 {
      let (values, indices) = logs.top(min(count, logs.size(-1)))
      columns += [indices.to(.double), values.to(.double)]
    }
    let all = Tensor.concatenate(columns, axis: 1)
    let (width, values) = (all.size(1), all.doubles)
    return (0..<living.count).map { Array(values[$0 * width..<($0 + 1) * width]) }
  }

  private func record(_ drawn: [Double], _ row: Int, isLast: Bool, promptLength: Int) {
    let token = Int(drawn[0])
    generations[row].tokens.append(token)
    if drawn.count > 1 {
      generations[row].logProbabilities.append(drawn[1])
      generations[row].entropies.append(drawn[2])
      let count = (drawn.count - 3) / 2
      generations[row].alternatives.append(
        (0..<count).map { .init(token: Int(drawn[3 + $0]), logProbability: drawn[3 + count + $0]) })
    }
    onToken?(rows[row].prompt, rows[row].sample, token)
    let end: Generation.End? =
      if options.stopTokens.contains(token) {
        .stopToken(token)
      } else if let text = stopText(after: token, row) {
        .stopText(text)
      } else if let limit = model.contextLength, promptLength + generations[row].tokens.count >= limit {
        .context
      } else {
        isLast ? .length : nil
      }
    guard let end else { return }
    generations[row].end = end
    isDone[row] = true
  }

  /// The stop text that this token completes; it may have begun in tokens before.
  private func stopText(after token: Int, _ row: Int) -> String? {
    guard let bytes, !stops.isEmpty else { return nil }
    let new = bytes(token)
    texts[row] += new
    for (text, stop) in zip(options.stopTexts, stops) where texts[row].count >= stop.count {
      let first = max(0, texts[row].count - new.count - stop.count + 1)
      let last = texts[row].count - stop.count
      guard first <= last else { continue }
      for start in first...last where texts[row][start..<start + stop.count].elementsEqual(stop) {
        return text
      }
    }
    return nil
  }

  private static func occurrences(_ rows: [[Int]], like logits: Tensor) -> Tensor {
    var flags = [Bool](repeating: false, count: rows.count * logits.size(-1))
    for (row, tokens) in rows.enumerated() {
      for token in tokens { flags[row * logits.size(-1) + token] = true }
    }
    return Tensor(flags, shape: [rows.count, logits.size(-1)], device: logits.device)
  }
}
