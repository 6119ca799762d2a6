import Compute
import Glibc
import Quantization
import Tokenization
import Transformers

/// Leads an error-compensating quantiser through a model, layer by layer over calibration tokens.
///
/// With a text, two streams go through the layers: the original model's, and that of the model as far as it is quantised.
/// Each matrix is fitted to give on the inputs that it will really have what the original gave on its own, so that later
/// ones make up for earlier ones. That takes the matrices of a layer in turn, in the order of the pass: queries, keys and
/// values, attention's output, gate and up, down; each time both streams are computed through the layer as it is by then.
/// Were they all fitted to the quantised stream of the layer still original, an error would be made up for twice: by the
/// first matrices that see it, and again by those behind them, whose inputs would still show it. Small models of random
/// weights diverge three to eighteen times as much that way.
///
/// Without a text, tokens are drawn at random, and one stream goes through the original's layers: what random tokens say of
/// earlier layers' errors does not hold for texts, but which inputs move together they do say.
///
/// Memory: the residual streams of all calibration tokens, the embedding, one layer (with a text, twice), and the moments of
/// its inputs, with a text of one set of matrices at a time; where the engine holds the whole model, that. The engine's
/// cache stays empty: it has room for all layers, of which one is computed at a time. The engine's
/// weights may be replaced or gone afterwards; do not use it for anything else.
public final class LayerCalibration {
  /// What a matrix is to be rounded with.
  public struct Inputs {
    /// The matrices that read them, as the file names them.
    public let readers: [String]
    /// [columns, columns], the sum of x x^T over the inputs x in the quantised model; nil for an embedding that is no head,
    /// and where `wantsMoments` says no. Whoever gets them may alter and keep them.
    public let moments: AlignedBuffer<Float>?
    /// [columns, columns], the sum of z x^T, z being the inputs in the original model; nil where only x counts.
    public let cross: AlignedBuffer<Float>?
  }

  /// What takes a matrix's place: blocks of a type, alive until the call that gets them returns.
  public typealias Replacement = (name: String, type: TensorType, blocks: View<UInt8>)

  private let engine: Engine
  private let blas: OpenBLAS
  private let chunks: [[TokenID]]
  private let length: Int
  private let hidden: Int
  /// [chunks, length, hidden] each.
  private let original: AlignedBuffer<Float>
  /// Nil where layers do not make up for earlier ones.
  private let quantized: AlignedBuffer<Float>?
  /// Asked between two chunks whether to end at once, with `GenerationError.stopped`.
  public var isStopped: () -> Bool = { false }
  /// Whether anybody has use for the moments of what these matrices read.
  public var wantsMoments: (_ readers: [String]) -> Bool = { _ in true }
  private let recorder: InputRecorder
  private let other: InputRecorder
  /// Keys and values of one chunk in one layer.
  private var cache: KVCache
  private var sets: [(readers: [String], moments: SecondMoments, cross: SecondMoments?)] = []

  /// - Parameters:
  ///   - engine: on the reference path, with passes of at least `length` tokens.
  ///   - text: nil for tokens drawn at random, which is better than knowing nothing of the inputs, though not by as much.
  ///   - length: tokens of a chunk.
  ///   - maxTokens: tokens to use of the text at most.
  public init(
    _ engine: Engine, blas: OpenBLAS, text: [UInt8]?, length: Int, maxTokens: Int
  ) throws(GenerationError) {
    precondition(length >= 4 && length <= engine.context && length <= engine.pass.maxTokens)
    (self.engine, self.blas, self.length) = (engine, blas, length)
    hidden = engine.model.configuration.hidden
    let wanted = max(1, maxTokens / length)
    if let text {
      let all = try TextChunks(text, engine, length: length)
      guard all.count > 0 else { throw .calibrationTooShort(tokens: all.tokens.count, needed: length) }
      // Spread over the text, so that no part of it counts alone.
      let count = min(wanted, all.count)
      chunks = (0..<count).map { all[$0 * all.count / count] }
    } else {
      chunks = Self.randomChunks(wanted, length: length, vocabulary: engine.model.configuration.vocab)
    }
    cache = try Self.cache(engine, length)
    do throws(SystemError) {
      original = try AlignedBuffer(count: chunks.count * length * hidden)
      quantized = text == nil ? nil : try AlignedBuffer(count: original.count)
    } catch {
      throw .system(error)
    }
    recorder = InputRecorder(engine.pass, maxTokens: length)
    other = InputRecorder(engine.pass, maxTokens: length)
  }

  /// Tokens drawn at random. Vocabularies are made by merging the most frequent pairs first, so that the further back a
  /// token stands the rarer it is: probabilities fall with the place p as 1 / (p + 300), which is nearer to texts than
  /// drawing all alike, and does without one.
  private static func randomChunks(_ count: Int, length: Int, vocabulary: Int) -> [[TokenID]] {
    let flat = 300.0
    let range = log((Double(vocabulary) + flat) / flat)
    // A fixed seed: the same model gives the same file.
    var state: UInt64 = 0x5851_F42D_4C95_7F2D
    return (0..<count).map { _ in
      (0..<length).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let uniform = Double(state >> 11) * 0x1p-53
        return TokenID(min(flat * (exp(uniform * range) - 1), Double(vocabulary - 1)))
      }
    }
  }

  /// Tokens that are computed.
  public var tokens: Int { chunks.count * length }

  /// Goes through embedding, layers and head.
  /// - Parameters:
  ///   - progress: told how many of the steps are done, and asked whether to go on.
  ///   - failure: makes the caller's error of one of this class's.
  ///   - quantize: called for every set of inputs, which are gone when it returns. With a text, what it gives back takes
  ///     the place of the matrices.
  /// - Returns: false if `progress` ended it.
  public func run<Failure: Error>(
    progress: (_ done: Int, _ of: Int) -> Bool, failure: (GenerationError) -> Failure,
    quantize: (Inputs) throws(Failure) -> [Replacement]
  ) throws(Failure) -> Bool {
    let steps = engine.model.configuration.layers + 2
    func attempt(_ body: () throws(GenerationError) -> Void) throws(Failure) {
      do { try body() } catch { throw failure(error) }
    }
    guard progress(0, steps) else { return false }
    try attempt { () throws(GenerationError) in try load(.embedding) }
    if quantized != nil {
      // A head that is the embedding too must be rounded before the stream begins, so its inputs are the original's.
      try attempt { () throws(GenerationError) in try prepareEmbedding() }
      try hand(over: quantize, failure, [engine.model.embeddingName])
    }
    try attempt { () throws(GenerationError) in try embed(into: quantized ?? original) }
    for layer in 0..<engine.model.configuration.layers {
      guard progress(layer + 1, steps) else { return false }
      try attempt { () throws(GenerationError) in try load(.layer(layer)) }
      if let quantized {
        for readers in engine.model.readers(inLayer: layer) {
          try attempt { () throws(GenerationError) in
            if wantsMoments(readers) { try gather(readers, layer: layer, beside: quantized) }
          }
          try hand(over: quantize, failure, readers)
        }
        try attempt { () throws(GenerationError) in
          try advance(original, layer: layer, replaced: false)
          try advance(quantized, layer: layer, replaced: true)
        }
      } else {
        try attempt { () throws(GenerationError) in try gather(layer: layer) }
        try hand(over: quantize, failure, nil)
      }
      engine.model.unload(.layer(layer))
    }
    guard progress(steps - 1, steps) else { return false }
    if quantized == nil ? wantsMoments([engine.model.headName]) : !isTied {
      try attempt { () throws(GenerationError) in try gatherHead(isLast: true) }
      if !isTied {
        engine.model.unload(.embedding)
        try attempt { () throws(GenerationError) in try load(.head) }
      }
      try hand(over: quantize, failure, [engine.model.headName])
    }
    return progress(steps, steps)
  }

  private var isTied: Bool { engine.model.embeddingName == engine.model.headName }

  private static func cache(_ engine: Engine, _ length: Int) throws(GenerationError) -> KVCache {
    do { return try KVCache(engine.model.configuration, type: .f32, positions: length) } catch { throw .model(error) }
  }

  private func load(_ part: ModelPart) throws(GenerationError) {
    // What the layer before committed of the cache goes with it.
    cache = try Self.cache(engine, length)
    do { try engine.model.load(part, on: engine.pool) } catch { throw .system(error) }
  }

  /// Hands over what was gathered, and gives up each set of moments as it goes. Where nothing was, `readers` are to be
  /// rounded without.
  private func hand<Failure: Error>(
    over quantize: (Inputs) throws(Failure) -> [Replacement], _ failure: (GenerationError) -> Failure,
    _ readers: [String]?
  ) throws(Failure) {
    if let fault = recorder.failure ?? other.failure { throw failure(.system(fault)) }
    if sets.isEmpty, let readers {
      try replace(quantize(Inputs(readers: readers, moments: nil, cross: nil)), failure)
    }
    sets.reverse()
    while let set = sets.popLast() {
      try replace(
        quantize(Inputs(readers: set.readers, moments: set.moments.sums, cross: set.cross?.sums)), failure)
    }
  }

  private func replace<Failure: Error>(
    _ replacements: [Replacement], _ failure: (GenerationError) -> Failure
  ) throws(Failure) {
    for made in replacements where quantized != nil {
      let isInLayer = made.name != engine.model.embeddingName && made.name != engine.model.headName
      do throws(SystemError) {
        try engine.model.replace(made.name, type: made.type, blocks: made.blocks, keepingOriginal: isInLayer)
      } catch {
        throw failure(.system(error))
      }
    }
  }

  // MARK: Steps

  /// The original stream behind the embedding and, where the head is the same matrix, the head's moments.
  private func prepareEmbedding() throws(GenerationError) {
    try embed(into: original)
    guard isTied, wantsMoments([engine.model.headName]) else { return }
    for layer in 0..<engine.model.configuration.layers {
      try load(.layer(layer))
      try advance(original, layer: layer, replaced: false)
      engine.model.unload(.layer(layer))
    }
    try gatherHead(isLast: false)
    try embed(into: original)
  }

  private func embed(into stream: AlignedBuffer<Float>) throws(GenerationError) {
    try forEachChunk { part throws(GenerationError) in engine.pass.residual.copy(to: part(stream)) }
  }

  /// Computes a layer of a stream for all chunks, with what replaced its matrices or without.
  private func advance(_ stream: AlignedBuffer<Float>, layer: Int, replaced: Bool) throws(GenerationError) {
    engine.model.show(replaced: replaced, in: .layer(layer))
    try forEachChunk { part throws(GenerationError) in compute(part(stream), layer: layer, keep: true) }
  }

  /// The moments of all inputs of a layer; the stream goes on behind it.
  private func gather(layer: Int) throws(GenerationError) {
    try forEachChunk { part throws(GenerationError) in
      observe(by: recorder) { compute(part(original), layer: layer, keep: true) }
      try addRecords(cross: false)
    }
    recorder.forget()
  }

  /// The moments of what some matrices of a layer read, in the original model and in the quantised one, in which the
  /// matrices before them are replaced already.
  private func gather(
    _ readers: [String], layer: Int, beside quantized: AlignedBuffer<Float>
  ) throws(GenerationError) {
    (recorder.wanted, other.wanted) = (readers, readers)
    defer { (recorder.wanted, other.wanted) = (nil, nil) }
    try forEachChunk { part throws(GenerationError) in
      engine.model.show(replaced: false, in: .layer(layer))
      observe(by: recorder) { compute(part(original), layer: layer, keep: false) }
      engine.model.show(replaced: true, in: .layer(layer))
      observe(by: other) { compute(part(quantized), layer: layer, keep: false) }
      try addRecords(cross: true)
    }
    recorder.forget()
    other.forget()
  }

  private func observe(by recorder: InputRecorder, _ compute: () -> Void) {
    recorder.clear()
    engine.pass.observer = recorder
    compute()
    engine.pass.observer = nil
  }

  private func gatherHead(isLast: Bool) throws(GenerationError) {
    try forEachChunk { part throws(GenerationError) in
      observe(by: recorder) { showHead(part(original)) }
      if let quantized, isLast { observe(by: other) { showHead(part(quantized)) } }
      try addRecords(cross: isLast)
    }
    recorder.forget()
    other.forget()
  }

  private func showHead(_ stream: View<Float>) {
    stream.copy(to: engine.pass.residual)
    for first in stride(from: 0, to: length, by: ForwardPass.maxLogitRows) {
      engine.pass.observeHead(rows: first..<min(first + ForwardPass.maxLogitRows, length))
    }
  }

  /// Adds what the recorders saw of one chunk.
  private func addRecords(cross: Bool) throws(GenerationError) {
    let cross = cross && quantized != nil
    do throws(SystemError) {
      for (index, before) in recorder.records.enumerated() where wantsMoments(before.readers) {
        let now = cross ? other.records[index] : before
        if !sets.contains(where: { $0.readers == now.readers }) {
          let moments = try SecondMoments(columns: now.columns, blas: blas, pool: engine.pool)
          let both = cross ? try SecondMoments(columns: now.columns, blas: blas, pool: engine.pool) : nil
          sets.append((now.readers, moments, both))
        }
        guard let set = sets.first(where: { $0.readers == now.readers }) else { continue }
        set.moments.add(now.rows.part(0, now.count), now.rows.part(0, now.count))
        set.cross?.add(before.rows.part(0, before.count), now.rows.part(0, now.count))
      }
    } catch {
      throw .system(error)
    }
  }

  private func compute(_ stream: View<Float>, layer: Int, keep: Bool) {
    stream.copy(to: engine.pass.residual)
    engine.pass.run(layer: layer)
    if keep { engine.pass.residual.copy(to: stream) }
  }

  /// Prepares the pass for each chunk in turn; `part` finds the chunk's place in a stream.
  private func forEachChunk(
    _ body: ((AlignedBuffer<Float>) -> View<Float>) throws(GenerationError) -> Void
  ) throws(GenerationError) {
    for index in chunks.indices {
      guard !isStopped() else { throw .stopped }
      let sequence = KVSequence(cache)
      engine.pass.begin()
      guard engine.pass.append(chunks[index], to: sequence) else {
        throw .promptTooLong(tokens: length, context: engine.context)
      }
      engine.pass.embedTokens()
      try body { $0.part(index * length * hidden, length * hidden) }
    }
  }
}
