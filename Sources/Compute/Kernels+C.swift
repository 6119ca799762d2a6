import CKernels

/// A block of 32 quantised activations of one token, as the integer kernels read it.
public typealias Activations = fk_activations

extension fk_activations {
  /// Blocks from one token to the next, where several are multiplied together.
  public static func stride(columns: Int) -> Int { fk_activation_stride(columns) }
}

/// Positions begin ..< end of a block of 64.
public typealias Slots = fk_slots

/// Where the keys and values of one layer and KV head of a sequence are.
public typealias KVBlocks = fk_kv_places

extension fk_slots {
  /// - Precondition: 0 <= range <= 64.
  public init(_ range: Range<Int>) { self.init(begin: UInt8(range.lowerBound), end: UInt8(range.upperBound)) }
}

/// How keys and values of past positions are stored.
public enum KVType: String, Sendable, CaseIterable {
  case f16
  case f32
  /// 8-bit codes, and an F16 scale for 32 dimensions of a position.
  case q8 = "q8_0"

  /// Bytes of the keys, or of the values, of one head of 64 positions.
  public func bytes(dimensions: Int) -> Int { fk_kv_bytes(code, dimensions) }

  /// Whether heads of so many dimensions can be stored so.
  public func admits(dimensions: Int) -> Bool { dimensions.isMultiple(of: self == .q8 ? Int(FK_BLOCK) : 8) }

  var code: fk_kv_type {
    switch self {
    case .f16: FK_KV_F16
    case .f32: FK_KV_F32
    case .q8: FK_KV_Q8
    }
  }
}

/// How two halves of a head's dimensions form the pairs that rope rotates.
public enum RopePairs: Sendable {
  /// (2i, 2i + 1): Llama's files, whose query and key rows were permuted for it.
  case adjacent
  /// (i, i + d / 2): Qwen and Gemma.
  case halves
}

extension Kernels {
  /// Elements that share one scale when activations are quantised.
  public static let block = Int(FK_BLOCK)

  /// Positions whose keys and values lie together.
  public static let kvBlock = Int(FK_KV_BLOCK)

  /// x as 8-bit blocks of 32.
  /// - Precondition: x.count is a multiple of 32 and `destination` holds x.count / 32 blocks.
  public func quantize(_ x: View<Float>, to destination: View<Activations>) {
    precondition(x.count.isMultiple(of: Self.block) && destination.count >= x.count / Self.block)
    unsafe table.pointee.quantize(x.pointer, x.count, destination.pointer)
  }

  /// What the rounding of x to `rounded`, by `quantize`, left out, rounded itself: x is nearly rounded + rest.
  /// - Precondition: x.count is a multiple of 32; the others hold x.count / 32 blocks.
  public func quantizeRest(_ x: View<Float>, of rounded: View<Activations>, to rest: View<Activations>) {
    precondition(x.count.isMultiple(of: Self.block))
    precondition(rounded.count >= x.count / Self.block && rest.count >= x.count / Self.block)
    unsafe table.pointee.quantize_rest(x.pointer, x.count, rounded.pointer, rest.pointer)
  }

  /// y = x / sqrt(mean(x^2) + epsilon) * weight; y may be x.
  public func rmsNorm(_ x: View<Float>, weight: View<Float>, epsilon: Float, to y: View<Float>) {
    precondition(weight.count == x.count && y.count == x.count)
    unsafe table.pointee.rms_norm(x.pointer, weight.pointer, x.count, epsilon, y.pointer)
  }

  /// y += x
  public func add(_ x: View<Float>, to y: View<Float>) {
    precondition(x.count == y.count)
    unsafe table.pointee.add(x.pointer, x.count, y.pointer)
  }

  /// x *= factor
  public func scale(_ x: View<Float>, by factor: Float) {
    unsafe table.pointee.scale(factor, x.count, x.pointer)
  }

  /// gate = activation(gate) * up
  public func activate(_ activation: Activation, gate: View<Float>, up: View<Float>) {
    precondition(gate.count == up.count)
    switch activation {
    case .silu: unsafe table.pointee.silu_multiply(up.pointer, up.count, gate.pointer)
    case .geluTanh: unsafe table.pointee.gelu_multiply(up.pointer, up.count, gate.pointer)
    }
  }

  /// Rotates the first 2 * cosine.count dimensions of a head in place.
  public func rope(_ head: View<Float>, cosine: View<Float>, sine: View<Float>, pairs: RopePairs) {
    precondition(cosine.count == sine.count && 2 * cosine.count <= head.count)
    switch pairs {
    case .adjacent:
      unsafe table.pointee.rope_adjacent(cosine.pointer, sine.pointer, 2 * cosine.count, head.pointer)
    case .halves: unsafe table.pointee.rope_halves(cosine.pointer, sine.pointer, 2 * cosine.count, head.pointer)
    }
  }

  /// Stores one position's key and value of one head at `slot` (0..<64) of its block.
  /// - Precondition: both blocks have `type.bytes(dimensions: key.count)` bytes.
  public func store(
    key: View<Float>, value: View<Float>, type: KVType, slot: Int, keys: UnsafeMutableRawPointer,
    values: UnsafeMutableRawPointer
  ) {
    precondition(key.count == value.count && slot >= 0 && slot < Self.kvBlock)
    unsafe fk_store(table, type.code, key.pointer, value.pointer, key.count, slot, keys, values)
  }

  /// Folds one block of 64 positions into the running softmaxes of some rows of query heads; see `CKernels.h`.
  /// - Parameters:
  ///   - queries: [rows, heads, dimensions] for a cache of floats.
  ///   - slots: what each row sees of the block, at least one position.
  ///   - next: keys that will be read next.
  ///   - softmax: of rows * heads heads.
  public func attend(
    queries: View<Float>, type: KVType, keys: UnsafeRawPointer, values: UnsafeRawPointer, slots: View<Slots>,
    next: UnsafeRawPointer? = nil, into softmax: Softmax
  ) {
    precondition(queries.count == softmax.heads * softmax.dimensions && type != .q8)
    unsafe attend(
      UnsafeRawPointer(queries.pointer), type, keys: keys, values: values, slots: slots, next: next, into: softmax)
  }

  /// The same for a Q8_0 cache, whose queries are 8-bit too: [rows, heads, dimensions / 32].
  public func attend(
    queries: View<Activations>, keys: UnsafeRawPointer, values: UnsafeRawPointer, slots: View<Slots>,
    next: UnsafeRawPointer? = nil, into softmax: Softmax
  ) {
    precondition(queries.count * Self.block == softmax.heads * softmax.dimensions)
    unsafe attend(
      UnsafeRawPointer(queries.pointer), .q8, keys: keys, values: values, slots: slots, next: next, into: softmax)
  }

  /// The softmax of one row over some of its positions, from nothing.
  /// - Parameters:
  ///   - queries: of the heads that share these keys: floats, or 8-bit blocks for a Q8_0 cache.
  ///   - places: of all blocks up to the last of these positions.
  ///   - next: keys that the same thread will read afterwards.
  public func attend(
    queries: UnsafeRawPointer, type: KVType, places: KVBlocks, positions: Range<Int>, next: UnsafeRawPointer?,
    into softmax: Softmax
  ) {
    precondition(positions.lowerBound >= 0 && softmax.dimensions <= Int(FK_MAX_DIMENSIONS))
    unsafe fk_attend_positions(
      table, type.code, queries, softmax.heads, softmax.dimensions, places, positions.lowerBound, positions.upperBound,
      next, softmax.maximum.pointer, softmax.sum.pointer, softmax.output.pointer)
  }

  private func attend(
    _ queries: UnsafeRawPointer, _ type: KVType, keys: UnsafeRawPointer, values: UnsafeRawPointer,
    slots: View<Slots>, next: UnsafeRawPointer?, into softmax: Softmax
  ) {
    let rows = slots.count
    precondition(rows > 0 && softmax.heads.isMultiple(of: rows) && softmax.dimensions <= Int(FK_MAX_DIMENSIONS))
    for row in 0..<rows { precondition(slots[row].begin < slots[row].end && slots[row].end <= Self.kvBlock) }
    // Memory that is fetched must exist: an address that does not would walk through the page tables.
    unsafe fk_attend(
      table, type.code, queries, rows, softmax.heads / rows, softmax.dimensions, keys, values, slots.pointer,
      next ?? keys, softmax.maximum.pointer, softmax.sum.pointer, softmax.output.pointer)
  }

  /// Merges partial softmaxes into running ones, head by head.
  public func merge(_ part: Softmax, into whole: Softmax) {
    precondition(whole.dimensions == part.dimensions && part.heads == whole.heads)
    unsafe table.pointee.merge(
      part.maximum.pointer, part.sum.pointer, part.output.pointer, part.heads, part.dimensions,
      whole.maximum.pointer, whole.sum.pointer, whole.output.pointer)
  }

  /// log(sum(exp(x))), and the largest element.
  public func logSumExp(_ x: View<Float>) -> (value: Float, largest: Float) {
    var largest: Float = 0
    let value = unsafe table.pointee.log_sum_exp(x.pointer, x.count, &largest)
    return (value, largest)
  }
}

/// The function between a feed-forward layer's gate and its product with `up`.
public enum Activation: Sendable {
  case silu
  /// GELU in its tanh form.
  case geluTanh
}

/// A softmax under way: what a number of heads have seen of their positions so far.
public struct Softmax: Sendable {
  public let heads: Int
  public let dimensions: Int
  /// [heads], from -infinity
  public let maximum: View<Float>
  /// [heads], sums of weights relative to the maximum
  public let sum: View<Float>
  /// [heads, dimensions], weighted sums of values
  public let output: View<Float>

  /// Elements that `init(in:)` takes.
  public static func floats(heads: Int, dimensions: Int) -> Int { heads * (dimensions + 2) }

  public init(in memory: View<Float>, heads: Int, dimensions: Int) {
    self.heads = heads
    self.dimensions = dimensions
    maximum = memory.part(0, heads)
    sum = memory.part(heads, heads)
    output = memory.part(2 * heads, heads * dimensions)
  }

  public init(maximum: View<Float>, sum: View<Float>, output: View<Float>, heads: Int, dimensions: Int) {
    precondition(maximum.count == heads && sum.count == heads && output.count == heads * dimensions)
    (self.maximum, self.sum, self.output) = (maximum, sum, output)
    (self.heads, self.dimensions) = (heads, dimensions)
  }

  /// `count` of its heads, from `first` on.
  public func part(_ first: Int, _ count: Int) -> Softmax {
    Softmax(
      maximum: maximum.part(first, count), sum: sum.part(first, count),
      output: output.part(first * dimensions, count * dimensions), heads: count, dimensions: dimensions)
  }

  /// Nothing seen yet.
  public func reset() {
    maximum.fill(-.infinity)
    sum.fill(0)
    output.fill(0)
  }
}
