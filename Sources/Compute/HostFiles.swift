import Glibc

/// The kernel's small text files under `/proc` and `/sys`, read below a root of one's choice, so that tests lay out
/// trees of their own.
///
/// Content is hostile until parsed: sizes are bounded here, numbers are checked in `HostText`. A file that cannot be
/// read is the same as one that does not exist: containers hide some, and older kernels lack others.
struct HostFiles: Sendable {
  /// Bytes of a file that are read at most.
  static let readLimit = 1 << 20
  private static let chunkBytes = 4096
  /// Prefix of every path, without a slash at its end. Paths are bytes, since names of control groups need not be UTF-8.
  private let prefix: [UInt8]

  init(root: String = "/") {
    var bytes = Array(root.utf8)
    while bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    prefix = bytes
  }

  /// The first `limit` bytes of a regular file; nil when there is none that can be read.
  /// - Parameter path: absolute, below the root.
  func read(_ path: String, limit: Int = readLimit) -> [UInt8]? {
    read(Array(path.utf8), limit: limit)
  }

  /// As `read(_:limit:)`, for a path in bytes.
  func read(_ path: [UInt8], limit: Int = readLimit) -> [UInt8]? {
    guard !path.contains(0), path.first == UInt8(ascii: "/") else { return nil }
    let terminated = prefix + path + [0]
    // Opening a FIFO or a terminal that stands in the file's place neither waits nor takes it over.
    let descriptor = unsafe terminated.withUnsafeBufferPointer { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { text in
        guard let start = text.baseAddress else { return Int32(-1) }
        return unsafe open(start, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
      }
    }
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return contents(of: descriptor, limit: limit)
  }

  /// The kernel makes these files up as they are read, and says that their size is 0: they are read to the end.
  private func contents(of descriptor: Int32, limit: Int) -> [UInt8]? {
    var content: [UInt8] = []
    var failed = false
    while content.count < limit, !failed {
      let wanted = min(Self.chunkBytes, limit - content.count)
      let chunk = unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
        var count = unsafe Glibc.read(descriptor, buffer.baseAddress, wanted)
        while count < 0, errno == EINTR { count = unsafe Glibc.read(descriptor, buffer.baseAddress, wanted) }
        failed = count < 0
        filled = max(count, 0)
      }
      if chunk.isEmpty { break }
      content += chunk
    }
    return failed ? nil : content
  }
}
