extension Jinja {
  /// Methods of strings, dictionaries and lists, under their Python names.
  enum Method: String, CaseIterable {
    // Strings
    case upper, lower, title, capitalize, swapcase
    case strip, lstrip, rstrip, split, rsplit, splitlines, partition, rpartition
    case startswith, endswith, removeprefix, removesuffix, replace, join, find, rfind, rindex
    case isalpha, isdigit, isdecimal, isnumeric, isalnum, isspace, isupper, islower, istitle, isascii, isidentifier
    case zfill, ljust, rjust, center, format
    // Strings, but left out
    case encode, translate, casefold, expandtabs, maketrans, isprintable
    case formatMap = "format_map"
    // Strings, lists, tuples and ranges
    case index, count
    // Dictionaries
    case get, items, keys, values
    case setdefault, update, popitem, fromkeys
    // Lists
    case append, extend, insert, sort, reverse, remove
    // Lists and dictionaries
    case copy, pop, clear
    // Loops
    case cycle, changed

    enum Availability { case absent, refused, available }

    private static let byName: [[UInt8]: Method] = Dictionary(
      uniqueKeysWithValues: allCases.map { (Array($0.rawValue.utf8), $0) })

    init?(name: [UInt8]) {
      guard let method = Self.byName[name] else { return nil }
      self = method
    }

    /// Which types have the method. The sandbox that `transformers` uses refuses what would change a dictionary or a
    /// list; `append`, `extend`, `insert` and `pop` of lists are allowed here, since known templates need them.
    func availability(on value: Value) -> Availability {
      switch value {
      case .string: isOfStrings ? .available : .absent
      case .dictionary:
        switch self {
        case .get, .items, .keys, .values, .copy: .available
        case .setdefault, .update, .popitem, .fromkeys, .pop, .clear: .refused
        default: .absent
        }
      case .list:
        switch self {
        case .index, .count, .copy, .append, .extend, .insert, .pop: .available
        case .sort, .reverse, .remove, .clear: .refused
        default: .absent
        }
      case .tuple, .range: self == .index || self == .count ? .available : .absent
      default: .absent
      }
    }

    private var isOfStrings: Bool {
      switch self {
      case .get, .items, .keys, .values, .setdefault, .update, .popitem, .fromkeys, .append, .extend, .insert, .sort,
        .reverse, .remove, .copy, .pop, .clear, .cycle, .changed:
        false
      default: true
      }
    }
  }
}

extension Jinja.Renderer {
  func call(
    _ method: Jinja.Method, of receiver: Value, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Value {
    switch receiver {
    case .string(let text): return try call(method, of: text, arguments)
    case .dictionary(let dictionary): return try call(method, of: dictionary, arguments)
    case .list(let list): return try call(method, of: list, arguments)
    case .loop(let loop): return try call(method, of: loop, arguments)
    default: return try search(method, in: receiver, arguments)
    }
  }

  // MARK: Dictionaries

  private func call(
    _ method: Jinja.Method, of dictionary: Jinja.DictionaryObject, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Value {
    if method == .get {
      guard arguments.keywords.isEmpty else { throw failure("get() takes no keyword arguments") }
      let given = try match(arguments, "get()", ["key", "default"], required: 1)
      return dictionary.entries[try key(given[0] ?? .null)] ?? given[1] ?? .null
    }
    _ = try match(arguments, "\(method.rawValue)()", [])
    switch method {
    case .items: return .view(Jinja.View(.items, of: dictionary))
    case .keys: return .view(Jinja.View(.keys, of: dictionary))
    case .values: return .view(Jinja.View(.values, of: dictionary))
    default: return try self.dictionary(dictionary.entries)
    }
  }

  // MARK: Lists

  private func call(
    _ method: Jinja.Method, of list: Jinja.ListObject, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Value {
    switch method {
    case .append:
      let item = try match(arguments, "append()", ["object"], required: 1)[0] ?? .null
      try grow(list, by: [item], at: list.items.count)
    case .insert:
      let given = try match(arguments, "insert()", ["index", "object"], required: 2)
      let index = try integer(given[0], or: 0, "the index")
      let count = list.items.count
      try grow(list, by: [given[1] ?? .null], at: min(max(index < 0 ? index &+ count : index, 0), count))
    case .extend:
      let more = try items(try match(arguments, "extend()", ["iterable"], required: 1)[0] ?? .null)
      try grow(list, by: more, at: list.items.count)
    case .pop:
      let index = try integer(try match(arguments, "pop()", ["index"])[0], or: -1, "the index")
      let place = index < 0 ? index &+ list.items.count : index
      guard list.items.indices.contains(place) else { throw failure("pop index out of range") }
      try spend((list.items.count - place) >> 4)
      keep(list)
      let item = list.items[place]
      list.change(depth: 0) { $0.remove(at: place) }
      return item
    case .copy:
      _ = try match(arguments, "copy()", [])
      return try self.list(list.items)
    default: return try search(method, in: .list(list), arguments)
    }
    return .null
  }

  private func grow(_ list: Jinja.ListObject, by items: [Value], at place: Int) throws(TemplateError) {
    try reserve(items.count * 16)
    try spend(items.count + (list.items.count - place) >> 4)
    var depth = 0
    for item in items where item.depth > depth { depth = item.depth }
    try checkDepth(depth + 1)
    keep(list)
    list.change(depth: depth + 1) { $0.insert(contentsOf: items, at: place) }
  }

  /// `index` and `count` of sequences.
  private func search(
    _ method: Jinja.Method, in sequence: Value, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Value {
    let wanted = try match(arguments, "\(method.rawValue)()", ["value"], required: 1)[0] ?? .null
    var walk = try self.sequence(sequence)
    var (index, count) = (0, 0)
    while let item = try walk.next(self) {
      try spend(1)
      if try isEqual(item, wanted) {
        if method == .index { return .int(index) }
        count += 1
      }
      index += 1
    }
    if method == .index { throw failure("the value is not in the \(sequence.typeName)") }
    return .int(count)
  }

  // MARK: Loops

  private func call(
    _ method: Jinja.Method, of loop: Jinja.LoopState, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Value {
    guard arguments.keywords.isEmpty else { throw failure("\(method.rawValue)() takes no keyword arguments") }
    let given = arguments.positional
    if method == .cycle {
      guard !given.isEmpty else { throw failure("no items for cycling given") }
      return given[max(loop.index0, 0) % given.count]
    }
    var isSame = loop.lastChanged?.count == given.count
    if isSame, let last = loop.lastChanged {
      for (left, right) in zip(last, given) where isSame { isSame = try isEqual(left, right) }
    }
    if !isSame { loop.lastChanged = given }
    return .bool(!isSame)
  }
}
