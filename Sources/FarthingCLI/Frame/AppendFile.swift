import Glibc

/// A file that lines are appended to, so that after a crash each is there whole or is the torn end of the file.
///
/// One process at a time has it.
final class AppendFile {
  let path: String
  private let descriptor: Int32

  /// Opens or makes the file.
  /// - Throws: also where another process appends to it.
  init(path: String) throws(CommandFailure) {
    self.path = path
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0o644)
    guard descriptor >= 0 else { throw Self.failure("open", path) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .failed("'\(printable(path))' is not a regular file")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
      close(descriptor)
      throw .failed("another process is writing to '\(printable(path))'")
    }
  }

  deinit { close(descriptor) }

  /// Cuts the file to its first bytes.
  func cut(to count: Int) throws(CommandFailure) {
    guard ftruncate(descriptor, count) == 0, fsync(descriptor) == 0 else { throw Self.failure("cut", path) }
  }

  /// Appends whole lines, and returns when they are on the disk.
  func append(_ lines: [[UInt8]]) throws(CommandFailure) {
    for line in lines {
      switch System.writeAll(line, to: descriptor) {
      case nil: continue
      case .readerGone: throw .failed("cannot write '\(printable(path))'")
      case .other(let reason): throw .failed("cannot write '\(printable(path))': \(reason)")
      }
    }
    guard fsync(descriptor) == 0 else { throw Self.failure("write", path) }
  }

  private static func failure(_ what: String, _ path: String) -> CommandFailure {
    .failed("cannot \(what) '\(printable(path))': \(System.describe(errno))")
  }
}
