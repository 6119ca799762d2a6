extension Jinja {
  /// Evaluated arguments of a call.
  struct CallArguments {
    var positional: [Value] = []
    var keywords: [(name: [UInt8], value: Value)] = []
  }
}

extension Jinja.Renderer {
  /// Puts arguments in the order of a function's parameters. Missing ones are nil.
  /// - Throws: when one is unknown, comes twice or lacks although required.
  func match(
    _ arguments: Jinja.CallArguments, _ function: String, _ parameters: [String], required: Int = 0
  ) throws(TemplateError) -> [Value?] {
    guard arguments.positional.count <= parameters.count else {
      throw failure("\(function) takes at most \(parameters.count) arguments (\(arguments.positional.count) given)")
    }
    var out: [Value?] = arguments.positional
    out.append(contentsOf: [Value?](repeating: nil, count: parameters.count - out.count))
    for (name, value) in arguments.keywords {
      guard let index = parameters.firstIndex(where: { $0.utf8.elementsEqual(name) }) else {
        let word = String(decoding: name, as: UTF8.self)
        throw failure("\(function) got an unexpected keyword argument '\(word)'")
      }
      guard out[index] == nil else {
        throw failure("\(function) got multiple values for argument '\(parameters[index])'")
      }
      out[index] = value
    }
    for index in 0..<required where out[index] == nil {
      throw failure("\(function) misses the argument '\(parameters[index])'")
    }
    return out
  }

  func integer(_ value: Value?, or standard: Int, _ what: String) throws(TemplateError) -> Int {
    switch value {
    case nil: return standard
    case .int(let value): return value
    case .bool(let value): return value ? 1 : 0
    case .undefined(let undefined): throw undefinedFailure(undefined)
    case .some(let value): throw failure("\(what) must be an integer, not \(value.typeName)")
    }
  }

  /// An argument that must be a string.
  func text(_ value: Value, _ what: String) throws(TemplateError) -> Text {
    switch value {
    case .string(let text): return text
    case .undefined(let undefined): throw undefinedFailure(undefined)
    default: throw failure("\(what) must be a string, not \(value.typeName)")
    }
  }
}
