extension Jinja {
  /// Functions that every template has.
  enum Function: String, CaseIterable {
    case range, namespace
    case makeDictionary = "dict"
    case raiseException = "raise_exception"
    case strftimeNow = "strftime_now"

    static var globals: [[UInt8]: Value] {
      Dictionary(uniqueKeysWithValues: allCases.map { (Array($0.rawValue.utf8), .function($0)) })
    }
  }
}

extension Jinja.Renderer {
  /// The most items a range may have in Jinja's sandbox.
  private static let rangeLimit = 100_000

  func call(_ function: Jinja.Function, _ arguments: CallArguments) throws(TemplateError) -> Value {
    let name = "\(function.rawValue)()"
    switch function {
    case .range: return try range(arguments)
    case .namespace:
      let entries = try entries(arguments, name)
      for key in entries.keys {
        if case .string(let text) = key, text.bytes.first != UInt8(ascii: "_") { continue }
        throw failure("names of namespace attributes must be strings that do not begin with an underscore")
      }
      return try namespace(entries)
    case .makeDictionary: return try dictionary(try entries(arguments, name))
    case .raiseException:
      let message = try match(arguments, name, ["message"], required: 1)[0] ?? .null
      throw failure(String(decoding: try str(message), as: UTF8.self), kind: .raised)
    case .strftimeNow:
      let format = try match(arguments, name, ["format"], required: 1)[0] ?? .null
      let bytes = try text(format, "the format").bytes
      try spend(bytes.count)
      try reserve(bytes.count * 16)
      guard let out = clock.now().formatted(bytes) else {
        throw failure("an unknown conversion in the format of strftime_now()", kind: .unsupported)
      }
      return try string(out)
    }
  }

  private func range(_ arguments: CallArguments) throws(TemplateError) -> Value {
    guard arguments.keywords.isEmpty else { throw failure("range() takes no keyword arguments") }
    let given = try match(arguments, "range()", ["start", "stop", "step"], required: 1)
    var start = 0
    var stop = try integer(given[0], or: 0, "the argument of range()")
    if given[1] != nil {
      start = stop
      stop = try integer(given[1], or: 0, "the argument of range()")
    }
    let step = try integer(given[2], or: 1, "the argument of range()")
    guard step != 0 else { throw failure("range() arg 3 must not be zero") }
    let (distance, overflows) =
      step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
    let isEmpty = step > 0 ? stop <= start : start <= stop
    let count = isEmpty ? 0 : overflows ? Int.max : (distance - 1) / Int(clamping: step.magnitude) + 1
    guard count <= Self.rangeLimit else {
      throw failure("a range of more than \(Self.rangeLimit) items", kind: .limit)
    }
    return .range(Jinja.RangeObject(start: start, stop: stop, step: step, count: count))
  }

  /// The entries of `dict(mapping or pairs, name=value…)`.
  private func entries(_ arguments: CallArguments, _ name: String) throws(TemplateError) -> Jinja.Entries {
    guard arguments.positional.count < 2 else { throw failure("\(name) expected at most 1 argument") }
    var entries = Jinja.Entries()
    switch arguments.positional.first {
    case nil: break
    case .dictionary(let dictionary): entries = dictionary.entries
    case .some(let pairs):
      for pair in try items(pairs) {
        let parts = try items(pair)
        guard parts.count == 2 else { throw failure("\(name) needs pairs") }
        try reserve(entries.count * Jinja.DictionaryObject.bytesPerEntry)
        entries.set(try key(parts[0]), named: parts[0], to: parts[1])
      }
    }
    for (name, value) in arguments.keywords { entries.set(.string(name), named: try string(name), to: value) }
    return entries
  }
}
