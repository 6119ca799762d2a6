/// Writes GGUF bytes by hand, valid or not: what is given is written, nothing is checked. For hostile inputs only;
/// fixtures that results are compared with come from the format's own tools.
public struct GGUFBuilder: Sendable {
  public indirect enum Value: Sendable {
    case uint8(UInt8)
    case int8(Int8)
    case uint16(UInt16)
    case int16(Int16)
    case uint32(UInt32)
    case int32(Int32)
    case float32(Float)
    case bool(UInt8)
    case string([UInt8])
    case array(elementType: UInt32, [Value])
    case uint64(UInt64)
    case int64(Int64)
    case float64(Double)

    public static func text(_ text: String) -> Value { .string(Array(text.utf8)) }
    public static func strings(_ texts: [String]) -> Value { .array(elementType: 8, texts.map { .text($0) }) }
    public static func floats(_ values: [Float]) -> Value { .array(elementType: 6, values.map { .float32($0) }) }
    public static func int32s(_ values: [Int32]) -> Value { .array(elementType: 5, values.map { .int32($0) }) }

    /// Arrays in arrays, `depth` of them, around one number.
    public static func nested(depth: Int) -> Value {
      var value = Value.array(elementType: 0, [.uint8(7)])
      for _ in 1..<max(1, depth) { value = .array(elementType: 9, [value]) }
      return value
    }

    var code: UInt32 {
      switch self {
      case .uint8: 0
      case .int8: 1
      case .uint16: 2
      case .int16: 3
      case .uint32: 4
      case .int32: 5
      case .float32: 6
      case .bool: 7
      case .string: 8
      case .array: 9
      case .uint64: 10
      case .int64: 11
      case .float64: 12
      }
    }
  }

  public struct Tensor: Sendable {
    public var name: [UInt8]
    public var dimensions: [UInt64]
    public var type: UInt32
    /// From the beginning of the data; nil puts it behind the tensor before it.
    public var offset: UInt64?
    public var data: [UInt8]

    public init(_ name: String, _ dimensions: [UInt64], type: UInt32, offset: UInt64? = nil, bytes: Int) {
      self.name = Array(name.utf8)
      self.dimensions = dimensions
      self.type = type
      self.offset = offset
      data = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
    }
  }

  public var magic = Array("GGUF".utf8)
  public var version: UInt32 = 3
  public var keys: [(key: [UInt8], value: Value)] = []
  public var tensors: [Tensor] = []
  /// Of the data; a file that means another than 32 also has the key `general.alignment`.
  public var alignment = 32
  public var tensorCount: UInt64?
  public var keyCount: UInt64?

  public init() {}

  public mutating func add(_ key: String, _ value: Value) {
    keys.append((Array(key.utf8), value))
  }

  public var bytes: [UInt8] {
    var out = ByteSink()
    out.bytes += magic
    out.add(version)
    out.add(tensorCount ?? UInt64(tensors.count))
    out.add(keyCount ?? UInt64(keys.count))
    for (key, value) in keys {
      out.add(UInt64(key.count))
      out.bytes += key
      out.add(value.code)
      out.add(value)
    }
    var next: UInt64 = 0
    var data = ByteSink()
    for tensor in tensors {
      let offset = tensor.offset ?? next
      out.add(UInt64(tensor.name.count))
      out.bytes += tensor.name
      out.add(UInt32(tensor.dimensions.count))
      for dimension in tensor.dimensions { out.add(dimension) }
      out.add(tensor.type)
      out.add(offset)
      data.bytes += tensor.data
      data.pad(to: alignment)
      next = UInt64(data.bytes.count)
    }
    guard !tensors.isEmpty else { return out.bytes }
    out.pad(to: alignment)
    // The last tensor is not padded, so that a file cut by one byte lacks a byte that counts.
    let padding = (alignment - (tensors.last?.data.count ?? 0) % alignment) % alignment
    return out.bytes + data.bytes.dropLast(padding)
  }
}

struct ByteSink {
  var bytes: [UInt8] = []

  mutating func add<Number: FixedWidthInteger>(_ number: Number) {
    for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: number >> Number(shift)))
    }
  }

  mutating func pad(to alignment: Int) {
    while !bytes.count.isMultiple(of: alignment) { bytes.append(0) }
  }

  mutating func add(_ value: GGUFBuilder.Value) {
    switch value {
    case .uint8(let number), .bool(let number): add(number)
    case .int8(let number): add(number)
    case .uint16(let number): add(number)
    case .int16(let number): add(number)
    case .uint32(let number): add(number)
    case .int32(let number): add(number)
    case .float32(let number): add(number.bitPattern)
    case .uint64(let number): add(number)
    case .int64(let number): add(number)
    case .float64(let number): add(number.bitPattern)
    case .string(let content):
      add(UInt64(content.count))
      bytes += content
    case .array(let elementType, let elements):
      add(elementType)
      add(UInt64(elements.count))
      for element in elements { add(element) }
    }
  }
}

extension GGUFBuilder {
  /// A small valid file with every value type, tensors of several types and shapes, and a toy vocabulary.
  public static var everything: GGUFBuilder {
    var file = vocabularyOnly
    file.add("test.u8", .uint8(200))
    file.add("test.i8", .int8(-3))
    file.add("test.u16", .uint16(65_535))
    file.add("test.i16", .int16(-300))
    file.add("test.i32", .int32(-70_000))
    file.add("test.u64", .uint64(1 << 40))
    file.add("test.i64", .int64(-1 << 40))
    file.add("test.f64", .float64(0.1))
    file.add("test.bool", .bool(1))
    file.add("test.bools", .array(elementType: 7, [.bool(1), .bool(0), .bool(1)]))
    file.add("test.u64s", .array(elementType: 10, [.uint64(1), .uint64(2)]))
    file.add("test.f64s", .array(elementType: 12, [.float64(0.5), .float64(-1)]))
    file.add("test.empty", .array(elementType: 4, []))
    file.add("test.nested", .nested(depth: 3))
    file.tensors = [
      Tensor("token_embd.weight", [32, 11], type: 3, bytes: 11 * 20),
      Tensor("blk.0.attn_norm.weight", [32], type: 0, bytes: 128),
      Tensor("blk.0.attn_q.weight", [32, 2, 3], type: 8, bytes: 6 * 34),
      Tensor("blk.0.ffn_up.weight", [256, 1, 1, 2], type: 12, bytes: 2 * 144),
      Tensor("not_computed_with", [4], type: 26, bytes: 16),
      Tensor("output.weight", [3, 5], type: 1, bytes: 30),
    ]
    return file
  }

  /// A small valid file with metadata and a toy vocabulary, and no tensors.
  public static var vocabularyOnly: GGUFBuilder {
    var file = GGUFBuilder()
    file.add("general.architecture", .text("llama"))
    file.add("llama.context_length", .uint32(2048))
    file.add("llama.rope.freq_base", .float32(10_000))
    file.add("tokenizer.ggml.model", .text("gpt2"))
    file.add("tokenizer.ggml.pre", .text("smollm"))
    let tokens = ["<s>", "</s>", "a", "b", "c", "ab", "abc", "\u{120}", "\u{120}a", "", "e\u{301}"]
    file.add("tokenizer.ggml.tokens", .strings(tokens))
    file.add("tokenizer.ggml.scores", .floats(tokens.indices.map { -Float($0) }))
    file.add("tokenizer.ggml.token_type", .int32s([3, 3] + tokens.dropFirst(2).map { _ in 1 }))
    file.add("tokenizer.ggml.merges", .strings(["a b", "ab c", "\u{120} a"]))
    file.add("tokenizer.ggml.bos_token_id", .uint32(0))
    file.add("tokenizer.ggml.eos_token_id", .uint32(1))
    file.add("tokenizer.ggml.add_bos_token", .bool(0))
    return file
  }

  /// The parts of a small valid split model: the first has metadata and one tensor, the others a tensor each.
  public static func split(into count: Int) -> [GGUFBuilder] {
    (0..<count).map { number in
      var part = number == 0 ? vocabularyOnly : GGUFBuilder()
      part.add("split.no", .uint16(UInt16(truncatingIfNeeded: number)))
      part.add("split.count", .uint16(UInt16(truncatingIfNeeded: count)))
      part.add("split.tensors.count", .int32(Int32(count)))
      part.tensors = [Tensor("blk.\(number).attn_norm.weight", [8], type: 0, bytes: 32)]
      return part
    }
  }
}
