import CKernels
import Compute

extension PackedLayout {
  /// Whether the kernels of an instruction set agree with plain code on one tile of this layout, extremes included.
  ///
  /// Asked when a model is loaded, for the layouts that it uses: a processor, hypervisor or compiler at fault must not
  /// give wrong answers quietly. It takes some microseconds.
  public func agrees(_ kernels: Kernels, with reference: Kernels = .baseline) throws(SystemError) -> Bool {
    let columns = 256
    let tokens = 6
    let rows = Self.groupRows
    let weights = try AlignedBuffer<UInt8>(count: groupBytes(columns: columns))
    withExtendedLifetime(weights) { fill(weights.view, columns: columns) }
    let stride = Activations.stride(columns: columns)
    let activations = try AlignedBuffer<Activations>(count: tokens * stride)
    let floats = try AlignedBuffer<Float>(count: tokens * columns)
    for index in 0..<tokens * columns {
      // All at the top, all at the bottom, alternating, then a spread.
      let spread = Float((index * 37) % 255 - 127)
      floats.view[index] = [127, -127, index.isMultiple(of: 2) ? 127 : -127][safe: index / columns] ?? spread
    }
    for token in 0..<tokens {
      let row = activations.part(token * stride, columns / Kernels.block)
      reference.quantize(floats.part(token * columns, columns), to: row)
    }
    let x =
      isFloat ? unsafe UnsafeRawPointer(floats.pointer) : unsafe UnsafeRawPointer(activations.pointer)
    let expected = try AlignedBuffer<Float>(count: tokens * rows)
    let found = try AlignedBuffer<Float>(count: tokens * rows)
    withExtendedLifetime((weights, activations, floats)) {
      for (table, y) in [(reference, expected), (kernels, found)] {
        unsafe multiply(
          table, weights: UnsafeRawPointer(weights.pointer), groups: 1, columns: columns, x: x, tokens: tokens,
          y: y.pointer, yStride: rows)
      }
    }
    return withExtendedLifetime((expected, found)) {
      let outputs = 0..<tokens * rows
      let largest = outputs.reduce(Float(0)) { max($0, abs(expected.view[$1])) }
      return outputs.allSatisfy { abs(expected.view[$0] - found.view[$0]) <= 1e-5 * largest }
    }
  }

  /// Codes of every kind under scales that are ordinary numbers. Half of the columns hold one extreme each, without a
  /// gap: sums of 16 bits overflow only where neighbours are extreme together.
  private func fill(_ weights: View<UInt8>, columns: Int) {
    let extremes: [UInt8] = [0x00, 0xFF, 0x80, 0x7F]
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    for index in 0..<weights.count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      weights[index] = extremes[safe: index * 8 / weights.count] ?? UInt8(truncatingIfNeeded: state >> 33)
    }
    guard !isFloat else {
      // Small finite numbers in each of the three formats.
      for index in 0..<weights.count { weights[index] &= 0x3F }
      return
    }
    let block = fk_layout_group_bytes(code)
    for start in stride(from: 0, to: weights.count, by: block) {
      // Scales, and behind them minima where there are any, open a block: halves of about 0.1 to 0.5.
      for half in 0..<(hasMinima ? 16 : 8) {
        weights[start + 2 * half] = UInt8(half * 9)
        weights[start + 2 * half + 1] = 0x2E + UInt8(half % 8)
      }
    }
  }

  private var hasMinima: Bool {
    [FK_LAYOUT_U4M, FK_LAYOUT_U4K, FK_LAYOUT_U5M, FK_LAYOUT_U5K, FK_LAYOUT_U4M16].contains(code)
  }
}

extension Array {
  fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
