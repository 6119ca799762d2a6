import Compute

/// Metadata to be written: keys with their values, in order, as the bytes that a GGUF file has for them.
public struct GGUFKeys: Sendable {
  private struct Entry {
    let key: String
    /// The type, then the value.
    var value: [UInt8]
  }

  private var entries: [Entry] = []

  public init() {}

  /// The keys and values of a file, as they are.
  public init(copying metadata: GGUFMetadata) {
    for key in metadata.keys {
      guard let value = unsafe metadata.valueBytes(key) else { continue }
      entries.append(Entry(key: key, value: unsafe Array(value)))
    }
  }

  public var keys: [String] { entries.map(\.key) }

  public mutating func set(_ key: String, integer value: Int) {
    put(key, .uint32) { Self.append(UInt32(clamping: value), to: &$0) }
  }

  public mutating func set(_ key: String, signed value: Int) {
    put(key, .int32) { Self.append(UInt32(bitPattern: Int32(clamping: value)), to: &$0) }
  }

  public mutating func set(_ key: String, float value: Double) {
    put(key, .float32) { Self.append(Float(value).bitPattern, to: &$0) }
  }

  public mutating func set(_ key: String, bool value: Bool) {
    put(key, .bool) { $0.append(value ? 1 : 0) }
  }

  public mutating func set(_ key: String, string value: String) {
    put(key, .string) { Self.append(string: value.utf8, to: &$0) }
  }

  public mutating func set(_ key: String, strings values: [[UInt8]]) {
    put(key, elements: .string, count: values.count) { bytes in
      bytes.reserveCapacity(bytes.count + values.reduce(0) { $0 + $1.count + 8 })
      for value in values { Self.append(string: value, to: &bytes) }
    }
  }

  public mutating func set(_ key: String, integers values: [Int32]) {
    put(key, elements: .int32, count: values.count) { bytes in
      for value in values { Self.append(UInt32(bitPattern: value), to: &bytes) }
    }
  }

  public mutating func set(_ key: String, floats values: [Float]) {
    put(key, elements: .float32, count: values.count) { bytes in
      for value in values { Self.append(value.bitPattern, to: &bytes) }
    }
  }

  public mutating func set(_ key: String, bools values: [Bool]) {
    put(key, elements: .bool, count: values.count) { bytes in for value in values { bytes.append(value ? 1 : 0) } }
  }

  /// Takes `key` away, if it is there.
  public mutating func remove(_ key: String) {
    entries.removeAll { Self.same($0.key, key) }
  }

  /// Puts all of `others` in, in the place of keys of the same name, or behind.
  public mutating func merge(_ others: GGUFKeys) {
    for entry in others.entries { put(entry) }
  }

  /// The metadata as code reads it that was made for files.
  package func metadata(path: String) throws(ModelFileError) -> GGUFMetadata {
    let file = MappedFile(copying: head(tensors: 0), path: path)
    return try GGUFHeader(file, part: 0).metadata
  }

  /// The beginning of a file with these keys and so many tensors, up to where their descriptions begin.
  func head(tensors: Int) -> [UInt8] {
    var bytes = Array("GGUF".utf8)
    bytes.reserveCapacity(entries.reduce(64) { $0 + $1.key.utf8.count + $1.value.count + 8 })
    Self.append(UInt32(3), to: &bytes)
    Self.append(UInt64(tensors), to: &bytes)
    Self.append(UInt64(entries.count), to: &bytes)
    for entry in entries {
      Self.append(string: entry.key.utf8, to: &bytes)
      bytes += entry.value
    }
    return bytes
  }

  private mutating func put(_ key: String, _ type: GGUFValueType, _ value: (inout [UInt8]) -> Void) {
    var bytes: [UInt8] = []
    Self.append(type.rawValue, to: &bytes)
    value(&bytes)
    put(Entry(key: key, value: bytes))
  }

  private mutating func put(
    _ key: String, elements: GGUFValueType, count: Int, _ value: (inout [UInt8]) -> Void
  ) {
    put(key, .array) { bytes in
      Self.append(elements.rawValue, to: &bytes)
      Self.append(UInt64(count), to: &bytes)
      value(&bytes)
    }
  }

  private mutating func put(_ entry: Entry) {
    if let place = entries.firstIndex(where: { Self.same($0.key, entry.key) }) {
      entries[place] = entry
    } else {
      entries.append(entry)
    }
  }

  /// Keys are bytes: `String` equality would take other spellings for the same.
  private static func same(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }

  static func append<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8]) {
    for shift in stride(from: 0, to: Value.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  static func append(string: some Collection<UInt8>, to bytes: inout [UInt8]) {
    append(UInt64(string.count), to: &bytes)
    bytes.append(contentsOf: string)
  }
}
