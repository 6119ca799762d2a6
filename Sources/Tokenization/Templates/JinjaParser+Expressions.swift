/// Expressions, by rank from the loosest: inline `if`, `or`, `and`, `not`, comparisons, `+ -`, `~`, `* / // %`, `**`,
/// signs, then calls, subscripts, filters and tests.
extension Jinja.Parser {
  typealias Expression = Jinja.Expression
  typealias Arguments = Jinja.Arguments
  typealias Token = Jinja.Token

  func make(
    _ kind: Expression.Kind, at offset: Jinja.SourceOffset, over parts: [Expression] = []
  ) throws(TemplateError) -> Expression {
    var depth = 0
    for part in parts where part.depth > depth { depth = part.depth }
    guard depth < Self.depthLimit else {
      throw lines.error(.limit, at: offset, "an expression nested more than \(Self.depthLimit) levels deep")
    }
    return Expression(at: offset, depth: depth + 1, kind: kind)
  }

  mutating func constant(_ value: Jinja.Constant, at token: Token) throws(TemplateError) -> Expression {
    program.constants.append(value)
    return try make(.constant(program.constants.count - 1), at: token.start)
  }

  /// Expressions with commas between them make a tuple; a comma may end it.
  mutating func tuple(
    conditional: Bool = true, mayBeEmpty: Bool = false
  ) throws(TemplateError) -> Expression {
    let start = current.start
    var items: [Expression] = []
    var isTuple = false
    while true {
      let kind = current.kind
      if kind == .variableEnd || kind == .blockEnd || kind == .rparen { break }
      items.append(try expression(conditional: conditional))
      guard skip(.comma) else { break }
      isTuple = true
    }
    if !isTuple, let only = items.first { return only }
    guard isTuple || mayBeEmpty else {
      throw failure("expected an expression, found \(describe(current))")
    }
    return try make(.tuple(items), at: start, over: items)
  }

  mutating func expression(conditional: Bool = true) throws(TemplateError) -> Expression {
    try enter()
    defer { nesting -= 1 }
    let start = current.start
    let mark = unknown.count
    var left = try disjunction()
    while conditional && skipWord("if") {
      let test = try disjunction()
      let otherwise = skipWord("else") ? try expression() : nil
      // Under a condition, an unknown filter or test is an error only once it is reached.
      unknown.removeSubrange(mark...)
      left = try make(
        .conditional(test: test, then: left, otherwise: otherwise), at: start,
        over: [left, test, otherwise ?? left])
    }
    return left
  }

  private mutating func disjunction() throws(TemplateError) -> Expression {
    let start = current.start
    var parts = [try conjunction()]
    while skipWord("or") { parts.append(try conjunction()) }
    return parts.count == 1 ? parts[0] : try make(.or(parts), at: start, over: parts)
  }

  private mutating func conjunction() throws(TemplateError) -> Expression {
    let start = current.start
    var parts = [try negation()]
    while skipWord("and") { parts.append(try negation()) }
    return parts.count == 1 ? parts[0] : try make(.and(parts), at: start, over: parts)
  }

  private mutating func negation() throws(TemplateError) -> Expression {
    let start = current.start
    var count = 0
    while skipWord("not") { count += 1 }
    var inner = try comparison()
    for _ in 0..<count { inner = try make(.not(inner), at: start, over: [inner]) }
    return inner
  }

  private mutating func comparison() throws(TemplateError) -> Expression {
    let start = current.start
    let first = try sum()
    var rest: [(operation: Jinja.Comparison, operand: Expression)] = []
    while let operation = skipComparison() { rest.append((operation, try sum())) }
    if rest.isEmpty { return first }
    return try make(.comparison(first, rest), at: start, over: [first] + rest.map(\.operand))
  }

  private mutating func skipComparison() -> Jinja.Comparison? {
    let operation: Jinja.Comparison
    switch current.kind {
    case .eq: operation = .equal
    case .ne: operation = .notEqual
    case .lt: operation = .less
    case .lteq: operation = .lessOrEqual
    case .gt: operation = .greater
    case .gteq: operation = .greaterOrEqual
    default:
      if skipWord("in") { return .isIn }
      guard isWord("not"), isWord("in", following) else { return nil }
      at += 2
      return .isNotIn
    }
    at += 1
    return operation
  }

  private mutating func sum() throws(TemplateError) -> Expression {
    let start = current.start
    let first = try concatenation()
    var rest: [(operation: Jinja.Arithmetic, operand: Expression)] = []
    while current.kind == .add || current.kind == .sub {
      let operation: Jinja.Arithmetic = current.kind == .add ? .add : .subtract
      at += 1
      rest.append((operation, try concatenation()))
    }
    return try arithmetic(first, rest, at: start)
  }

  private func arithmetic(
    _ first: Expression, _ rest: [(operation: Jinja.Arithmetic, operand: Expression)], at start: Jinja.SourceOffset
  ) throws(TemplateError) -> Expression {
    if rest.isEmpty { return first }
    return try make(.arithmetic(first, rest), at: start, over: [first] + rest.map(\.operand))
  }

  private mutating func concatenation() throws(TemplateError) -> Expression {
    let start = current.start
    var parts = [try product()]
    while skip(.tilde) { parts.append(try product()) }
    return parts.count == 1 ? parts[0] : try make(.concatenation(parts), at: start, over: parts)
  }

  private mutating func product() throws(TemplateError) -> Expression {
    let start = current.start
    let first = try power()
    var rest: [(operation: Jinja.Arithmetic, operand: Expression)] = []
    while true {
      let operation: Jinja.Arithmetic
      switch current.kind {
      case .mul: operation = .multiply
      case .div: operation = .divide
      case .floordiv: operation = .floorDivide
      case .mod: operation = .modulo
      default: return try arithmetic(first, rest, at: start)
      }
      at += 1
      rest.append((operation, try power()))
    }
  }

  private mutating func power() throws(TemplateError) -> Expression {
    let start = current.start
    let first = try signed(withFilters: true)
    var rest: [(operation: Jinja.Arithmetic, operand: Expression)] = []
    while skip(.pow) { rest.append((.power, try signed(withFilters: true))) }
    return try arithmetic(first, rest, at: start)
  }

  /// A sign binds tighter than a filter: `-1|abs` is `(-1)|abs`.
  private mutating func signed(withFilters: Bool) throws(TemplateError) -> Expression {
    let token = current
    var node: Expression
    if token.kind == .sub || token.kind == .add {
      at += 1
      try enter()
      defer { nesting -= 1 }
      let inner = try signed(withFilters: false)
      node = try make(token.kind == .sub ? .negative(inner) : .positive(inner), at: token.start, over: [inner])
    } else {
      node = try primary()
    }
    node = try postfix(node)
    return withFilters ? try filters(on: node, afterPipe: false) : node
  }

  // MARK: Primary expressions

  mutating func primary() throws(TemplateError) -> Expression {
    let token = current
    switch token.kind {
    case .name:
      at += 1
      return try name(token)
    case .string:
      var text: [UInt8] = []
      while current.kind == .string {
        text.append(contentsOf: try stringValue(current))
        at += 1
      }
      return try constant(.string(text), at: token)
    case .integer:
      at += 1
      return try constant(.int(try integerValue(token)), at: token)
    case .float:
      at += 1
      let digits = bytes(token).filter { $0 != UInt8(ascii: "_") }
      guard let value = Double(String(decoding: digits, as: UTF8.self)) else {
        throw failure("a number that cannot be read", at: token)
      }
      return try constant(.float(value), at: token)
    case .lparen:
      at += 1
      let inner = try tuple(mayBeEmpty: true)
      try expect(.rparen, "')'")
      return inner
    case .lbracket: return try list()
    case .lbrace: return try dictionary()
    default: throw failure("expected an expression, found \(describe(token))")
    }
  }

  private mutating func name(_ token: Token) throws(TemplateError) -> Expression {
    switch String(decoding: bytes(token), as: UTF8.self) {
    case "true", "True": return try constant(.bool(true), at: token)
    case "false", "False": return try constant(.bool(false), at: token)
    case "none", "None": return try constant(.null, at: token)
    case "and", "or", "not", "in", "is", "if", "else":
      throw failure("expected an expression, found \(describe(token))", at: token)
    default: return try make(.name(use(Array(bytes(token)), .load)), at: token.start)
    }
  }

  private mutating func list() throws(TemplateError) -> Expression {
    let start = current.start
    at += 1
    var items: [Expression] = []
    while current.kind != .rbracket {
      if !items.isEmpty {
        try expect(.comma, "a comma or ']'")
        if current.kind == .rbracket { break }
      }
      items.append(try expression())
    }
    at += 1
    return try make(.list(items), at: start, over: items)
  }

  private mutating func dictionary() throws(TemplateError) -> Expression {
    let start = current.start
    at += 1
    var entries: [(key: Expression, value: Expression)] = []
    while current.kind != .rbrace {
      if !entries.isEmpty {
        try expect(.comma, "a comma or '}'")
        if current.kind == .rbrace { break }
      }
      let key = try expression()
      try expect(.colon, "':'")
      entries.append((key, try expression()))
    }
    at += 1
    return try make(.dictionary(entries), at: start, over: entries.flatMap { [$0.key, $0.value] })
  }

  // MARK: Behind an expression

  mutating func postfix(_ base: Expression) throws(TemplateError) -> Expression {
    var node = base
    while true {
      let token = current
      switch token.kind {
      case .dot: node = try attribute(of: node)
      case .lbracket: node = try subscripted(node)
      case .lparen:
        let arguments = try self.arguments()
        node = try make(.call(node, arguments), at: token.start, over: [node] + arguments.parts)
      default: return node
      }
    }
  }

  private mutating func attribute(of base: Expression) throws(TemplateError) -> Expression {
    let dot = current
    at += 1
    let token = current
    if skip(.name) { return try make(.attribute(base, Array(bytes(token))), at: dot.start, over: [base]) }
    guard skip(.integer) else { throw failure("expected a name or a number, found \(describe(token))") }
    let index = try constant(.int(try integerValue(token)), at: token)
    return try make(.item(base, index), at: dot.start, over: [base])
  }

  private mutating func subscripted(_ base: Expression) throws(TemplateError) -> Expression {
    let open = current
    at += 1
    var bounds: [Expression?] = [nil]
    if current.kind != .colon { bounds[0] = try expression() }
    while bounds.count < 3 && skip(.colon) {
      bounds.append(current.kind == .colon || current.kind == .rbracket ? nil : try expression())
    }
    if current.kind == .comma {
      throw failure("subscripts with commas are not supported", kind: .unsupported)
    }
    try expect(.rbracket, "']'")
    if bounds.count == 1, let index = bounds[0] {
      return try make(.item(base, index), at: open.start, over: [base, index])
    }
    let slice = Expression.Kind.slice(
      base, start: bounds[0], stop: bounds[1], step: bounds.count > 2 ? bounds[2] : nil)
    return try make(slice, at: open.start, over: [base] + bounds.compactMap { $0 })
  }

  /// Filters, tests and calls behind `node`. After the word of a filter block the first filter has no bar.
  mutating func filters(on base: Expression, afterPipe: Bool) throws(TemplateError) -> Expression {
    var node = base
    var afterPipe = afterPipe
    while true {
      let token = current
      if afterPipe || skip(.pipe) {
        afterPipe = false
        node = try filter(on: node)
      } else if skipWord("is") {
        node = try test(on: node)
      } else if token.kind == .lparen {
        let arguments = try self.arguments()
        node = try make(.call(node, arguments), at: token.start, over: [node] + arguments.parts)
      } else {
        return node
      }
    }
  }

  private mutating func dottedName(_ what: String) throws(TemplateError) -> [UInt8] {
    var name = Array(bytes(try expect(.name, what)))
    while skip(.dot) {
      name.append(UInt8(ascii: "."))
      name.append(contentsOf: bytes(try expect(.name, what)))
    }
    return name
  }

  private mutating func filter(on base: Expression) throws(TemplateError) -> Expression {
    let token = current
    let name = try dottedName("the name of a filter")
    var use = Jinja.FilterUse.unknown(name)
    if let known = Jinja.Filter(name: name) {
      use = .known(known)
    } else {
      unknown.append(failure(Jinja.Filter.unknownMessage(name), at: token, kind: .unsupported))
    }
    let arguments = current.kind == .lparen ? try self.arguments() : Arguments()
    return try make(.filter(base, use, arguments), at: token.start, over: [base] + arguments.parts)
  }

  private mutating func test(on base: Expression) throws(TemplateError) -> Expression {
    let negated = skipWord("not")
    let token = current
    let name = try dottedName("the name of a test")
    var use = Jinja.TestUse.unknown(name)
    if let known = Jinja.Test(name: name) {
      use = .known(known)
    } else {
      unknown.append(failure(Jinja.Test.unknownMessage(name), at: token, kind: .unsupported))
    }
    var arguments = Arguments()
    switch current.kind {
    case .lparen: arguments = try self.arguments()
    case .name where isWord("else") || isWord("or") || isWord("and"): break
    case .name where isWord("is"): throw failure("tests cannot be chained with 'is'")
    case .name where isWord("if") || isWord("in") || isWord("not"): break
    case .name, .string, .integer, .float, .lbracket, .lbrace:
      try enter()
      defer { nesting -= 1 }
      arguments.positional = [try postfix(try primary())]
    default: break
    }
    return try make(
      .test(base, use, arguments, negated: negated), at: token.start, over: [base] + arguments.parts)
  }

  private mutating func arguments() throws(TemplateError) -> Arguments {
    let open = try expect(.lparen, "'('")
    var out = Arguments()
    func ensure(_ condition: Bool) throws(TemplateError) {
      if !condition { throw failure("arguments in an order that calls do not have", at: open) }
    }
    var isFirst = true
    while current.kind != .rparen {
      if !isFirst {
        try expect(.comma, "a comma or ')'")
        if current.kind == .rparen { break }
      }
      isFirst = false
      if skip(.mul) {
        try ensure(out.unpacked == nil && out.unpackedKeywords == nil)
        out.unpacked = try expression()
      } else if skip(.pow) {
        try ensure(out.unpackedKeywords == nil)
        out.unpackedKeywords = try expression()
      } else if current.kind == .name && following.kind == .assign {
        try ensure(out.unpackedKeywords == nil)
        let token = current
        let name = Array(bytes(token))
        at += 2
        if out.keywords.contains(where: { $0.name == name }) { throw failure("an argument twice", at: token) }
        out.keywords.append((name, try expression()))
      } else {
        try ensure(out.unpacked == nil && out.unpackedKeywords == nil && out.keywords.isEmpty)
        out.positional.append(try expression())
      }
    }
    at += 1
    return out
  }
}

extension Jinja.Arguments {
  var parts: [Jinja.Expression] {
    positional + keywords.map(\.value) + [unpacked, unpackedKeywords].compactMap { $0 }
  }
}
