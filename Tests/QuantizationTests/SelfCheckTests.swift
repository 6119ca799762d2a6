import CKernels
import Testing

@testable import Compute
@testable import Quantization

/// The check that is made of the kernels when a model is loaded.
@Suite struct SelfCheckTests {
  @Test(arguments: TensorType.allCases)
  func everyTablePasses(_ type: TensorType) throws {
    for kernels in Kernels.all { #expect(try PackedLayout(type).agrees(kernels), "\(kernels.name)") }
  }

  /// A table with a fault in one layout fails in that one.
  @Test func plantedFaultsAreFound() throws {
    let faulty = UnsafeMutablePointer<fk_kernels>.allocate(capacity: 1)
    defer { faulty.deallocate() }
    faulty.initialize(to: Kernels.best.table.pointee)
    let kernels = Kernels(table: faulty)
    // Q4_0: the last token is off by a hundredth.
    faulty.pointee.matmul.4 = { weights, groups, columns, x, tokens, y, stride in
      fk_matmul_of(fk_kernels_best(), FK_LAYOUT_U4Z)(weights, groups, columns, x, tokens, y, stride)
      if let y { for row in 0..<8 { y[(tokens - 1) * stride + row] *= 1.01 } }
    }
    // Q8_0: sums of two pairs saturate at 16 bits, as they do where widening comes too late.
    faulty.pointee.matmul.3 = { weights, _, columns, x, tokens, y, stride in
      guard let weights, let y, let x else { return }
      saturatingProduct(weights, columns, x.assumingMemoryBound(to: fk_activations.self), tokens, y, stride)
    }
    // F16: nothing is written.
    faulty.pointee.matmul.1 = { _, _, _, _, _, _, _ in }
    // Q6_K: not a number.
    faulty.pointee.matmul.10 = { _, _, _, _, _, y, _ in y?[3] = .nan }
    for type in TensorType.allCases {
      let isFaulty = [.q4_0, .q8_0, .f16, .q6_K].contains(type)
      #expect(try PackedLayout(type).agrees(kernels) == !isFaulty, "\(type.name)")
    }
  }
}

/// y of one group of Q8_0 as a kernel would have it that adds four products in 16 bits.
private func saturatingProduct(
  _ weights: UnsafePointer<UInt8>, _ columns: Int, _ x: UnsafePointer<fk_activations>, _ tokens: Int,
  _ y: UnsafeMutablePointer<Float>, _ stride: Int
) {
  var row = [Float](repeating: 0, count: columns)
  for index in 0..<tokens * 8 {
    fk_unpack_row(FK_LAYOUT_S8, weights, index % 8, columns, &row)
    var sum: Float = 0
    for block in 0..<columns / 32 {
      let activations = x[index / 8 * (columns / 32) + block]
      let codes = withUnsafeBytes(of: activations.codes) { $0.map { Float(Int8(bitPattern: $0)) } }
      let scale = weights + block * fk_layout_group_bytes(FK_LAYOUT_S8) + index % 8 * 2
      let d = fk_f16_to_f32(UInt16(scale[0]) | UInt16(scale[1]) << 8)
      for start in Swift.stride(from: 0, to: 32, by: 4) {
        let exact = (start..<start + 4).reduce(Float(0)) { $0 + row[block * 32 + $1] / d * codes[$1] }
        sum += min(max(exact, -32_768), 32_767) * d * activations.scale
      }
    }
    y[index / 8 * stride + index % 8] = sum
  }
}
