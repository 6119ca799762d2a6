import CKernels

/// The kernels of one instruction set.
///
/// A value of one pointer, so that it is copied freely. Which instruction sets there are and what each kernel computes is
/// written in `CKernels.h`.
@safe public struct Kernels: @unchecked Sendable {
  public let table: UnsafePointer<fk_kernels>

  /// The fastest that this machine runs.
  public static let best = unsafe Kernels(table: fk_kernels_best())

  /// Plain code that runs anywhere.
  public static let baseline = named("baseline") ?? best

  /// Every instruction set that this machine runs, fastest first.
  public static let all: [Kernels] = {
    var found: [Kernels] = []
    while let table = unsafe fk_kernels_at(found.count) { found.append(unsafe Kernels(table: table)) }
    return found
  }()

  /// A table that outlives the value; of tests, one with a planted fault.
  init(table: UnsafePointer<fk_kernels>) { unsafe self.table = table }

  /// The kernels called `name` (`baseline`, `avx2`), or nil where this machine cannot run them.
  public static func named(_ name: String) -> Kernels? {
    guard let table = unsafe fk_kernels_named(name) else { return nil }
    return unsafe Kernels(table: table)
  }

  public var name: String { unsafe String(cString: table.pointee.name) }
}
