/// Methods of strings.
extension Jinja.Renderer {
  func call(
    _ method: Jinja.Method, of text: Text, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Value {
    try spend(bytes: text.bytes.count)
    let name = "\(method.rawValue)()"
    switch method {
    case .upper, .lower, .title, .capitalize, .swapcase:
      _ = try match(arguments, name, [])
      return try string(changeCase(method, text.bytes), isMarkup: text.isMarkup)
    case .strip, .lstrip, .rstrip:
      let given = try match(arguments, name, ["chars"])
      return try strip(text, given[0], start: method != .rstrip, end: method != .lstrip)
    case .split, .rsplit, .splitlines, .partition, .rpartition:
      return try cut(method, text, arguments)
    case .startswith, .endswith: return .bool(try hasEnd(method, text, arguments))
    case .removeprefix, .removesuffix: return try removeEnd(method, text, arguments)
    case .replace:
      let given = try match(arguments, name, ["old", "new", "count"], required: 2)
      let old = try self.text(given[0] ?? .null, "replace() argument 1")
      let new = try self.text(given[1] ?? .null, "replace() argument 2")
      let count = try integer(given[2], or: -1, "the count")
      let replacement = text.isMarkup && !new.isMarkup ? Jinja.escaped(new.bytes) : new.bytes
      return try replace(text, old.bytes, with: replacement, count: count)
    case .join:
      let given = try match(arguments, name, ["iterable"], required: 1)
      return try join(text, try items(given[0] ?? .null))
    case .find, .rfind, .index, .rindex, .count: return try find(method, text, arguments)
    case .zfill, .ljust, .rjust, .center: return try pad(method, text, arguments)
    case .format: return try format(text, arguments)
    case .isalpha, .isdigit, .isdecimal, .isnumeric, .isalnum, .isspace, .isupper, .islower, .istitle, .isascii,
      .isidentifier:
      _ = try match(arguments, name, [])
      return .bool(isKind(method, text.bytes))
    default: throw failure("the string method '\(method.rawValue)' is not supported", kind: .unsupported)
    }
  }

  private func changeCase(_ method: Jinja.Method, _ bytes: [UInt8]) -> [UInt8] {
    switch method {
    case .upper: UTF8Text.uppercased(bytes)
    case .lower: UTF8Text.lowercased(bytes)
    case .title: UTF8Text.titled(bytes)
    case .capitalize: UTF8Text.capitalized(bytes)
    default: UTF8Text.caseSwapped(bytes)
    }
  }

  private func isKind(_ method: Jinja.Method, _ bytes: [UInt8]) -> Bool {
    switch method {
    case .isalpha: UTF8Text.all(bytes, UTF8Text.isAlphabetic)
    case .isdigit: UTF8Text.all(bytes, UTF8Text.isDigit)
    case .isdecimal: UTF8Text.all(bytes, UTF8Text.isDecimal)
    case .isnumeric: UTF8Text.all(bytes, UTF8Text.isNumeric)
    case .isalnum: UTF8Text.all(bytes, UTF8Text.isAlphanumeric)
    case .isspace: UTF8Text.all(bytes, UTF8Text.isSpace)
    case .isupper: UTF8Text.isCased(bytes, upper: true)
    case .islower: UTF8Text.isCased(bytes, upper: false)
    case .istitle: UTF8Text.isTitled(bytes)
    case .isascii: bytes.allSatisfy { $0 < 0x80 }
    default: UTF8Text.isIdentifier(bytes)
    }
  }

  // MARK: Ends

  /// Strips white space, or the characters of a string.
  func strip(_ text: Text, _ characters: Value?, start: Bool, end: Bool) throws(TemplateError) -> Value {
    var range = 0..<text.bytes.count
    switch characters {
    case nil, .null:
      if start { range = UTF8Text.trimStart(text.bytes, range)..<range.upperBound }
      if end { range = range.lowerBound..<UTF8Text.trimEnd(text.bytes, range) }
    case .some(let value):
      let characters = try self.text(value, "the characters to strip")
      try spend(bytes: characters.bytes.count)
      try reserve(characters.scalarCount * 16)
      let set = Set(UTF8Text.scalars(characters.bytes))
      if start { range = UTF8Text.trimStart(text.bytes, range, where: set.contains)..<range.upperBound }
      if end { range = range.lowerBound..<UTF8Text.trimEnd(text.bytes, range, where: set.contains) }
    }
    if range.count == text.bytes.count { return .string(text) }
    return try string(Array(text.bytes[range]), isMarkup: text.isMarkup)
  }

  private func hasEnd(
    _ method: Jinja.Method, _ text: Text, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Bool {
    let given = try match(arguments, "\(method.rawValue)()", ["prefix", "start", "end"], required: 1)
    var bytes = text.bytes
    if given[1] != nil || given[2] != nil,
      case .string(let part) = try slice(.string(text), start: given[1], stop: given[2], step: nil)
    {
      bytes = part.bytes
    }
    var wanted = [given[0] ?? .null]
    if case .tuple(let several) = wanted[0] { wanted = several.items }
    for value in wanted {
      let part = try self.text(value, "\(method.rawValue)() argument 1").bytes
      try spend(bytes: part.count)
      guard part.count <= bytes.count else { continue }
      let end = method == .startswith ? bytes.prefix(part.count) : bytes.suffix(part.count)
      if end.elementsEqual(part) { return true }
    }
    return false
  }

  private func removeEnd(
    _ method: Jinja.Method, _ text: Text, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Value {
    let given = try match(arguments, "\(method.rawValue)()", ["affix"], required: 1)
    let affix = try self.text(given[0] ?? .null, "\(method.rawValue)() argument").bytes
    let bytes = text.bytes
    guard affix.count <= bytes.count else { return .string(text) }
    if method == .removeprefix {
      guard bytes.starts(with: affix) else { return .string(text) }
      return try string(Array(bytes[affix.count...]), isMarkup: text.isMarkup)
    }
    guard bytes[(bytes.count - affix.count)...].elementsEqual(affix) else { return .string(text) }
    return try string(Array(bytes[..<(bytes.count - affix.count)]), isMarkup: text.isMarkup)
  }

  // MARK: Cutting and joining

  private func cut(
    _ method: Jinja.Method, _ text: Text, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Value {
    let bytes = text.bytes
    // More parts than this would not fit into memory as strings.
    let most = (limits.memoryBytes - meter.bytes) / 96
    let ranges: [Range<Int>]
    switch method {
    case .splitlines:
      let given = try match(arguments, "splitlines()", ["keepends"])
      ranges = UTF8Text.lines(bytes, keepEnds: given[0]?.isTrue ?? false, limit: most + 1)
    case .partition, .rpartition:
      let given = try match(arguments, "\(method.rawValue)()", ["sep"], required: 1)
      let separator = try self.separator(given[0] ?? .null)
      let parts =
        method == .partition
        ? UTF8Text.split(bytes, on: separator, limit: 1) : UTF8Text.splitFromEnd(bytes, on: separator, limit: 1)
      if parts.count == 2 {
        ranges = [parts[0], parts[0].upperBound..<parts[1].lowerBound, parts[1]]
      } else {
        let (none, all) = (0..<0, 0..<bytes.count)
        ranges = method == .partition ? [all, none, none] : [none, none, all]
      }
    default: ranges = try split(method, bytes, arguments, most: most + 1)
    }
    if ranges.count > most { try reserve(.max) }
    var parts: [Value] = []
    for range in ranges {
      try spend(1)
      parts.append(try string(Array(bytes[range]), isMarkup: text.isMarkup))
    }
    return method == .partition || method == .rpartition ? try tuple(parts) : try list(parts)
  }

  private func separator(_ value: Value) throws(TemplateError) -> [UInt8] {
    let separator = try self.text(value, "the separator").bytes
    guard !separator.isEmpty else { throw failure("empty separator") }
    try spend(bytes: separator.count)
    return separator
  }

  private func split(
    _ method: Jinja.Method, _ bytes: [UInt8], _ arguments: Jinja.CallArguments, most: Int
  ) throws(TemplateError) -> [Range<Int>] {
    let given = try match(arguments, "\(method.rawValue)()", ["sep", "maxsplit"])
    let wanted = try integer(given[1], or: -1, "maxsplit")
    let limit = wanted < 0 ? most : min(wanted, most)
    switch given[0] {
    case nil, .null:
      return method == .split
        ? UTF8Text.splitOnSpace(bytes, limit: limit) : UTF8Text.splitOnSpaceFromEnd(bytes, limit: limit)
    case .some(let value):
      let separator = try self.separator(value)
      return method == .split
        ? UTF8Text.split(bytes, on: separator, limit: limit)
        : UTF8Text.splitFromEnd(bytes, on: separator, limit: limit)
    }
  }

  /// `separator.join(parts)`, all strings.
  private func join(_ separator: Text, _ parts: [Value]) throws(TemplateError) -> Value {
    var out: [UInt8] = []
    for (index, part) in parts.enumerated() {
      guard case .string(let text) = part else {
        throw failure("sequence item \(index): expected a string, found \(part.typeName)")
      }
      let bytes = separator.isMarkup && !text.isMarkup ? Jinja.escaped(text.bytes) : text.bytes
      try reserve(out.count + separator.bytes.count + bytes.count)
      try spend(bytes: separator.bytes.count + bytes.count)
      if index > 0 { out.append(contentsOf: separator.bytes) }
      out.append(contentsOf: bytes)
    }
    return try string(out, isMarkup: separator.isMarkup)
  }

  /// At most `count` replacements, or all where it is negative.
  func replace(_ text: Text, _ old: [UInt8], with new: [UInt8], count: Int) throws(TemplateError) -> Value {
    try spend(bytes: text.bytes.count + old.count)
    let limit = count < 0 ? Int.max : count
    let places = old.isEmpty ? text.scalarCount + 1 : text.bytes.count / old.count
    // The most that can come out. Where that is too much, count what is there before refusing.
    let (most, overflows) = min(places, limit).multipliedReportingOverflow(by: new.count)
    if overflows || text.bytes.count + most > (limits.memoryBytes - meter.bytes) / 2 {
      let found = old.isEmpty ? places : UTF8Text.Search(old).count(in: text.bytes, limit: limit)
      let (size, overflows) = min(found, limit).multipliedReportingOverflow(by: new.count)
      try reserve(overflows ? .max : text.bytes.count + size)
    }
    return try string(UTF8Text.replace(text.bytes, old, with: new, limit: limit), isMarkup: text.isMarkup)
  }

  // MARK: Finding

  private func find(
    _ method: Jinja.Method, _ text: Text, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Value {
    let given = try match(arguments, "\(method.rawValue)()", ["sub", "start", "end"], required: 1)
    let part = try self.text(given[0] ?? .null, "\(method.rawValue)() argument 1")
    try spend(bytes: part.bytes.count)
    var within = text
    var skipped = 0
    if given[1] != nil || given[2] != nil {
      let start = try integer(given[1] ?? .int(0), or: 0, "the start")
      skipped = min(max(start < 0 ? start &+ text.scalarCount : start, 0), text.scalarCount)
      if start > text.scalarCount { return try missing(method) }
      if case .string(let cut) = try slice(.string(text), start: given[1], stop: given[2], step: nil) { within = cut }
    }
    if method == .count {
      if part.bytes.isEmpty { return .int(within.scalarCount + 1) }
      return .int(UTF8Text.Search(part.bytes).count(in: within.bytes))
    }
    let fromEnd = method == .rfind || method == .rindex
    guard let offset = place(of: part.bytes, in: within.bytes, fromEnd: fromEnd) else { return try missing(method) }
    return .int(skipped + UTF8Text.scalarCount(within.bytes[..<offset]))
  }

  private func missing(_ method: Jinja.Method) throws(TemplateError) -> Value {
    if method == .count { return .int(0) }
    if method == .index || method == .rindex { throw failure("substring not found") }
    return .int(-1)
  }

  private func place(of part: [UInt8], in bytes: [UInt8], fromEnd: Bool) -> Int? {
    if part.isEmpty { return fromEnd ? bytes.count : 0 }
    guard fromEnd else { return UTF8Text.Search(part).first(in: bytes) }
    return UTF8Text.Search(part.reversed()).first(in: bytes.reversed()).map { bytes.count - $0 - part.count }
  }

  // MARK: Padding

  private func pad(
    _ method: Jinja.Method, _ text: Text, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Value {
    let names = method == .zfill ? ["width"] : ["width", "fillchar"]
    let given = try match(arguments, "\(method.rawValue)()", names, required: 1)
    let width = try integer(given[0], or: 0, "the width")
    var fill: [UInt8] = [method == .zfill ? UInt8(ascii: "0") : UInt8(ascii: " ")]
    if given.count > 1, let value = given[1] {
      let character = try self.text(value, "the fill character")
      guard character.scalarCount == 1 else { throw failure("the fill character must be one character") }
      fill = character.bytes
    }
    let missing = width - min(width, text.scalarCount)
    guard missing > 0 else { return .string(text) }
    try reserve(missing > limits.memoryBytes ? .max : missing * fill.count + text.bytes.count)
    try spend(missing)
    var left = 0
    switch method {
    case .ljust: left = 0
    case .rjust, .zfill: left = missing
    // Python's `center` puts the odd space on the left exactly where the width is odd too.
    default: left = missing / 2 + (missing & width & 1)
    }
    func padding(_ count: Int) -> [UInt8] {
      var out: [UInt8] = []
      for _ in 0..<count { out.append(contentsOf: fill) }
      return out
    }
    var body = text.bytes
    var sign: [UInt8] = []
    if method == .zfill, let first = body.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
      sign = [first]
      body.removeFirst()
    }
    return try string(sign + padding(left) + body + padding(missing - left), isMarkup: text.isMarkup)
  }
}
