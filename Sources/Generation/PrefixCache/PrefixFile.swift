import Compute
import Glibc
import Tokenization
import Transformers

/// What became of a file with prefixes.
public enum PrefixRestore: Sendable, Equatable {
  /// So many tokens' keys and values are in the cache now.
  case restored(tokens: Int)
  /// There is no such file yet.
  case absent
  /// The file is broken, or was made for something else; why. Nothing of it is used.
  case refused(String)
}

extension Engine {
  /// Takes over the prefixes that a file holds. Whatever the file holds, this returns: nothing in it is trusted.
  /// - Parameter model: a checksum of the weights; keys and values of another model are of no use.
  public func restorePrefixes(from path: String, model: String) -> PrefixRestore {
    let file: MappedFile
    do {
      file = try MappedFile(path: path)
    } catch {
      return error.code == ENOENT ? .absent : .refused(error.description)
    }
    return PrefixFile(self, model: model).restore(file)
  }

  /// Writes all prefixes in the cache to a file, whole or not at all. A file that holds exactly these is left alone.
  public func savePrefixes(to path: String, model: String) throws(SystemError) {
    guard prefixes.isChanged else { return }
    try PrefixFile(self, model: model).save(to: path)
    prefixes.isChanged = false
  }
}

/// A file of prefixes: little-endian, in this order.
///
/// | bytes | what |
/// |---|---|
/// | 16 | "farthing-prefix" and a zero |
/// | 4, 4 | version; bytes of the key |
/// | 8, 8 | bytes of a block; number of nodes |
/// | 0 to 7 more | key: model, cache type, instruction set; zeros up to a multiple of 8 |
/// | 8 | checksum of all before it |
/// | a node each: 8 | place of the node above it in this file, which is smaller than its own, or -1 |
/// | 256 | its 64 tokens |
/// | block | keys and values |
/// | 8 | checksum of this node |
///
/// The checksums find accidents. Whoever writes a file on purpose can make it hold wrong numbers, and so wrong answers; he
/// cannot make it hold anything that is read as more than numbers.
private struct PrefixFile {
  private static let magic = Array("farthing-prefix\0".utf8)
  private static let version: UInt32 = 1
  private static let fixedBytes = 40
  private static let tokenBytes = Kernels.kvBlock * MemoryLayout<TokenID>.size

  let engine: Engine
  let key: [UInt8]

  init(_ engine: Engine, model: String) {
    self.engine = engine
    key = Array("\(model) \(engine.cache.type) \(engine.isa)".utf8)
  }

  private var paddedKey: [UInt8] { key + [UInt8](repeating: 0, count: (8 - key.count % 8) % 8) }
  private var nodeBytes: Int { 8 + Self.tokenBytes + engine.cache.blockBytes + 8 }

  // MARK: Reading

  func restore(_ file: MappedFile) -> PrefixRestore {
    guard file.byteCount >= Self.fixedBytes, unsafe file.bytes(in: 0..<16).elementsEqual(Self.magic) else {
      return .refused("\(file.path) is not a file of prefixes")
    }
    guard file.uint32(at: 16) == Self.version else {
      return .refused("\(file.path) was written by another version")
    }
    let header = Self.fixedBytes + paddedKey.count
    guard file.uint32(at: 20) == UInt32(key.count), file.uint64(at: 24) == UInt64(engine.cache.blockBytes),
      file.byteCount >= header + 8, unsafe file.bytes(in: Self.fixedBytes..<header).elementsEqual(paddedKey)
    else {
      return .refused("\(file.path) was made with another model, cache type or instruction set")
    }
    guard let stated = file.uint64(at: 32), let count = Int(exactly: stated) else { return damaged(file) }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: nodeBytes)
    guard !overflow, bytes == file.byteCount - header - 8,
      file.uint64(at: header) == checksum(of: 0..<header, in: file)
    else { return damaged(file) }
    return restore(file, nodes: count, from: header + 8)
  }

  private func checksum(of range: Range<Int>, in file: MappedFile) -> UInt64 {
    unsafe Checksum.of(file.bytes(in: range))
  }

  private func damaged(_ file: MappedFile) -> PrefixRestore { .refused("\(file.path) is damaged") }

  /// All nodes are checked before the first one is taken over.
  private func restore(_ file: MappedFile, nodes count: Int, from start: Int) -> PrefixRestore {
    let vocabulary = UInt32(engine.model.configuration.vocab)
    for index in 0..<count {
      let node = start + index * nodeBytes
      guard let parent = file.uint64(at: node).map({ Int64(bitPattern: $0) }), parent >= -1, parent < index,
        file.uint64(at: node + nodeBytes - 8) == checksum(of: node..<node + nodeBytes - 8, in: file)
      else { return damaged(file) }
      for offset in 0..<Kernels.kvBlock where (file.uint32(at: node + 8 + offset * 4) ?? .max) >= vocabulary {
        return damaged(file)
      }
    }
    var places = [Int32?](repeating: nil, count: count)
    var restored = 0
    for index in 0..<count {
      let node = start + index * nodeBytes
      let parent = Int64(bitPattern: file.uint64(at: node) ?? 0)
      let above = parent < 0 ? PrefixTree.root : places[Int(parent)]
      guard let above else { continue }
      let tokens = (0..<Kernels.kvBlock).map { TokenID(bitPattern: file.uint32(at: node + 8 + $0 * 4) ?? 0) }
      if let known = engine.prefixes.child(of: above, tokens, at: 0) {
        places[index] = known
        continue
      }
      guard let block = engine.prefixes.insertEmpty(tokens, at: 0, below: above) else { continue }
      let content = node + 8 + Self.tokenBytes
      let target = engine.cache.content(of: block)
      unsafe UnsafeMutableRawBufferPointer(start: target.pointer, count: target.count).copyMemory(
        from: file.bytes(in: content..<content + engine.cache.blockBytes))
      places[index] = block
      restored += Kernels.kvBlock
    }
    // What was just read need not be written again, unless not all of it found a place.
    engine.prefixes.isChanged = places.contains { $0 == nil }
    return .restored(tokens: restored)
  }

  // MARK: Writing

  func save(to path: String) throws(SystemError) {
    let temporary = "\(path).\(getpid()).new"
    unsafe unlink(temporary)
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemError(call: "open", code: errno, path: temporary) }
    do throws(SystemError) {
      defer { close(descriptor) }
      try write(to: descriptor, temporary)
      guard fsync(descriptor) == 0 else { throw SystemError(call: "fsync", code: errno, path: temporary) }
    } catch {
      unsafe unlink(temporary)
      throw error
    }
    guard unsafe rename(temporary, path) == 0 else {
      let code = errno
      unsafe unlink(temporary)
      throw SystemError(call: "rename", code: code, path: path)
    }
  }

  private func write(to descriptor: Int32, _ path: String) throws(SystemError) {
    let nodes = engine.prefixes.nodes
    var header = Self.magic
    Self.append(Self.version, to: &header)
    Self.append(UInt32(key.count), to: &header)
    Self.append(UInt64(engine.cache.blockBytes), to: &header)
    Self.append(UInt64(nodes.count), to: &header)
    header += paddedKey
    try Self.write(header + Self.checksum(header), to: descriptor, path)
    var places: [Int32: Int] = [:]
    for (index, node) in nodes.enumerated() {
      places[node] = index
      var bytes: [UInt8] = []
      bytes.reserveCapacity(nodeBytes)
      Self.append(UInt64(bitPattern: Int64(places[engine.prefixes.parent(of: node)] ?? -1)), to: &bytes)
      for token in engine.prefixes.tokens(of: node) { Self.append(UInt32(bitPattern: token), to: &bytes) }
      let content = engine.cache.content(of: node)
      unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: content.pointer, count: content.count))
      try Self.write(bytes + Self.checksum(bytes), to: descriptor, path)
    }
  }

  private static func append(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
    var number = number.littleEndian
    unsafe withUnsafeBytes(of: &number) { unsafe bytes.append(contentsOf: $0) }
  }

  private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    append(unsafe bytes.withUnsafeBytes { unsafe Checksum.of($0) }, to: &result)
    return result
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError(call: "write", code: errno, path: path)
      }
      done += count
    }
  }
}

/// Finds accidents in long runs of bytes, about as fast as memory is read: four lanes, each multiplied and rotated for every
/// eight bytes.
private enum Checksum {
  private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var lanes = SIMD4<UInt64>(1, 2, 3, 4)
    var offset = 0
    while offset + 32 <= bytes.count {
      let next = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
      lanes = (lanes ^ next) &* multiplier
      lanes = (lanes &<< 31) | (lanes &>> 33)
      offset += 32
    }
    var sum = UInt64(bytes.count)
    for lane in 0..<4 { sum = mixed(sum ^ lanes[lane]) }
    while offset < bytes.count {
      sum = mixed(sum ^ UInt64(unsafe bytes[offset]))
      offset += 1
    }
    return sum
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    let product = value &* multiplier
    return product ^ (product >> 29)
  }
}
