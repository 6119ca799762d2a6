import Glibc
import Synchronization

/// Products of float matrices by OpenBLAS, opened when first asked for.
///
/// - Purpose: the reference path that everything else is compared with, and the second moments of error compensation. No
///   product of a model goes through here otherwise: sums depend on shapes and on the library's choice of kernel, so
///   that a token would depend on the batch it shared.
/// - Rejected: products of unquantised models by it, chosen shape by shape. The native kernels are faster on prompts (F32
///   by a tenth, F16 by a fifth and more, since BLAS has to be given floats) and 12 to 20 times faster on single
///   tokens; `Benchmarks/SPEED.md` has the figures. Wrong if `bench` of an F16 file falls behind `--matmul reference`.
/// - Cost, measured with Debian 12's 0.3.21 (pthread build) on an AMD EPYC virtual machine of two CPUs: loading takes
///   3 ms warm and 16 ms cold, adds 3.5 MB of resident memory (3.3 MB of it pages of the file) and no thread. Each
///   thread that calls at the same time as others adds 128 MB of address space, of which 0.4 to 1.1 MB become resident.
/// - Threads: one product runs on its caller's thread alone. Calls from any number of threads at once are safe: 64 run,
///   more wait for their turn. Each uses a work area of the library's own, and Debian's build has 128 of them; beyond,
///   it ends the process or crashes.
@safe public final class OpenBLAS: Sendable {
  /// Debian's name of the library, the same for each of its builds.
  public static let libraryName = "libopenblas.so.0"
  /// The Debian package with the build that this class expects.
  public static let package = "libopenblas0-pthread"

  private typealias Sgemm =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32, UnsafePointer<Float>, Int32, Float,
      UnsafeMutablePointer<Float>, Int32
    ) -> Void
  private typealias Sgemv =
    @convention(c) (
      Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32, UnsafePointer<Float>, Int32, Float,
      UnsafeMutablePointer<Float>, Int32
    ) -> Void
  private typealias SetThreads = @convention(c) (Int32) -> Void
  private typealias GetThreads = @convention(c) () -> Int32
  private typealias GetConfiguration = @convention(c) () -> UnsafePointer<CChar>?

  private static let rowMajor: Int32 = 101
  private static let plain: Int32 = 111
  private static let transposed: Int32 = 112
  /// Calls at once, half of the library's work areas: it finds a free one faster when there are some.
  private static let concurrentCalls: UInt32 = 64

  /// The library's own words about itself: version, kernels chosen for this machine.
  public let configuration: String
  private let sgemm: Sgemm
  private let sgemv: Sgemv
  private let getThreads: GetThreads
  /// Counts the calls that may still begin. On the heap, since its address must not change.
  private nonisolated(unsafe) let turns: UnsafeMutablePointer<sem_t>

  private static let loaded = Mutex<OpenBLAS?>(nil)

  /// The library, opened at the first call. A call that fails may be repeated.
  ///
  /// Debian's build starts threads while it loads, unless the environment holds it back: the variables for that are set
  /// around the loading, where the user has not set them. Since the environment is not safe to change while other
  /// threads read it, load before starting threads.
  /// - Throws: `SystemError` that names the Debian package to install.
  public static func load() throws(SystemError) -> OpenBLAS {
    try loaded.withLock { library throws(SystemError) in
      if let library { return library }
      let opened = try OpenBLAS(path: libraryName)
      library = opened
      return opened
    }
  }

  /// Opens the library at `path`, or of that name on the loader's search path.
  init(path: String) throws(SystemError) {
    guard let handle = unsafe Self.open(path) else {
      let words = unsafe dlerror().map { unsafe String(cString: $0) } ?? "no reason given"
      throw Self.unusable(path, words)
    }
    unsafe sgemm = unsafeBitCast(try Self.symbol("cblas_sgemm", handle, path), to: Sgemm.self)
    unsafe sgemv = unsafeBitCast(try Self.symbol("cblas_sgemv", handle, path), to: Sgemv.self)
    let setThreads = unsafe unsafeBitCast(
      try Self.symbol("openblas_set_num_threads", handle, path), to: SetThreads.self)
    getThreads = unsafe unsafeBitCast(try Self.symbol("openblas_get_num_threads", handle, path), to: GetThreads.self)
    let describe = unsafe unsafeBitCast(
      try Self.symbol("openblas_get_config", handle, path), to: GetConfiguration.self)
    setThreads(1)
    configuration = unsafe describe().map { unsafe String(cString: $0) } ?? ""
    unsafe turns = .allocate(capacity: 1)
    unsafe sem_init(turns, 0, Self.concurrentCalls)
  }

  deinit {
    unsafe sem_destroy(turns)
    unsafe turns.deallocate()
  }

  /// Threads that the library would use for one product.
  var threads: Int { Int(getThreads()) }

  private static func open(_ path: String) -> UnsafeMutableRawPointer? {
    // OMP_NUM_THREADS is for the build over OpenMP, whose thread count is per calling thread and starts from it.
    let variables: [String] = ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"]
    let names = variables.filter { name in unsafe getenv(name) == nil }
    for name in names { unsafe setenv(name, "1", 0) }
    // Child processes shall not inherit what is meant for this library alone.
    defer { for name in names { unsafe unsetenv(name) } }
    return unsafe dlopen(path, RTLD_NOW | RTLD_LOCAL)
  }

  private static func symbol(
    _ name: String, _ handle: UnsafeMutableRawPointer, _ path: String
  ) throws(SystemError) -> UnsafeMutableRawPointer {
    guard let address = unsafe dlsym(handle, name) else { throw unusable(path, "it has no \(name)") }
    return unsafe address
  }

  private static func unusable(_ path: String, _ words: String) -> SystemError {
    SystemError(
      call: "dlopen", code: ELIBACC, path: path,
      detail: "OpenBLAS cannot be used (\(words)); install it with: sudo apt-get install \(package)")
  }

  /// y = x W^T: each token's vector times each row of the weights.
  ///
  /// - Shapes: x [tokens, columns] with `xStride` floats from row to row; W [rows, columns] with `weightsStride` floats
  ///   from row to row (`columns` unless given); y [tokens, rows] with `yStride` floats from row to row, overwritten
  ///   whatever it held. A slab of rows r..<r+n is `weights + r * weightsStride` with `y + r` and the whole's `yStride`.
  /// - Numerics: F32, order of the sums unspecified: |error| <= columns * 2^-23 * sum |x||w|.
  /// - Threads: safe from several at once as long as their parts of y do not overlap.
  /// - Precondition: no dimension or stride is negative or above Int32.max; strides are no smaller than the rows.
  public func multiplyTransposed(
    x: UnsafePointer<Float>, tokens: Int, xStride: Int, weights: UnsafePointer<Float>, weightsStride: Int? = nil,
    rows: Int, columns: Int, y: UnsafeMutablePointer<Float>, yStride: Int
  ) {
    let stride = weightsStride ?? columns
    precondition(tokens >= 0 && rows >= 0 && columns >= 0, "dimensions must not be negative")
    precondition(tokens <= 1 || (xStride >= columns && yStride >= rows), "a stride is smaller than its row")
    precondition(rows <= 1 || stride >= columns, "the weights' stride is smaller than a row")
    guard tokens > 0, rows > 0 else { return }
    if columns == 0 || tokens == 1 {
      // Not every version of the library reads "times 0" as "overwrite": a NaN in y would stay.
      for token in 0..<tokens { unsafe (y + token * yStride).update(repeating: 0, count: rows) }
      if columns == 0 { return }
    }
    // A signal may interrupt the wait.
    while unsafe sem_wait(turns) != 0 {}
    defer { unsafe sem_post(turns) }
    if tokens == 1 {
      unsafe sgemv(
        Self.rowMajor, Self.plain, Int32(rows), Int32(columns), 1, weights, Int32(max(stride, columns)), x, 1, 0, y, 1)
      return
    }
    unsafe sgemm(
      Self.rowMajor, Self.plain, Self.transposed, Int32(tokens), Int32(rows), Int32(columns), 1, x, Int32(xStride),
      weights, Int32(max(stride, columns)), 0, y, Int32(yStride))
  }

  /// sums += left^T right, some rows of it: what two streams of tokens have in common.
  ///
  /// - Shapes: left and right [tokens, columns]; sums [columns, columns], whose rows `rows` are added to.
  /// - Numerics and threads: as above.
  public func addProducts(
    left: UnsafePointer<Float>, right: UnsafePointer<Float>, tokens: Int, columns: Int, rows: Range<Int>,
    to sums: UnsafeMutablePointer<Float>
  ) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= columns && tokens >= 0)
    guard tokens > 0, !rows.isEmpty else { return }
    while unsafe sem_wait(turns) != 0 {}
    defer { unsafe sem_post(turns) }
    unsafe sgemm(
      Self.rowMajor, Self.transposed, Self.plain, Int32(rows.count), Int32(columns), Int32(tokens), 1,
      left + rows.lowerBound, Int32(columns), right, Int32(columns), 1, sums + rows.lowerBound * columns,
      Int32(columns))
  }
}
