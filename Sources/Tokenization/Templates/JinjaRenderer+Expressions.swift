/// Evaluation of expressions. Each kind that recurses has a function of its own, which keeps the stack frames small.
extension Jinja.Renderer {
  func evaluate(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    try descend()
    defer { ascend() }
    try spend(1)
    switch expression.kind {
    case .constant(let index): return try constant(index)
    case .name(let use): return read(use, frame)
    case .tuple(let items): return try tuple(evaluate(all: items, frame))
    case .list(let items): return try list(evaluate(all: items, frame))
    case .dictionary(let entries): return try evaluate(dictionary: entries, frame)
    case .attribute(let base, let name): return try evaluate(attribute: name, of: base, expression.at, frame)
    case .item(let base, let index): return try evaluate(item: index, of: base, expression.at, frame)
    case .slice: return try evaluate(slice: expression, frame)
    case .call: return try evaluate(call: expression, caller: nil, frame)
    case .filter: return try evaluate(filter: expression, frame)
    case .test: return try evaluate(test: expression, frame)
    case .negative(let inner): return try evaluate(sign: -1, inner, expression.at, frame)
    case .positive(let inner): return try evaluate(sign: 1, inner, expression.at, frame)
    case .not(let inner): return .bool(!(try evaluate(inner, frame).isTrue))
    case .and(let parts): return try evaluate(parts, until: false, frame)
    case .or(let parts): return try evaluate(parts, until: true, frame)
    case .arithmetic(let first, let rest): return try evaluate(arithmetic: first, rest, expression.at, frame)
    case .concatenation(let parts): return try evaluate(concatenation: parts, expression.at, frame)
    case .comparison(let first, let rest): return try evaluate(comparison: first, rest, expression.at, frame)
    case .conditional(let test, let then, let otherwise):
      return try evaluate(test, then, otherwise, expression.at, frame)
    case .captured: return takeCaught()
    }
  }

  private func evaluate(all expressions: [Expression], _ frame: Frame) throws(TemplateError) -> [Value] {
    var out: [Value] = []
    out.reserveCapacity(expressions.count)
    for expression in expressions { out.append(try evaluate(expression, frame)) }
    return out
  }

  private func evaluate(
    dictionary: [(key: Expression, value: Expression)], _ frame: Frame
  ) throws(TemplateError) -> Value {
    var entries = Jinja.Entries()
    for entry in dictionary {
      let name = try evaluate(entry.key, frame)
      let value = try evaluate(entry.value, frame)
      position = entry.key.at
      entries.set(try key(name), named: name, to: value)
    }
    return try self.dictionary(entries)
  }

  private func evaluate(
    attribute name: [UInt8], of base: Expression, _ at: Jinja.SourceOffset, _ frame: Frame
  ) throws(TemplateError) -> Value {
    let value = try evaluate(base, frame)
    position = at
    return try attribute(name, of: value)
  }

  private func evaluate(
    item index: Expression, of base: Expression, _ at: Jinja.SourceOffset, _ frame: Frame
  ) throws(TemplateError) -> Value {
    let value = try evaluate(base, frame)
    let index = try evaluate(index, frame)
    position = at
    return try item(index, of: value)
  }

  private func evaluate(slice expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .slice(let base, let start, let stop, let step) = expression.kind else { return .null }
    let value = try evaluate(base, frame)
    var bounds: [Value?] = []
    for bound in [start, stop, step] {
      if let bound { bounds.append(try evaluate(bound, frame)) } else { bounds.append(nil) }
    }
    position = expression.at
    return try slice(value, start: bounds[0], stop: bounds[1], step: bounds[2])
  }

  private func evaluate(
    sign: Int, _ inner: Expression, _ at: Jinja.SourceOffset, _ frame: Frame
  ) throws(TemplateError) -> Value {
    let value = try evaluate(inner, frame)
    position = at
    return try signed(value, sign)
  }

  /// `and` and `or` give the operand that decides.
  private func evaluate(
    _ parts: [Expression], until decisive: Bool, _ frame: Frame
  ) throws(TemplateError) -> Value {
    var value = Value.null
    for part in parts {
      value = try evaluate(part, frame)
      if value.isTrue == decisive { break }
    }
    return value
  }

  private func evaluate(
    arithmetic first: Expression, _ rest: [(operation: Jinja.Arithmetic, operand: Expression)],
    _ at: Jinja.SourceOffset, _ frame: Frame
  ) throws(TemplateError) -> Value {
    var value = try evaluate(first, frame)
    for (operation, operand) in rest {
      let right = try evaluate(operand, frame)
      position = at
      value = try arithmetic(operation, value, right)
    }
    return value
  }

  private func evaluate(
    concatenation parts: [Expression], _ at: Jinja.SourceOffset, _ frame: Frame
  ) throws(TemplateError) -> Value {
    var out: [UInt8] = []
    for part in parts {
      let text = try str(try evaluate(part, frame))
      position = at
      try reserve(out.count + text.count)
      try spend(bytes: text.count)
      out.append(contentsOf: text)
    }
    return try string(out)
  }

  private func evaluate(
    comparison first: Expression, _ rest: [(operation: Jinja.Comparison, operand: Expression)],
    _ at: Jinja.SourceOffset, _ frame: Frame
  ) throws(TemplateError) -> Value {
    var left = try evaluate(first, frame)
    for (operation, operand) in rest {
      let right = try evaluate(operand, frame)
      position = at
      if !(try compare(operation, left, right)) { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  private func evaluate(
    _ test: Expression, _ then: Expression, _ otherwise: Expression?, _ at: Jinja.SourceOffset, _ frame: Frame
  ) throws(TemplateError) -> Value {
    if try evaluate(test, frame).isTrue { return try evaluate(then, frame) }
    if let otherwise { return try evaluate(otherwise, frame) }
    let hint = "the inline if-expression evaluated to false and no else section was defined"
    return .undefined(Undefined(.hint(hint)))
  }

  private func evaluate(filter expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .filter(let base, let use, let written) = expression.kind else { return .null }
    let value = try evaluate(base, frame)
    let arguments = try evaluate(arguments: written, frame)
    position = expression.at
    switch use {
    case .known(let filter): return try apply(filter, to: value, arguments)
    case .unknown(let name): throw failure(Jinja.Filter.unknownMessage(name), kind: .unsupported)
    }
  }

  private func evaluate(test expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .test(let base, let use, let written, let negated) = expression.kind else { return .null }
    let value = try evaluate(base, frame)
    let arguments = try evaluate(arguments: written, frame)
    position = expression.at
    switch use {
    case .known(let test): return .bool(try satisfies(test, value, arguments) != negated)
    case .unknown(let name): throw failure(Jinja.Test.unknownMessage(name), kind: .unsupported)
    }
  }

  // MARK: Calls

  func evaluate(
    call expression: Expression, caller: Value?, _ frame: Frame
  ) throws(TemplateError) -> Value {
    guard case .call(let callee, let written) = expression.kind else { return .null }
    let function = try evaluate(callee, frame)
    var arguments = try evaluate(arguments: written, frame)
    if let caller { arguments.keywords.append((Array("caller".utf8), caller)) }
    position = expression.at
    switch function {
    case .macro(let macro): return try call(macro, arguments)
    case .function(let function): return try call(function, arguments)
    case .method(let bound): return try call(bound.method, of: bound.receiver, arguments)
    case .undefined(let undefined): throw undefinedFailure(undefined)
    default: throw failure("'\(function.typeName)' object is not callable")
    }
  }

  func evaluate(arguments written: Jinja.Arguments, _ frame: Frame) throws(TemplateError) -> Jinja.CallArguments {
    var out = Jinja.CallArguments()
    if written.isEmpty { return out }
    out.positional = try evaluate(all: written.positional, frame)
    for (name, expression) in written.keywords { out.keywords.append((name, try evaluate(expression, frame))) }
    if let unpacked = written.unpacked {
      out.positional.append(contentsOf: try items(try evaluate(unpacked, frame)))
    }
    if let unpacked = written.unpackedKeywords { try unpack(try evaluate(unpacked, frame), into: &out) }
    return out
  }

  private func unpack(_ value: Value, into arguments: inout Jinja.CallArguments) throws(TemplateError) {
    guard case .dictionary(let dictionary) = value else {
      throw failure("argument after ** must be a mapping, not \(value.typeName)")
    }
    for (name, value) in zip(dictionary.entries.keys, dictionary.entries.values) {
      guard case .string(let text) = name else { throw failure("keywords must be strings") }
      if arguments.keywords.contains(where: { $0.name == text.bytes }) {
        throw failure("got multiple values for the same keyword argument")
      }
      try spend(arguments.keywords.count)
      arguments.keywords.append((text.bytes, value))
    }
  }

  func call(_ value: Jinja.MacroValue, _ arguments: Jinja.CallArguments) throws(TemplateError) -> Value {
    let macro = value.macro
    let frame = enter(scope: macro.block.scope, parent: value.frame)
    try bind(arguments, to: macro, frame)
    return try catching(macro.block.body, frame)
  }

  private func bind(
    _ arguments: Jinja.CallArguments, to macro: Jinja.Macro, _ frame: Frame
  ) throws(TemplateError) {
    let layout = program.scopes[macro.block.scope]
    let name = macro.name.map { String(decoding: $0, as: UTF8.self) } ?? "caller"
    var keywords = arguments.keywords
    var missing: [Jinja.Macro.Parameter] = []
    for (index, parameter) in macro.parameters.enumerated() {
      let slot = Int(program.uses[parameter.use].slot)
      if index < arguments.positional.count {
        frame.slots[slot] = arguments.positional[index]
      } else if let at = keywords.firstIndex(where: { $0.name == parameter.name }) {
        frame.slots[slot] = keywords.remove(at: at).value
      } else {
        frame.slots[slot] = nil
        missing.append(parameter)
      }
    }
    if let slot = layout.callerSlot {
      let at = keywords.firstIndex { $0.name.elementsEqual("caller".utf8) }
      frame.slots[Int(slot)] = at.map { keywords.remove(at: $0).value } ?? .undefined(Undefined(.hint("No caller defined")))
    }
    if let slot = layout.keywordsSlot {
      var entries = Jinja.Entries()
      for (name, value) in keywords { entries.set(.string(name), named: try string(name), to: value) }
      frame.slots[Int(slot)] = try dictionary(entries)
    } else if let first = keywords.first {
      throw failure("macro '\(name)' takes no keyword argument '\(String(decoding: first.name, as: UTF8.self))'")
    }
    if let slot = layout.positionalSlot {
      frame.slots[Int(slot)] = try tuple(Array(arguments.positional.dropFirst(macro.parameters.count)))
    } else if arguments.positional.count > macro.parameters.count {
      throw failure("macro '\(name)' takes not more than \(macro.parameters.count) argument(s)")
    }
    for parameter in missing {
      let slot = Int(program.uses[parameter.use].slot)
      if let standard = parameter.standard {
        frame.slots[slot] = try evaluate(standard.expression, frame)
      } else {
        let hint = "parameter '\(String(decoding: parameter.name, as: UTF8.self))' was not provided"
        frame.slots[slot] = .undefined(Undefined(.hint(hint)))
      }
    }
  }
}
