import Glibc
import ModelFiles
import Testing

/// Writes out what the reader sees in a file, for `compare_with_gguf.py`, which holds it against the `gguf` package.
/// Runs only with FARTHING_GGUF_DUMP=file.gguf; writes to FARTHING_GGUF_DUMP_TO.
@Suite struct DumpTests {
  static var source: String? { getenv("FARTHING_GGUF_DUMP").map { String(cString: $0) } }

  @Test(.enabled(if: source != nil, "see Tests/Fixtures/gguf/compare_with_gguf.py")) func dump() throws {
    let path = try #require(Self.source)
    let target = try #require(getenv("FARTHING_GGUF_DUMP_TO").map { String(cString: $0) })
    let output = try #require(fopen(target, "w"))
    defer { fclose(output) }
    let file = try ModelFile(path: path)
    func line(_ text: String) { fputs(text + "\n", output) }
    for key in file.metadata.keys {
      let type = try #require(file.metadata.typeName(key))
      line("key \(key)\t\(type)\t\(try describe(try #require(file.metadata.value(key))))")
    }
    for tensor in file.tensors {
      let sum = hash(file.bytes(of: tensor))
      line(
        "tensor \(tensor.name)\t\(tensor.type.name)\t\(tensor.dimensions)\t\(tensor.byteCount)\t\(tensor.offset)\t\(sum)"
      )
      file.release(tensor)
    }
    for tensor in file.unreadableTensors {
      line(
        "unreadable \(tensor.name)\t\(tensor.typeName)\t\(tensor.dimensions)\t\(tensor.byteCount ?? -1)\t\(tensor.offset)"
      )
    }
  }

  private func describe(_ value: GGUFValue) throws -> String {
    switch value {
    case .integer(let value): return "\(value)"
    case .unsigned(let value): return "\(value)"
    case .float(let value): return "\(value.bitPattern)"
    case .bool(let value): return "\(value)"
    case .string(let value): return hex(value.bytes)
    case .integers(let array):
      return "\(array.count) " + (0..<array.count).map { "\(array[$0])" }.joined(separator: ",")
    case .floats(let array):
      return "\(array.count) " + (0..<array.count).map { "\(array[$0].bitPattern)" }.joined(separator: ",")
    case .bools(let array): return "\(array.count) " + (0..<array.count).map { "\(array[$0])" }.joined(separator: ",")
    case .strings(let array):
      var parts: [String] = []
      array.visit { _, bytes in parts.append(hex(bytes)) }
      for index in 0..<array.count where hex(array.bytes(at: index)) != parts[index] {
        Issue.record("string \(index) differs between visit and bytes(at:)")
      }
      return "\(array.count) " + parts.joined(separator: ",")
    case .nested(let count): return "nested \(count)"
    }
  }

  /// A sum and a sum of sums, which Python repeats with two cumulative sums.
  private func hash(_ bytes: UnsafeRawBufferPointer) -> String {
    var first = UInt64(0)
    var second = UInt64(0)
    for byte in bytes {
      first &+= UInt64(byte)
      second &+= first
    }
    return "\(first) \(second)"
  }

  private func hex(_ bytes: UnsafeRawBufferPointer) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }
}
