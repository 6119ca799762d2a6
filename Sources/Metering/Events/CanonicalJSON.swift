/// A value of the one JSON text that an event has: keys sorted by their bytes, no spaces, whole numbers of 64 bits only
/// (amounts are decimal strings), strings in UTF-8 with the shortest escapes. Python's
/// `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` writes the same bytes.
indirect enum CanonicalJSON: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int64)
  case text(String)
  case list([CanonicalJSON])
  case object([String: CanonicalJSON])

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(512)
    write(to: &bytes)
    return bytes
  }

  private func write(to bytes: inout [UInt8]) {
    switch self {
    case .null: bytes += Array("null".utf8)
    case .bool(let value): bytes += Array((value ? "true" : "false").utf8)
    case .integer(let value): bytes += Array(String(value).utf8)
    case .text(let text): Self.write(text, to: &bytes)
    case .list(let values):
      bytes.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        value.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      // Keys of events are ASCII, whose order as strings is that of their bytes.
      for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        Self.write(member.key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        member.value.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0x08: bytes += Array("\\b".utf8)
      case 0x09: bytes += Array("\\t".utf8)
      case 0x0A: bytes += Array("\\n".utf8)
      case 0x0C: bytes += Array("\\f".utf8)
      case 0x0D: bytes += Array("\\r".utf8)
      case 0..<0x20: bytes += Array("\\u00".utf8) + Array(Hex.text([byte]).utf8)
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}

// MARK: Reading

extension CanonicalJSON {
  /// Reads a text of this form; nil for anything else, spaces included.
  init?(_ bytes: [UInt8]) {
    var reader = Reader(bytes: bytes)
    guard let value = reader.value(depth: 0), reader.position == bytes.count else { return nil }
    self = value
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0

    private mutating func take(_ text: StaticString) -> Bool {
      let count = text.utf8CodeUnitCount
      guard position + count <= bytes.count else { return false }
      let matches = text.withUTF8Buffer { wanted in
        (0..<count).allSatisfy { unsafe wanted[$0] == bytes[position + $0] }
      }
      if matches { position += count }
      return matches
    }

    mutating func value(depth: Int) -> CanonicalJSON? {
      guard position < bytes.count, depth < 16 else { return nil }
      switch bytes[position] {
      case UInt8(ascii: "\""): return string().map { .text($0) }
      case UInt8(ascii: "{"): return object(depth)
      case UInt8(ascii: "["): return list(depth)
      case UInt8(ascii: "n"): return take("null") ? .null : nil
      case UInt8(ascii: "t"): return take("true") ? .bool(true) : nil
      case UInt8(ascii: "f"): return take("false") ? .bool(false) : nil
      default: return integer()
      }
    }

    private mutating func integer() -> CanonicalJSON? {
      let start = position
      if bytes[position] == UInt8(ascii: "-") { position += 1 }
      while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) { position += 1 }
      let text = String(decoding: bytes[start..<position], as: UTF8.self)
      guard let number = Int64(text), String(number) == text else { return nil }
      return .integer(number)
    }

    private mutating func list(_ depth: Int) -> CanonicalJSON? {
      position += 1
      var values: [CanonicalJSON] = []
      if take("]") { return .list(values) }
      while true {
        guard let value = value(depth: depth + 1) else { return nil }
        values.append(value)
        if take("]") { return .list(values) }
        guard take(",") else { return nil }
      }
    }

    private mutating func object(_ depth: Int) -> CanonicalJSON? {
      position += 1
      var members: [String: CanonicalJSON] = [:]
      if take("}") { return .object(members) }
      var last: String?
      while true {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\""), let key = string(), take(":"),
          last.map({ $0 < key }) ?? true, let value = value(depth: depth + 1)
        else { return nil }
        members[key] = value
        last = key
        if take("}") { return .object(members) }
        guard take(",") else { return nil }
      }
    }

    private mutating func string() -> String? {
      position += 1
      var text: [UInt8] = []
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
        case UInt8(ascii: "\\"):
          guard let escaped = escape() else { return nil }
          text.append(escaped)
        case 0..<0x20: return nil
        default: text.append(byte)
        }
      }
      return nil
    }

    private mutating func escape() -> UInt8? {
      guard position < bytes.count else { return nil }
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): return byte
      case UInt8(ascii: "b"): return 0x08
      case UInt8(ascii: "t"): return 0x09
      case UInt8(ascii: "n"): return 0x0A
      case UInt8(ascii: "f"): return 0x0C
      case UInt8(ascii: "r"): return 0x0D
      case UInt8(ascii: "u"):
        guard position + 4 <= bytes.count, bytes[position] == 0x30, bytes[position + 1] == 0x30,
          let high = Hex.value(of: bytes[position + 2]), let low = Hex.value(of: bytes[position + 3]), high < 2
        else { return nil }
        position += 4
        return high << 4 | low
      default: return nil
      }
    }
  }
}
