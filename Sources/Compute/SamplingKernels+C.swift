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
  /// - Precondition: maxima has at least so many elements.
  public func blockMaxima(_ logits: View<Float>, into maxima: View<Float>) {
    precondition(maxima.count >= Self.blocks(of: logits.count))
    unsafe table.pointee.block_maxima(logits.pointer, logits.count, maxima.pointer)
  }

  /// The tokens with a logit of at least `threshold`, by ascending id, and their logits.
  /// - Shapes: logits [count]; maxima as `blockMaxima` leaves them; ids, values [count], overwritten from the front.
  /// - Precondition: threshold is finite, and the views are as large as said.
  /// - Returns: how many tokens were found.
  public func gather(
    _ logits: View<Float>, maxima: View<Float>, threshold: Float, ids: View<Int32>, values: View<Float>
  ) -> Int {
    precondition(threshold.isFinite && maxima.count >= Self.blocks(of: logits.count))
    precondition(ids.count >= logits.count && values.count >= logits.count)
    return unsafe table.pointee.gather(
      logits.pointer, logits.count, maxima.pointer, threshold, ids.pointer, values.pointer)
  }

  /// weight = e^((x - largest) * inverseTemperature), and its sums per block in one fixed order.
  /// - Shapes: x [count]; weights [count] or nil if only sums are wanted; sums [blocks(of: count)], overwritten.
  /// - Precondition: `largest` is finite and no x is larger, +infinity aside; the views are as large as said.
  public func weigh(
    _ x: View<Float>, largest: Float, inverseTemperature: Float, weights: View<Float>?, sums: View<Float>
  ) {
    precondition(largest.isFinite && sums.count >= Self.blocks(of: x.count))
    precondition((weights?.count ?? x.count) >= x.count)
    unsafe table.pointee.weigh(x.pointer, x.count, largest, inverseTemperature, weights?.pointer, sums.pointer)
  }
}
