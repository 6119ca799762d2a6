import Compute
import Glibc

/// Environment variables.
enum Environment {
  /// The value of a variable; nil when unset or empty.
  static func value(_ name: String) -> String? {
    guard let text = unsafe getenv(name) else { return nil }
    let value = unsafe String(cString: text)
    return value.isEmpty ? nil : value
  }
}

/// System calls on files and directories, safe to call with any path.
enum Files {
  static func exists(_ path: String) -> Bool { status(path) != nil }

  /// Size of the regular file at `path`; nil when there is none.
  static func size(_ path: String) -> Int? {
    guard let status = status(path), status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  static func isDirectory(_ path: String) -> Bool { status(path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false }

  /// The status of what `path` names, behind symbolic links, which a person may have put in place of a large file.
  private static func status(_ path: String) -> stat? {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? status : nil
  }

  static func unlink(_ path: String) throws(SystemError) {
    guard unsafe Glibc.unlink(path) == 0 else { throw SystemError(call: "unlink", code: errno, path: path) }
  }

  /// Removes a file, if it is there and can be.
  static func remove(_ path: String) {
    _ = unsafe Glibc.unlink(path)
  }

  /// Removes a directory, if it is empty.
  static func removeIfEmpty(_ directory: String) {
    _ = unsafe rmdir(directory)
  }

  /// Removes a directory with all that is in it, following no links; what cannot be removed stays.
  static func removeTree(_ path: String) {
    for entry in entries(path) {
      let child = path + "/" + entry.name
      if entry.isDirectory { removeTree(child) } else { remove(child) }
    }
    removeIfEmpty(path)
  }

  /// Size of the largest file below `directory`: of a download under way, that is how far it is.
  static func largestFile(below directory: String) -> Int {
    entries(directory).reduce(0) { largest, entry in
      let child = directory + "/" + entry.name
      return max(largest, entry.isDirectory ? largestFile(below: child) : size(child) ?? 0)
    }
  }

  /// What is in a directory, without `.` and `..`; empty when it cannot be read.
  static func entries(_ directory: String) -> [(name: String, isDirectory: Bool)] {
    guard let stream = unsafe opendir(directory) else { return [] }
    defer { unsafe closedir(stream) }
    var entries: [(name: String, isDirectory: Bool)] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name != ".", name != ".." else { continue }
      var status = stat()
      let isDirectory = unsafe lstat(directory + "/" + name, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
      entries.append((name, isDirectory))
    }
    return entries
  }

  /// Makes a directory and those above it, where they are missing.
  static func makeDirectories(_ path: String) throws(SystemError) {
    if unsafe mkdir(path, 0o755) == 0 { return }
    let code = errno
    if code == EEXIST {
      var status = stat()
      if unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
      throw SystemError(call: "mkdir", code: ENOTDIR, path: path)
    }
    guard code == ENOENT, let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash > path.startIndex else {
      throw SystemError(call: "mkdir", code: code, path: path)
    }
    try makeDirectories(String(path[..<slash]))
    guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw SystemError(call: "mkdir", code: errno, path: path)
    }
  }

  /// Makes a directory that nobody else uses, whose name begins with `prefix`.
  static func makeTemporaryDirectory(prefix: String) throws(SystemError) -> String {
    var template = Array((prefix + "XXXXXX").utf8CString)
    guard let path = unsafe mkdtemp(&template) else { throw SystemError(call: "mkdtemp", code: errno, path: prefix) }
    return unsafe String(cString: path)
  }

  /// Bytes that this user may still write on the disk that holds `path`; nil when the system does not say.
  static func freeBytes(_ path: String) -> Int? {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { return nil }
    let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return overflow ? nil : Int(exactly: bytes)
  }

  /// Puts a whole file in its place, so that it is there after a power cut or not at all.
  static func publish(_ source: String, as target: String, in directory: String) throws(SystemError) {
    guard unsafe rename(source, target) == 0 else { throw SystemError(call: "rename", code: errno, path: target) }
    let descriptor = try FileDescriptor(path: directory, flags: O_RDONLY | O_DIRECTORY)
    try descriptor.sync()
  }

  /// Writes a file's content out to the disk.
  static func sync(_ path: String) throws(SystemError) {
    try FileDescriptor(path: path, flags: O_RDONLY).sync()
  }

  /// The end of a text file, at most `limit` bytes.
  static func tail(_ path: String, limit: Int = 4096) -> String {
    guard let descriptor = try? FileDescriptor(path: path, flags: O_RDONLY) else { return "" }
    let size = size(path) ?? 0
    return String(decoding: descriptor.read(at: max(0, size - limit), count: limit), as: UTF8.self)
  }
}

/// An open file, closed when it goes out of use.
struct FileDescriptor: ~Copyable {
  let number: Int32
  private let path: String

  init(path: String, flags: Int32, mode: mode_t = 0o644) throws(SystemError) {
    number = unsafe open(path, flags | O_CLOEXEC, mode)
    self.path = path
    guard number >= 0 else { throw SystemError(call: "open", code: errno, path: path) }
  }

  /// Takes over an open descriptor.
  init(owning number: Int32, path: String) {
    self.number = number
    self.path = path
  }

  deinit { close(number) }

  borrowing func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) {
    var rest = bytes
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { buffer in unsafe Glibc.write(number, buffer.baseAddress, buffer.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError(call: "write", code: errno, path: path)
      }
      rest = rest.dropFirst(count)
    }
  }

  borrowing func sync() throws(SystemError) {
    guard fsync(number) == 0 else { throw SystemError(call: "fsync", code: errno, path: path) }
  }

  /// What has come in, at most the size of `buffer`. Empty at the end; nil when nothing has come for
  /// `milliseconds`, or a signal came.
  borrowing func read(into buffer: inout [UInt8], waiting milliseconds: Int32) throws(SystemError) -> ArraySlice<UInt8>?
  {
    var waiter = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&waiter, 1, milliseconds) > 0 else { return nil }
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(number, $0.baseAddress, $0.count) }
    if count < 0 {
      if errno == EINTR || errno == EAGAIN { return nil }
      throw SystemError(call: "read", code: errno, path: path)
    }
    return buffer[..<count]
  }

  fileprivate borrowing func read(at offset: Int, count: Int) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe pread(number, $0.baseAddress, $0.count, offset) }
    return Array(buffer.prefix(max(0, count)))
  }

  /// Takes the lock of this file or directory, which the system frees when the process ends, however it ends.
  /// - Returns: false when another process has it. A file system without locks counts as nobody having it.
  borrowing func tryLock() -> Bool {
    flock(number, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
  }
}
