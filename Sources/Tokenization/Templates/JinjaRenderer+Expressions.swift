/// Evaluation of expressions.
///
/// Each kind has a function of its own, never inlined, that takes the kind apart: whatever `evaluate` bound itself would
/// lie on the stack once for every level.
extension Jinja.Renderer {
  func evaluate(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    try descend()
    defer { ascend() }
    try spend(1)
    switch expression.kind {
    case .constant(let index): return try constant(index)
    case .name(let use): return read(use, frame)
    case .tuple, .list, .dictionary: return try evaluateContainer(expression, frame)
    case .attribute: return try evaluateAttribute(expression, frame)
    case .item: return try evaluateItem(expression, frame)
    case .slice: return try evaluateSlice(expression, frame)
    case .call: return try evaluateCall(expression, caller: nil, frame)
    case .filter: return try evaluateFilter(expression, frame)
    case .test: return try evaluateTest(expression, frame)
    case .negative, .positive, .not: return try evaluateUnary(expression, frame)
    case .and, .or: return try evaluateLogic(expression, frame)
    case .arithmetic: return try evaluateArithmetic(expression, frame)
    case .concatenation: return try evaluateConcatenation(expression, frame)
    case .comparison: return try evaluateComparison(expression, frame)
    case .conditional: return try evaluateConditional(expression, frame)
    case .captured: return takeCaught()
    }
  }

  @inline(never)
  private func evaluate(all expressions: [Expression], _ frame: Frame) throws(TemplateError) -> [Value] {
    var out: [Value] = []
    out.reserveCapacity(expressions.count)
    for expression in expressions { out.append(try evaluate(expression, frame)) }
    return out
  }

  @inline(never)
  private func evaluateContainer(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    switch expression.kind {
    case .tuple(let items): return try tuple(evaluate(all: items, frame))
    case .list(let items): return try list(evaluate(all: items, frame))
    case .dictionary(let items):
      var entries = Jinja.Entries()
      for (keyExpression, valueExpression) in items {
        let name = try evaluate(keyExpression, frame)
        let value = try evaluate(valueExpression, frame)
        position = keyExpression.at
        entries.set(try key(name), named: name, to: value)
      }
      return try dictionary(entries)
    default: return .null
    }
  }

  @inline(never)
  private func evaluateAttribute(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .attribute(let base, let name) = expression.kind else { return .null }
    let value = try evaluate(base, frame)
    position = expression.at
    return try attribute(name, of: value)
  }

  @inline(never)
  private func evaluateItem(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .item(let base, let index) = expression.kind else { return .null }
    let value = try evaluate(base, frame)
    let place = try evaluate(index, frame)
    position = expression.at
    return try item(place, of: value)
  }

  @inline(never)
  private func evaluateSlice(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .slice(let base, let start, let stop, let step) = expression.kind else { return .null }
    let value = try evaluate(base, frame)
    let first = try evaluate(optional: start, frame)
    let last = try evaluate(optional: stop, frame)
    let stride = try evaluate(optional: step, frame)
    position = expression.at
    return try slice(value, start: first, stop: last, step: stride)
  }

  private func evaluate(optional expression: Expression?, _ frame: Frame) throws(TemplateError) -> Value? {
    guard let expression else { return nil }
    return try evaluate(expression, frame)
  }

  @inline(never)
  private func evaluateUnary(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    var sign = 1
    switch expression.kind {
    case .not(let inner): return .bool(!(try evaluate(inner, frame).isTrue))
    case .negative(let inner):
      sign = -1
      fallthrough
    case .positive(let inner):
      let value = try evaluate(inner, frame)
      position = expression.at
      return try signed(value, sign)
    default: return .null
    }
  }

  /// `and` and `or` give the operand that decides.
  @inline(never)
  private func evaluateLogic(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    let parts: [Expression]
    let decisive: Bool
    switch expression.kind {
    case .and(let operands): (parts, decisive) = (operands, false)
    case .or(let operands): (parts, decisive) = (operands, true)
    default: return .null
    }
    var value = Value.null
    for part in parts {
      value = try evaluate(part, frame)
      if value.isTrue == decisive { break }
    }
    return value
  }

  @inline(never)
  private func evaluateArithmetic(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .arithmetic(let first, let rest) = expression.kind else { return .null }
    var value = try evaluate(first, frame)
    for (operation, operand) in rest {
      let right = try evaluate(operand, frame)
      position = expression.at
      value = try arithmetic(operation, value, right)
    }
    return value
  }

  @inline(never)
  private func evaluateConcatenation(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .concatenation(let parts) = expression.kind else { return .null }
    var out: [UInt8] = []
    for part in parts {
      let value = try evaluate(part, frame)
      position = expression.at
      try append(value, to: &out)
    }
    return try string(out)
  }

  private func append(_ value: Value, to out: inout [UInt8]) throws(TemplateError) {
    let text = try str(value)
    try reserve(out.count + text.count)
    try spend(bytes: text.count)
    out.append(contentsOf: text)
  }

  @inline(never)
  private func evaluateComparison(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .comparison(let first, let rest) = expression.kind else { return .null }
    var left = try evaluate(first, frame)
    for (operation, operand) in rest {
      let right = try evaluate(operand, frame)
      position = expression.at
      if !(try compare(operation, left, right)) { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  @inline(never)
  private func evaluateConditional(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .conditional(let test, let then, let otherwise) = expression.kind else { return .null }
    if try evaluate(test, frame).isTrue { return try evaluate(then, frame) }
    if let otherwise { return try evaluate(otherwise, frame) }
    let hint = "the inline if-expression evaluated to false and no else section was defined"
    return .undefined(Undefined(.hint(hint)))
  }

  @inline(never)
  private func evaluateFilter(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .filter(let base, let use, let written) = expression.kind else { return .null }
    let value = try evaluate(base, frame)
    let arguments = try evaluate(arguments: written, frame)
    position = expression.at
    switch use {
    case .known(let filter): return try apply(filter, to: value, arguments)
    case .unknown(let name): throw failure(Jinja.Filter.unknownMessage(name), kind: .unsupported)
    }
  }

  @inline(never)
  private func evaluateTest(_ expression: Expression, _ frame: Frame) throws(TemplateError) -> Value {
    guard case .test(let base, let use, let written, let negated) = expression.kind else { return .null }
    let value = try evaluate(base, frame)
    let arguments = try evaluate(arguments: written, frame)
    position = expression.at
    switch use {
    case .known(let test): return .bool(try satisfies(test, value, arguments) != negated)
    case .unknown(let name): throw failure(Jinja.Test.unknownMessage(name), kind: .unsupported)
    }
  }
}
