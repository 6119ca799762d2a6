extension Jinja {
  /// Writes values as Python's `json.dumps` does: the filter `tojson` as `transformers` defines it.
  struct JSONWriter {
    var escapesNonASCII = false
    /// Text for one level of indentation; nil writes everything on one line.
    var indent: [UInt8]?
    var itemSeparator: [UInt8] = Array(", ".utf8)
    var keySeparator: [UInt8] = Array(": ".utf8)
    var sortsKeys = false
    private(set) var out: [UInt8] = []
    private let renderer: Renderer

    init(_ renderer: Renderer) { self.renderer = renderer }

    private mutating func add(_ text: String) { out.append(contentsOf: text.utf8) }

    mutating func write(_ value: Value, level: Int) throws(TemplateError) {
      try renderer.checkDepth(level)
      try renderer.spend(1)
      if out.count & 0xFFF < 64 { try renderer.reserve(out.count) }
      switch value {
      case .null: add("null")
      case .bool(let value): add(value ? "true" : "false")
      case .int(let value): add(String(value))
      case .float(let value): add(number(value))
      case .string(let text): try write(text.bytes)
      case .list(let list), .tuple(let list): try write(list.items, level)
      case .dictionary(let dictionary): try write(dictionary.entries, level)
      default: throw renderer.failure("an object of type \(value.typeName) is not JSON serializable")
      }
    }

    private func number(_ value: Double) -> String {
      if value.isNaN { return "NaN" }
      if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
      return Jinja.text(of: value)
    }

    private mutating func breakLine(_ level: Int) throws(TemplateError) {
      guard let indent else { return }
      try renderer.reserve(out.count + indent.count * level)
      try renderer.spend(bytes: indent.count * level)
      out.append(0x0A)
      for _ in 0..<level { out.append(contentsOf: indent) }
    }

    private mutating func write(_ items: [Value], _ level: Int) throws(TemplateError) {
      add("[")
      for (index, item) in items.enumerated() {
        if index > 0 { out.append(contentsOf: itemSeparator) }
        try breakLine(level + 1)
        try write(item, level: level + 1)
      }
      if !items.isEmpty { try breakLine(level) }
      add("]")
    }

    private mutating func write(_ entries: Entries, _ level: Int) throws(TemplateError) {
      var order = Array(0..<entries.count)
      if sortsKeys {
        order = try renderer.sorted(order, by: { index throws(TemplateError) in entries.keys[index] }, reverse: false)
      }
      add("{")
      for (position, index) in order.enumerated() {
        if position > 0 { out.append(contentsOf: itemSeparator) }
        try breakLine(level + 1)
        try write(key: entries.keys[index])
        out.append(contentsOf: keySeparator)
        try write(entries.values[index], level: level + 1)
      }
      if !order.isEmpty { try breakLine(level) }
      add("}")
    }

    private mutating func write(key: Value) throws(TemplateError) {
      switch key {
      case .string(let text): try write(text.bytes)
      case .null: add("\"null\"")
      case .bool(let value): add(value ? "\"true\"" : "\"false\"")
      case .int(let value): add("\"\(value)\"")
      case .float(let value): add("\"\(number(value))\"")
      default: throw renderer.failure("keys must be str, int, float, bool or None, not \(key.typeName)")
      }
    }

    private mutating func write(_ bytes: [UInt8]) throws(TemplateError) {
      try renderer.reserve(out.count + bytes.count * (escapesNonASCII ? 6 : 2))
      try renderer.spend(bytes: bytes.count)
      add("\"")
      var at = 0
      while at < bytes.count {
        let byte = bytes[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(contentsOf: [UInt8(ascii: "\\"), byte])
        case 0x08: add("\\b")
        case 0x09: add("\\t")
        case 0x0A: add("\\n")
        case 0x0C: add("\\f")
        case 0x0D: add("\\r")
        case 0..<0x20: escape(UInt16(byte))
        case 0x80... where escapesNonASCII:
          let (scalar, length) = UTF8Text.decode(bytes, at: at - 1)
          at += length - 1
          for unit in UTF16.encode(scalar) ?? UTF16.EncodedScalar() { escape(unit) }
        default: out.append(byte)
        }
      }
      add("\"")
    }

    private mutating func escape(_ unit: UInt16) {
      let digits = String(unit, radix: 16)
      add("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
    }
  }
}
