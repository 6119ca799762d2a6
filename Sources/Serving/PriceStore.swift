import Compute
import Glibc
import Pricing

/// A person's own prices: one file, whose rows stand in front of the shipped ones.
///
/// The file is written whole beside its old self and renamed over it, so that a reader sees one or the other, also
/// after a power cut; a lock file keeps two writers from losing each other's rows.
public struct PriceStore: Sendable {
  public let path: String

  /// What went wrong with the file, or in it.
  public enum Failure: Error, CustomStringConvertible, Sendable, Equatable {
    case system(SystemError)
    case pricing(PricingError)
    /// Neither `FARTHING_PRICES` nor a home directory says where the file is.
    case noPlace

    public var description: String {
      switch self {
      case .system(let error): error.description
      case .pricing(let error): error.description
      case .noPlace: "no place for own prices: set FARTHING_PRICES to a file"
      }
    }
  }

  /// More than any book of prices has.
  static let maximumBytes = 64 << 20

  public init(path: String) { self.path = path }

  /// `FARTHING_PRICES`, else `prices.json` under `XDG_CONFIG_HOME/farthing`, else under `~/.config/farthing`; nil where
  /// none of them is set.
  public init?(environment: (String) -> String?) {
    if let path = environment("FARTHING_PRICES") {
      self.path = path
    } else if let folder = environment("XDG_CONFIG_HOME") {
      path = folder + "/farthing/prices.json"
    } else if let home = environment("HOME") {
      path = home + "/.config/farthing/prices.json"
    } else {
      return nil
    }
  }

  /// The own rows; none where there is no file.
  public func own() throws(Failure) -> PriceBook {
    guard let bytes = try Self.read(path) else { return PriceBook() }
    do { return try PriceDocument.read(bytes, file: path) } catch { throw .pricing(error) }
  }

  /// The shipped book with the own rows in front.
  public func book() throws(Failure) -> PriceBook {
    let own = try own()
    do { return try PriceBook.shipped().overridden(by: own) } catch { throw .pricing(error) }
  }

  /// Replaces the own rows by what `change` makes of them, or leaves the file as it was.
  public func update(_ change: (PriceBook) throws(PricingError) -> PriceBook) throws(Failure) {
    let folder = Self.folder(of: path)
    try Self.makeFolders(folder)
    let lock = try Self.open(path + ".lock", O_RDWR | O_CREAT)
    defer { close(lock) }
    while flock(lock, LOCK_EX) != 0 {
      guard errno == EINTR else { throw .system(SystemError(call: "flock", code: errno, path: path + ".lock")) }
    }
    let old = try own()
    let new: PriceBook
    do { new = try change(old) } catch { throw .pricing(error) }
    try Self.replace(path, with: PriceDocument.json(new))
  }

  /// Writes a whole file in place of the one that is there, if any.
  public static func replace(_ path: String, with bytes: [UInt8]) throws(Failure) {
    let temporary = path + ".new.\(getpid())"
    do {
      let file = try open(temporary, O_WRONLY | O_CREAT | O_TRUNC)
      defer { close(file) }
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
        if count < 0 {
          if errno == EINTR { continue }
          throw Failure.system(SystemError(call: "write", code: errno, path: temporary))
        }
        rest = rest.dropFirst(count)
      }
      guard fsync(file) == 0 else { throw Failure.system(SystemError(call: "fsync", code: errno, path: temporary)) }
    } catch {
      _ = unsafe unlink(temporary)
      throw error as? Failure ?? .noPlace
    }
    guard unsafe rename(temporary, path) == 0 else {
      let code = errno
      _ = unsafe unlink(temporary)
      throw .system(SystemError(call: "rename", code: code, path: path))
    }
    let directory = try open(folder(of: path), O_RDONLY | O_DIRECTORY)
    defer { close(directory) }
    // Some file systems cannot sync a directory; the rename has happened all the same.
    _ = fsync(directory)
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func open(_ path: String, _ flags: Int32) throws(Failure) -> Int32 {
    let file = unsafe Glibc.open(path, flags | O_CLOEXEC, mode_t(0o644))
    guard file >= 0 else { throw .system(SystemError(call: "open", code: errno, path: path)) }
    return file
  }

  private static func makeFolders(_ path: String) throws(Failure) {
    if unsafe mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, path != folder(of: path) else {
      throw .system(SystemError(call: "mkdir", code: errno, path: path))
    }
    try makeFolders(folder(of: path))
    guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw .system(SystemError(call: "mkdir", code: errno, path: path))
    }
  }

  /// Nil where there is no such file.
  private static func read(_ path: String) throws(Failure) -> [UInt8]? {
    let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw .system(SystemError(call: "open", code: errno, path: path))
    }
    defer { close(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe block.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
      if count == 0 { return bytes }
      if count < 0 {
        if errno == EINTR { continue }
        throw .system(SystemError(call: "read", code: errno, path: path))
      }
      guard bytes.count + count <= maximumBytes else {
        throw .system(
          SystemError(call: "read", code: EFBIG, path: path, detail: "longer than any book of prices"))
      }
      bytes += block[..<count]
    }
  }
}
