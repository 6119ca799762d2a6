import Compute

/// The metadata of a GGUF file: typed, by key, read in place.
///
/// Each getter returns nil when the key is absent and throws when its value is of another type or does not fit; the
/// `required` forms also throw when the key is absent. All errors name the key, and the offset of the value.
public struct GGUFMetadata: Sendable {
  /// One key. Values stay in the file.
  struct Entry: Sendable {
    let key: String
    let type: GGUFValueType
    /// Where the value begins; for an array, where its first element begins.
    let offset: Int
    /// For an array: type of the elements, their number, and which of `stringOffsets` is theirs.
    var elementType = GGUFValueType.uint8
    var count = 0
    var stringOffsets = 0
    /// Where the value begins with its type, and where it ends.
    var bytes = 0..<0
  }

  let file: MappedFile
  private let entries: [Entry]
  private let stringOffsets: [[UInt32]]
  private let index: NameIndex

  /// - Throws: when two entries have the same key.
  init(file: MappedFile, entries: [Entry], stringOffsets: [[UInt32]]) throws(ModelFileError) {
    let index = NameIndex(entries.map(\.key))
    if let duplicate = index.duplicate {
      throw ModelFileError(
        .malformed, path: file.path, offset: entries[duplicate].offset, key: entries[duplicate].key,
        expected: "each key once", found: "it twice")
    }
    self.file = file
    self.entries = entries
    self.stringOffsets = stringOffsets
    self.index = index
  }

  /// Number of keys.
  public var count: Int { entries.count }

  /// The keys in the order of the file.
  public var keys: [String] { entries.map(\.key) }

  public func contains(_ key: String) -> Bool { entry(key) != nil }

  /// The type of the value of `key`, for example "u32" or "array of string"; nil when absent.
  public func typeName(_ key: String) -> String? {
    entry(key).map(describe)
  }

  /// The value of `key`, whatever its type; nil when absent.
  public func value(_ key: String) -> GGUFValue? {
    guard let entry = entry(key) else { return nil }
    switch entry.type {
    case .uint8, .int8, .uint16, .int16, .uint32, .int32, .int64:
      return .integer(file.integer(entry.type, at: entry.offset))
    case .uint64:
      let value = UInt64(bitPattern: file.integer(entry.type, at: entry.offset))
      return Int64(exactly: value).map { .integer($0) } ?? .unsigned(value)
    case .float32, .float64: return .float(file.float(entry.type, at: entry.offset))
    case .bool: return .bool(file.uint8(at: entry.offset) == 1)
    case .string: return .string(GGUFString(file: file, range: stringRange(entry)))
    case .array: return array(entry)
    }
  }

  /// The value of `key` with its type before it, as the file has them; nil when absent.
  func valueBytes(_ key: String) -> UnsafeRawBufferPointer? {
    guard let entry = entry(key) else { return nil }
    return unsafe file.bytes(in: entry.bytes)
  }

  /// A number of any integer type.
  public func integer(_ key: String) throws(ModelFileError) -> Int? {
    guard let entry = entry(key) else { return nil }
    guard entry.type.isInteger else { throw wrongType(entry, expected: "an integer") }
    let value = file.integer(entry.type, at: entry.offset)
    if entry.type == .uint64, value < 0 {
      throw wrongType(entry, expected: "an integer below 2^63", found: "\(UInt64(bitPattern: value))")
    }
    return Int(value)
  }

  /// A finite number of any float or integer type.
  public func float(_ key: String) throws(ModelFileError) -> Double? {
    guard let entry = entry(key) else { return nil }
    if entry.type.isInteger { return try integer(key).map(Double.init) }
    guard entry.type.isFloat else { throw wrongType(entry, expected: "a number") }
    let value = file.float(entry.type, at: entry.offset)
    guard value.isFinite else { throw wrongType(entry, expected: "a finite number", found: "\(value)") }
    return value
  }

  public func bool(_ key: String) throws(ModelFileError) -> Bool? {
    guard let entry = entry(key) else { return nil }
    guard entry.type == .bool else { throw wrongType(entry, expected: "a bool") }
    return file.uint8(at: entry.offset) == 1
  }

  /// The bytes of a string, which may be anything.
  public func stringBytes(_ key: String) throws(ModelFileError) -> GGUFString? {
    guard let entry = entry(key) else { return nil }
    guard entry.type == .string else { throw wrongType(entry, expected: "a string") }
    return GGUFString(file: file, range: stringRange(entry))
  }

  /// A string of valid UTF-8.
  public func string(_ key: String) throws(ModelFileError) -> String? {
    guard let entry = entry(key), let bytes = try stringBytes(key) else { return nil }
    guard let text = bytes.text else {
      throw wrongType(entry, expected: "a string in UTF-8", found: "ill-formed bytes")
    }
    return text
  }

  /// An array of any integer type.
  public func integers(_ key: String) throws(ModelFileError) -> GGUFIntegers? {
    guard let entry = try arrayEntry(key, of: "integers", where: \.isInteger) else { return nil }
    let array = GGUFIntegers(count: entry.count, elementType: entry.elementType, file: file, start: entry.offset)
    if entry.elementType == .uint64 {
      for position in 0..<array.count where array[position] < 0 {
        throw wrongType(entry, expected: "integers below 2^63", found: "a larger one, element \(position)")
      }
    }
    return array
  }

  /// An array of F32 or F64.
  public func floats(_ key: String) throws(ModelFileError) -> GGUFFloats? {
    guard let entry = try arrayEntry(key, of: "floats", where: \.isFloat) else { return nil }
    return GGUFFloats(count: entry.count, elementType: entry.elementType, file: file, start: entry.offset)
  }

  public func bools(_ key: String) throws(ModelFileError) -> GGUFBools? {
    guard let entry = try arrayEntry(key, of: "bools", where: { $0 == .bool }) else { return nil }
    return GGUFBools(count: entry.count, file: file, start: entry.offset)
  }

  public func strings(_ key: String) throws(ModelFileError) -> GGUFStrings? {
    guard let entry = try arrayEntry(key, of: "strings", where: { $0 == .string }) else { return nil }
    return strings(entry)
  }

  public func requiredInteger(_ key: String) throws(ModelFileError) -> Int {
    guard let value = try integer(key) else { throw missing(key, "an integer") }
    return value
  }

  public func requiredFloat(_ key: String) throws(ModelFileError) -> Double {
    guard let value = try float(key) else { throw missing(key, "a number") }
    return value
  }

  public func requiredString(_ key: String) throws(ModelFileError) -> String {
    guard let value = try string(key) else { throw missing(key, "a string") }
    return value
  }

  public func requiredIntegers(_ key: String) throws(ModelFileError) -> GGUFIntegers {
    guard let value = try integers(key) else { throw missing(key, "an array of integers") }
    return value
  }

  public func requiredFloats(_ key: String) throws(ModelFileError) -> GGUFFloats {
    guard let value = try floats(key) else { throw missing(key, "an array of floats") }
    return value
  }

  public func requiredStrings(_ key: String) throws(ModelFileError) -> GGUFStrings {
    guard let value = try strings(key) else { throw missing(key, "an array of strings") }
    return value
  }

  /// An error about the value of `key`, with the place of the value when there is one; for code that finds a value
  /// out of the range that it needs.
  public func invalid(_ key: String, expected: String, found: String) -> ModelFileError {
    ModelFileError(
      .malformed, path: file.path, offset: entry(key)?.offset, key: key, expected: expected, found: found)
  }

  private func entry(_ key: String) -> Entry? {
    index.find(key).map { entries[$0] }
  }

  private func arrayEntry(
    _ key: String, of elements: String, where accepts: (GGUFValueType) -> Bool
  ) throws(ModelFileError) -> Entry? {
    guard let entry = entry(key) else { return nil }
    guard entry.type == .array, accepts(entry.elementType) else {
      throw wrongType(entry, expected: "an array of \(elements)")
    }
    return entry
  }

  private func array(_ entry: Entry) -> GGUFValue {
    let (type, count, start) = (entry.elementType, entry.count, entry.offset)
    if type.isInteger { return .integers(GGUFIntegers(count: count, elementType: type, file: file, start: start)) }
    if type.isFloat { return .floats(GGUFFloats(count: count, elementType: type, file: file, start: start)) }
    switch type {
    case .bool: return .bools(GGUFBools(count: count, file: file, start: start))
    case .string: return .strings(strings(entry))
    default: return .nested(count: count)
    }
  }

  private func strings(_ entry: Entry) -> GGUFStrings {
    GGUFStrings(count: entry.count, file: file, start: entry.offset, offsets: stringOffsets[entry.stringOffsets])
  }

  private func stringRange(_ entry: Entry) -> Range<Int> {
    (entry.offset + 8)..<(entry.offset + 8 + entry.count)
  }

  private func describe(_ entry: Entry) -> String {
    entry.type == .array ? "array of \(entry.elementType.name)" : entry.type.name
  }

  private func missing(_ key: String, _ expected: String) -> ModelFileError {
    ModelFileError(.missing, path: file.path, key: key, expected: expected, found: "no such key")
  }

  private func wrongType(_ entry: Entry, expected: String, found: String? = nil) -> ModelFileError {
    ModelFileError(
      .wrongType, path: file.path, offset: entry.offset, key: entry.key, expected: expected,
      found: found ?? describe(entry))
  }
}
