/// Filters over sequences and dictionaries.
extension Jinja.Renderer {
  /// A way to part of a value: `"a.b.0"` goes through items `a`, `b` and 0. Nil is the value itself.
  typealias Path = [Value]

  func path(_ attribute: Value?) throws(TemplateError) -> Path {
    switch attribute {
    case nil, .null: return []
    case .string(let text):
      var parts: [Value] = []
      for range in UTF8Text.split(text.bytes, on: [UInt8(ascii: ".")], limit: 64) {
        let part = Array(text.bytes[range])
        if UTF8Text.all(part, UTF8Text.isDigit), case .value(let index) = Jinja.integer(part, base: 10) {
          parts.append(.int(index))
        } else {
          parts.append(try string(part))
        }
      }
      return parts
    case .some(let value): return [value]
    }
  }

  func attributeValue(_ item: Value, _ path: Path, standard: Value? = nil) throws(TemplateError) -> Value {
    var value = item
    for part in path {
      value = try self.item(part, of: value)
      if let standard, value.isUndefined { value = standard }
    }
    return value
  }

  /// What an item is sorted by: strings without regard to case, unless `matchesCase`.
  func sortKey(_ item: Value, _ path: Path, matchesCase: Bool) throws(TemplateError) -> Value {
    let value = try attributeValue(item, path)
    guard !matchesCase, case .string(let text) = value else { return value }
    try spend(bytes: text.bytes.count)
    return try string(UTF8Text.lowercased(text.bytes))
  }

  /// A stable sort by keys, in Python's order of values. With `equalFirst`, keys that are equal need no order, as
  /// inside lists.
  func sorted<Item>(
    _ items: [Item], by key: (Item) throws(TemplateError) -> Value, reverse: Bool, equalFirst: Bool = false
  ) throws(TemplateError) -> [Item] {
    try reserve(items.count * 32)
    var keys: [Value] = []
    for item in items { keys.append(try key(item)) }
    var order = Array(items.indices)
    var merged = order
    var width = 1
    while width < items.count {
      var start = 0
      while start < items.count {
        let middle = min(start + width, items.count)
        let end = min(middle + width, items.count)
        var (left, right) = (start, middle)
        for place in start..<end {
          var takesRight = left == middle
          if !takesRight && right < end {
            let (first, second) = (keys[order[left]], keys[order[right]])
            takesRight = try isLess(reverse ? first : second, reverse ? second : first, equalFirst)
          }
          merged[place] = order[takesRight ? right : left]
          if takesRight { right += 1 } else { left += 1 }
        }
        start = end
      }
      swap(&order, &merged)
      width *= 2
    }
    return order.map { items[$0] }
  }

  private func isLess(_ left: Value, _ right: Value, _ equalFirst: Bool) throws(TemplateError) -> Bool {
    if equalFirst, try isEqual(left, right) { return false }
    return (try order(left, right, "<", level: 0) ?? 0) < 0
  }

  func applySequence(
    _ filter: Jinja.Filter, to value: Value, _ arguments: CallArguments
  ) throws(TemplateError) -> Value {
    let name = "the filter '\(filter.rawValue)'"
    switch filter {
    case .join: return try join(value, arguments)
    case .sort: return try sort(value, arguments)
    case .unique: return try unique(value, arguments)
    case .batch: return try batch(value, arguments)
    case .dictsort: return try sortDictionary(value, arguments)
    default: _ = try match(arguments, name, [])
    }
    switch filter {
    case .first:
      var sequence = try self.sequence(value)
      return try sequence.next(self)
        ?? .undefined(Undefined(.hint("No first item, sequence was empty.")))
    case .last: return try last(value)
    case .length, .count: return .int(try length(value))
    case .list: return try list(try items(value))
    case .items:
      switch value {
      case .undefined: return try iterator([])
      case .dictionary(let dictionary):
        return try iterator(try items(.view(Jinja.View(.items, of: dictionary))))
      default: throw failure("Can only get item pairs from a mapping.")
      }
    default: return try reverse(value)
    }
  }

  private func last(_ value: Value) throws(TemplateError) -> Value {
    switch value {
    case .iterator: throw failure("'generator' object is not reversible")
    case .list(let list), .tuple(let list):
      if let last = list.items.last { return last }
    default:
      let items = try self.items(value)
      if let last = items.last { return last }
    }
    return .undefined(Undefined(.hint("No last item, sequence was empty.")))
  }

  private func reverse(_ value: Value) throws(TemplateError) -> Value {
    switch value {
    case .string(let text):
      try spend(bytes: text.bytes.count)
      try reserve(text.scalarCount * 4)
      var out: [UInt8] = []
      for scalar in UTF8Text.scalars(text.bytes).reversed() { out.append(contentsOf: scalar.utf8) }
      return try string(out, isMarkup: text.isMarkup)
    case .iterator: return try list(try items(value).reversed())
    default: return try iterator(try items(value).reversed())
    }
  }

  private func join(_ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let given = try match(arguments, "the filter 'join'", ["d", "attribute"])
    let separator = try given[0].map { value throws(TemplateError) in try str(value) } ?? []
    let path = try self.path(given[1])
    var out: [UInt8] = []
    var isFirst = true
    var sequence = try self.sequence(value)
    while let item = try sequence.next(self) {
      try spend(1)
      let bytes = try str(try attributeValue(item, path))
      try spend(bytes: bytes.count + separator.count)
      try reserve(out.count + bytes.count + separator.count)
      if !isFirst { out.append(contentsOf: separator) }
      isFirst = false
      out.append(contentsOf: bytes)
    }
    return try string(out)
  }

  private func sort(_ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let given = try match(arguments, "the filter 'sort'", ["reverse", "case_sensitive", "attribute"])
    let matchesCase = given[1]?.isTrue ?? false
    var paths: [Path] = []
    if case .string(let text)? = given[2] {
      for range in UTF8Text.split(text.bytes, on: [UInt8(ascii: ",")], limit: 16) {
        paths.append(try path(try string(Array(text.bytes[range]))))
      }
    } else {
      paths = [try path(given[2])]
    }
    let sorted = try self.sorted(
      try items(value),
      by: { item throws(TemplateError) in
        if paths.count == 1 { return try sortKey(item, paths[0], matchesCase: matchesCase) }
        var keys: [Value] = []
        for path in paths { keys.append(try sortKey(item, path, matchesCase: matchesCase)) }
        return try list(keys)
      }, reverse: given[0]?.isTrue ?? false, equalFirst: true)
    return try list(sorted)
  }

  private func sortDictionary(_ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let given = try match(arguments, "the filter 'dictsort'", ["case_sensitive", "by", "reverse"])
    guard case .dictionary(let dictionary) = value else {
      if case .undefined(let undefined) = value { throw undefinedFailure(undefined) }
      throw failure("'\(value.typeName)' object has no attribute 'items'")
    }
    var byValue = false
    if let by = given[1] {
      let word = try text(by, "by").bytes
      byValue = word.elementsEqual("value".utf8)
      guard byValue || word.elementsEqual("key".utf8) else {
        throw failure("You can only sort by either \"key\" or \"value\"")
      }
    }
    let matchesCase = given[0]?.isTrue ?? false
    let path: Path = [.int(byValue ? 1 : 0)]
    let sorted = try self.sorted(
      try items(.view(Jinja.View(.items, of: dictionary))),
      by: { item throws(TemplateError) in try sortKey(item, path, matchesCase: matchesCase) },
      reverse: given[2]?.isTrue ?? false)
    return try list(sorted)
  }

  private func unique(_ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let given = try match(arguments, "the filter 'unique'", ["case_sensitive", "attribute"])
    let path = try self.path(given[1])
    let matchesCase = given[0]?.isTrue ?? false
    var seen: Set<Jinja.Key> = []
    var out: [Value] = []
    for item in try items(value) {
      try spend(1)
      try reserve(seen.count * Jinja.DictionaryObject.bytesPerEntry)
      if seen.insert(try key(try sortKey(item, path, matchesCase: matchesCase))).inserted { out.append(item) }
    }
    return try iterator(out)
  }

  private func batch(_ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let given = try match(arguments, "the filter 'batch'", ["linecount", "fill_with"], required: 1)
    let size = try integer(given[0], or: 0, "the size of a batch")
    var out: [Value] = []
    var batch: [Value] = []
    for item in try items(value) {
      if batch.count == size {
        out.append(try list(batch))
        batch = []
      }
      batch.append(item)
    }
    if !batch.isEmpty {
      if let filler = given[1], batch.count < size {
        if case .null = filler { return try iterator(out + [try list(batch)]) }
        try reserve(size > limits.memoryBytes ? .max : size * 16)
        try spend(size - batch.count)
        batch.append(contentsOf: [Value](repeating: filler, count: size - batch.count))
      }
      out.append(try list(batch))
    }
    return try iterator(out)
  }

  // MARK: One item at a time

  /// `map`, `select` and their like. Jinja works through the items when they are asked for; here all are at once,
  /// which can only differ in where an error shows.
  func applyEach(
    _ filter: Jinja.Filter, to value: Value, _ arguments: CallArguments
  ) throws(TemplateError) -> Value {
    guard value.isTrue else { return try iterator([]) }
    var out: [Value] = []
    var rest = arguments
    if filter == .map {
      if arguments.positional.isEmpty { return try mapAttribute(value, arguments) }
      let name = try text(rest.positional.removeFirst(), "the name of a filter").bytes
      guard let mapped = Jinja.Filter(name: name) else {
        throw failure(Jinja.Filter.unknownMessage(name), kind: .unsupported)
      }
      for item in try items(value) {
        try spend(1)
        out.append(try apply(mapped, to: item, rest))
      }
      return try iterator(out)
    }
    let byAttribute = filter == .selectattr || filter == .rejectattr
    var path: Path = []
    if byAttribute {
      guard !rest.positional.isEmpty else { throw failure("Missing parameter for attribute name") }
      path = try self.path(rest.positional.removeFirst())
    }
    var test: Jinja.Test?
    if !rest.positional.isEmpty {
      let name = try text(rest.positional.removeFirst(), "the name of a test").bytes
      test = Jinja.Test(name: name)
      if test == nil { throw failure(Jinja.Test.unknownMessage(name), kind: .unsupported) }
    }
    let wanted = filter == .select || filter == .selectattr
    for item in try items(value) {
      try spend(1)
      let part = try attributeValue(item, path)
      let holds = if let test { try satisfies(test, part, rest) } else { part.isTrue }
      if holds == wanted { out.append(item) }
    }
    return try iterator(out)
  }

  private func mapAttribute(_ value: Value, _ arguments: CallArguments) throws(TemplateError) -> Value {
    guard !arguments.keywords.isEmpty else { throw failure("map requires a filter argument") }
    let given = try match(arguments, "the filter 'map'", ["attribute", "default"], required: 1)
    let path = try self.path(given[0])
    var standard = given[1]
    if case .null? = standard { standard = nil }
    var out: [Value] = []
    for item in try items(value) {
      try spend(1)
      out.append(try attributeValue(item, path, standard: standard))
    }
    return try iterator(out)
  }
}
