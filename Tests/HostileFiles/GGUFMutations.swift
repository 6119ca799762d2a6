import ModelFiles

/// A file made hostile: what was done to it, and the result.
public struct Mutant: Sendable {
  public let what: String
  public let bytes: [UInt8]

  public init(what: String, bytes: [UInt8]) {
    self.what = what
    self.bytes = bytes
  }
}

/// Structure-aware mutations of any valid GGUF file.
public struct GGUFMutations: Sendable {
  public let original: [UInt8]
  public let fields: [GGUFField]

  public init(of original: [UInt8]) {
    self.original = original
    fields = GGUFFields(of: original).fields
  }

  /// Pairs of extents whose product, or its product with a block size, does not fit 64 bits.
  private static let wrappingDimensions: [(UInt64, UInt64)] = [
    (1 << 32, 1 << 32), (1 << 33, 1 << 31), (1 << 63, 2), (1 << 62, 4), (3 << 32, 0x5555_5556), (.max, .max),
    (1 << 40, 1 << 23), (256, (1 << 56) + 1), (32, 1 << 59),
  ]

  /// Calls `body` with every mutant: each field in turn takes each of its telling values; the dimensions of each
  /// tensor together take values whose product wraps; each key and tensor is doubled; arrays nest to each depth around
  /// the limit.
  public func visitAll(_ body: (Mutant) throws -> Void) rethrows {
    for field in fields {
      for value in values(for: field) {
        let what = "\(field.kind) of '\(field.owner)' at byte \(field.offset) becomes \(value)"
        try body(Mutant(what: what, bytes: setting([(field, value)])))
      }
    }
    for dimensions in tensorsDimensions where dimensions.count > 1 {
      for (first, second) in Self.wrappingDimensions {
        let what = "first dimensions of '\(dimensions[0].owner)' become \(first) x \(second)"
        try body(Mutant(what: what, bytes: setting([(dimensions[0], first), (dimensions[1], second)])))
      }
    }
    for depth in [1, 2, GGUFLimits.arrayDepth, GGUFLimits.arrayDepth + 1, 64, 4_096] {
      try body(Mutant(what: "a key with arrays nested \(depth) deep", bytes: addingKey(nestedTo: depth)))
    }
    for piece in pieces {
      try body(Mutant(what: "'\(piece.owner)' twice", bytes: doubling(piece)))
    }
  }

  /// The file cut after `count` bytes.
  public func truncated(to count: Int) -> Mutant {
    Mutant(what: "cut to \(count) bytes", bytes: Array(original.prefix(count)))
  }

  /// The file with one to eight random bits turned over.
  public func bitFlipped(using generator: inout SeededGenerator) -> Mutant {
    var bytes = original
    let flips = Int.random(in: 1...8, using: &generator)
    var places: [Int] = []
    for _ in 0..<flips where !bytes.isEmpty {
      let place = Int.random(in: 0..<(bytes.count * 8), using: &generator)
      bytes[place / 8] ^= 1 << UInt8(place % 8)
      places.append(place)
    }
    return Mutant(what: "bits \(places) turned over", bytes: bytes)
  }

  /// One random field with one random telling value; for a fuzzer.
  public func randomField(using generator: inout SeededGenerator) -> Mutant? {
    guard let field = fields.randomElement(using: &generator),
      let value = values(for: field).randomElement(using: &generator)
    else { return nil }
    return Mutant(what: "\(field.kind) becomes \(value)", bytes: setting([(field, value)]))
  }

  /// The values that a field takes: 0, 1, around its limit, around what the file has room for, the extremes of its
  /// width and of the types it may be converted to, and values whose product with an element's size wraps.
  private func values(for field: GGUFField) -> [UInt64] {
    let now = number(at: field)
    let remaining = UInt64(original.count - field.offset - field.width)
    var values: Set<UInt64> = [0, 1, 2, now &- 1, now &+ 1, .max, .max - 1, 1 << 63, (1 << 63) - 1]
    values.formUnion([
      1 << 31, (1 << 31) - 1, 1 << 32, (1 << 32) - 1, (1 << 32) &+ now, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF,
    ])
    values.formUnion([remaining, remaining &+ 1, remaining &- 1, UInt64(original.count)])
    if let limit = limit(of: field.kind) { values.formUnion([limit - 1, limit, limit + 1]) }
    switch field.kind {
    case .valueType, .elementType: values.formUnion(0...14)
    case .tensorType: values.formUnion(0...44)
    case .version: values.formUnion([0x0300_0000, 0x0200_0000, 1, 2, 3, 4])
    case .tensorOffset:
      // Near the top, so that the sum with the beginning of the data wraps into the file.
      values.formUnion([32, 33, now &+ 32, remaining / 32 * 32])
      for step: UInt64 in 1...40 { values.insert(UInt64.max - 32 * step + 1) }
    case .arrayLength, .stringLength, .keyLength, .tensorNameLength, .tensorCount, .keyCount, .dimension:
      for size: UInt64 in [2, 4, 8, 12, 14, 18, 20, 24, 33, 34, 144, 210] {
        // Products that wrap to almost nothing, and to just what the field asks for now.
        values.formUnion([.max / size, .max / size + 1, .max / size &+ 1 &+ now])
        values.formUnion([remaining / size, remaining / size + 1])
      }
    case .magic, .dimensionCount, .value: break
    }
    let mask = field.width == 8 ? UInt64.max : (1 << UInt64(field.width * 8)) - 1
    return Set(values.map { $0 & mask }).subtracting([now]).sorted()
  }

  private func limit(of kind: GGUFField.Kind) -> UInt64? {
    switch kind {
    case .tensorCount: UInt64(GGUFLimits.tensors)
    case .keyCount: UInt64(GGUFLimits.keys)
    case .keyLength: UInt64(GGUFLimits.keyBytes)
    case .tensorNameLength: UInt64(GGUFLimits.tensorNameBytes)
    case .dimensionCount: UInt64(GGUFLimits.dimensions)
    case .version: UInt64(GGUFLimits.versions.upperBound)
    default: nil
    }
  }

  private func number(at field: GGUFField) -> UInt64 {
    (0..<field.width).reversed().reduce(0) { $0 << 8 | UInt64(original[field.offset + $1]) }
  }

  private func setting(_ edits: [(GGUFField, UInt64)]) -> [UInt8] {
    var bytes = original
    for (field, value) in edits {
      for index in 0..<field.width {
        bytes[field.offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
      }
    }
    return bytes
  }

  private var tensorsDimensions: [[GGUFField]] {
    var result: [[GGUFField]] = []
    for field in fields {
      if field.kind == .dimensionCount { result.append([]) }
      if field.kind == .dimension, !result.isEmpty { result[result.count - 1].append(field) }
    }
    return result.filter { !$0.isEmpty }
  }

  /// A key with its value, or a tensor's description.
  private struct Piece {
    let owner: String
    let range: Range<Int>
    let count: GGUFField.Kind
  }

  private var pieces: [Piece] {
    var result: [Piece] = []
    let starts = fields.filter { $0.kind == .keyLength || $0.kind == .tensorNameLength }
    for (index, start) in starts.enumerated() {
      let isKey = start.kind == .keyLength
      // The last tensor's description ends with its offset.
      let end = index + 1 < starts.count ? starts[index + 1].offset : (fields.last.map { $0.offset + $0.width } ?? 0)
      guard isKey || fields.last?.kind == .tensorOffset, start.offset < end else { continue }
      result.append(Piece(owner: start.owner, range: start.offset..<end, count: isKey ? .keyCount : .tensorCount))
    }
    return result
  }

  private func doubling(_ piece: Piece) -> [UInt8] {
    var bytes = incremented(piece.count)
    bytes.insert(contentsOf: original[piece.range], at: piece.range.upperBound)
    return bytes
  }

  private func addingKey(nestedTo depth: Int) -> [UInt8] {
    var sink = ByteSink()
    let key = Array("hostile.nested".utf8)
    sink.add(UInt64(key.count))
    sink.bytes += key
    sink.add(UInt32(9))
    // Written flat: a value of that depth as a tree would recurse here.
    for _ in 1..<depth {
      sink.add(UInt32(9))
      sink.add(UInt64(1))
    }
    sink.add(UInt32(0))
    sink.add(UInt64(1))
    sink.bytes.append(7)
    var bytes = incremented(.keyCount)
    bytes.insert(contentsOf: sink.bytes, at: 24)
    return bytes
  }

  private func incremented(_ kind: GGUFField.Kind) -> [UInt8] {
    guard let field = fields.first(where: { $0.kind == kind }) else { return original }
    return setting([(field, number(at: field) &+ 1)])
  }
}
