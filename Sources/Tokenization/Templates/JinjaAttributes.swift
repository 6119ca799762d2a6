/// Attributes, subscripts and slices: Python's attributes first for `.`, items first for `[]`, each falling back on
/// the other, and an undefined value where neither is there.
extension Jinja.Renderer {
  /// `value.name`
  func attribute(_ name: [UInt8], of value: Value) throws(TemplateError) -> Value {
    if case .undefined(let undefined) = value { throw undefinedFailure(undefined) }
    if let found = try ownAttribute(name, of: value) { return found }
    if case .dictionary(let dictionary) = value, let item = dictionary.entries[.string(name)] { return item }
    return .undefined(Undefined(.attribute(name, of: objectName(value))))
  }

  /// `value[index]`
  func item(_ index: Value, of value: Value) throws(TemplateError) -> Value {
    switch value {
    case .undefined(let undefined): throw undefinedFailure(undefined)
    case .dictionary(let dictionary):
      if isHashable(index), let item = dictionary.entries[try key(index)] { return item }
    case .list(let list), .tuple(let list):
      if let at = place(index, count: list.items.count) { return list.items[at] }
    case .range(let range):
      if let at = place(index, count: range.count) { return .int(range[at]) }
    case .string(let text):
      if let at = place(index, count: text.scalarCount) { return try character(at, of: text) }
    default: break
    }
    guard case .string(let name) = index else {
      return .undefined(Undefined(.element(try shortDescription(index), of: objectName(value))))
    }
    if let found = try ownAttribute(name.bytes, of: value) { return found }
    return .undefined(Undefined(.attribute(name.bytes, of: objectName(value))))
  }

  private func isHashable(_ value: Value) -> Bool {
    switch value {
    case .undefined, .null, .bool, .int, .float, .string, .tuple: true
    default: false
    }
  }

  private func shortDescription(_ value: Value) throws(TemplateError) -> String {
    switch value {
    case .int, .float, .bool, .null: String(decoding: try str(value), as: UTF8.self)
    default: value.typeName
    }
  }

  /// What Jinja calls a value in a message about something missing.
  private func objectName(_ value: Value) -> String {
    if case .null = value { return "None" }
    return value.typeName + " object"
  }

  private func character(_ index: Int, of text: Text) throws(TemplateError) -> Value {
    if text.isASCII { return try string([text.bytes[index]], isMarkup: text.isMarkup) }
    try spend(bytes: text.bytes.count)
    let start = UTF8Text.offset(text.bytes, ofScalar: index)
    let length = UTF8Text.decode(text.bytes, at: start).length
    return try string(Array(text.bytes[start..<start + length]), isMarkup: text.isMarkup)
  }

  /// The position that an index means, or nil where there is none.
  private func place(_ index: Value, count: Int) -> Int? {
    let at: Int
    switch index {
    case .int(let value): at = value
    case .bool(let value): at = value ? 1 : 0
    default: return nil
    }
    let place = at < 0 ? at + count : at
    return place >= 0 && place < count ? place : nil
  }

  /// What Python has as an attribute, items aside.
  private func ownAttribute(_ name: [UInt8], of value: Value) throws(TemplateError) -> Value? {
    switch value {
    case .namespace(let namespace): return namespace.entries[.string(name)]
    case .loop(let loop): return try attribute(name, of: loop)
    case .macro(let macro): return try attribute(name, of: macro)
    default: break
    }
    guard let method = Jinja.Method(name: name) else { return nil }
    switch method.availability(on: value) {
    case .absent: return nil
    case .refused: return .undefined(Undefined(.unsafe(name, of: value.typeName)))
    case .available: return .method(Jinja.BoundMethod(method, of: value))
    }
  }

  private func attribute(_ name: [UInt8], of macro: Jinja.MacroValue) throws(TemplateError) -> Value? {
    switch String(decoding: name, as: UTF8.self) {
    case "name":
      guard let name = macro.macro.name else { return .null }
      return try string(name)
    case "arguments":
      var names: [Value] = []
      for parameter in macro.macro.parameters { names.append(try string(parameter.name)) }
      return try tuple(names)
    default: return nil
    }
  }

  private func attribute(_ name: [UInt8], of loop: Jinja.LoopState) throws(TemplateError) -> Value? {
    func orUndefined(_ value: Value?, _ hint: String) -> Value { value ?? .undefined(Undefined(.hint(hint))) }
    switch String(decoding: name, as: UTF8.self) {
    case "index": return .int(loop.index0 + 1)
    case "index0": return .int(loop.index0)
    case "first": return .bool(loop.index0 == 0)
    case "last": return .bool(try loop.peek(self) == nil)
    case "length": return .int(try loop.length(self))
    case "revindex": return .int(try loop.length(self) - loop.index0)
    case "revindex0": return .int(try loop.length(self) - loop.index0 - 1)
    case "depth": return .int(1)
    case "depth0": return .int(0)
    case "previtem": return orUndefined(loop.previous, "there is no previous item")
    case "nextitem": return orUndefined(try loop.peek(self), "there is no next item")
    case "cycle": return .method(Jinja.BoundMethod(.cycle, of: .loop(loop)))
    case "changed": return .method(Jinja.BoundMethod(.changed, of: .loop(loop)))
    default: return nil
    }
  }

  // MARK: Slices

  func slice(_ value: Value, start: Value?, stop: Value?, step: Value?) throws(TemplateError) -> Value {
    let count: Int
    switch value {
    case .undefined(let undefined): throw undefinedFailure(undefined)
    case .list(let list), .tuple(let list): count = list.items.count
    case .string(let text): count = text.scalarCount
    case .range(let range): count = range.count
    default: throw failure("'\(value.typeName)' object cannot be sliced")
    }
    let cut = try Slice(start: bound(start), stop: bound(stop), step: bound(step), count: count, self)
    try spend(cut.count)
    switch value {
    case .list(let list): return try self.list(cut.pick(list.items))
    case .tuple(let list): return try tuple(cut.pick(list.items))
    case .string(let text): return try slice(text, cut)
    case .range(let range):
      return .range(
        Jinja.RangeObject(
          start: range.start &+ range.step &* cut.start,
          stop: range.start &+ range.step &* (cut.start &+ cut.step &* cut.count),
          step: range.step &* cut.step, count: cut.count))
    default: return .null
    }
  }

  private func bound(_ value: Value?) throws(TemplateError) -> Int? {
    switch value {
    case nil, .null: return nil
    case .int(let value): return value
    case .bool(let value): return value ? 1 : 0
    default: throw failure("slice indices must be integers or None")
    }
  }

  private func slice(_ text: Text, _ cut: Slice) throws(TemplateError) -> Value {
    try spend(bytes: text.bytes.count)
    if cut.step == 1 {
      guard cut.count > 0 else { return try string([], isMarkup: text.isMarkup) }
      let start = text.isASCII ? cut.start : UTF8Text.offset(text.bytes, ofScalar: cut.start)
      let end = text.isASCII ? start + cut.count : UTF8Text.offset(text.bytes, ofScalar: cut.count, from: start)
      return try string(Array(text.bytes[start..<end]), isMarkup: text.isMarkup)
    }
    if text.isASCII { return try string(cut.pick(text.bytes), isMarkup: text.isMarkup) }
    try reserve(text.scalarCount * 4)
    let picked = cut.pick(UTF8Text.scalars(text.bytes))
    var out: [UInt8] = []
    for scalar in picked { out.append(contentsOf: scalar.utf8) }
    return try string(out, isMarkup: text.isMarkup)
  }

  /// Slice bounds after Python's rules for negative and missing ones.
  private struct Slice {
    let start: Int
    let step: Int
    let count: Int

    init(start: Int?, stop: Int?, step: Int?, count total: Int, _ renderer: Jinja.Renderer) throws(TemplateError) {
      let step = step ?? 1
      guard step != 0 else { throw renderer.failure("slice step cannot be zero") }
      let (lowest, highest) = step > 0 ? (0, total) : (-1, total - 1)
      func settle(_ bound: Int?, _ standard: Int) -> Int {
        guard let bound else { return standard }
        let place = bound < 0 ? bound &+ total : bound
        return min(max(place, lowest), highest)
      }
      let first = settle(start, step > 0 ? 0 : total - 1)
      let last = settle(stop, step > 0 ? total : -1)
      self.start = first
      self.step = step
      let distance = step > 0 ? last - first : first - last
      count = distance <= 0 ? 0 : (distance - 1) / Int(clamping: step.magnitude) + 1
    }

    func pick<Item>(_ items: [Item]) -> [Item] {
      if step == 1 { return count > 0 ? Array(items[start..<start + count]) : [] }
      return (0..<count).map { items[start + $0 * step] }
    }
  }
}
