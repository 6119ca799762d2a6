import CKernels

/// Passes over a vocabulary's logits, in code for one instruction set. What each computes is written in `sampling.h`.
///
/// Every instruction set gives the same bits. A value of one pointer, so that it is copied freely.
@safe public struct SamplingKernels: @unchecked Sendable {
  /// Tokens that share one maximum.
  public static let blockSize = Int(FK_LOGIT_BLOCK)

  /// The fastest that this machine runs.
  public static let best = unsafe SamplingKernels(table: fk_sampling_best())

  private let table: UnsafePointer<fk_sampling>

  private init(table: UnsafePointer<fk_sampling>) { unsafe self.table = table }

  /// The kernels called `name` (`baseline`, `avx2`), or nil where this machine cannot run them.
  public static func named(_ name: String) -> SamplingKernels? {
    guard let table = unsafe fk_sampling_named(name) else { return nil }
    return unsafe SamplingKernels(table: table)
  }

  public var name: String { unsafe String(cString: table.pointee.name) }

  /// How many blocks `count` logits have.
  public static func blocks(of count: Int) -> Int { (count + blockSize - 1) / blockSize }

  /// The largest logit of each block. Not-a-number counts as -infinity, +infinity as the largest finite number.
  /// - Shapes: logits [count]; maxima [blocks(of: count)], overwritten.
  public func blockMaxima(
    _ logits: UnsafePointer<Float>, count: Int, into maxima: UnsafeMutablePointer<Float>
  ) {
    unsafe table.pointee.block_maxima(logits, count, maxima)
  }

  /// The tokens with a logit of at least `threshold`, by ascending id.
  /// - Shapes: logits [count]; maxima as `blockMaxima` leaves them; ids, values [count], overwritten from the front.
  /// - Precondition: threshold is finite.
  /// - Returns: how many tokens were found.
  public func gather(
    _ logits: UnsafePointer<Float>, count: Int, maxima: UnsafePointer<Float>, threshold: Float,
    ids: UnsafeMutablePointer<Int32>, values: UnsafeMutablePointer<Float>
  ) -> Int {
    unsafe table.pointee.gather(logits, count, maxima, threshold, ids, values)
  }

  /// weight = e^((x - largest) * inverseTemperature), and its sums per block in one fixed order.
  /// - Shapes: x [count]; weights [count] or nil if only sums are wanted; sums [blocks(of: count)], overwritten.
  /// - Precondition: `largest` is finite and no x is larger, +infinity aside.
  public func weigh(
    _ x: UnsafePointer<Float>, count: Int, largest: Float, inverseTemperature: Float,
    weights: UnsafeMutablePointer<Float>?, sums: UnsafeMutablePointer<Float>
  ) {
    unsafe table.pointee.weigh(x, count, largest, inverseTemperature, weights, sums)
  }
}
