/// The end of a chain: so many events of that writer, the last with that hash.
public struct Head: Sendable, Hashable, CustomStringConvertible {
  let writer: [UInt8]
  public let length: Int64
  let hash: [UInt8]

  init(writer: [UInt8], length: Int64, hash: [UInt8]) {
    self.writer = writer
    self.length = length
    self.hash = hash
  }

  /// Reads what `description` writes.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, let writer = Hex.bytes(parts[0], count: 16), let length = Int64(parts[1]), length > 0,
      let hash = Hex.bytes(parts[2], count: Hashing.size)
    else { return nil }
    self.init(writer: writer, length: length, hash: hash)
  }

  /// `writer:length:hash`.
  public var description: String { "\(Hex.text(writer)):\(length):\(Hex.text(hash))" }
}
