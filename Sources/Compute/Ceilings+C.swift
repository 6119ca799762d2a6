import CKernels
import Glibc

/// What the machine can do at best with some threads: no engine computes faster than this.
public struct Ceilings: Sendable, Equatable {
  public let threads: Int
  /// Bytes a second that all threads together read from memory on huge pages, and on small ones.
  public let readBytes: Double
  public let readBytesOnSmallPages: Double
  /// Products a second that all threads together add up in registers: 8-bit integers, and floats.
  public let integerProducts: Double
  public let floatProducts: Double

  /// Memory that is read: more than any cache holds.
  public static let readSpan = 256 << 20

  /// Measures, on the active threads of a pool; takes about half a second and 256 MB.
  /// - Throws: `SystemError` where that memory is not to be had.
  public init(_ pool: WorkerPool, _ kernels: Kernels = .best) throws(SystemError) {
    threads = pool.active
    readBytes = try Self.read(pool, kernels, hugePages: true)
    readBytesOnSmallPages = try Self.read(pool, kernels, hugePages: false)
    let job = SpinJob(kernels)
    integerProducts = Self.best(of: 5) { job.run(pool) }
    job.multipliesFloats = true
    floatProducts = Self.best(of: 5) { job.run(pool) }
  }

  private static func read(_ pool: WorkerPool, _ kernels: Kernels, hugePages: Bool) throws(SystemError) -> Double {
    let memory = try AlignedBuffer<UInt8>(count: readSpan, hugePages: hugePages)
    memory.view.fill(1)
    let job = ReadJob(kernels, memory)
    // Which way is faster changes from machine to machine, and on one from hour to hour.
    return best(of: 16) {
      job.prefetches.toggle()
      let start = Clock.nowNanos()
      pool.run(job, chunks: ReadJob.chunks)
      return Double(readSpan) / Double(Clock.nowNanos() - start) * 1e9
    }
  }

  /// A ceiling is the best that was seen: whatever disturbs a measurement makes it slower.
  private static func best(of times: Int, _ measure: () -> Double) -> Double {
    (0..<times).reduce(0) { best, _ in max(best, measure()) }
  }
}

private final class ReadJob: PoolJob {
  static let chunks = 256
  private let kernels: Kernels
  private let memory: AlignedBuffer<UInt8>
  var prefetches = false

  init(_ kernels: Kernels, _ memory: AlignedBuffer<UInt8>) {
    self.kernels = kernels
    self.memory = memory
  }

  func perform(chunk: Int, worker: Int) {
    let size = memory.count / Self.chunks
    let part = memory.part(chunk * size, size)
    unsafe consume(Float(kernels.table.pointee.read_memory(part.pointer, part.count, prefetches)))
  }
}

private final class SpinJob: PoolJob {
  private static let rounds = 400_000
  var multipliesFloats = false
  private let kernels: Kernels
  private var products = 0

  init(_ kernels: Kernels) { self.kernels = kernels }

  /// Products a second of all threads.
  func run(_ pool: WorkerPool) -> Double {
    let start = Clock.nowNanos()
    pool.run(self, chunks: pool.active * 4)
    return Double(products * pool.active * 4) / Double(Clock.nowNanos() - start) * 1e9
  }

  func perform(chunk: Int, worker: Int) {
    var sink: Float = 0
    let rounds = kernels.name == "baseline" ? Self.rounds / 50 : Self.rounds
    let done =
      multipliesFloats
      ? unsafe kernels.table.pointee.multiply_floats(rounds, &sink)
      : unsafe kernels.table.pointee.multiply_integers(rounds, &sink)
    consume(sink)
    // The same for every chunk.
    if chunk == 0 { products = done }
  }
}

/// Where results go that nobody wants, so that computing them is not optimised away.
@inline(never) private func consume(_ value: Float) {
  if value == -12345.678 { usleep(0) }
}
