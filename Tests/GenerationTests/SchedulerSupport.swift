import Compute
import Foundation
import ModelFiles
import Testing
import Tokenization
import Transformers
import Usage

@testable import Generation

/// Engines on the tiny models of `Tests/Fixtures/families`, and what a request gives when nothing is shared.
enum TinyModel {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/families")

  /// Quantised models of several families and layouts; Gemma's have sliding windows.
  static let names = ["llama.Q4_1", "gemma3.Q4_0", "qwen3.Q5_0", "llama-256.Q4_K"]

  static func engine(
    _ name: String = "llama.Q4_1", threads: Int = 2, batch: Int = 128, positions: Int? = nil, context: Int? = nil,
    kernels: Kernels = .best
  ) throws -> Engine {
    try engine(
      path: folder.appending(path: name + ".gguf").path, threads: threads, batch: batch, positions: positions,
      context: context, kernels: kernels)
  }

  static func engine(
    path: String, threads: Int = 2, batch: Int = 128, positions: Int? = nil, context: Int? = nil,
    kernels: Kernels = .best
  ) throws -> Engine {
    var options = Engine.Options(threads: threads)
    options.batch = batch
    options.kvPositions = positions
    options.context = context
    options.kernels = kernels
    return try Engine(try ModelFile(path: path), options)
  }
}

/// Collects a request's text, and ends it when told to.
final class Recorder: GenerationObserver {
  var isCancelled = false
  var text: [UInt8] = []
  var progress: [Int] = []
  /// Bytes after which it cancels itself.
  var patience = Int.max

  func prefilled(_ done: Int, of total: Int) { progress.append(done) }
  func received(_ text: [UInt8]) {
    self.text += text
    if self.text.count >= patience { isCancelled = true }
  }
}

/// A request's tokens, and the keys and values of all full blocks that they left in the cache.
struct Outcome: Equatable {
  var tokens: [TokenID]
  var text: [UInt8]
  var blocks: [[UInt8]]
}

extension Engine {
  /// Answers a request by hand: one session, the prompt in passes of the engine's size, then one token at a time.
  func alone(_ request: GenerationRequest) throws -> Outcome {
    let session = Session(self)
    let sampler = try Sampler(request.sampling, vocabulary: model.configuration.vocab)
    var monitor = StopMonitor(
      try StopRules(
        endTokens: request.ignoreEnd ? [] : tokenizer.endOfGeneration, stopTokens: request.stopTokens,
        stopStrings: try StopStrings(request.stopStrings), tokenLimit: request.tokenLimit, contextLength: context),
      promptTokens: request.prompt.count)
    var detokenizer = StreamingDetokenizer(tokenizer)
    var outcome = Outcome(tokens: [], text: [], blocks: [])
    try session.prefill(request.prompt)
    var stoppedByText = false
    while monitor.limitReached == nil {
      let token = try session.sample(sampler).token
      outcome.tokens.append(token)
      if monitor.accept(token) != nil { break }
      if let reason = monitor.show(detokenizer.append(token), to: &outcome.text) {
        if case .stopString = reason { stoppedByText = true }
        break
      }
      guard session.append(token) else { break }
    }
    if !stoppedByText { monitor.finish(detokenizer.finish(), to: &outcome.text) }
    outcome.blocks = content(of: session)
    return outcome
  }

  /// Keys and values of the full blocks of a session.
  func content(of session: Session) -> [[UInt8]] {
    session.blocks.prefix(session.tokens.count / Kernels.kvBlock).map { bytes(of: $0) }
  }

  func bytes(of block: Int32) -> [UInt8] {
    let view = cache.content(of: block)
    return Array(UnsafeBufferPointer(start: view.pointer, count: view.count))
  }

  /// Whether every block is free once the tree of prefixes is empty.
  var hasAllBlocks: Bool {
    prefixes.removeAll()
    return cache.freeBlocks == cache.blockCount && cache.usedBlocks == 0 && prefixes.count == 0
  }

  func tokens(_ count: Int, _ random: inout TestRandom) -> [TokenID] {
    (0..<count).map { _ in TokenID(Int.random(in: 3..<model.configuration.vocab, using: &random)) }
  }
}

extension ScheduledRequest {
  func outcome(_ engine: Engine) -> Outcome {
    Outcome(tokens: result.tokens, text: result.text, blocks: engine.content(of: session))
  }
}

/// Parameters of all kinds; a third of them greedy.
func randomSampling(_ random: inout TestRandom) -> SamplingParameters {
  guard Int.random(in: 0..<3, using: &random) > 0 else { return .greedy }
  var parameters = SamplingParameters()
  parameters.temperature = Float.random(in: 0.3...2, using: &random)
  parameters.topK = [0, 5, 40].randomElement(using: &random) ?? 0
  parameters.topP = [1, 0.9].randomElement(using: &random) ?? 1
  parameters.minP = [0, 0.05].randomElement(using: &random) ?? 0
  parameters.repeatPenalty = [1, 1.3].randomElement(using: &random) ?? 1
  parameters.frequencyPenalty = [0, 0.4].randomElement(using: &random) ?? 0
  parameters.seed = random.next() >> 1
  return parameters
}
