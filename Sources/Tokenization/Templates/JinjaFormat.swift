/// `str.format` and the operator `%` on strings.
extension Jinja {
  /// How one value is to be laid out.
  struct Layout {
    var fill: [UInt8] = [0x20]
    /// One of `<`, `>`, `^` and `=`; nil leaves it to the value's type.
    var align: UInt8?
    /// `+` or a space before numbers that are not negative.
    var sign: UInt8?
    var isAlternate = false
    var width = 0
    /// `,` or `_` between groups of digits.
    var grouping: UInt8?
    var precision: Int?
    var type: UInt8?
  }
}

extension Jinja.Renderer {
  private typealias Layout = Jinja.Layout

  /// The widest field and the most digits; more has no use in a prompt.
  private static let layoutLimit = 4096

  // MARK: Laying out

  private func pad(_ bytes: [UInt8], _ layout: Layout, standard: UInt8) throws(TemplateError) -> [UInt8] {
    let missing = layout.width - UTF8Text.scalarCount(bytes)
    guard missing > 0 else { return bytes }
    let left =
      switch layout.align ?? standard {
      case UInt8(ascii: "<"): 0
      case UInt8(ascii: "^"): missing / 2
      default: missing
      }
    var out: [UInt8] = []
    for _ in 0..<left { out.append(contentsOf: layout.fill) }
    out.append(contentsOf: bytes)
    for _ in left..<missing { out.append(contentsOf: layout.fill) }
    return out
  }

  /// A number from its sign, its prefix (as `0x`) and its digits.
  private func number(
    isNegative: Bool, prefix: String, _ digits: String, _ layout: Layout
  ) throws(TemplateError) -> [UInt8] {
    var sign: [UInt8] = isNegative ? [UInt8(ascii: "-")] : layout.sign.map { $0 == UInt8(ascii: "-") ? [] : [$0] } ?? []
    sign.append(contentsOf: prefix.utf8)
    var body = Array(digits.utf8)
    if let separator = layout.grouping { body = grouped(body, separator) }
    if layout.align == UInt8(ascii: "=") {
      let missing = layout.width - sign.count - body.count
      var padding: [UInt8] = []
      for _ in 0..<max(0, missing) { padding.append(contentsOf: layout.fill) }
      return sign + padding + body
    }
    return try pad(sign + body, layout, standard: UInt8(ascii: ">"))
  }

  private func grouped(_ digits: [UInt8], _ separator: UInt8) -> [UInt8] {
    let whole = digits.prefix { $0 &- 0x30 < 10 }
    var out: [UInt8] = []
    for (index, digit) in whole.enumerated() {
      if index > 0 && (whole.count - index) % 3 == 0 { out.append(separator) }
      out.append(digit)
    }
    return out + digits[whole.count...]
  }

  private func layOut(integer value: Int, _ layout: Layout) throws(TemplateError) -> [UInt8] {
    let radix: Int
    var prefix = ""
    switch layout.type {
    case nil, UInt8(ascii: "d"), UInt8(ascii: "i"), UInt8(ascii: "u"), UInt8(ascii: "n"): radix = 10
    case UInt8(ascii: "b"): (radix, prefix) = (2, "0b")
    case UInt8(ascii: "o"): (radix, prefix) = (8, "0o")
    case UInt8(ascii: "x"): (radix, prefix) = (16, "0x")
    case UInt8(ascii: "X"): (radix, prefix) = (16, "0X")
    case UInt8(ascii: "c"):
      guard let scalar = Unicode.Scalar(UInt32(clamping: value)) else { throw failure("%c arg not in range") }
      return try pad(Array(scalar.utf8), layout, standard: UInt8(ascii: "<"))
    default: return try layOut(float: Double(value), layout)
    }
    let digits = String(value.magnitude, radix: radix, uppercase: prefix == "0X")
    return try number(isNegative: value < 0, prefix: layout.isAlternate ? prefix : "", digits, layout)
  }

  private func layOut(float value: Double, _ layout: Layout) throws(TemplateError) -> [UInt8] {
    let type = layout.type.map { $0 | 0x20 }
    let isUpper = layout.type.map { $0 & 0x20 == 0 } ?? false
    guard value.isFinite else {
      let word = value.isNaN ? "nan" : "inf"
      return try number(isNegative: value < 0, prefix: "", isUpper ? word.uppercased() : word, layout)
    }
    let magnitude = value.magnitude
    var digits: String
    switch type {
    case UInt8(ascii: "e"): digits = Jinja.printed(magnitude, "e", places: layout.precision ?? 6)
    case UInt8(ascii: "f"): digits = Jinja.printed(magnitude, "f", places: layout.precision ?? 6)
    case UInt8(ascii: "g"): digits = Jinja.printed(magnitude, "g", places: layout.precision ?? 6)
    case UInt8(ascii: "%"): digits = Jinja.printed(magnitude * 100, "f", places: layout.precision ?? 6) + "%"
    case nil where layout.precision == nil: digits = Jinja.text(of: magnitude)
    case nil:
      digits = Jinja.printed(magnitude, "g", places: layout.precision ?? 6)
      if !digits.utf8.contains(UInt8(ascii: ".")) && !digits.utf8.contains(UInt8(ascii: "e")) { digits += ".0" }
    default: throw failure("an unknown format code for a float")
    }
    return try number(isNegative: value.sign == .minus, prefix: "", isUpper ? digits.uppercased() : digits, layout)
  }

  private func layOut(text bytes: [UInt8], _ layout: Layout) throws(TemplateError) -> [UInt8] {
    var cut = bytes
    if let precision = layout.precision { cut = Array(bytes[..<UTF8Text.offset(bytes, ofScalar: precision)]) }
    return try pad(cut, layout, standard: UInt8(ascii: "<"))
  }

  private func repr(_ value: Value) throws(TemplateError) -> [UInt8] {
    var writer = Jinja.PythonWriter(self)
    try writer.write(value, level: 0)
    return writer.out
  }

  /// Digits at `at`, as a number within the limit.
  private func size(_ bytes: [UInt8], _ at: inout Int) throws(TemplateError) -> Int? {
    let start = at
    var value = 0
    while at < bytes.count, bytes[at] &- 0x30 < 10 {
      value = value * 10 + Int(bytes[at] - 0x30)
      guard value <= Self.layoutLimit else {
        throw failure("a field of more than \(Self.layoutLimit) characters", kind: .limit)
      }
      at += 1
    }
    return at > start ? value : nil
  }

  // MARK: The operator %

  /// `format % value`
  func percentFormat(_ format: Text, _ value: Value) throws(TemplateError) -> Value {
    if case .tuple(let tuple) = value { return try percentFormat(format, tuple.items, whole: value) }
    return try percentFormat(format, [value], whole: value)
  }

  /// `format|format(…)`
  func percentFormat(_ format: Text, filterArguments arguments: CallArguments) throws(TemplateError) -> Value {
    if arguments.keywords.isEmpty { return try percentFormat(format, arguments.positional, whole: .null) }
    guard arguments.positional.isEmpty else {
      throw failure("can't handle positional and keyword arguments at the same time")
    }
    var entries = Jinja.Entries()
    for (name, value) in arguments.keywords { entries.set(.string(name), named: try string(name), to: value) }
    let names = try dictionary(entries)
    return try percentFormat(format, [names], whole: names)
  }

  private func percentFormat(_ format: Text, _ items: [Value], whole: Value) throws(TemplateError) -> Value {
    let bytes = format.bytes
    var out: [UInt8] = []
    var (at, used) = (0, 0)
    var usedNames = false
    try spend(bytes: bytes.count)
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      guard byte == UInt8(ascii: "%") else {
        out.append(byte)
        continue
      }
      try spend(1)
      var named: Value?
      if at < bytes.count, bytes[at] == UInt8(ascii: "(") {
        guard case .dictionary = whole else { throw failure("format requires a mapping") }
        guard let close = bytes[at...].firstIndex(of: UInt8(ascii: ")")) else { throw failure("incomplete format key") }
        let name = try string(Array(bytes[at + 1..<close]))
        guard case .dictionary(let dictionary) = whole, let item = dictionary.entries[try key(name)] else {
          throw failure("a key of the format is not in the mapping")
        }
        named = item
        usedNames = true
        at = close + 1
      }
      var next = { () throws(TemplateError) -> Value in
        if let named { return named }
        guard used < items.count else { throw self.failure("not enough arguments for format string") }
        used += 1
        return items[used - 1]
      }
      let layout = try percentLayout(bytes, &at, &next)
      if layout.type == UInt8(ascii: "%") {
        out.append(UInt8(ascii: "%"))
      } else {
        let escapes = format.isMarkup
        let text = try percent(try next(), layout, escapes: escapes)
        try reserve(out.count + text.count)
        out.append(contentsOf: text)
      }
    }
    // What has subscripts counts as a mapping, whose entries need not all be used.
    let isMapping: Bool
    switch whole {
    case .dictionary, .list, .range, .undefined: isMapping = true
    default: isMapping = false
    }
    if used < items.count && !usedNames && !isMapping {
      throw failure("not all arguments converted during string formatting")
    }
    return try string(out, isMarkup: format.isMarkup)
  }

  private func percentLayout(
    _ bytes: [UInt8], _ at: inout Int, _ next: inout () throws(TemplateError) -> Value
  ) throws(TemplateError) -> Layout {
    var layout = Layout()
    var zeros = false
    flags: while at < bytes.count {
      switch bytes[at] {
      case UInt8(ascii: "-"): layout.align = UInt8(ascii: "<")
      case UInt8(ascii: "+"): layout.sign = UInt8(ascii: "+")
      case UInt8(ascii: " "): layout.sign = layout.sign ?? UInt8(ascii: " ")
      case UInt8(ascii: "#"): layout.isAlternate = true
      case UInt8(ascii: "0"): zeros = true
      default: break flags
      }
      at += 1
    }
    func starred() throws(TemplateError) -> Int? {
      guard at < bytes.count, bytes[at] == UInt8(ascii: "*") else { return try size(bytes, &at) }
      at += 1
      let value = try integer(try next(), or: 0, "a width")
      guard value.magnitude <= Self.layoutLimit else { throw failure("a field too wide", kind: .limit) }
      return value
    }
    layout.width = try starred() ?? 0
    if layout.width < 0 {
      layout.align = UInt8(ascii: "<")
      layout.width = -layout.width
    }
    if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
      at += 1
      layout.precision = max(0, try starred() ?? 0)
    }
    while at < bytes.count, [UInt8(ascii: "h"), UInt8(ascii: "l"), UInt8(ascii: "L")].contains(bytes[at]) { at += 1 }
    guard at < bytes.count else { throw failure("incomplete format") }
    layout.type = bytes[at]
    at += 1
    if zeros && layout.align == nil {
      switch layout.type {
      case UInt8(ascii: "s"), UInt8(ascii: "r"), UInt8(ascii: "a"), UInt8(ascii: "c"): break
      default:
        layout.align = UInt8(ascii: "=")
        layout.fill = [UInt8(ascii: "0")]
      }
    }
    layout.align = layout.align ?? UInt8(ascii: ">")
    return layout
  }

  private func percent(_ value: Value, _ given: Layout, escapes: Bool) throws(TemplateError) -> [UInt8] {
    var layout = given
    switch layout.type {
    case UInt8(ascii: "s"), UInt8(ascii: "r"), UInt8(ascii: "a"):
      var text = layout.type == UInt8(ascii: "s") ? try str(value) : try repr(value)
      var isMarked = false
      if case .string(let string) = value { isMarked = string.isMarkup && layout.type == UInt8(ascii: "s") }
      if escapes && !isMarked { text = Jinja.escaped(text) }
      return try layOut(text: text, layout)
    case UInt8(ascii: "c"):
      if case .string(let text) = value {
        guard text.scalarCount == 1 else { throw failure("%c requires an integer or a character") }
        return try layOut(text: text.bytes, layout)
      }
      return try layOut(integer: try integer(value, or: 0, "%c"), layout)
    case UInt8(ascii: "d"), UInt8(ascii: "i"), UInt8(ascii: "u"):
      if case .float(let number) = value {
        guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw overflow() }
        return try layOut(integer: whole, layout)
      }
      fallthrough
    case UInt8(ascii: "x"), UInt8(ascii: "X"), UInt8(ascii: "o"):
      var digits = layout
      if let precision = layout.precision, layout.align != UInt8(ascii: "=") {
        // Digits up to the precision are zeros; the field is laid out around them.
        digits.width = precision
        digits.align = UInt8(ascii: "=")
        digits.fill = [UInt8(ascii: "0")]
        let number = try layOut(integer: try integer(value, or: 0, "a number"), digits)
        return try pad(number, layout, standard: UInt8(ascii: ">"))
      }
      return try layOut(integer: try integer(value, or: 0, "a number"), layout)
    case UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "g"),
      UInt8(ascii: "G"):
      if case .float(let number) = value { return try layOut(float: number, layout) }
      layout.precision = layout.precision ?? 6
      return try layOut(float: Double(try integer(value, or: 0, "a number")), layout)
    default: throw failure("an unsupported format character")
    }
  }

  // MARK: str.format

  func format(_ text: Text, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let bytes = text.bytes
    var out: [UInt8] = []
    var at = 0
    var automatic = 0
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      let isBrace = byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}")
      if !isBrace {
        out.append(byte)
      } else if at < bytes.count && bytes[at] == byte {
        out.append(byte)
        at += 1
      } else {
        guard byte == UInt8(ascii: "{") else { throw failure("Single '}' encountered in format string") }
        guard let close = bytes[at...].firstIndex(of: UInt8(ascii: "}")) else {
          throw failure("expected '}' before end of string")
        }
        let field = Array(bytes[at..<close])
        at = close + 1
        try spend(1)
        let piece = try formatField(field, arguments, &automatic, escapes: text.isMarkup)
        try reserve(out.count + piece.count)
        out.append(contentsOf: piece)
      }
    }
    return try string(out, isMarkup: text.isMarkup)
  }

  private func formatField(
    _ field: [UInt8], _ arguments: CallArguments, _ automatic: inout Int, escapes: Bool
  ) throws(TemplateError) -> [UInt8] {
    if field.contains(UInt8(ascii: "{")) {
      throw failure("fields inside fields of a format string are not supported", kind: .unsupported)
    }
    var name = field[...]
    var specification: [UInt8] = []
    var conversion: UInt8?
    if let colon = name.firstIndex(of: UInt8(ascii: ":")) {
      specification = Array(name[(colon + 1)...])
      name = name[..<colon]
    }
    if let mark = name.firstIndex(of: UInt8(ascii: "!")) {
      guard name.endIndex == mark + 2 else { throw failure("a conversion in a format string must be one letter") }
      conversion = name[mark + 1]
      name = name[..<mark]
    }
    var value = try formatArgument(Array(name), arguments, &automatic)
    switch conversion {
    case nil: break
    case UInt8(ascii: "s"): value = try string(try str(value))
    case UInt8(ascii: "r"), UInt8(ascii: "a"): value = try string(try repr(value))
    default: throw failure("an unknown conversion in a format string")
    }
    let piece = try layOut(value, specification)
    if case .string(let text) = value, text.isMarkup { return piece }
    return escapes ? Jinja.escaped(piece) : piece
  }

  /// The argument that a field names, with its attributes and items: `0.name[key]`.
  private func formatArgument(
    _ name: [UInt8], _ arguments: CallArguments, _ automatic: inout Int
  ) throws(TemplateError) -> Value {
    let end = name.firstIndex { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "[") } ?? name.count
    let first = Array(name[..<end])
    guard !first.isEmpty || name.isEmpty else { throw failure("a field has no argument of its name") }
    var value: Value
    if first.isEmpty || first.allSatisfy({ $0 &- 0x30 < 10 }) {
      guard (automatic >= 0) == first.isEmpty || automatic == 0 else {
        throw failure("cannot mix manual and automatic field numbering")
      }
      let index = first.isEmpty ? automatic : Int(String(decoding: first, as: UTF8.self)) ?? .max
      automatic = first.isEmpty ? automatic + 1 : -1
      guard index < arguments.positional.count else { throw failure("a field has no argument of its number") }
      value = arguments.positional[index]
    } else {
      guard let found = arguments.keywords.first(where: { $0.name == first }) else {
        throw failure("a field has no argument of its name")
      }
      value = found.value
    }
    var at = end
    while at < name.count {
      let isItem = name[at] == UInt8(ascii: "[")
      var stop = name.count
      if isItem {
        guard let close = name[at...].firstIndex(of: UInt8(ascii: "]")) else {
          throw failure("Missing ']' in format string")
        }
        stop = close
      } else if let next = name[(at + 1)...].firstIndex(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "[") }) {
        stop = next
      }
      let part = Array(name[(at + 1)..<stop])
      guard !part.isEmpty else { throw failure("Empty attribute in format string") }
      if !isItem {
        value = try attribute(part, of: value)
      } else if part.allSatisfy({ $0 &- 0x30 < 10 }), let index = Int(String(decoding: part, as: UTF8.self)) {
        value = try item(.int(index), of: value)
      } else {
        value = try item(try string(part), of: value)
      }
      at = isItem ? stop + 1 : stop
    }
    return value
  }

  /// `format(value, specification)`
  private func layOut(_ value: Value, _ specification: [UInt8]) throws(TemplateError) -> [UInt8] {
    if specification.isEmpty { return try str(value) }
    let layout = try self.layout(specification)
    switch value {
    case .string(let text):
      guard layout.type == nil || layout.type == UInt8(ascii: "s"), layout.sign == nil,
        layout.align != UInt8(ascii: "=")
      else { throw failure("a format code that strings do not have") }
      return try layOut(text: text.bytes, layout)
    case .int(let value):
      if layout.precision != nil && layout.type.map({ ($0 | 0x20) - 0x65 > 2 && $0 != UInt8(ascii: "%") }) ?? true {
        throw failure("Precision not allowed in integer format specifier")
      }
      return try layOut(integer: value, layout)
    case .bool(let value): return try layOut(integer: value ? 1 : 0, layout)
    case .float(let value): return try layOut(float: value, layout)
    default: throw failure("unsupported format string passed to \(value.typeName).__format__")
    }
  }

  private func layout(_ specification: [UInt8]) throws(TemplateError) -> Layout {
    var layout = Layout()
    var at = 0
    func isAlign(_ byte: UInt8?) -> Bool { byte.map { "<>^=".utf8.contains($0) } ?? false }
    func byte(_ offset: Int) -> UInt8? { offset < specification.count ? specification[offset] : nil }
    if let first = byte(0) {
      let length = first < 0x80 ? 1 : UTF8Text.decode(specification, at: 0).length
      if isAlign(byte(length)) {
        layout.fill = Array(specification[..<length])
        layout.align = byte(length)
        at = length + 1
      } else if isAlign(first) {
        layout.align = first
        at = 1
      }
    }
    if let sign = byte(at), "+- ".utf8.contains(sign) {
      layout.sign = sign
      at += 1
    }
    if byte(at) == UInt8(ascii: "#") {
      layout.isAlternate = true
      at += 1
    }
    if byte(at) == UInt8(ascii: "0") {
      if layout.align == nil { (layout.align, layout.fill) = (UInt8(ascii: "="), [UInt8(ascii: "0")]) }
      at += 1
    }
    layout.width = try size(specification, &at) ?? 0
    if let mark = byte(at), mark == UInt8(ascii: ",") || mark == UInt8(ascii: "_") {
      layout.grouping = mark
      at += 1
    }
    if byte(at) == UInt8(ascii: ".") {
      at += 1
      guard let precision = try size(specification, &at) else { throw failure("Format specifier missing precision") }
      layout.precision = precision
    }
    layout.type = byte(at)
    guard at + 1 >= specification.count else { throw failure("Invalid format specifier") }
    return layout
  }
}
