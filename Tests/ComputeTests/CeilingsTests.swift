import CKernels
import Testing

@testable import Compute

@Suite struct CeilingsTests {
  /// Every byte is read once: the sum of 64-bit lanes, and of the bytes behind the last 256.
  @Test(arguments: Kernels.all)
  func readingReadsEveryByte(_ kernels: Kernels) {
    for count in [0, 1, 255, 256, 257, 1000, 4096 + 31] {
      let memory = GuardedBuffer<UInt8>(count: max(count, 1))
      for index in 0..<count { memory.pointer[index] = UInt8(truncatingIfNeeded: index &* 7 &+ 1) }
      var expected: UInt64 = 0
      let whole = count / 256 * 256
      for lane in 0..<whole / 8 {
        for byte in 0..<8 { expected &+= UInt64(memory.pointer[lane * 8 + byte]) << UInt64(8 * byte) }
      }
      for index in whole..<count { expected &+= UInt64(memory.pointer[index]) }
      for prefetches in [false, true] {
        #expect(
          kernels.table.pointee.read_memory(memory.pointer, count, prefetches) == expected,
          "\(kernels.name) \(count) bytes")
      }
    }
  }

  /// What the loops say they did is what their sums hold.
  @Test(arguments: Kernels.all)
  func peaksCountTheirProducts(_ kernels: Kernels) {
    var sink: Float = 0
    let few = kernels.table.pointee.multiply_floats(10, &sink)
    // Each product is 1 * 0.5.
    #expect(Float(few) * 0.5 == sink, "\(kernels.name)")
    let products = kernels.table.pointee.multiply_integers(10, &sink)
    // One product in 32 is 1 * 1, the others are 0.
    #expect(Float(products) / 32 == sink, "\(kernels.name)")
    #expect(kernels.table.pointee.multiply_integers(20, &sink) == 2 * products)
  }
}
