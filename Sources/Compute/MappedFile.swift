import Glibc

/// The bytes of a regular file, mapped read-only, for as long as the object lives.
///
/// - Ownership: the object owns the mapping; every pointer into `bytes` dies with it.
/// - Threads: immutable after `init`; safe from any thread.
/// - Limit: whoever shortens the file while it is mapped makes reads past the new end raise SIGBUS, as for every
///   program that maps files. Model files are replaced by rename, never written in place.
public final class MappedFile: Sendable {
  /// What tells one content of a path from another without reading it.
  public struct Identity: Hashable, Sendable {
    /// Device that holds the file.
    public let device: UInt64
    /// Number of the file on its device.
    public let inode: UInt64
    /// Size in bytes.
    public let byteCount: Int
    /// Time of the last change of the content, in nanoseconds since 1970.
    public let modifiedNanos: Int64
  }

  /// The path it was opened by.
  public let path: String
  public let identity: Identity
  private let base: UInt
  private let isMapped: Bool

  /// Size in bytes.
  public var byteCount: Int { identity.byteCount }

  /// Size of a page of memory in bytes.
  public static let pageBytes = sysconf(Int32(_SC_PAGESIZE))

  /// Maps the file at `path`. An empty file gives empty bytes.
  /// - Throws: `SystemError` when the path cannot be opened, or names something other than a regular file. Opening a
  ///   FIFO does not wait for a writer.
  public init(path: String) throws(SystemError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { throw SystemError(call: "open", code: errno, path: path) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw SystemError(call: "fstat", code: errno, path: path) }
    if let kind = MappedFile.kindUnlessRegular(mode: status.st_mode) {
      let code = kind == "a directory" ? EISDIR : EINVAL
      throw SystemError(call: "open", code: code, path: path, detail: "is \(kind), not a regular file")
    }
    let byteCount = Int(status.st_size)
    self.path = path
    identity = Identity(
      device: UInt64(status.st_dev), inode: UInt64(status.st_ino), byteCount: byteCount,
      modifiedNanos: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec))
    isMapped = byteCount > 0
    guard byteCount > 0 else {
      base = 0
      return
    }
    guard let address = unsafe mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0),
      unsafe address != MAP_FAILED
    else { throw SystemError(call: "mmap", code: errno, path: path) }
    base = UInt(bitPattern: address)
  }

  /// A copy of `content` in memory of its own, exactly as large, so that a checker of memory sees a read past the end.
  /// For content that is not in a file: tests and fuzzing.
  public init(copying content: [UInt8], path: String) {
    self.path = path
    identity = Identity(device: 0, inode: 0, byteCount: content.count, modifiedNanos: 0)
    isMapped = false
    guard !content.isEmpty else {
      base = 0
      return
    }
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: content.count, alignment: 64)
    unsafe copy.copyBytes(from: content)
    base = UInt(bitPattern: copy.baseAddress)
  }

  deinit {
    guard let address = unsafe UnsafeMutableRawPointer(bitPattern: base) else { return }
    if isMapped {
      unsafe munmap(address, byteCount)
    } else {
      unsafe address.deallocate()
    }
  }

  /// The whole content; valid as long as the object.
  public var bytes: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: base), count: byteCount)
  }

  /// The content in `range`; valid as long as the object.
  /// - Precondition: `range` lies within the file.
  public func bytes(in range: Range<Int>) -> UnsafeRawBufferPointer {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "range outside the file")
    return unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
  }

  /// The byte at `offset`, or nil outside the file.
  public func uint8(at offset: Int) -> UInt8? {
    guard offset >= 0, offset < byteCount else { return nil }
    return unsafe bytes[offset]
  }

  /// The little-endian 16-bit number at `offset`, aligned or not, or nil where it does not lie within the file.
  public func uint16(at offset: Int) -> UInt16? {
    guard offset >= 0, offset <= byteCount - 2 else { return nil }
    return unsafe UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// The little-endian 32-bit number at `offset`, aligned or not, or nil where it does not lie within the file.
  public func uint32(at offset: Int) -> UInt32? {
    guard offset >= 0, offset <= byteCount - 4 else { return nil }
    return unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// The little-endian 64-bit number at `offset`, aligned or not, or nil where it does not lie within the file.
  public func uint64(at offset: Int) -> UInt64? {
    guard offset >= 0, offset <= byteCount - 8 else { return nil }
    return unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// With a page that is read the kernel maps those around it that it has at hand, up to this many bytes.
  private static let mappedAround = 2 << 20

  /// Gives the pages that `range` touches back to the kernel: they stop counting as resident memory and come back,
  /// unchanged, when read again. Pages before it go too, as far as reading it may have brought them back: a neighbour
  /// that is still needed only pays one page fault, while pages kept at every seam would add up.
  /// - Precondition: `range` lies within the file.
  public func release(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "range outside the file")
    guard isMapped, !range.isEmpty else { return }
    let start = max(0, range.lowerBound - Self.mappedAround) / MappedFile.pageBytes * MappedFile.pageBytes
    // Advice may be refused (locked memory); nothing depends on it.
    _ = unsafe madvise(
      UnsafeMutableRawPointer(bitPattern: base + UInt(start)), range.upperBound - start, MADV_DONTNEED)
  }

  private static func kindUnlessRegular(mode: mode_t) -> String? {
    switch mode & S_IFMT {
    case S_IFREG: nil
    case S_IFDIR: "a directory"
    case S_IFIFO: "a FIFO"
    case S_IFSOCK: "a socket"
    case S_IFCHR, S_IFBLK: "a device"
    default: "a special file"
    }
  }
}
