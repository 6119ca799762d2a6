import Compute
import Glibc

/// A path that a file may be written to, checked before any work.
struct OutputPath {
  /// Behind symbolic links, which stay as they are.
  let path: String
  let directory: String
  let name: String

  /// - Parameter inputs: files that must not be overwritten.
  init(_ asked: String, inputs: [String]) throws(GGUFWriterError) {
    guard !asked.isEmpty, asked.utf8.last != UInt8(ascii: "/") else {
      throw .refused(path: asked, reason: "the name of a file is expected")
    }
    let path = Self.resolved(asked)
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    self.path = path
    directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    name = slash.map { String(path[path.utf8.index(after: $0)...]) } ?? path
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .refused(path: asked, reason: "is there and is no regular file")
    }
    for input in inputs {
      var other = stat()
      if unsafe stat(input, &other) == 0, other.st_dev == status.st_dev, other.st_ino == status.st_ino {
        throw .refused(path: asked, reason: "the output is the input, \(printable(input)); choose another name")
      }
    }
    // Root may write anything; that somebody took the right to write away still says something.
    guard status.st_mode & 0o222 != 0, unsafe access(path, W_OK) == 0 else {
      throw .refused(path: asked, reason: "is there and is read-only")
    }
  }

  private static func resolved(_ path: String) -> String {
    guard let real = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(real) }
    return unsafe String(cString: real)
  }
}

/// The file that an output is written to before it takes its name.
final class PartialFile {
  private static let mark = ".farthing-partial-"

  private let target: OutputPath
  private let path: String
  private let descriptor: FileDescriptor
  private var isPublished = false

  /// Removes what dead writers of the same output left, checks that there is room, and begins the file.
  init(_ target: OutputPath, byteCount: Int) throws(GGUFWriterError) {
    self.target = target
    Self.removeAbandoned(target)
    if let free = Files.freeBytes(target.directory), free < byteCount {
      throw .noSpace(path: target.path, needed: byteCount, free: free)
    }
    path = target.directory + "/" + target.name + Self.mark + String(getpid())
    do {
      descriptor = try FileDescriptor(path: path, flags: O_WRONLY | O_CREAT | O_EXCL)
    } catch {
      throw .refused(path: target.path, reason: "cannot be written: \(error.reason)")
    }
    _ = descriptor.tryLock()
  }

  deinit {
    if !isPublished { Files.remove(path) }
  }

  /// The next bytes go to this place.
  func seek(to offset: Int) throws(SystemError) {
    guard lseek(descriptor.number, offset, SEEK_SET) == offset else {
      throw SystemError(call: "lseek", code: errno, path: path)
    }
  }

  func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) { try descriptor.write(bytes) }

  func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    var rest = unsafe bytes[...]
    while unsafe !rest.isEmpty {
      let part = unsafe UnsafeRawBufferPointer(rebasing: rest)
      let count = unsafe Glibc.write(descriptor.number, part.baseAddress, min(part.count, 1 << 30))
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError(call: "write", code: errno, path: path)
      }
      unsafe rest = rest.dropFirst(count)
    }
  }

  func publish() throws(SystemError) {
    try descriptor.sync()
    try Files.publish(path, as: target.path, in: target.directory)
    isPublished = true
  }

  private static func removeAbandoned(_ target: OutputPath) {
    for entry in Files.entries(target.directory) where entry.name.hasPrefix(target.name + mark) && !entry.isDirectory {
      let path = target.directory + "/" + entry.name
      guard let descriptor = try? FileDescriptor(path: path, flags: O_RDONLY | O_NOFOLLOW) else { continue }
      if descriptor.tryLock() { Files.remove(path) }
    }
  }
}
