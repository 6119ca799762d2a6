import Compute

/// Computes a model on batches of tokens: the tokens of one prompt, one token of each of several sequences, or both.
///
/// Use: `begin`, `append` any number of times, `run`, then `logits` for the rows that need them. Buffers are made once;
/// a pass allocates nothing. One thread drives a pass; the pool's threads compute it.
public final class ForwardPass {
  public let model: Model
  public let maxTokens: Int
  private let pool: WorkerPool
  let state: PassState
  /// Sees the inputs of every matrix, where someone wants to know them.
  public var observer: (any ActivationObserver)? {
    didSet { for rows in [attended, gated] { rows.isObserved = observer != nil } }
  }
  /// Whether the rest of the layer is left out, since its observer has seen what it wanted.
  var isCut = false
  private let ropes: [RopeTable]

  private let normalized: ActivationRows
  private let attended: ActivationRows
  private let gated: ActivationRows
  private let normalize: NormalizeStep
  private let normalizeBranch: NormalizeBranchStep
  private let attentionInput: AttentionInputStep
  private let attend: AttendStep
  private let attentionOutput: ProjectStep
  private let feedForward: FeedForwardStep
  private let down: ProjectStep
  private let outputHead: OutputHeadStep

  /// - Parameter maxTokens: rows of the largest batch; scratch memory grows with it.
  public init(
    _ model: Model, pool: WorkerPool, maxTokens: Int, kernels: Kernels = .best, product: MatrixProduct = .integer
  ) throws(SystemError) {
    let configuration = model.configuration
    let layers = model.family.layers
    self.model = model
    self.pool = pool
    self.maxTokens = maxTokens
    state = try PassState(
      configuration, kernels: kernels, product: product, maxTokens: maxTokens, threads: pool.threads)
    var ropes: [RopeTable] = []
    for rope in model.family.ropes { ropes.append(try RopeTable(rope, tokens: maxTokens)) }
    self.ropes = ropes
    let first = layers[0]

    normalized = try ActivationRows(
      tokens: maxTokens, columns: configuration.hidden, readers: layers.flatMap(\.inputReaders), product: product,
      maxTerms: 2)
    attended = try ActivationRows(
      tokens: maxTokens, columns: configuration.heads * configuration.headDim,
      readers: layers.map(\.attention.output), product: product)
    gated = try ActivationRows(
      tokens: maxTokens, columns: configuration.feedForward, readers: layers.map(\.feedForward.down),
      product: product, maxTerms: 2)
    normalize = NormalizeStep(state, output: normalized, weight: first.attentionNorm)
    normalizeBranch = NormalizeBranchStep(state, weight: first.attentionNorm)
    attentionInput = AttentionInputStep(state, input: normalized, weights: first.attention, rope: ropes[0])
    attend = try AttendStep(state, output: attended)
    attentionOutput = ProjectStep(state, input: attended, linear: first.attention.output)
    feedForward = FeedForwardStep(state, input: normalized, output: gated, weights: first.feedForward)
    down = ProjectStep(state, input: gated, linear: first.feedForward.down)
    outputHead = try OutputHeadStep(state, norm: model.outputNorm, linear: model.head)
  }

  /// Rows of this pass so far.
  public var count: Int { state.count }

  /// Starts an empty pass.
  public func begin() {
    state.count = 0
    state.sequences.removeAll(keepingCapacity: true)
  }

  /// Adds tokens at the end of a sequence.
  /// - Returns: false, with nothing changed, where the sequence's cache has no room for them.
  /// - Precondition: they fit this pass, and each id is below the vocabulary's size.
  public func append(_ tokens: some Collection<Int32>, to sequence: KVSequence) -> Bool {
    precondition(state.count + tokens.count <= maxTokens)
    let start = sequence.count
    guard sequence.extend(by: tokens.count) else { return false }
    for (offset, token) in tokens.enumerated() { place(token, at: start + offset, of: sequence) }
    return true
  }

  /// Adds one token at the end of a sequence; allocates nothing.
  /// - Returns: false, with nothing changed, where the sequence's cache has no room for it.
  public func append(_ token: Int32, to sequence: KVSequence) -> Bool {
    precondition(state.count < maxTokens)
    let position = sequence.count
    guard sequence.extend(by: 1) else { return false }
    place(token, at: position, of: sequence)
    return true
  }

  private func place(_ token: Int32, at position: Int, of sequence: KVSequence) {
    precondition(token >= 0 && Int(token) < model.configuration.vocab)
    state.tokens.view[state.count] = token
    state.positions.view[state.count] = Int32(position)
    state.sequences.append(sequence)
    state.count += 1
  }

  /// Computes all layers for the appended rows.
  public func run() {
    embed()
    for layer in 0..<model.configuration.layers { compute(layer: layer) }
    // Whoever lets go of a sequence now gets its blocks back at once. The array keeps its memory.
    state.sequences.removeAll(keepingCapacity: true)
  }

  /// Computes one layer, the last with inputs of two terms.
  func compute(layer: Int) {
    normalized.terms = layer == model.configuration.layers - 1 ? 2 : 1
    gated.terms = normalized.terms
    model.family.run(layer: layer, self)
  }

  /// Most rows of one call of `logits`.
  public static let maxLogitRows = OutputHeadStep.maxTokens

  /// Logits [vocab] of up to 16 rows of the pass just run, handed to `body` one after another.
  public func logits(rows: Range<Int>, _ body: (_ row: Int, _ logits: View<Float>) -> Void) {
    outputHead.run(pool, rows: rows, observer: observer)
    for row in rows { body(row, outputHead.row(row - rows.lowerBound)) }
  }

  /// Logits [vocab] of one row of the pass just run; they stay until logits are asked for again.
  public func logits(row: Int) -> View<Float> {
    computeLogits(rows: row..<row + 1)
    return logits(at: 0)
  }

  /// Computes the logits of up to 16 rows of the pass just run; they stay until logits are asked for again.
  public func computeLogits(rows: Range<Int>) { outputHead.run(pool, rows: rows, observer: observer) }

  /// Logits [vocab] of one of the rows that `computeLogits` was called for, 0 for the first. Several threads may read
  /// them, and each of several may change one row.
  public func logits(at index: Int) -> View<Float> { outputHead.row(index) }

  /// Shows the observer what the head would read for these rows, at most `maxLogitRows`, without computing it.
  public func observeHead(rows: Range<Int>) {
    if let observer { outputHead.show(rows: rows, to: observer) }
  }

  /// Everything in front of the first layer: embeddings, and what the rows' positions and sequences ask for.
  func embed() {
    state.places.prepare(state.sequences)
    for row in 0..<state.count {
      let residual = state.residualRow(row)
      let position = Int(state.positions.view[row])
      model.embedding.unpack(row: Int(state.tokens.view[row]), to: residual)
      if let scale = model.family.embeddingScale { state.kernels.scale(residual, by: scale) }
      for table in ropes { table.fill(token: row, position: position) }
    }
  }
}

/// What a family's layers are made of: one call a fused step.
extension ForwardPass {
  /// normalized = norm(residual)
  func normalizeResidual(_ weight: AlignedBuffer<Float>) { normalize.run(pool, weight: weight) }

  /// queries, keys, values = rope(W normalized); keys and values go to the cache. Queries are scaled for the softmax.
  func projectHeads(_ weights: AttentionWeights, layer: Int, rope: Int = 0, queryScale: Float) {
    guard observe(normalized, [weights.query, weights.key, weights.value]) else { return }
    attentionInput.run(pool, weights, layer: layer, rope: ropes[rope], queryScale: queryScale)
  }

  /// attended = softmax(queries keys) values, over the last `window` positions or all
  func attend(layer: Int, window: Int? = nil) {
    if !isCut { attend.run(pool, layer: layer, window: window) }
  }

  /// residual += W attended
  func addAttention(_ weights: AttentionWeights) {
    guard observe(attended, [weights.output]) else { return }
    attentionOutput.run(pool, weights.output, to: .residual)
  }

  /// residual += norm(W attended)
  func addAttention(_ weights: AttentionWeights, norm: AlignedBuffer<Float>) {
    guard observe(attended, [weights.output]) else { return }
    attentionOutput.run(pool, weights.output, to: .branch)
    normalizeBranch.run(pool, weight: norm)
  }

  /// gated = activation(gate normalized) * (up normalized)
  func gate(_ weights: FeedForwardWeights, _ activation: Activation) {
    guard observe(normalized, [weights.gate, weights.up]) else { return }
    feedForward.run(pool, weights, activation: activation)
  }

  /// residual += W gated
  func addFeedForward(_ weights: FeedForwardWeights) {
    guard observe(gated, [weights.down]) else { return }
    down.run(pool, weights.down, to: .residual)
  }

  /// residual += norm(W gated)
  func addFeedForward(_ weights: FeedForwardWeights, norm: AlignedBuffer<Float>) {
    guard observe(gated, [weights.down]) else { return }
    down.run(pool, weights.down, to: .branch)
    normalizeBranch.run(pool, weight: norm)
  }

  /// Shows inputs to whoever wants to see them. Returns whether they are to be multiplied.
  private func observe(_ rows: ActivationRows, _ readers: [Linear]) -> Bool {
    if let observer, !isCut {
      observer.observe(rows.floatRows(count), columns: rows.columns, readers: readers.map(\.name))
    }
    return !isCut
  }
}
