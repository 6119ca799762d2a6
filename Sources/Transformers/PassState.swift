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
final class ActivationRows {
  let columns: Int
  let needsFloats: Bool
  let needsBlocks: Bool
  private let floats: AlignedBuffer<Float>
  private let blocks: AlignedBuffer<Activations>

  /// - Parameter readers: the matrices that will be multiplied with these rows.
  init(tokens: Int, columns: Int, readers: [Linear], product: MatrixProduct) throws(SystemError) {
    self.columns = columns
    needsFloats = product.isReference || readers.contains { $0.layout.isFloat }
    needsBlocks = !product.isReference && readers.contains { !$0.layout.isFloat }
    // Quantised matrices have whole blocks of 32 columns, so the rounding only matters where no block is made.
    floats = try AlignedBuffer(count: tokens * columns)
    blocks = try AlignedBuffer(count: needsBlocks ? tokens * (columns / Kernels.block) : 0)
  }

  /// The first rows, one after another.
  func floatRows(_ tokens: Int) -> View<Float> { floats.part(0, tokens * columns) }

  func floatRow(_ token: Int) -> View<Float> { floats.part(token * columns, columns) }

  func blockRow(_ token: Int) -> View<Activations> {
    let count = columns / Kernels.block
    return blocks.part(token * count, count)
  }

  /// Quantises `count` elements of a row from `start`, where blocks are needed.
  /// - Precondition: both are multiples of 32.
  func finish(token: Int, start: Int, count: Int, _ kernels: Kernels) {
    guard needsBlocks else { return }
    precondition(start.isMultiple(of: Kernels.block) && count.isMultiple(of: Kernels.block))
    kernels.quantize(
      floatRow(token).part(start, count),
      to: blockRow(token).part(start / Kernels.block, count / Kernels.block))
  }

  /// The rows from `token` on, as kernels of a float or an integer layout read them.
  func address(token: Int, float: Bool) -> UnsafeRawPointer {
    float
      ? unsafe UnsafeRawPointer(floatRow(token).pointer) : unsafe UnsafeRawPointer(blockRow(token).pointer)
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

  private let scratch: [AlignedBuffer<Float>]
  private let slabs: [AlignedBuffer<Float>]

  init(
    _ configuration: ModelConfiguration, kernels: Kernels, product: MatrixProduct, maxTokens: Int, threads: Int
  ) throws(SystemError) {
    self.configuration = configuration
    self.kernels = kernels
    self.product = product
    self.maxTokens = maxTokens
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
    let outputs = 2 * maxTokens * max(Self.rowsPerChunk, configuration.headDim)
    let softmax = AttendStep.scratchFloats(configuration)
    let slab =
      max(OutputHeadStep.rowsPerChunk, configuration.headDim)
      * max(configuration.hidden, configuration.feedForward, configuration.heads * configuration.headDim)
    var scratch: [AlignedBuffer<Float>] = []
    var slabs: [AlignedBuffer<Float>] = []
    for _ in 0..<threads {
      scratch.append(try AlignedBuffer(count: max(outputs, softmax)))
      slabs.append(try AlignedBuffer(count: product.isReference ? slab : 0))
    }
    self.scratch = scratch
    self.slabs = slabs
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
  var workers: Int { scratch.count }

  /// Floats that belong to one worker during one chunk.
  func scratch(worker: Int) -> View<Float> { scratch[worker].view }

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
      let groupBytes = linear.layout.groupBytes(columns: linear.columns)
      let weights = linear.packed.part(rows.lowerBound / groupRows * groupBytes, groups * groupBytes)
      unsafe linear.layout.multiply(
        kernels, weights: UnsafeRawPointer(weights.pointer), groups: groups, columns: linear.columns,
        x: x.address(token: 0, float: linear.layout.isFloat), tokens: tokens, y: y.pointer, yStride: stride)
    case .reference(let blas):
      let slab = slabs[worker]
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
