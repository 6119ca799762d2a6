import CKernels
import Compute

/// How matrix products are computed.
public enum MatrixProduct: Sendable {
  /// Packed weights times 8-bit activations: the product.
  case integer
  /// Weights decoded to F32, F32 activations, OpenBLAS: slow, exact to rounding, what everything is compared with.
  case reference(OpenBLAS)

  public var isReference: Bool { if case .reference = self { true } else { false } }
}

/// Activations of a pass's tokens, in the form that the matrices reading them need: floats, 8-bit blocks, or both.
///
/// A row of blocks has one term, the rounded activations, or two, with what the rounding left out as the second.
/// - Decision: two terms in the last layer, whose output goes to the head with nothing behind it that would average its
///   errors. On SmolLM2 rounding the inputs of that one feed-forward layer, 2 % of all products, made a fifth of the
///   integer path's KL divergence; `Benchmarks/QUALITY.md` has the table of all steps.
/// - Rejected: two terms for the head too (a quarter less again, but a fifth of all products, and 13 to 22 % of the
///   speed of eight sequences), for queries, keys and values (12 % of the products for as much).
/// - Wrong if: on another model `eval --reference` shows no difference between one term and two.
final class ActivationRows {
  let columns: Int
  /// Terms of the rows that are written and read from now on: 1 or, where made for it, 2.
  var terms = 1
  /// Whether somebody beside the matrices reads the floats.
  var isObserved = false
  private let tokens: Int
  private let needsFloats: Bool
  let needsBlocks: Bool
  private let floats: AlignedBuffer<Float>
  private let blocks: AlignedBuffer<Activations>
  private let blockStride: Int

  /// - Parameter readers: the matrices that will be multiplied with these rows.
  init(
    tokens: Int, columns: Int, readers: [Linear], product: MatrixProduct, maxTerms: Int = 1
  ) throws(SystemError) {
    self.columns = columns
    self.tokens = tokens
    needsFloats = product.isReference || readers.contains { $0.layout.isFloat }
    needsBlocks = !product.isReference && readers.contains { !$0.layout.isFloat }
    // Quantised matrices have whole blocks of 32 columns, so the rounding only matters where no block is made.
    floats = try AlignedBuffer(count: tokens * columns)
    blockStride = Activations.stride(columns: columns)
    blocks = try AlignedBuffer(count: needsBlocks ? maxTerms * tokens * blockStride : 0)
  }

  /// The first rows, one after another.
  func floatRows(_ tokens: Int) -> View<Float> { floats.part(0, tokens * columns) }

  func floatRow(_ token: Int) -> View<Float> { floats.part(token * columns, columns) }

  func blockRow(_ token: Int, term: Int = 0) -> View<Activations> {
    blocks.part((term * tokens + token) * blockStride, columns / Kernels.block)
  }

  /// Quantises `count` elements of a row from `start`, where blocks are needed.
  /// - Precondition: both are multiples of 32.
  func finish(token: Int, start: Int, count: Int, _ kernels: Kernels) {
    quantize(floatRow(token).part(start, count), token: token, start: start, kernels)
  }

  /// Takes elements of a row from `start` that stand elsewhere, in the forms that are needed: seldom as floats.
  /// - Precondition: as of `finish`.
  func put(_ elements: View<Float>, token: Int, start: Int, _ kernels: Kernels) {
    if needsFloats || isObserved { elements.copy(to: floatRow(token).part(start, elements.count)) }
    quantize(elements, token: token, start: start, kernels)
  }

  private func quantize(_ x: View<Float>, token: Int, start: Int, _ kernels: Kernels) {
    guard needsBlocks else { return }
    let count = x.count
    precondition(start.isMultiple(of: Kernels.block) && count.isMultiple(of: Kernels.block))
    let rounded = blockRow(token).part(start / Kernels.block, count / Kernels.block)
    kernels.quantize(x, to: rounded)
    guard terms == 2 else { return }
    let rest = blockRow(token, term: 1).part(start / Kernels.block, count / Kernels.block)
    kernels.quantizeRest(x, of: rounded, to: rest)
  }

  /// All rows, as kernels of a float or an integer layout read them.
  func address(float: Bool, term: Int = 0) -> UnsafeRawPointer {
    float
      ? unsafe UnsafeRawPointer(floatRow(0).pointer) : unsafe UnsafeRawPointer(blockRow(0, term: term).pointer)
  }
}

/// What the steps of a pass share: the tokens under way, the buffers between steps, scratch of each worker.
///
/// Buffers hold `maxTokens` rows and are made once. During a step a worker writes only rows or columns of its own chunk.
final class PassState {
  let configuration: ModelConfiguration
  let kernels: Kernels
  let product: MatrixProduct
  let maxTokens: Int

  /// Rows of this pass.
  var count = 0
  let tokens: AlignedBuffer<Int32>
  let positions: AlignedBuffer<Int32>
  var sequences: [KVSequence] = []
  /// Where the keys and values of the rows are; ready once the steps run.
  let places: KVPlaces

  /// [tokens, hidden]: the residual stream.
  let residual: AlignedBuffer<Float>
  /// [tokens, hidden]: a layer's output on its way through a norm of its own (Gemma).
  let branch: AlignedBuffer<Float>
  /// [tokens, heads * headDim]
  let queries: AlignedBuffer<Float>
  /// The same in 8 bits, for a Q8_0 cache.
  private let queryBlocks: AlignedBuffer<Activations>

  /// Rows of a matrix that one chunk of a step computes: few enough to spread a small matrix over threads, and a whole
  /// block of activations, so that a chunk can quantise its own output.
  static let rowsPerChunk = 32

  /// One buffer for all workers: reaching through an array of buffers would count references in every chunk.
  private let scratch: AlignedBuffer<Float>
  private let scratchFloats: Int
  /// Likewise: decoded rows of weights on the reference path, else a product of second terms.
  private let slabs: AlignedBuffer<Float>
  private let slabFloats: Int

  init(
    _ configuration: ModelConfiguration, kernels: Kernels, product: MatrixProduct, maxTokens: Int, threads: Int
  ) throws(SystemError) {
    self.configuration = configuration
    self.kernels = kernels
    self.product = product
    self.maxTokens = maxTokens
    workers = threads
    tokens = try AlignedBuffer(count: maxTokens)
    positions = try AlignedBuffer(count: maxTokens)
    residual = try AlignedBuffer(count: maxTokens * configuration.hidden)
    branch = try AlignedBuffer(count: maxTokens * configuration.hidden)
    queries = try AlignedBuffer(count: maxTokens * configuration.heads * configuration.headDim)
    queryBlocks = try AlignedBuffer(
      count: maxTokens * configuration.heads * (configuration.headDim / Kernels.block))
    places = try KVPlaces(maxTokens: maxTokens)
    sequences.reserveCapacity(maxTokens)
    // Two outputs of a chunk, of which a KV head's key and value are the largest; or what attention takes.
    let output = maxTokens * max(Self.rowsPerChunk, configuration.headDim)
    let softmax = AttendStep.scratchFloats(configuration)
    let slab =
      max(OutputHeadStep.rowsPerChunk, configuration.headDim)
      * max(configuration.hidden, configuration.feedForward, configuration.heads * configuration.headDim)
    scratchFloats = (max(2 * output, softmax) + 31) / 32 * 32
    scratch = try AlignedBuffer(count: threads * scratchFloats)
    slabFloats = ((product.isReference ? slab : output) + 31) / 32 * 32
    slabs = try AlignedBuffer(count: threads * slabFloats)
  }

  func residualRow(_ token: Int) -> View<Float> {
    residual.part(token * configuration.hidden, configuration.hidden)
  }

  func branchRow(_ token: Int) -> View<Float> { branch.part(token * configuration.hidden, configuration.hidden) }

  func queryHead(_ token: Int, head: Int, count: Int = 1) -> View<Float> {
    let dimensions = configuration.headDim
    return queries.part((token * configuration.heads + head) * dimensions, count * dimensions)
  }

  func queryBlocks(_ token: Int, head: Int, count: Int = 1) -> View<Activations> {
    let blocks = configuration.headDim / Kernels.block
    return queryBlocks.part((token * configuration.heads + head) * blocks, count * blocks)
  }

  /// Threads that may take part in a step.
  let workers: Int

  /// Floats that belong to one worker during one chunk.
  func scratch(worker: Int) -> View<Float> { scratch.part(worker * scratchFloats, scratchFloats) }

  private func slab(worker: Int) -> View<Float> { slabs.part(worker * slabFloats, slabFloats) }

  /// y [tokens, stride] = x times `rows` of `linear`, plus its bias.
  /// - Parameters:
  ///   - rows: begin at a multiple of 8.
  ///   - y: (tokens - 1) * stride floats and the rows rounded up to 8, or more; stride at least those rows.
  func multiply(
    _ linear: Linear, rows: Range<Int>, by x: ActivationRows, tokens: Int, to y: View<Float>, stride: Int, worker: Int
  ) {
    let groupRows = Linear.groupRows
    let groups = (rows.count + groupRows - 1) / groupRows
    precondition(rows.lowerBound.isMultiple(of: groupRows) && rows.upperBound <= linear.rows)
    precondition(x.columns == linear.columns && stride >= groups * groupRows)
    precondition(y.count >= (tokens - 1) * stride + groups * groupRows)
    switch product {
    case .integer:
      let bytes = linear.groupBytes
      let weights = linear.packed.part(rows.lowerBound / groupRows * bytes, groups * bytes)
      unsafe linear.layout.multiply(
        kernels, weights: UnsafeRawPointer(weights.pointer), groups: groups, columns: linear.columns,
        x: x.address(float: linear.layout.isFloat), tokens: tokens, y: y.pointer, yStride: stride)
      guard x.terms == 2 && !linear.layout.isFloat else { break }
      // The weights of a chunk are in the cache now, so that this costs products but no bandwidth.
      let (rest, restStride) = (slab(worker: worker), groups * groupRows)
      precondition(rest.count >= tokens * restStride)
      unsafe linear.layout.multiply(
        kernels, weights: UnsafeRawPointer(weights.pointer), groups: groups, columns: linear.columns,
        x: x.address(float: false, term: 1), tokens: tokens, y: rest.pointer, yStride: restStride)
      for token in 0..<tokens {
        kernels.add(rest.part(token * restStride, rows.count), to: y.part(token * stride, rows.count))
      }
    case .reference(let blas):
      let slab = slab(worker: worker)
      for row in rows {
        linear.unpack(row: row, to: slab.part((row - rows.lowerBound) * linear.columns, linear.columns))
      }
      unsafe blas.multiplyTransposed(
        x: x.floatRow(0).pointer, tokens: tokens, xStride: linear.columns, weights: slab.pointer, rows: rows.count,
        columns: linear.columns, y: y.pointer, yStride: stride)
    }
    if let bias = linear.bias {
      for token in 0..<tokens {
        kernels.add(bias.part(rows.lowerBound, rows.count), to: y.part(token * stride, rows.count))
      }
    }
  }
}
