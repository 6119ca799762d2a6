import Compute

/// Reads a file from its beginning; every read is checked, and a failed one tells where and under which name.
struct ByteReader {
  let file: MappedFile
  private(set) var offset = 0
  /// The key or tensor that is being read, for messages.
  var subject: String?

  /// Where reading ends: with the file, or at the limit of a header.
  private let end: Int

  init(_ file: MappedFile) {
    self.file = file
    end = min(file.byteCount, GGUFLimits.headerBytes)
  }

  var remaining: Int { end - offset }

  mutating func readUInt8(_ what: StaticString) throws(ModelFileError) -> UInt8 {
    guard remaining >= 1, let value = file.uint8(at: offset) else { throw truncated(what, need: 1) }
    offset += 1
    return value
  }

  mutating func readUInt32(_ what: StaticString) throws(ModelFileError) -> UInt32 {
    guard remaining >= 4, let value = file.uint32(at: offset) else { throw truncated(what, need: 4) }
    offset += 4
    return value
  }

  mutating func readUInt64(_ what: StaticString) throws(ModelFileError) -> UInt64 {
    guard remaining >= 8, let value = file.uint64(at: offset) else { throw truncated(what, need: 8) }
    offset += 8
    return value
  }

  /// Passes over `count` bytes.
  mutating func skip(_ count: Int, _ what: StaticString) throws(ModelFileError) {
    guard count <= remaining else { throw truncated(what, need: UInt64(count)) }
    offset += count
  }

  /// A 64-bit count of things that take at least `minimumBytes` each. More than the bytes that are left can hold is
  /// an error here, before anything is allocated or looped over.
  mutating func readCount(
    _ what: StaticString, minimumBytes: Int, limit: Int = .max
  ) throws(ModelFileError) -> Int {
    let start = offset
    let count = try readUInt64(what)
    let room = remaining / minimumBytes
    guard count <= UInt64(room) else {
      throw fault(
        endKind, at: start,
        expected: "\(what) of at most \(room), which is what \(remaining) bytes to the end of the \(endName) hold",
        found: "\(count)")
    }
    guard count <= UInt64(limit) else {
      throw fault(.limit, at: start, expected: "\(what) of at most \(limit)", found: "\(count)")
    }
    return Int(count)
  }

  /// A string: a 64-bit length in bytes, then the bytes. Returns where the bytes lie.
  mutating func readString(_ what: StaticString, limit: Int = .max) throws(ModelFileError) -> Range<Int> {
    let length = try readCount(what, minimumBytes: 1, limit: limit)
    let start = offset
    offset += length
    return start..<offset
  }

  /// A name: not empty, UTF-8.
  mutating func readName(_ what: StaticString, limit: Int) throws(ModelFileError) -> String {
    let start = offset
    let range = try readString(what, limit: limit)
    guard !range.isEmpty else { throw fault(.malformed, at: start, expected: "\(what) of at least 1", found: "0") }
    guard let name = file.utf8String(in: range) else {
      throw fault(.malformed, at: range.lowerBound, expected: "a name in UTF-8", found: "ill-formed bytes")
    }
    return name
  }

  func fault(
    _ kind: ModelFileError.Kind, at offset: Int, expected: String, found: String
  ) -> ModelFileError {
    ModelFileError(kind, path: file.path, offset: offset, key: subject, expected: expected, found: found)
  }

  private func truncated(_ what: StaticString, need: UInt64) -> ModelFileError {
    fault(
      endKind, at: offset, expected: "\(need) bytes of \(what)",
      found: "\(remaining) bytes to the end of the \(endName)")
  }

  private var endKind: ModelFileError.Kind { end < file.byteCount ? .limit : .truncated }

  private var endName: String {
    end < file.byteCount ? "header, which may have \(GGUFLimits.headerBytes)" : "file"
  }
}

extension MappedFile {
  /// The text in `range`, or nil where it is not UTF-8.
  func utf8String(in range: Range<Int>) -> String? {
    unsafe String(validating: bytes(in: range), as: UTF8.self)
  }
}
