import Compute
import Quantization

/// Everything before the numbers of one GGUF file: metadata and the description of the tensors, all checked.
///
/// Layout: magic, version (u32), number of tensors (u64), number of keys (u64), the keys with their values, the
/// tensors' names, shapes, types and offsets, padding to the alignment, the numbers. All little-endian.
/// Source: the GGUF specification in the ggml repository, docs/gguf.md.
struct GGUFHeader {
  let version: UInt32
  let metadata: GGUFMetadata
  let tensors: [TensorInfo]
  let unreadable: [UnreadableTensor]

  /// - Parameters:
  ///   - part: the index of this file among the parts of a split model.
  ///   - tensorLimit: the number of tensors that the model may still have.
  init(_ file: MappedFile, part: Int, tensorLimit: Int = GGUFLimits.tensors) throws(ModelFileError) {
    var reader = ByteReader(file)
    version = try GGUFHeader.readVersion(&reader)
    let tensorCount = try reader.readCount(
      "tensor count", minimumBytes: TensorTable.minimumBytes, limit: tensorLimit)
    let keyCount = try reader.readCount("key count", minimumBytes: MetadataTable.minimumBytes, limit: GGUFLimits.keys)
    metadata = try MetadataTable.read(&reader, count: keyCount)
    let alignment = try GGUFHeader.alignment(metadata)
    var table = TensorTable(part: part)
    try table.read(&reader, count: tensorCount, alignment: alignment)
    (tensors, unreadable) = (table.tensors, table.unreadable)
  }

  private static func readVersion(_ reader: inout ByteReader) throws(ModelFileError) -> UInt32 {
    if let kind = ForeignFile.kind(of: reader.file) {
      throw reader.fault(.notGGUF, at: 0, expected: "a GGUF model file, which begins with GGUF", found: kind)
    }
    try reader.skip(4, "magic")
    let version = try reader.readUInt32("version")
    if GGUFLimits.versions.contains(version.byteSwapped) {
      throw reader.fault(
        .unsupported, at: 4, expected: "a little-endian file",
        found:
          "a big-endian one (version \(version.byteSwapped)); gguf_convert_endian.py of the gguf package converts it")
    }
    guard GGUFLimits.versions.contains(version) else {
      throw reader.fault(.unsupported, at: 4, expected: "GGUF version 2 or 3", found: "version \(version)")
    }
    return version
  }

  private static func alignment(_ metadata: GGUFMetadata) throws(ModelFileError) -> Int {
    let key = "general.alignment"
    guard let alignment = try metadata.integer(key) else { return GGUFLimits.defaultAlignment }
    guard GGUFLimits.alignment.contains(alignment), alignment.nonzeroBitCount == 1 else {
      let (least, most) = (GGUFLimits.alignment.lowerBound, GGUFLimits.alignment.upperBound)
      throw metadata.invalid(key, expected: "a power of two from \(least) to \(most)", found: "\(alignment)")
    }
    return alignment
  }
}

/// Reads the keys and checks the values, without keeping the values.
enum MetadataTable {
  /// The least bytes that a key with its value takes: length and one byte of the key, type, one byte of value.
  static let minimumBytes = 8 + 1 + 4 + 1

  static func read(_ reader: inout ByteReader, count: Int) throws(ModelFileError) -> GGUFMetadata {
    var entries: [GGUFMetadata.Entry] = []
    var stringOffsets: [[UInt32]] = []
    for _ in 0..<count {
      reader.subject = nil
      let key = try reader.readName("key length", limit: GGUFLimits.keyBytes)
      reader.subject = key
      let start = reader.offset
      let type = try readType(&reader, "value type")
      var entry = GGUFMetadata.Entry(key: key, type: type, offset: reader.offset)
      if type == .array {
        entry = try readArray(&reader, key: key, stringOffsets: &stringOffsets)
      } else {
        entry.count = try skipValue(&reader, type)
      }
      entry.bytes = start..<reader.offset
      entries.append(entry)
    }
    reader.subject = nil
    return try GGUFMetadata(file: reader.file, entries: entries, stringOffsets: stringOffsets)
  }

  private static func readArray(
    _ reader: inout ByteReader, key: String, stringOffsets: inout [[UInt32]]
  ) throws(ModelFileError) -> GGUFMetadata.Entry {
    let (elementType, count) = try readArrayHeader(&reader)
    var entry = GGUFMetadata.Entry(key: key, type: .array, offset: reader.offset)
    entry.elementType = elementType
    entry.count = count
    if elementType == .string {
      entry.stringOffsets = stringOffsets.count
      stringOffsets.append(try readStringOffsets(&reader, count: count))
    } else {
      try skipElements(&reader, elementType, count: count, depth: 1)
    }
    return entry
  }

  private static func readArrayHeader(
    _ reader: inout ByteReader
  ) throws(ModelFileError) -> (elementType: GGUFValueType, count: Int) {
    let elementType = try readType(&reader, "element type")
    let count = try reader.readCount("array length", minimumBytes: elementType.minimumBytes)
    return (elementType, count)
  }

  private static func readType(_ reader: inout ByteReader, _ what: StaticString) throws(ModelFileError) -> GGUFValueType
  {
    let start = reader.offset
    let code = try reader.readUInt32(what)
    guard let type = GGUFValueType(rawValue: code) else {
      throw reader.fault(.malformed, at: start, expected: "\(what) of 0 to 12", found: "\(code)")
    }
    return type
  }

  /// Checks the strings of an array and returns the offset of every `GGUFStrings.stride`-th from the first.
  private static func readStringOffsets(_ reader: inout ByteReader, count: Int) throws(ModelFileError) -> [UInt32] {
    let start = reader.offset
    var offsets: [UInt32] = []
    // The count was bounded by the bytes left, at eight bytes a string: this reserves at most 1/16 of the file.
    offsets.reserveCapacity((count + GGUFStrings.stride - 1) / GGUFStrings.stride)
    for index in 0..<count {
      if index.isMultiple(of: GGUFStrings.stride) {
        // A header is far shorter than what 32 bits count.
        offsets.append(UInt32(reader.offset - start))
      }
      _ = try reader.readString("string length")
    }
    return offsets
  }

  /// Passes over a value that is not an array. Returns the bytes of a string, else 0.
  private static func skipValue(_ reader: inout ByteReader, _ type: GGUFValueType) throws(ModelFileError) -> Int {
    switch type {
    case .string: return try reader.readString("string length").count
    case .bool: try skipBools(&reader, count: 1)
    default: try reader.skip(type.minimumBytes, "value")
    }
    return 0
  }

  private static func skipElements(
    _ reader: inout ByteReader, _ type: GGUFValueType, count: Int, depth: Int
  ) throws(ModelFileError) {
    switch type {
    case .bool: try skipBools(&reader, count: count)
    case .string:
      for _ in 0..<count { _ = try reader.readString("string length") }
    case .array:
      guard depth < GGUFLimits.arrayDepth else {
        throw reader.fault(
          .limit, at: reader.offset, expected: "arrays nested at most \(GGUFLimits.arrayDepth) deep",
          found: "deeper ones")
      }
      for _ in 0..<count {
        let (elementType, elements) = try readArrayHeader(&reader)
        try skipElements(&reader, elementType, count: elements, depth: depth + 1)
      }
    // The array's length was bounded by the bytes left, so the product does not overflow.
    default: try reader.skip(count * type.minimumBytes, "array elements")
    }
  }

  private static func skipBools(_ reader: inout ByteReader, count: Int) throws(ModelFileError) {
    for _ in 0..<count {
      let start = reader.offset
      let value = try reader.readUInt8("bool")
      guard value <= 1 else {
        throw reader.fault(.malformed, at: start, expected: "a bool of 0 or 1", found: "\(value)")
      }
    }
  }
}

/// Reads the descriptions of the tensors of one file.
struct TensorTable {
  /// The least bytes that a description takes: length and one byte of the name, number of dimensions, one dimension,
  /// type, offset.
  static let minimumBytes = 8 + 1 + 4 + 8 + 4 + 8

  let part: Int
  private(set) var tensors: [TensorInfo] = []
  private(set) var unreadable: [UnreadableTensor] = []

  init(part: Int) {
    self.part = part
  }

  /// A description as it stands in the file.
  private struct Raw {
    var name = ""
    var shape = TensorShape()
    var typeCode: UInt32 = 0
    /// From the beginning of the numbers.
    var offset: UInt64 = 0
    var infoOffset = 0
  }

  /// What a tensor occupies, for the check that no two overlap.
  private struct Extent {
    let start: Int
    let end: Int
    let name: String
    let infoOffset: Int
  }

  mutating func read(_ reader: inout ByteReader, count: Int, alignment: Int) throws(ModelFileError) {
    var raws: [Raw] = []
    for _ in 0..<count { raws.append(try readRaw(&reader)) }
    // The file is far smaller than Int.max, so that the sum does not overflow.
    let dataStart = (reader.offset + alignment - 1) / alignment * alignment
    var extents: [Extent] = []
    for raw in raws {
      reader.subject = raw.name
      extents.append(try place(raw, reader, dataStart: dataStart, alignment: alignment))
    }
    reader.subject = nil
    try checkOverlap(&extents, reader)
  }

  private func readRaw(_ reader: inout ByteReader) throws(ModelFileError) -> Raw {
    var raw = Raw()
    reader.subject = nil
    raw.infoOffset = reader.offset
    raw.name = try reader.readName("tensor name length", limit: GGUFLimits.tensorNameBytes)
    reader.subject = raw.name
    let countOffset = reader.offset
    let dimensions = try reader.readUInt32("number of dimensions")
    guard dimensions >= 1, dimensions <= GGUFLimits.dimensions else {
      throw reader.fault(
        .malformed, at: countOffset, expected: "1 to \(GGUFLimits.dimensions) dimensions", found: "\(dimensions)")
    }
    for _ in 0..<dimensions {
      let start = reader.offset
      let extent = try reader.readUInt64("dimension")
      guard extent > 0, let extent = Int(exactly: extent) else {
        throw reader.fault(.malformed, at: start, expected: "a dimension from 1 to \(Int.max)", found: "\(extent)")
      }
      raw.shape.append(extent)
    }
    raw.typeCode = try reader.readUInt32("tensor type")
    raw.offset = try reader.readUInt64("tensor offset")
    return raw
  }

  /// Checks size and place, and adds the tensor to its list.
  private mutating func place(
    _ raw: Raw, _ reader: ByteReader, dataStart: Int, alignment: Int
  ) throws(ModelFileError) -> Extent {
    let type = TensorType(rawValue: raw.typeCode)
    let known = UnreadableType.layout(code: raw.typeCode)
    let blocks =
      type.map { ($0.elementsPerBlock, $0.bytesPerBlock) }
      ?? known.map { ($0.elementsPerBlock, $0.bytesPerBlock) }
    var sizes: (row: Int, tensor: Int)?
    if let blocks {
      sizes = raw.shape.byteCounts(elementsPerBlock: blocks.0, bytesPerBlock: blocks.1)
      guard sizes != nil else {
        let name = type?.name ?? known?.name ?? ""
        throw reader.fault(
          .malformed, at: raw.infoOffset,
          expected: "columns in whole blocks of \(blocks.0) (\(name)) and a size below 2^63 bytes",
          found: "dimensions \(raw.shape.dimensions)")
      }
    }
    guard raw.offset.isMultiple(of: UInt64(alignment)) else {
      throw reader.fault(
        .malformed, at: raw.infoOffset, expected: "an offset that is a multiple of \(alignment)", found: "\(raw.offset)"
      )
    }
    // Of a type with unknown blocks only the first byte is known to be taken.
    let byteCount = sizes?.tensor ?? 1
    let room = reader.file.byteCount - dataStart
    guard room >= byteCount, raw.offset <= UInt64(room - byteCount) else {
      throw reader.fault(
        .truncated, at: raw.infoOffset,
        expected: "\(byteCount) bytes at offset \(raw.offset) of the data, which begins at byte \(dataStart)",
        found: "a file of \(reader.file.byteCount) bytes")
    }
    let start = dataStart + Int(raw.offset)
    if let type, let sizes {
      tensors.append(
        TensorInfo(
          name: raw.name, type: type, columns: raw.shape.columns, rows: raw.shape.rows ?? 1, rowBytes: sizes.row,
          byteCount: sizes.tensor, part: part, offset: start, infoOffset: raw.infoOffset, shape: raw.shape))
    } else {
      unreadable.append(
        UnreadableTensor(
          name: raw.name, typeCode: raw.typeCode, typeName: known?.name ?? "type \(raw.typeCode)",
          byteCount: sizes?.tensor, part: part, offset: start, infoOffset: raw.infoOffset, shape: raw.shape))
    }
    return Extent(start: start, end: start + byteCount, name: raw.name, infoOffset: raw.infoOffset)
  }

  private func checkOverlap(_ extents: inout [Extent], _ reader: ByteReader) throws(ModelFileError) {
    extents.sort { $0.start < $1.start }
    for (one, next) in zip(extents, extents.dropFirst()) where next.start < one.end {
      throw ModelFileError(
        .malformed, path: reader.file.path, offset: next.infoOffset, key: next.name,
        expected: "data of its own", found: "bytes \(next.start)..<\(next.end), which overlap those of '\(one.name)'")
    }
  }
}
