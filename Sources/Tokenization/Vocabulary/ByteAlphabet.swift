/// The alphabet in which byte-level vocabularies write bytes as printable characters (GPT-2's `bytes_to_unicode`).
///
/// The bytes 33...126, 161...172 and 174...255 stand for the characters with the same numbers; the other 68 stand, in
/// ascending order, for U+0100 onwards. So a space is U+0120 and a newline U+010A.
enum ByteAlphabet {
  /// The character of each byte.
  static let scalars: [UInt16] = {
    var next: UInt16 = 256
    return (UInt16(0)...255).map { byte in
      if (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174 { return byte }
      defer { next += 1 }
      return next
    }
  }()

  /// The byte of each character below U+0144; 256 for the characters that stand for none.
  private static let bytes: [UInt16] = {
    var bytes = [UInt16](repeating: 256, count: 324)
    for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar)] = UInt16(byte) }
    return bytes
  }()

  /// Appends the bytes that `text` (UTF-8) stands for. If one of its characters is not of the alphabet, appends nothing
  /// and returns false.
  static func decode(_ text: some Collection<UInt8>, into output: inout [UInt8]) -> Bool {
    let start = output.count
    let table = bytes
    var iterator = text.makeIterator()
    while let first = iterator.next() {
      var scalar = Int(first)
      if first >= 0x80 {
        // The alphabet ends below U+0800, so only the two-byte form can be of it.
        guard first & 0xE0 == 0xC0, let second = iterator.next(), second & 0xC0 == 0x80 else {
          output.removeSubrange(start...)
          return false
        }
        scalar = Int(first & 0x1F) << 6 | Int(second & 0x3F)
      }
      guard scalar < table.count, table[scalar] < 256 else {
        output.removeSubrange(start...)
        return false
      }
      output.append(UInt8(truncatingIfNeeded: table[scalar]))
    }
    return true
  }
}
