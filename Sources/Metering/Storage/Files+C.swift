import Glibc
import Synchronization

/// Counts up from one; threads may share it.
final class Counter: Sendable {
  private let value = Atomic<Int>(0)
  func next() -> Int { value.add(1, ordering: .relaxed).newValue }
}

/// The system calls that a ledger needs, safe to call with any path.
enum Files {
  /// A variable of the environment; nil where it is not set or empty.
  static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
  }

  static func reason(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
  static func lastReason() -> String { reason(errno) }

  /// The error of the call that has just failed.
  static func failure(_ call: String, _ path: String) -> LedgerError {
    switch errno {
    case ENOSPC, EDQUOT: .unwritable(path: path, reason: "the disk is full")
    case EROFS: .unwritable(path: path, reason: "the disk is read-only")
    case EACCES, EPERM: .unwritable(path: path, reason: "permission denied")
    default: .system(call: call, path: path, reason: lastReason())
    }
  }

  static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0
  }

  /// Whether this user may write a file, on a disk that takes it.
  static func isWritable(_ path: String) -> Bool { unsafe access(path, W_OK) == 0 }
  static func isReadable(_ path: String) -> Bool { unsafe access(path, R_OK) == 0 }

  /// The directory that a path lies in.
  static func directory(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
  }

  /// Size in bytes; nil where there is no such file.
  static func size(_ path: String) -> Int? {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? Int(status.st_size) : nil
  }

  /// Makes a directory that only this user may enter, and those above it, where they are missing.
  static func makeDirectories(_ path: String) throws(LedgerError) {
    if path.isEmpty || exists(path) { return }
    if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash > path.startIndex {
      try makeDirectories(String(path[..<slash]))
    }
    guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("mkdir", path) }
  }

  /// Makes a directory that may be entered by whoever may enter the one that it lies in.
  static func makeDirectoryLikeParent(_ path: String) throws(LedgerError) {
    if exists(path) { return }
    try makeDirectories(path)
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash > path.startIndex else { return }
    var status = stat()
    if unsafe stat(String(path[..<slash]), &status) == 0 { _ = unsafe chmod(path, status.st_mode & 0o7777) }
  }

  /// Names in a directory, without those that begin with a point; empty where it cannot be read.
  static func names(in directory: String) -> [String] {
    guard let stream = unsafe opendir(directory) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  static func remove(_ path: String) { _ = unsafe unlink(path) }

  /// Writes at the end of a file, if that is possible.
  static func append(_ bytes: [UInt8], to path: String) {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
  }

  /// The beginning of a small file, such as those under `/proc`; nil where it cannot be read.
  static func read(_ path: String, limit: Int = 1 << 16) -> [UInt8]? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: limit)
    var done = 0
    while done < limit {
      let count = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe Glibc.read(descriptor, buffer.baseAddress.map { unsafe $0 + done }, limit - done)
      }
      if count < 0, errno == EINTR { continue }
      if count < 0 { return nil }
      if count == 0 { break }
      done += count
    }
    return Array(bytes[..<done])
  }

  /// Waits until what was written to a file is on the disk. A file that is not there has nothing to wait for.
  static func sync(_ path: String) throws(LedgerError) {
    Failpoint.reach("sync")
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return }
      throw failure("open", path)
    }
    defer { close(descriptor) }
    guard fdatasync(descriptor) == 0 else { throw failure("fdatasync", path) }
    Failpoint.reach("sync.done")
  }

  static func pause(milliseconds: UInt32) { usleep(milliseconds * 1000) }

  /// Nanoseconds since 1970 in UTC.
  static func unixNanos() -> Int64 { nanos(CLOCK_REALTIME) }
  static func monotonicNanos() -> Int64 { nanos(CLOCK_MONOTONIC) }
  static func processCPUNanos() -> Int64 { nanos(CLOCK_PROCESS_CPUTIME_ID) }

  private static func nanos(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    guard unsafe clock_gettime(clock, &time) == 0 else { return 0 }
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// CPU time of another process so far; nil where there is none of that number.
  static func cpuNanos(ofProcess number: Int64) -> Int64? {
    var clock = clockid_t()
    var time = timespec()
    guard number > 0, let pid = pid_t(exactly: number), unsafe clock_getcpuclockid(pid, &clock) == 0,
      unsafe clock_gettime(clock, &time) == 0
    else { return nil }
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// What the kernel calls this run of the machine: 16 bytes, other ones after each boot. Zeros where it does not say.
  static func bootIdentity() -> [UInt8] {
    let text = read("/proc/sys/kernel/random/boot_id", limit: 64) ?? []
    let digits = text.compactMap { Hex.value(of: $0) }
    guard digits.count == 32 else { return [UInt8](repeating: 0, count: 16) }
    return stride(from: 0, to: 32, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  /// Bytes that a file will have, taken from the disk now, so that a later write to a mapping cannot find it full (which
  /// would end the process).
  static func reserve(_ descriptor: Int32, bytes: Int, path: String) throws(LedgerError) {
    let code = posix_fallocate(descriptor, 0, off_t(bytes))
    guard code == 0 else {
      errno = code
      throw failure("posix_fallocate", path)
    }
  }
}

/// A lock on a file that the system frees when its holder ends, however it ends.
final class FileLock: Sendable {
  let path: String
  private let descriptor: Int32

  /// Takes the lock, making the file if it is not there. Nil where another process (or another object) holds it.
  init?(trying path: String) {
    // Reading is enough for a lock, and other users of a machine-wide ledger may do no more.
    let descriptor = unsafe open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return nil }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      return nil
    }
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Whether nobody holds the lock of a file. Holds it for a moment itself, in a mode that others like it may share.
  static func isFree(_ path: String) -> Bool {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return true }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) == 0
  }
}

/// Mutual exclusion between threads. Taking it twice on one thread is a caller's bug that waits for ever.
@safe final class Lock: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body()
  }
}
