import Compute
import Quantization

/// How the numbers of a safetensors file are stored.
enum SafetensorsType: Equatable {
  case readable(TensorType)
  /// A type that Farthing does not compute with.
  case other(name: String, bytes: Int)

  /// Nil for a name that the format does not have.
  init?(_ name: String) {
    switch name {
    case "F32": self = .readable(.f32)
    case "F16": self = .readable(.f16)
    case "BF16": self = .readable(.bf16)
    case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ":
      self = .other(name: name, bytes: 1)
    case "I16", "U16": self = .other(name: name, bytes: 2)
    case "I32", "U32": self = .other(name: name, bytes: 4)
    case "I64", "U64", "F64", "C64": self = .other(name: name, bytes: 8)
    default: return nil
    }
  }

  /// Bytes of one number.
  var bytes: Int {
    switch self {
    case .readable(let type): type.bytesPerBlock
    case .other(_, let bytes): bytes
    }
  }

  var name: String {
    switch self {
    case .readable(let type): type.name
    case .other(let name, _): name
    }
  }
}

/// A safetensors file: what lies where in it. Everything is checked when it is opened.
///
/// Layout: the length of a JSON header (u64, little-endian), the header, the numbers. The header is one object; each
/// member is a tensor with `dtype`, `shape` (outermost extent first) and `data_offsets` (begin and end, from the end of
/// the header), but for `__metadata__`. The numbers are covered without gap or overlap.
/// Source: the format's description in huggingface/safetensors.
struct SafetensorsFile {
  struct Entry {
    let name: String
    let type: SafetensorsType
    /// Extents, outermost first, as the file writes them.
    let shape: [Int]
    /// Where the numbers lie in the file.
    let range: Range<Int>
  }

  let file: MappedFile
  let entries: [Entry]

  init(_ file: MappedFile) throws(ModelFileError) {
    self.file = file
    let header = try Self.headerRange(file)
    let text = unsafe try JSONText<ModelFileError>(file.bytes(in: header), name: file.path)
    let root = JSONTree(text)
    try root.requireObject()
    guard root.node.count <= SafetensorsLimits.tensors else {
      throw ModelFileError(
        .limit, path: file.path, offset: 8, expected: "at most \(SafetensorsLimits.tensors) tensors",
        found: "\(root.node.count)")
    }
    var entries: [Entry] = []
    unsafe try root.node.forEachMember { (key, _) throws(ModelFileError) in
      guard key.count <= SafetensorsLimits.nameBytes else {
        throw ModelFileError(
          .limit, path: file.path, offset: 8, expected: "names of at most \(SafetensorsLimits.nameBytes) bytes",
          found: "\(key.count)")
      }
      let name = unsafe String(decoding: key, as: UTF8.self)
      guard name != "__metadata__" else { return }
      entries.append(try Self.entry(name, try root.required(name), file, dataStart: header.upperBound))
    }
    try Self.checkCover(&entries, file, dataStart: header.upperBound)
    self.entries = entries
  }

  private static func headerRange(_ file: MappedFile) throws(ModelFileError) -> Range<Int> {
    guard let length = file.uint64(at: 0) else {
      throw ModelFileError(
        .truncated, path: file.path, offset: 0, expected: "a safetensors file, which begins with 8 bytes of length",
        found: "\(file.byteCount) bytes")
    }
    guard length <= UInt64(SafetensorsLimits.headerBytes) else {
      throw ModelFileError(
        file.uint8(at: 8) == UInt8(ascii: "{") ? .limit : .malformed, path: file.path, offset: 0,
        expected: "a safetensors header of at most \(SafetensorsLimits.headerBytes) bytes", found: "\(length)")
    }
    guard Int(length) <= file.byteCount - 8 else {
      throw ModelFileError(
        .truncated, path: file.path, offset: 0, expected: "a header of \(length) bytes",
        found: "\(file.byteCount - 8) bytes to the end of the file")
    }
    guard file.uint8(at: 8) == UInt8(ascii: "{"), length > 0 else {
      throw ModelFileError(
        .malformed, path: file.path, offset: 8, expected: "a JSON object", found: "something else")
    }
    return 8..<(8 + Int(length))
  }

  private static func entry(
    _ name: String, _ tree: JSONTree<ModelFileError>, _ file: MappedFile, dataStart: Int
  ) throws(ModelFileError) -> Entry {
    func fault(_ kind: ModelFileError.Kind, _ expected: String, _ found: String) -> ModelFileError {
      ModelFileError(kind, path: file.path, offset: 8, key: name, expected: expected, found: found)
    }
    try tree.requireObject()
    let typeName = try tree.required("dtype").text()
    guard let type = SafetensorsType(typeName) else {
      throw fault(.unsupported, "a type of safetensors", "\"\(typeName)\"")
    }
    let extents = try tree.required("shape").elements()
    guard extents.count <= SafetensorsLimits.dimensions else {
      throw fault(.limit, "at most \(SafetensorsLimits.dimensions) dimensions", "\(extents.count)")
    }
    var shape: [Int] = []
    var bytes = type.bytes
    for extent in extents {
      let value = try extent.integer()
      let (product, overflow) = bytes.multipliedReportingOverflow(by: value)
      guard value >= 0, !overflow else { throw fault(.malformed, "a shape below 2^63 bytes", "extent \(value)") }
      bytes = product
      shape.append(value)
    }
    let offsets = try tree.required("data_offsets").elements()
    guard offsets.count == 2 else { throw fault(.malformed, "two data_offsets", "\(offsets.count)") }
    let (begin, end) = (try offsets[0].integer(), try offsets[1].integer())
    let room = file.byteCount - dataStart
    guard begin >= 0, end >= begin else { throw fault(.malformed, "data_offsets in order", "\(begin) and \(end)") }
    guard end <= room else {
      throw fault(.truncated, "\(end) bytes of numbers behind byte \(dataStart)", "\(room)")
    }
    guard end - begin == bytes else {
      throw fault(.malformed, "\(bytes) bytes, as \(type.name) \(shape) takes", "\(end - begin)")
    }
    return Entry(name: name, type: type, shape: shape, range: (dataStart + begin)..<(dataStart + end))
  }

  /// Sorts the entries by place and checks that they cover the numbers without gap or overlap.
  private static func checkCover(
    _ entries: inout [Entry], _ file: MappedFile, dataStart: Int
  ) throws(ModelFileError) {
    entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    var covered = dataStart
    for entry in entries {
      guard entry.range.lowerBound == covered else {
        let what = entry.range.lowerBound < covered ? "bytes that another tensor has" : "a gap before it"
        throw ModelFileError(
          .malformed, path: file.path, offset: entry.range.lowerBound, key: entry.name,
          expected: "numbers that begin at byte \(covered)", found: what)
      }
      covered = entry.range.upperBound
    }
    guard covered == file.byteCount else {
      throw ModelFileError(
        .malformed, path: file.path, offset: covered, expected: "the end of the file",
        found: "\(file.byteCount - covered) bytes of no tensor")
    }
  }
}
