/// Making values, and walking them.
extension Jinja.Renderer {
  typealias Value = Jinja.Value
  typealias Text = Jinja.Text
  typealias Frame = Jinja.Frame
  typealias Expression = Jinja.Expression
  typealias Undefined = Jinja.Undefined

  func string(_ bytes: [UInt8], isMarkup: Bool = false) throws(TemplateError) -> Value {
    try reserve(bytes.count)
    try spend(bytes: bytes.count)
    return .string(Text(bytes, isMarkup: isMarkup, meter: meter))
  }

  func string(_ text: String) throws(TemplateError) -> Value { try string(Array(text.utf8)) }

  func checkDepth(_ depth: Int) throws(TemplateError) {
    guard depth <= limits.valueDepth else {
      throw failure("a value nested more than \(limits.valueDepth) levels deep", kind: .limit)
    }
  }

  /// The depth of a container of `items`, which is checked.
  private func depth(over items: [Value]) throws(TemplateError) -> Int {
    try reserve(items.count * 16)
    try spend(items.count >> 2)
    var depth = 0
    for item in items where item.depth > depth { depth = item.depth }
    try checkDepth(depth + 1)
    return depth + 1
  }

  func list(_ items: [Value]) throws(TemplateError) -> Value {
    .list(Jinja.ListObject(items, depth: try depth(over: items), meter: meter))
  }

  func tuple(_ items: [Value]) throws(TemplateError) -> Value {
    .tuple(Jinja.ListObject(items, depth: try depth(over: items), meter: meter))
  }

  func iterator(_ items: [Value]) throws(TemplateError) -> Value {
    .iterator(Jinja.IteratorObject(items, depth: try depth(over: items), meter: meter))
  }

  func dictionary(_ entries: Jinja.Entries) throws(TemplateError) -> Value {
    try reserve(entries.count * Jinja.DictionaryObject.bytesPerEntry)
    let depth = max(try depth(over: entries.values), try depth(over: entries.keys))
    return .dictionary(Jinja.DictionaryObject(entries, depth: depth, meter: meter))
  }

  func namespace(_ entries: Jinja.Entries) throws(TemplateError) -> Value {
    try reserve(entries.count * Jinja.DictionaryObject.bytesPerEntry)
    let namespace = Jinja.Namespace(entries, depth: try depth(over: entries.values), meter: meter)
    keep(namespace)
    return .namespace(namespace)
  }

  /// A value from outside.
  func value(_ value: TemplateValue, level: Int) throws(TemplateError) -> Value {
    try checkDepth(level)
    switch value {
    case .null: return .null
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .float(let value): return .float(value)
    case .string(let text): return try string(text)
    case .list(let items):
      var out: [Value] = []
      out.reserveCapacity(items.count)
      for item in items { out.append(try self.value(item, level: level + 1)) }
      return try list(out)
    case .dictionary(let items):
      var entries = Jinja.Entries()
      for item in items {
        let name = Array(item.key.utf8)
        entries.set(.string(name), named: try string(name), to: try self.value(item.value, level: level + 1))
      }
      return try dictionary(entries)
    }
  }

  func constant(_ index: Int) throws(TemplateError) -> Value {
    switch program.constants[index] {
    case .null: return .null
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .float(let value): return .float(value)
    case .string(let bytes): return try string(bytes)
    }
  }

  /// The key that `value` is in a dictionary. Lists, dictionaries and the like are none.
  func key(_ value: Value) throws(TemplateError) -> Jinja.Key {
    var partsLeft = 64
    return try key(value, partsLeft: &partsLeft)
  }

  /// Tuples can share parts, so their size is not bounded by their depth.
  private func key(_ value: Value, partsLeft: inout Int) throws(TemplateError) -> Jinja.Key {
    switch value {
    case .undefined: return .undefined
    case .null: return .null
    case .bool(let value): return .int(value ? 1 : 0)
    case .int(let value): return .int(value)
    case .float(let value):
      if let whole = Int(exactly: value) { return .int(whole) }
      return .float(value)
    case .string(let text):
      try spend(bytes: text.bytes.count)
      return .string(text.bytes)
    case .tuple(let tuple):
      partsLeft -= tuple.items.count + 1
      guard partsLeft >= 0 else { throw failure("a tuple too large for a dictionary key", kind: .limit) }
      var parts: [Jinja.Key] = []
      for item in tuple.items { parts.append(try key(item, partsLeft: &partsLeft)) }
      return .tuple(parts)
    default: throw failure("unhashable type: '\(value.typeName)'")
    }
  }

  // MARK: Walking

  func sequence(_ value: Value, _ message: String? = nil) throws(TemplateError) -> Jinja.Walk {
    switch value {
    case .undefined: return Jinja.Walk(.empty)
    case .list(let list), .tuple(let list): return Jinja.Walk(.list(list))
    case .dictionary(let dictionary): return Jinja.Walk(.dictionary(dictionary))
    case .view(let view): return Jinja.Walk(.view(view))
    case .string(let text): return Jinja.Walk(.text(text))
    case .range(let range): return Jinja.Walk(.range(range))
    case .iterator(let iterator): return Jinja.Walk(.iterator(iterator))
    default: throw failure(message ?? "'\(value.typeName)' object is not iterable")
    }
  }

  /// All items of something that can be walked.
  func items(_ value: Value) throws(TemplateError) -> [Value] {
    if case .list(let list) = value { return list.items }
    if case .tuple(let tuple) = value { return tuple.items }
    var sequence = try self.sequence(value)
    var out: [Value] = []
    while let item = try sequence.next(self) {
      try spend(1)
      if out.count & 1023 == 0 { try reserve(out.count * 16) }
      out.append(item)
    }
    return out
  }

  /// `len(value)`
  func length(_ value: Value) throws(TemplateError) -> Int {
    switch value {
    case .iterator, .null, .bool, .int, .float, .namespace, .macro, .function, .method:
      throw failure("object of type '\(value.typeName)' has no len()")
    case .loop(let loop): return try loop.length(self)
    default: return try sequence(value).length ?? 0
    }
  }

  /// `str(value)`, as bytes.
  func str(_ value: Value) throws(TemplateError) -> [UInt8] {
    switch value {
    case .string(let text): return text.bytes
    case .undefined: return []
    default:
      var writer = Jinja.PythonWriter(self)
      try writer.write(value, level: 0)
      return writer.out
    }
  }

  /// A string as it is, and anything else as `str` has it.
  func softString(_ value: Value) throws(TemplateError) -> Text {
    if case .string(let text) = value { return text }
    return Text(try str(value), isMarkup: false, meter: meter)
  }
}
