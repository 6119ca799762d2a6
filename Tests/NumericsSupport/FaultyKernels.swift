import CKernels
import Glibc
import Synchronization

/// Kernels with one wrong function: what the tests of reproducibility must notice. The norm stands for any of them, since
/// every family calls it for every row and its place in the table's order of things is simple.
public enum PlantedFault: Sendable {
  /// Every fifth call gives half as much again: a state that leaks from one row into others, so that a row's result
  /// depends on which rows were computed before it.
  case leakingState
  /// The same fault in one unit of the last place of one element.
  case leakingLastPlace
  /// Threads of the pool other than the caller compute something else: a result that depends on who computes it.
  case dependsOnThread

  /// A copy of the machine's best kernels with the fault. It lives as long as the process: models may point to it.
  public var table: UnsafePointer<fk_kernels> {
    let table = UnsafeMutablePointer<fk_kernels>.allocate(capacity: 1)
    table.initialize(to: fk_kernels_best().pointee)
    switch self {
    case .leakingState:
      table.pointee.rms_norm = { x, weight, count, epsilon, y in
        fk_kernels_best().pointee.rms_norm(x, weight, count, epsilon, y)
        if isFifthCall(), let y { enlarge(y, count) }
      }
    case .leakingLastPlace:
      table.pointee.rms_norm = { x, weight, count, epsilon, y in
        fk_kernels_best().pointee.rms_norm(x, weight, count, epsilon, y)
        if isFifthCall(), let y { y[0] = y[0].nextUp }
      }
    case .dependsOnThread:
      table.pointee.rms_norm = { x, weight, count, epsilon, y in
        fk_kernels_best().pointee.rms_norm(x, weight, count, epsilon, y)
        // The caller is slow, so that the others get to compute, however loaded the machine is.
        if CallingThread.isThis { usleep(50) } else if let y { enlarge(y, count) }
      }
    }
    return UnsafePointer(table)
  }
}

private let calls = Atomic<Int>(0)

private func isFifthCall() -> Bool { calls.add(1, ordering: .relaxed).newValue.isMultiple(of: 5) }

private func enlarge(_ y: UnsafeMutablePointer<Float>, _ count: Int) {
  for index in 0..<count { y[index] *= 1.5 }
}

/// Marks the thread that drives a pool, for `PlantedFault.dependsOnThread`.
public enum CallingThread {
  private static let key = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()

  static var isThis: Bool { pthread_getspecific(key) != nil }

  public static func mark<Result>(_ body: () throws -> Result) rethrows -> Result {
    pthread_setspecific(key, UnsafeRawPointer(bitPattern: 1))
    defer { pthread_setspecific(key, nil) }
    return try body()
  }
}
