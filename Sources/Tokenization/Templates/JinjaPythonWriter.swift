extension Jinja {
  /// Writes values as Python's `str` and `repr` do.
  struct PythonWriter {
    private(set) var out: [UInt8] = []
    private let renderer: Renderer

    init(_ renderer: Renderer) { self.renderer = renderer }

    private mutating func add(_ text: String) { out.append(contentsOf: text.utf8) }

    /// `repr`, which for everything but strings is also `str`.
    mutating func write(_ value: Value, level: Int) throws(TemplateError) {
      try renderer.checkDepth(level)
      try renderer.spend(1)
      if out.count & 0xFFF < 64 { try renderer.reserve(out.count) }
      switch value {
      case .undefined: add("Undefined")
      case .null: add("None")
      case .bool(let value): add(value ? "True" : "False")
      case .int(let value): add(String(value))
      case .float(let value): add(Jinja.text(of: value))
      case .string(let text): try write(text)
      case .list(let list): try write(list.items, "[", "]", level)
      case .tuple(let list): try write(list.items, "(", list.items.count == 1 ? ",)" : ")", level)
      case .dictionary(let dictionary): try write(dictionary.entries, level)
      case .view(let view): try write(view, level)
      case .range(let range):
        add("range(\(range.start), \(range.stop)\(range.step == 1 ? "" : ", \(range.step)"))")
      case .namespace(let namespace):
        add("<Namespace ")
        try write(namespace.entries, level)
        add(">")
      case .loop(let loop): add("<LoopContext \(loop.index0 + 1)/\(try loop.length(renderer))>")
      case .macro(let macro):
        guard let name = macro.macro.name else { return add("<Macro anonymous>") }
        add("<Macro '\(String(decoding: name, as: UTF8.self))'>")
      case .iterator, .function, .method:
        throw renderer.failure("a \(value.typeName) cannot be printed; a list can", kind: .unsupported)
      }
    }

    private mutating func write(
      _ items: [Value], _ open: String, _ close: String, _ level: Int
    ) throws(TemplateError) {
      add(open)
      for (index, item) in items.enumerated() {
        if index > 0 { add(", ") }
        try write(item, level: level + 1)
      }
      add(close)
    }

    private mutating func write(_ entries: Entries, _ level: Int) throws(TemplateError) {
      add("{")
      for index in 0..<entries.count {
        if index > 0 { add(", ") }
        try write(entries.keys[index], level: level + 1)
        add(": ")
        try write(entries.values[index], level: level + 1)
      }
      add("}")
    }

    private mutating func write(_ view: View, _ level: Int) throws(TemplateError) {
      add(Value.view(view).typeName + "(")
      var items: [Value] = []
      for index in 0..<view.dictionary.entries.count {
        if let item = try view.item(index, renderer) { items.append(item) }
      }
      try write(items, "[", "]", level + 1)
      add(")")
    }

    /// `repr` of a string: single quotes unless it has those and no double ones.
    private mutating func write(_ text: Text) throws(TemplateError) {
      try renderer.reserve(out.count + text.bytes.count * 4)
      try renderer.spend(bytes: text.bytes.count)
      if text.isMarkup { add("Markup(") }
      let single = UInt8(ascii: "'")
      let double = UInt8(ascii: "\"")
      let quote = text.bytes.contains(single) && !text.bytes.contains(double) ? double : single
      out.append(quote)
      var at = 0
      while at < text.bytes.count {
        let (scalar, length) = UTF8Text.decode(text.bytes, at: at)
        at += length
        switch scalar.value {
        case UInt32(quote), 0x5C: out.append(contentsOf: [0x5C, UInt8(truncatingIfNeeded: scalar.value)])
        case 0x09: add("\\t")
        case 0x0A: add("\\n")
        case 0x0D: add("\\r")
        case 0x20..<0x7F: out.append(UInt8(truncatingIfNeeded: scalar.value))
        default:
          if Self.isPrintable(scalar) { out.append(contentsOf: scalar.utf8) } else { add(Self.escape(scalar)) }
        }
      }
      out.append(quote)
      if text.isMarkup { add(")") }
    }

    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
      switch scalar.properties.generalCategory {
      case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
      case .spaceSeparator: scalar == " "
      default: true
      }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
      let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
      let digits = String(scalar.value, radix: 16)
      return "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
    }
  }

  /// `markupsafe.escape`: the five characters that mean something in HTML.
  static func escaped(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "&"): out.append(contentsOf: "&amp;".utf8)
      case UInt8(ascii: "<"): out.append(contentsOf: "&lt;".utf8)
      case UInt8(ascii: ">"): out.append(contentsOf: "&gt;".utf8)
      case UInt8(ascii: "'"): out.append(contentsOf: "&#39;".utf8)
      case UInt8(ascii: "\""): out.append(contentsOf: "&#34;".utf8)
      default: out.append(byte)
      }
    }
    return out
  }
}
