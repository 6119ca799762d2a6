import CountingSupport

@testable import Compute

/// The machine's best kernels, counting the weights that they read.
enum CountingKernels {
  static let kernels = unsafe Kernels(table: cs_counting_kernels())
  static var weightBytesRead: UInt64 { cs_weight_bytes_read() }
}
