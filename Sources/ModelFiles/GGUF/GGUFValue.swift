import Compute

/// The types of metadata values; the raw value is GGUF's code.
public enum GGUFValueType: UInt32, Sendable, CaseIterable {
  case uint8 = 0
  case int8 = 1
  case uint16 = 2
  case int16 = 3
  case uint32 = 4
  case int32 = 5
  case float32 = 6
  case bool = 7
  case string = 8
  case array = 9
  case uint64 = 10
  case int64 = 11
  case float64 = 12

  /// Bytes of a value, or the least it can take for a string (its length) and an array (element type and count).
  var minimumBytes: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string: 8
    case .array: 12
    }
  }

  public var isInteger: Bool {
    switch self {
    case .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64: true
    case .float32, .bool, .string, .array, .float64: false
    }
  }

  public var isFloat: Bool { self == .float32 || self == .float64 }

  /// The name the format's own tools print, for example "u32".
  public var name: String {
    switch self {
    case .uint8: "u8"
    case .int8: "i8"
    case .uint16: "u16"
    case .int16: "i16"
    case .uint32: "u32"
    case .int32: "i32"
    case .float32: "f32"
    case .bool: "bool"
    case .string: "string"
    case .array: "array"
    case .uint64: "u64"
    case .int64: "i64"
    case .float64: "f64"
    }
  }
}

/// A metadata value, for listings; code that needs a key asks `GGUFMetadata` for the type it needs.
public enum GGUFValue: Sendable {
  case integer(Int64)
  /// An integer past the range of `Int64`.
  case unsigned(UInt64)
  case float(Double)
  case bool(Bool)
  case string(GGUFString)
  case integers(GGUFIntegers)
  case floats(GGUFFloats)
  case bools(GGUFBools)
  case strings(GGUFStrings)
  /// An array of arrays, which no known key uses: its number of elements.
  case nested(count: Int)
}

/// The bytes of a string in the file. They are UTF-8 in a valid file, which is not checked.
public struct GGUFString: Sendable {
  let file: MappedFile
  let range: Range<Int>

  public var count: Int { range.count }
  /// The bytes; valid as long as the `ModelFile`.
  public var bytes: UnsafeRawBufferPointer { unsafe file.bytes(in: range) }
  /// The text, or nil where it is not UTF-8.
  public var text: String? { file.utf8String(in: range) }
}

/// An array of integers in the file, read in place.
public struct GGUFIntegers: Sendable {
  public let count: Int
  public let elementType: GGUFValueType
  let file: MappedFile
  let start: Int

  /// - Precondition: `index < count`. A `u64` past `Int64.max` reads as negative; `GGUFMetadata.integers` has refused
  ///   arrays that hold one.
  public subscript(index: Int) -> Int {
    precondition(index >= 0 && index < count, "index outside the array")
    return Int(file.integer(elementType, at: start + index * elementType.minimumBytes))
  }
}

/// An array of floats in the file, read in place.
public struct GGUFFloats: Sendable {
  public let count: Int
  public let elementType: GGUFValueType
  let file: MappedFile
  let start: Int

  /// The number, exactly; it may be infinite or not a number.
  /// - Precondition: `index < count`.
  public subscript(index: Int) -> Double {
    precondition(index >= 0 && index < count, "index outside the array")
    return file.float(elementType, at: start + index * elementType.minimumBytes)
  }
}

/// An array of truth values in the file, read in place; each was checked to be 0 or 1.
public struct GGUFBools: Sendable {
  public let count: Int
  let file: MappedFile
  let start: Int

  /// - Precondition: `index < count`.
  public subscript(index: Int) -> Bool {
    precondition(index >= 0 && index < count, "index outside the array")
    return file.uint8(at: start + index) == 1
  }
}

/// An array of strings in the file, read in place.
///
/// Every `stride`-th string's offset is kept (half a byte of memory a string); the ones between are reached by hopping
/// over lengths that were checked when the file was opened.
public struct GGUFStrings: Sendable {
  public let count: Int
  let file: MappedFile
  let start: Int
  /// Offsets from `start` of strings 0, 8, 16, ... (of their lengths).
  let offsets: [UInt32]
  static let stride = 8

  /// The bytes of string `index`; valid as long as the `ModelFile`. UTF-8 in a valid file, which is not checked.
  /// - Precondition: `index < count`.
  public func bytes(at index: Int) -> UnsafeRawBufferPointer {
    unsafe file.bytes(in: range(at: index))
  }

  /// String `index`, or nil where it is not UTF-8.
  /// - Precondition: `index < count`.
  public func text(at index: Int) -> String? {
    file.utf8String(in: range(at: index))
  }

  /// Calls `body` with each index and its bytes, in order; faster than asking for each.
  public func visit<Failure>(
    _ body: (Int, UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    var offset = start
    for index in 0..<count {
      let range = range(ofStringAt: offset)
      unsafe try body(index, file.bytes(in: range))
      offset = range.upperBound
    }
  }

  private func range(at index: Int) -> Range<Int> {
    precondition(index >= 0 && index < count, "index outside the array")
    var offset = start + Int(offsets[index / GGUFStrings.stride])
    for _ in 0..<(index % GGUFStrings.stride) {
      offset = range(ofStringAt: offset).upperBound
    }
    return range(ofStringAt: offset)
  }

  private func range(ofStringAt offset: Int) -> Range<Int> {
    // Checked when the file was opened; a file that was changed since gives an empty string, and `bytes(in:)` checks
    // the range.
    let length = Int(truncatingIfNeeded: file.uint64(at: offset) ?? 0)
    let first = min(offset + 8, file.byteCount)
    return first..<(first + max(0, min(length, file.byteCount - first)))
  }
}

extension MappedFile {
  /// The integer of type `type` at `offset`, by its bits. The offset was checked when the file was opened.
  func integer(_ type: GGUFValueType, at offset: Int) -> Int64 {
    switch type {
    case .uint8, .bool: Int64(uint8(at: offset) ?? 0)
    case .int8: Int64(Int8(bitPattern: uint8(at: offset) ?? 0))
    case .uint16: Int64(uint16(at: offset) ?? 0)
    case .int16: Int64(Int16(bitPattern: uint16(at: offset) ?? 0))
    case .uint32: Int64(uint32(at: offset) ?? 0)
    case .int32: Int64(Int32(bitPattern: uint32(at: offset) ?? 0))
    case .uint64, .int64: Int64(bitPattern: uint64(at: offset) ?? 0)
    case .float32, .float64, .string, .array: 0
    }
  }

  /// The float of type `type` at `offset`. The offset was checked when the file was opened.
  func float(_ type: GGUFValueType, at offset: Int) -> Double {
    type == .float32
      ? Double(Float(bitPattern: uint32(at: offset) ?? 0)) : Double(bitPattern: uint64(at: offset) ?? 0)
  }
}
