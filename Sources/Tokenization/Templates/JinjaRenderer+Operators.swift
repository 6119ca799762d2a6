/// Arithmetic and comparison as Python has them, on integers of 64 bits.
extension Jinja.Renderer {
  private enum Number {
    case int(Int)
    case float(Double)

    var double: Double {
      switch self {
      case .int(let value): Double(value)
      case .float(let value): value
      }
    }
  }

  private func number(_ value: Value) -> Number? {
    switch value {
    case .bool(let value): .int(value ? 1 : 0)
    case .int(let value): .int(value)
    case .float(let value): .float(value)
    default: nil
    }
  }

  func overflow() -> TemplateError { failure("integers beyond 64 bits are not supported", kind: .unsupported) }

  func signed(_ value: Value, _ sign: Int) throws(TemplateError) -> Value {
    if case .undefined(let undefined) = value { throw undefinedFailure(undefined) }
    switch number(value) {
    case .int(let value):
      let (result, overflows) = value.multipliedReportingOverflow(by: sign)
      if overflows { throw overflow() }
      return .int(result)
    case .float(let value): return .float(sign < 0 ? -value : value)
    case nil: throw failure("bad operand type for unary \(sign < 0 ? "-" : "+"): '\(value.typeName)'")
    }
  }

  func arithmetic(_ operation: Jinja.Arithmetic, _ left: Value, _ right: Value) throws(TemplateError) -> Value {
    if case .string(let format) = left, operation == .modulo {
      return try percentFormat(format, right)
    }
    if case .undefined(let undefined) = left { throw undefinedFailure(undefined) }
    if case .undefined(let undefined) = right { throw undefinedFailure(undefined) }
    if let left = number(left), let right = number(right) { return try arithmetic(operation, left, right) }
    switch (operation, left, right) {
    case (.add, .string(let left), .string(let right)): return try concatenate(left, right)
    case (.add, .list(let left), .list(let right)):
      try reserve((left.items.count + right.items.count) * 16)
      return try list(left.items + right.items)
    case (.add, .tuple(let left), .tuple(let right)):
      try reserve((left.items.count + right.items.count) * 16)
      return try tuple(left.items + right.items)
    case (.multiply, _, .int), (.multiply, _, .bool): return try repeated(left, right, left, right)
    case (.multiply, .int, _), (.multiply, .bool, _): return try repeated(right, left, left, right)
    default: throw unsupportedOperands(operation, left, right)
    }
  }

  private func unsupportedOperands(_ operation: Jinja.Arithmetic, _ left: Value, _ right: Value) -> TemplateError {
    let symbol =
      switch operation {
      case .add: "+"
      case .subtract: "-"
      case .multiply: "*"
      case .divide: "/"
      case .floorDivide: "//"
      case .modulo: "%"
      case .power: "**"
      }
    return failure("unsupported operand types for \(symbol): '\(left.typeName)' and '\(right.typeName)'")
  }

  /// With a marked string on either side, the other one is escaped first.
  private func concatenate(_ left: Text, _ right: Text) throws(TemplateError) -> Value {
    let isMarkup = left.isMarkup || right.isMarkup
    let first = isMarkup && !left.isMarkup ? Jinja.escaped(left.bytes) : left.bytes
    let second = isMarkup && !right.isMarkup ? Jinja.escaped(right.bytes) : right.bytes
    try reserve(first.count + second.count)
    return try string(first + second, isMarkup: isMarkup)
  }

  private func repeated(_ value: Value, _ count: Value, _ left: Value, _ right: Value) throws(TemplateError) -> Value {
    let count = max(0, try integer(count, or: 0, "the count"))
    switch value {
    case .string(let text):
      let (size, overflows) = text.bytes.count.multipliedReportingOverflow(by: count)
      try reserve(overflows ? .max : size)
      try spend(bytes: size)
      var out: [UInt8] = []
      out.reserveCapacity(size)
      if !text.bytes.isEmpty { for _ in 0..<count { out.append(contentsOf: text.bytes) } }
      return try string(out, isMarkup: text.isMarkup)
    case .list(let items), .tuple(let items):
      let (size, overflows) = items.items.count.multipliedReportingOverflow(by: count)
      try reserve(overflows || size > limits.memoryBytes ? .max : size * 16)
      try spend(size)
      var out: [Value] = []
      if size > 0 { for _ in 0..<count { out.append(contentsOf: items.items) } }
      if case .tuple = value { return try tuple(out) }
      return try list(out)
    default: throw unsupportedOperands(.multiply, left, right)
    }
  }

  private func arithmetic(
    _ operation: Jinja.Arithmetic, _ left: Number, _ right: Number
  ) throws(TemplateError) -> Value {
    if case .int(let left) = left, case .int(let right) = right {
      return try integerArithmetic(operation, left, right)
    }
    let (left, right) = (left.double, right.double)
    switch operation {
    case .add: return .float(left + right)
    case .subtract: return .float(left - right)
    case .multiply: return .float(left * right)
    case .divide:
      guard right != 0 else { throw failure("float division by zero") }
      return .float(left / right)
    case .floorDivide:
      guard right != 0 else { throw failure("float floor division by zero") }
      let remainder = floatModulo(left, right)
      let quotient = (left - remainder) / right
      if quotient == 0 { return .float(Double(signOf: left / right, magnitudeOf: 0)) }
      let floor = quotient.rounded(.down)
      return .float(quotient - floor > 0.5 ? floor + 1 : floor)
    case .modulo:
      guard right != 0 else { throw failure("float modulo by zero") }
      return .float(floatModulo(left, right))
    case .power: return try Jinja.floatPower(left, right, self)
    }
  }

  private func floatModulo(_ left: Double, _ right: Double) -> Double {
    let remainder = left.truncatingRemainder(dividingBy: right)
    if remainder == 0 { return Double(signOf: right, magnitudeOf: 0) }
    return (remainder < 0) == (right < 0) ? remainder : remainder + right
  }

  private func integerArithmetic(
    _ operation: Jinja.Arithmetic, _ left: Int, _ right: Int
  ) throws(TemplateError) -> Value {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case .add: result = left.addingReportingOverflow(right)
    case .subtract: result = left.subtractingReportingOverflow(right)
    case .multiply: result = left.multipliedReportingOverflow(by: right)
    case .divide:
      guard right != 0 else { throw failure("division by zero") }
      return .float(Double(left) / Double(right))
    case .floorDivide:
      guard right != 0 else { throw failure("integer division or modulo by zero") }
      result = left.dividedReportingOverflow(by: right)
      if !result.overflow, left % right != 0, (left < 0) != (right < 0) { return .int(result.partialValue - 1) }
    case .modulo:
      guard right != 0 else { throw failure("integer modulo by zero") }
      let remainder = left.remainderReportingOverflow(dividingBy: right).partialValue
      return .int(remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder)
    case .power: return try integerPower(left, right)
    }
    if result.overflow { throw overflow() }
    return .int(result.partialValue)
  }

  private func integerPower(_ base: Int, _ exponent: Int) throws(TemplateError) -> Value {
    if exponent < 0 {
      guard base != 0 else { throw failure("0.0 cannot be raised to a negative power") }
      return try Jinja.floatPower(Double(base), Double(exponent), self)
    }
    var (result, square, left) = (1, base, exponent)
    while left > 0 {
      var step = (partialValue: 0, overflow: false)
      if left & 1 == 1 {
        step = result.multipliedReportingOverflow(by: square)
        if step.overflow { throw overflow() }
        result = step.partialValue
      }
      left >>= 1
      if left > 0 {
        step = square.multipliedReportingOverflow(by: square)
        if step.overflow { throw overflow() }
        square = step.partialValue
      }
    }
    return .int(result)
  }

  // MARK: Comparison

  func compare(_ operation: Jinja.Comparison, _ left: Value, _ right: Value) throws(TemplateError) -> Bool {
    switch operation {
    case .equal: try isEqual(left, right)
    case .notEqual: !(try isEqual(left, right))
    case .less: try isOrdered(left, right, "<") { $0 < 0 }
    case .lessOrEqual: try isOrdered(left, right, "<=") { $0 <= 0 }
    case .greater: try isOrdered(left, right, ">") { $0 > 0 }
    case .greaterOrEqual: try isOrdered(left, right, ">=") { $0 >= 0 }
    case .isIn: try contains(right, left)
    case .isNotIn: !(try contains(right, left))
    }
  }

  func isEqual(_ left: Value, _ right: Value, level: Int = 0) throws(TemplateError) -> Bool {
    try checkDepth(level)
    if let left = number(left), let right = number(right) { return order(left, right) == 0 }
    switch (left, right) {
    case (.undefined, .undefined), (.null, .null): return true
    case (.string(let left), .string(let right)):
      guard left.bytes.count == right.bytes.count else { return false }
      try spend(bytes: left.bytes.count)
      return left.bytes == right.bytes
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      guard left.items.count == right.items.count else { return false }
      for (left, right) in zip(left.items, right.items) {
        try spend(1)
        if !(try isEqual(left, right, level: level + 1)) { return false }
      }
      return true
    case (.dictionary(let left), .dictionary(let right)):
      guard left.entries.count == right.entries.count else { return false }
      for (name, value) in zip(left.entries.keys, left.entries.values) {
        try spend(1)
        guard let other = right.entries[try key(name)] else { return false }
        if !(try isEqual(value, other, level: level + 1)) { return false }
      }
      return true
    case (.range(let left), .range(let right)):
      return left.count == right.count && (left.count == 0 || left.start == right.start)
        && (left.count < 2 || left.step == right.step)
    case (.namespace(let left), .namespace(let right)): return left === right
    case (.iterator(let left), .iterator(let right)): return left === right
    case (.loop(let left), .loop(let right)): return left === right
    case (.macro(let left), .macro(let right)): return left === right
    case (.function(let left), .function(let right)): return left == right
    default: return false
    }
  }

  /// -1, 0 or 1; nil where one of the two is not a number.
  private func order(_ left: Number, _ right: Number) -> Int? {
    switch (left, right) {
    case (.int(let left), .int(let right)): return left < right ? -1 : left > right ? 1 : 0
    case (.float(let left), .float(let right)):
      return left < right ? -1 : left > right ? 1 : left == right ? 0 : nil
    case (.int(let left), .float(let right)): return order(left, right)
    case (.float(let left), .int(let right)): return order(right, left).map { -$0 }
    }
  }

  /// Exact, as in Python: no rounding of the integer.
  private func order(_ left: Int, _ right: Double) -> Int? {
    if right.isNaN { return nil }
    if right >= 0x1p63 { return -1 }
    if right < -0x1p63 { return 1 }
    let whole = right.rounded(.towardZero)
    let integer = Int(whole)
    if left != integer { return left < integer ? -1 : 1 }
    return whole < right ? -1 : whole > right ? 1 : 0
  }

  private func isOrdered(
    _ left: Value, _ right: Value, _ symbol: String, _ accept: (Int) -> Bool
  ) throws(TemplateError) -> Bool {
    guard let order = try order(left, right, symbol, level: 0) else { return false }
    return accept(order)
  }

  /// -1, 0 or 1; nil for numbers that have no order.
  func order(_ left: Value, _ right: Value, _ symbol: String, level: Int) throws(TemplateError) -> Int? {
    try checkDepth(level)
    try spend(1)
    if case .undefined(let undefined) = left { throw undefinedFailure(undefined) }
    if case .undefined(let undefined) = right { throw undefinedFailure(undefined) }
    if let left = number(left), let right = number(right) { return order(left, right) }
    switch (left, right) {
    case (.string(let left), .string(let right)):
      try spend(bytes: min(left.bytes.count, right.bytes.count))
      if left.bytes == right.bytes { return 0 }
      return UTF8Text.isLess(left.bytes, right.bytes) ? -1 : 1
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      for (left, right) in zip(left.items, right.items) {
        if try isEqual(left, right, level: level + 1) { continue }
        return try order(left, right, symbol, level: level + 1)
      }
      return left.items.count < right.items.count ? -1 : left.items.count > right.items.count ? 1 : 0
    default:
      throw failure("'\(symbol)' not supported between '\(left.typeName)' and '\(right.typeName)'")
    }
  }

  func contains(_ container: Value, _ value: Value) throws(TemplateError) -> Bool {
    switch container {
    case .string(let text):
      guard case .string(let part) = value else {
        throw failure("'in <string>' requires a string as left operand, not \(value.typeName)")
      }
      try spend(bytes: text.bytes.count + part.bytes.count)
      return UTF8Text.contains(text.bytes, part.bytes)
    case .dictionary(let dictionary): return dictionary.entries[try key(value)] != nil
    case .view(let view) where view.kind == .keys: return view.dictionary.entries[try key(value)] != nil
    default:
      var sequence = try self.sequence(container, "argument of type '\(container.typeName)' is not iterable")
      while let item = try sequence.next(self) {
        try spend(1)
        if try isEqual(item, value) { return true }
      }
      return false
    }
  }
}
