import CSodium
import Compute
import Glibc

/// A SHA-256 checksum. Computed by libsodium.
public struct SHA256Digest: Hashable, Sendable, CustomStringConvertible {
  /// The 32 bytes.
  public let bytes: [UInt8]

  /// - Returns: nil unless `hex` is 64 hexadecimal digits.
  public init?(hex: String) {
    let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == 64, hex.utf8.count == 64 else { return nil }
    bytes = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  fileprivate init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// 64 hexadecimal digits in lower case.
  public var description: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// Computes a SHA-256 checksum piece by piece, in constant memory.
public struct SHA256: ~Copyable {
  private var state = crypto_hash_sha256_state()

  public init() {
    _ = unsafe crypto_hash_sha256_init(&state)
  }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    _ = unsafe crypto_hash_sha256_update(
      &state, base.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
  }

  public mutating func update(_ bytes: ArraySlice<UInt8>) {
    unsafe bytes.withUnsafeBytes { buffer in unsafe update(buffer) }
  }

  /// The checksum of all that was given.
  public consuming func finish() -> SHA256Digest {
    var digest = [UInt8](repeating: 0, count: 32)
    _ = unsafe crypto_hash_sha256_final(&state, &digest)
    return SHA256Digest(bytes: digest)
  }

  /// The checksum of a mapped file; its pages are given back to the kernel along the way.
  /// - Parameter isCancelled: asked after every mebibyte; true ends the work, and the result is nil.
  public static func digest(
    of file: MappedFile, isCancelled: () -> Bool = { false }, progress: (Int) -> Void = { _ in }
  ) -> SHA256Digest? {
    var hash = SHA256()
    var offset = 0
    while offset < file.byteCount {
      let end = min(offset + (1 << 20), file.byteCount)
      unsafe hash.update(file.bytes(in: offset..<end))
      file.release(offset..<end)
      offset = end
      if isCancelled() { return nil }
      progress(offset)
    }
    return hash.finish()
  }
}
