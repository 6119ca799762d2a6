import CSodium

/// SHA-256 and random bytes, from libsodium.
enum Hashing {
  static let size = 32
  static let zero = [UInt8](repeating: 0, count: size)

  static func sha256(_ parts: [UInt8]...) -> [UInt8] {
    var state = crypto_hash_sha256_state()
    _ = unsafe crypto_hash_sha256_init(&state)
    for part in parts { _ = unsafe crypto_hash_sha256_update(&state, part, UInt64(part.count)) }
    var digest = [UInt8](repeating: 0, count: size)
    _ = unsafe crypto_hash_sha256_final(&state, &digest)
    return digest
  }

  static func random(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    unsafe randombytes_buf(&bytes, count)
    return bytes
  }
}

/// Bytes as lower-case hexadecimal digits.
enum Hex {
  static func text(_ bytes: some Sequence<UInt8>) -> String {
    var digits: [UInt8] = []
    for byte in bytes {
      digits.append(digit(byte >> 4))
      digits.append(digit(byte & 15))
    }
    return String(decoding: digits, as: UTF8.self)
  }

  /// Nil unless the text is `count` bytes written so.
  static func bytes(_ text: String, count: Int) -> [UInt8]? {
    let digits = text.utf8.compactMap { value(of: $0) }
    guard digits.count == count * 2, text.utf8.count == count * 2 else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
