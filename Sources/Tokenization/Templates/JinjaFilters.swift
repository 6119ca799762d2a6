extension Jinja {
  /// Filters under their names in Jinja.
  enum Filter: String, CaseIterable {
    // Text
    case capitalize, lower, upper, title, trim, string, safe, escape, e, forceescape, replace, indent, format, tojson
    // Numbers
    case abs, int, float, round, sum, min, max
    // Sequences
    case first, last, length, count, list, join, reverse, sort, unique, batch, map
    case select, reject, selectattr, rejectattr
    // Dictionaries
    case items, dictsort
    // Anything
    case standard = "default"
    case d, attr

    private static let byName: [[UInt8]: Filter] = Dictionary(
      uniqueKeysWithValues: allCases.map { (Array($0.rawValue.utf8), $0) })

    init?(name: [UInt8]) {
      guard let filter = Self.byName[name] else { return nil }
      self = filter
    }

    static func unknownMessage(_ name: [UInt8]) -> String {
      "no filter named '\(String(decoding: name, as: UTF8.self))' is known"
    }
  }
}

extension Jinja.Renderer {
  typealias CallArguments = Jinja.CallArguments

  func apply(
    _ filter: Jinja.Filter, to value: Value, _ arguments: CallArguments
  ) throws(TemplateError) -> Value {
    try descend()
    defer { ascend() }
    switch filter {
    case .capitalize, .lower, .upper, .title, .trim, .string, .safe, .escape, .e, .forceescape, .replace, .indent,
      .format, .tojson:
      return try applyText(filter, to: value, arguments)
    case .abs, .int, .float, .round, .sum, .min, .max: return try applyNumber(filter, to: value, arguments)
    case .map, .select, .reject, .selectattr, .rejectattr: return try applyEach(filter, to: value, arguments)
    case .standard, .d:
      let given = try match(arguments, "the filter 'default'", ["default_value", "boolean"])
      let isMissing = value.isUndefined || (given[1]?.isTrue ?? false) && !value.isTrue
      guard isMissing else { return value }
      if let standard = given[0] { return standard }
      return try string("")
    case .attr:
      let name = try match(arguments, "the filter 'attr'", ["name"], required: 1)[0] ?? .null
      return try own(try text(name, "the name of an attribute").bytes, of: value)
    default: return try applySequence(filter, to: value, arguments)
    }
  }

  /// `attr`: the attribute, and never an item.
  private func own(_ name: [UInt8], of value: Value) throws(TemplateError) -> Value {
    if case .dictionary = value, Jinja.Method(name: name)?.availability(on: value) ?? .absent == .absent {
      return .undefined(Undefined(.attribute(name, of: "dict object")))
    }
    return try attribute(name, of: value)
  }

  // MARK: Text

  private func applyText(
    _ filter: Jinja.Filter, to value: Value, _ arguments: CallArguments
  ) throws(TemplateError) -> Value {
    let name = "the filter '\(filter.rawValue)'"
    switch filter {
    case .replace:
      let given = try match(arguments, name, ["old", "new", "count"], required: 2)
      let count = if case .null = given[2] ?? .null { -1 } else { try integer(given[2], or: -1, "the count") }
      let text = Text(try str(value), isMarkup: false, meter: meter)
      return try replace(text, try str(given[0] ?? .null), with: try str(given[1] ?? .null), count: count)
    case .indent: return try indent(value, arguments)
    case .format: return try percentFormat(try softString(value), filterArguments: arguments)
    case .tojson: return try toJSON(value, arguments)
    case .trim:
      let given = try match(arguments, name, ["chars"])
      let text = try softString(value)
      try spend(bytes: text.bytes.count)
      return try strip(text, given[0], start: true, end: true)
    default: break
    }
    _ = try match(arguments, name, [])
    let text = try softString(value)
    try spend(bytes: text.bytes.count)
    switch filter {
    case .capitalize: return try string(UTF8Text.capitalized(text.bytes), isMarkup: text.isMarkup)
    case .lower: return try string(UTF8Text.lowercased(text.bytes), isMarkup: text.isMarkup)
    case .upper: return try string(UTF8Text.uppercased(text.bytes), isMarkup: text.isMarkup)
    case .title: return try string(UTF8Text.filterTitled(text.bytes))
    case .safe: return text.isMarkup ? .string(text) : try string(text.bytes, isMarkup: true)
    case .escape, .e:
      if text.isMarkup { return .string(text) }
      return try escape(text)
    case .forceescape: return try escape(text)
    default: return .string(text)
    }
  }

  private func escape(_ text: Text) throws(TemplateError) -> Value {
    try reserve(text.bytes.count * 5)
    return try string(Jinja.escaped(text.bytes), isMarkup: true)
  }

  /// Lines are indented from the second on; empty ones stay empty unless `blank`.
  private func indent(_ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let given = try match(arguments, "the filter 'indent'", ["width", "first", "blank"])
    let text = try self.text(value, "what is indented")
    var margin = [UInt8](repeating: 0x20, count: 4)
    if case .string(let width)? = given[0] {
      margin = width.bytes
    } else if given[0] != nil {
      let width = max(0, try integer(given[0], or: 4, "the width"))
      try reserve(width)
      margin = [UInt8](repeating: 0x20, count: width)
    }
    let (first, blank) = (given[1]?.isTrue ?? false, given[2]?.isTrue ?? false)
    // As Jinja does it: a newline at the end makes sure that the last line counts, and goes again.
    let source = text.bytes + [0x0A]
    let most = (limits.memoryBytes - meter.bytes) / 16
    let lines = UTF8Text.lines(source, keepEnds: false, limit: most + 1)
    try reserve(lines.count > most ? .max : text.bytes.count + lines.count)
    var out: [UInt8] = first ? margin : []
    for (index, line) in lines.enumerated() {
      if index > 0 {
        out.append(0x0A)
        if blank || !line.isEmpty { out.append(contentsOf: margin) }
        try spend(1)
        try spend(bytes: margin.count)
      }
      try reserve(out.count + line.count)
      out.append(contentsOf: source[line])
    }
    return try string(out, isMarkup: text.isMarkup)
  }

  private func toJSON(_ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let names = ["ensure_ascii", "indent", "separators", "sort_keys"]
    let given = try match(arguments, "the filter 'tojson'", names)
    var writer = Jinja.JSONWriter(self)
    writer.escapesNonASCII = given[0]?.isTrue ?? false
    switch given[1] {
    case nil, .null: break
    case .string(let text)?: writer.indent = text.bytes
    default:
      let width = max(0, try integer(given[1], or: 0, "the indent"))
      try reserve(width)
      writer.indent = [UInt8](repeating: 0x20, count: width)
    }
    if writer.indent != nil { writer.itemSeparator = Array(",".utf8) }
    switch given[2] {
    case nil, .null: break
    case .some(let separators):
      let pair = try items(separators)
      guard pair.count == 2 else { throw failure("separators must be a pair") }
      writer.itemSeparator = try text(pair[0], "a separator").bytes
      writer.keySeparator = try text(pair[1], "a separator").bytes
    }
    writer.sortsKeys = given[3]?.isTrue ?? false
    try writer.write(value, level: 0)
    return try string(writer.out)
  }

  // MARK: Numbers

  private func applyNumber(
    _ filter: Jinja.Filter, to value: Value, _ arguments: CallArguments
  ) throws(TemplateError) -> Value {
    let name = "the filter '\(filter.rawValue)'"
    switch filter {
    case .abs:
      _ = try match(arguments, name, [])
      switch value {
      case .float(let value): return .float(Swift.abs(value))
      case .bool(let value): return .int(value ? 1 : 0)
      case .int(let number):
        return number < 0 ? try signed(value, -1) : value
      default: throw failure("bad operand type for abs(): '\(value.typeName)'")
      }
    case .int: return try toInteger(value, arguments)
    case .float:
      let standard = try match(arguments, name, ["default"])[0] ?? .float(0)
      return try toFloat(value).map { .float($0) } ?? standard
    case .round: return try round(value, arguments)
    case .sum:
      let given = try match(arguments, name, ["attribute", "start"])
      var total = given[1] ?? .int(0)
      if case .string = total { throw failure("sum() cannot add strings") }
      for item in try items(value) {
        try spend(1)
        total = try arithmetic(.add, total, try attributeValue(item, try path(given[0])))
      }
      return total
    default: return try extreme(filter, value, arguments)
    }
  }

  private func toFloat(_ value: Value) throws(TemplateError) -> Double? {
    switch value {
    case .undefined(let undefined): throw undefinedFailure(undefined)
    case .bool(let value): value ? 1 : 0
    case .int(let value): Double(value)
    case .float(let value): value
    case .string(let text): Jinja.float(text.bytes)
    default: nil
    }
  }

  private func toInteger(_ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let given = try match(arguments, "the filter 'int'", ["default", "base"])
    switch value {
    case .bool(let value): return .int(value ? 1 : 0)
    case .int: return value
    case .string(let text):
      try spend(bytes: text.bytes.count)
      let base = try integer(given[1], or: 10, "the base")
      if base == 0 || (2...36).contains(base) {
        switch Jinja.integer(text.bytes, base: base) {
        case .value(let value): return .int(value)
        case .tooLarge: throw overflow()
        case .invalid: break
        }
      }
    default: break
    }
    guard let number = try toFloat(value), number.isFinite else { return given[0] ?? .int(0) }
    guard let whole = Int(exactly: number.rounded(.towardZero)) else { throw overflow() }
    return .int(whole)
  }

  private func round(_ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let given = try match(arguments, "the filter 'round'", ["precision", "method"])
    let places = try integer(given[0], or: 0, "the precision")
    let method = try given[1].map { value throws(TemplateError) in try text(value, "the method").bytes }
    let isCommon = method.map { $0.elementsEqual("common".utf8) } ?? true
    let isUp = method.map { $0.elementsEqual("ceil".utf8) } ?? false
    guard isCommon || isUp || method.map({ $0.elementsEqual("floor".utf8) }) ?? false else {
      throw failure("the method of 'round' must be common, ceil or floor")
    }
    switch value {
    case .undefined(let undefined): throw undefinedFailure(undefined)
    case .bool, .int:
      guard isCommon else { break }
      guard let result = Jinja.rounded(try integer(value, or: 0, ""), places: places) else { throw overflow() }
      return .int(result)
    case .float(let value) where isCommon:
      guard places != 0 || value.isFinite else { return .float(value) }
      return .float(Jinja.rounded(value, places: places))
    case .float: break
    default: throw failure("a \(value.typeName) cannot be rounded")
    }
    let scale = try arithmetic(.power, .int(10), .int(places))
    guard case .float(let scaled) = try arithmetic(.multiply, try arithmetic(.multiply, value, scale), .float(1)),
      scaled.isFinite
    else { throw failure("a number that is not finite cannot be rounded") }
    return try arithmetic(.divide, .float(scaled.rounded(isUp ? .up : .down)), scale)
  }

  private func extreme(
    _ filter: Jinja.Filter, _ value: Value, _ arguments: CallArguments
  ) throws(TemplateError) -> Value {
    let given = try match(arguments, "the filter '\(filter.rawValue)'", ["case_sensitive", "attribute"])
    let path = try self.path(given[1])
    let matchesCase = given[0]?.isTrue ?? false
    var best: (item: Value, key: Value)?
    for item in try items(value) {
      let key = try sortKey(item, path, matchesCase: matchesCase)
      guard let current = best else {
        best = (item, key)
        continue
      }
      let order =
        filter == .max
        ? try self.order(key, current.key, ">", level: 0).map { -$0 }
        : try self.order(key, current.key, "<", level: 0)
      if let order, order < 0 { best = (item, key) }
    }
    return best?.item ?? .undefined(Undefined(.hint("No aggregated item, sequence was empty.")))
  }
}
