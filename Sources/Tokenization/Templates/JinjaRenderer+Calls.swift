/// Calls of macros, functions and methods.
extension Jinja.Renderer {
  @inline(never)
  func evaluateCall(_ expression: Expression, caller: Value?, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .call(let callee, let written) = expression.kind else { return .null }
    let function = try evaluate(callee, frame)
    var arguments = try evaluate(arguments: written, frame)
    if let caller { arguments.keywords.append((Array("caller".utf8), caller)) }
    position = expression.at
    return try call(function, arguments)
  }

  private func call(_ function: Value, _ arguments: Jinja.CallArguments) throws(TemplateError) -> Value {
    switch function {
    case .macro(let macro): return try call(macro, arguments)
    case .function(let function): return try call(function, arguments)
    case .method(let bound): return try call(bound.method, of: bound.receiver, arguments)
    case .undefined(let undefined): throw undefinedFailure(undefined)
    default: throw failure("'\(function.typeName)' object is not callable")
    }
  }

  @inline(never)
  func evaluate(arguments written: Jinja.Arguments, _ frame: Frame) throws(TemplateError) -> Jinja.CallArguments {
    var out = Jinja.CallArguments()
    for expression in written.positional { out.positional.append(try evaluate(expression, frame)) }
    for (name, expression) in written.keywords { out.keywords.append((name, try evaluate(expression, frame))) }
    if written.unpacked != nil || written.unpackedKeywords != nil { try unpack(written, into: &out, frame) }
    return out
  }

  @inline(never)
  private func unpack(
    _ written: Jinja.Arguments, into arguments: inout Jinja.CallArguments, _ frame: Frame
  ) throws(TemplateError) {
    if let unpacked = written.unpacked {
      arguments.positional.append(contentsOf: try items(try evaluate(unpacked, frame)))
    }
    guard let unpacked = written.unpackedKeywords else { return }
    let value = try evaluate(unpacked, frame)
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

  @inline(never)
  private func call(_ value: Jinja.MacroValue, _ arguments: Jinja.CallArguments) throws(TemplateError) -> Value {
    let macro = value.macro
    let frame = enter(scope: macro.block.scope, parent: value.frame)
    for parameter in try bind(arguments, to: macro, frame) {
      frame.slots[Int(program.uses[parameter.use].slot)] = try standard(of: parameter, frame)
    }
    return try catching(macro.block.body, frame)
  }

  private func standard(of parameter: Jinja.Macro.Parameter, _ frame: Frame) throws(TemplateError) -> Value {
    if let standard = parameter.standard { return try evaluate(standard.expression, frame) }
    let name = String(decoding: parameter.name, as: UTF8.self)
    return .undefined(Undefined(.hint("parameter '\(name)' was not provided")))
  }

  /// Puts arguments into the macro's variables, and gives the parameters that are left.
  @inline(never)
  private func bind(
    _ arguments: Jinja.CallArguments, to macro: Jinja.Macro, _ frame: Frame
  ) throws(TemplateError) -> [Jinja.Macro.Parameter] {
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
      frame.slots[Int(slot)] =
        at.map { keywords.remove(at: $0).value } ?? .undefined(Undefined(.hint("No caller defined")))
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
    return missing
  }
}
