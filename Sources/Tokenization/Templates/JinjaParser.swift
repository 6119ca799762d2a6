extension Jinja {
  /// Reads tokens into statements, by recursive descent with a limit on nesting. Every construct that is not known is
  /// refused with its place.
  struct Parser {
    /// Levels of one expression's tree. Chains of one operator count once.
    static let depthLimit = 128

    let source: [UInt8]
    let lines: LineIndex
    let limits: TemplateLimits
    let tokens: [Token]
    var at = 0
    var program: Program
    private var nameIndex: [[UInt8]: Int] = [:]
    /// Blocks and brackets that are open.
    var nesting = 0
    /// Loops that a `break` could leave.
    private var loops = 0
    /// Inside `if`, unknown filters and tests wait for run time.
    private var isGuarded = false
    /// Unknown filters and tests of the expression being read.
    var unknown: [TemplateError] = []

    init(_ text: some Sequence<UInt8>, limits: TemplateLimits) throws(TemplateError) {
      var lexer = Lexer(text)
      source = lexer.source
      lines = lexer.lines
      self.limits = limits
      tokens = try lexer.tokenize()
      program = Program(lines: lexer.lines)
    }

    /// - Throws: `.syntax` and `.unsupported` where the template is wrong, `.limit` where it is too large or deep.
    static func parse(_ text: some Collection<UInt8>, limits: TemplateLimits) throws(TemplateError) -> Program {
      guard text.count <= limits.sourceBytes else {
        throw TemplateError(
          kind: .limit, line: 1, column: 1,
          message: "the template has \(text.count) bytes; the limit is \(limits.sourceBytes)")
      }
      var parser = try Parser(text, limits: limits)
      let root = parser.newScope()
      parser.program.statements = try parser.statements(until: [], opened: nil)
      var resolver = ScopeResolver(parser.program)
      return resolver.resolve(root: root)
    }

    // MARK: Tokens

    var current: Token { tokens[min(at, tokens.count - 1)] }
    var following: Token { tokens[min(at + 1, tokens.count - 1)] }

    func bytes(_ token: Token) -> ArraySlice<UInt8> { source[token.range] }

    func failure(
      _ message: String, at token: Token? = nil, kind: TemplateError.Kind = .syntax
    ) -> TemplateError {
      lines.error(kind, at: (token ?? current).start, message)
    }

    func describe(_ token: Token) -> String {
      switch token.kind {
      case .end: return "the end of the template"
      case .data: return "text"
      case .variableEnd: return "'}}'"
      case .blockEnd: return "'%}'"
      default: return "'\(String(decoding: bytes(token).prefix(40), as: UTF8.self))'"
      }
    }

    mutating func skip(_ kind: Token.Kind) -> Bool {
      guard current.kind == kind else { return false }
      at += 1
      return true
    }

    @discardableResult
    mutating func expect(_ kind: Token.Kind, _ what: String) throws(TemplateError) -> Token {
      let token = current
      guard skip(kind) else { throw failure("expected \(what), found \(describe(token))") }
      return token
    }

    func isWord(_ word: String, _ token: Token? = nil) -> Bool {
      let token = token ?? current
      return token.kind == .name && bytes(token).elementsEqual(word.utf8)
    }

    mutating func skipWord(_ word: String) -> Bool {
      guard isWord(word) else { return false }
      at += 1
      return true
    }

    mutating func enter() throws(TemplateError) {
      nesting += 1
      guard nesting <= limits.nesting else {
        throw failure("nested more than \(limits.nesting) levels deep", kind: .limit)
      }
    }

    // MARK: Names and scopes

    mutating func nameID(_ name: [UInt8]) -> Int {
      if let id = nameIndex[name] { return id }
      let id = program.names.count
      program.names.append(name)
      nameIndex[name] = id
      return id
    }

    mutating func use(_ name: [UInt8], _ role: NameUse.Role) -> Int {
      program.uses.append(NameUse(name: nameID(name), role: role))
      return program.uses.count - 1
    }

    mutating func newScope() -> Int {
      program.scopes.append(ScopeLayout())
      return program.scopes.count - 1
    }

    /// The name's index when the uses from `start` on read it before they assign it.
    private func reads(_ name: String, from start: Int) -> Int? {
      guard let id = nameIndex[Array(name.utf8)] else { return nil }
      guard let first = program.uses[start...].first(where: { $0.name == id }) else { return nil }
      return first.role == .load ? id : nil
    }

    // MARK: Statements

    /// Reads up to a block tag that begins with one of `ends`, and stops at that word. No ends: up to the end.
    mutating func statements(until ends: [String], opened: Token?) throws(TemplateError) -> [Statement] {
      var out: [Statement] = []
      while true {
        let token = current
        switch token.kind {
        case .end:
          if let opened { throw failure("'\(word(opened))' has no '\(ends[ends.count - 1])'", at: opened) }
          return out
        case .data:
          at += 1
          out.append(Statement(at: token.start, kind: .text(Array(bytes(token)))))
        case .variableBegin:
          at += 1
          out.append(Statement(at: token.start, kind: .print(try root(tuple: true))))
          try expect(.variableEnd, "'}}'")
        default:
          at += 1
          if ends.contains(where: { isWord($0) }) { return out }
          out.append(contentsOf: try statement())
          try expect(.blockEnd, "'%}'")
        }
      }
    }

    private func word(_ token: Token) -> String { String(decoding: bytes(token), as: UTF8.self) }

    private mutating func statement() throws(TemplateError) -> [Statement] {
      let token = current
      guard token.kind == .name else { throw failure("expected the name of a tag, found \(describe(token))") }
      at += 1
      try enter()
      defer { nesting -= 1 }
      let kind: Statement.Kind
      switch word(token) {
      case "if": kind = try conditional(token)
      case "for": kind = try loop(token)
      case "set": kind = try assignment(token)
      case "macro": kind = try macro(token)
      case "call": kind = try callBlock(token)
      case "filter": kind = try filterBlock(token)
      case "with": kind = try with(token)
      case "generation":
        kind = .generation(try block("endgeneration", token))
      case "break", "continue":
        guard loops > 0 else { throw failure("'\(word(token))' outside a loop", at: token) }
        kind = word(token) == "break" ? .breakLoop : .continueLoop
      case "print":
        var out: [Statement] = []
        while current.kind != .blockEnd {
          if !out.isEmpty { try expect(.comma, "a comma") }
          out.append(Statement(at: token.start, kind: .print(try root(tuple: false))))
        }
        return out
      case "block", "extends", "include", "import", "from", "autoescape":
        throw failure("the tag '\(word(token))' is not supported", at: token, kind: .unsupported)
      default:
        throw failure("an unknown tag '\(word(token))'", at: token)
      }
      return [Statement(at: token.start, kind: kind)]
    }

    /// The body of a tag, up to and with its end tag's name.
    private mutating func body(_ end: String, _ opened: Token) throws(TemplateError) -> [Statement] {
      _ = skip(.colon)
      try expect(.blockEnd, "'%}'")
      let out = try statements(until: [end], opened: opened)
      at += 1
      return out
    }

    /// What a body sees of its surroundings while it is read.
    private typealias Surroundings = (loops: Int, isGuarded: Bool)

    /// Begins something with a scope of its own, which guards do not reach into, and loops only where `keepLoops`.
    private mutating func enterScope(keepLoops: Bool = false) -> Surroundings {
      let outer = (loops, isGuarded)
      if !keepLoops { loops = 0 }
      isGuarded = false
      return outer
    }

    private mutating func leaveScope(_ outer: Surroundings) { (loops, isGuarded) = outer }

    private mutating func block(
      _ end: String, _ opened: Token, keepLoops: Bool = false
    ) throws(TemplateError) -> Block {
      let outer = enterScope(keepLoops: keepLoops)
      defer { leaveScope(outer) }
      let scope = newScope()
      return Block(scope: scope, body: try body(end, opened))
    }

    private mutating func conditional(_ opened: Token) throws(TemplateError) -> Statement.Kind {
      let outer = isGuarded
      isGuarded = true
      defer { isGuarded = outer }
      var branches: [(test: Root, body: [Statement])] = []
      while true {
        let test = try root(tuple: true, conditional: false)
        _ = skip(.colon)
        try expect(.blockEnd, "'%}'")
        branches.append((test, try statements(until: ["elif", "else", "endif"], opened: opened)))
        if skipWord("elif") { continue }
        guard skipWord("else") else {
          at += 1
          return .conditional(branches, otherwise: [])
        }
        return .conditional(branches, otherwise: try body("endif", opened))
      }
    }

    private mutating func loop(_ opened: Token) throws(TemplateError) -> Statement.Kind {
      let targetStart = at
      let target = try self.target(role: .parameter)
      if target.uses.contains(where: { isNamedLoop(program.uses[$0]) }) {
        throw failure("a loop cannot assign to 'loop'", at: tokens[targetStart])
      }
      guard skipWord("in") else { throw failure("expected 'in', found \(describe(current))") }
      let sequence = try root(tuple: true, conditional: false)
      var filter: (target: Target, test: Root, scope: Int)?
      if skipWord("if") {
        let resume = at
        at = targetStart
        let again = try self.target(role: .parameter)
        at = resume
        let outer = enterScope()
        filter = (again, try root(tuple: false), newScope())
        leaveScope(outer)
      }
      if isWord("recursive") { throw failure("recursive loops are not supported", kind: .unsupported) }
      _ = skip(.colon)
      try expect(.blockEnd, "'%}'")
      let bodyStart = program.uses.count
      let outer = enterScope(keepLoops: true)
      defer { leaveScope(outer) }
      loops += 1
      let scope = newScope()
      let body = try statements(until: ["else", "endfor"], opened: opened)
      let loopName = reads("loop", from: bodyStart)
      loops = outer.loops
      var otherwise: Block?
      if skipWord("else") {
        otherwise = try block("endfor", opened, keepLoops: true)
      } else {
        at += 1
      }
      return .loop(
        Loop(
          target: target, sequence: sequence, filter: filter, block: Block(scope: scope, body: body),
          otherwise: otherwise, loopName: loopName))
    }

    private func isNamedLoop(_ use: NameUse) -> Bool {
      use.role != .load && program.names[use.name].elementsEqual("loop".utf8)
    }

    private mutating func assignment(_ opened: Token) throws(TemplateError) -> Statement.Kind {
      let target = try self.target(role: .store, attributes: true)
      if loops > 0, target.uses.contains(where: { isNamedLoop(program.uses[$0]) }) {
        throw failure("a loop's body cannot assign to 'loop'", at: opened)
      }
      if skip(.assign) { return .assign(target, try root(tuple: true)) }
      let filter = current.kind == .pipe ? try capturedFilter(afterPipe: false) : nil
      return .capture(target, filter: filter, try block("endset", opened))
    }

    private mutating func with(_ opened: Token) throws(TemplateError) -> Statement.Kind {
      var bindings: [(target: Target, value: Root)] = []
      while current.kind != .blockEnd {
        if !bindings.isEmpty { try expect(.comma, "a comma") }
        let target = try self.target(role: .parameter)
        try expect(.assign, "'='")
        bindings.append((target, try root(tuple: false)))
      }
      return .with(bindings, try block("endwith", opened, keepLoops: true))
    }

    // MARK: Macros

    private mutating func macro(_ opened: Token) throws(TemplateError) -> Statement.Kind {
      let name = try expect(.name, "the macro's name")
      try refuseReserved(name)
      let nameUse = use(Array(bytes(name)), .store)
      let outer = enterScope()
      defer { leaveScope(outer) }
      let scope = newScope()
      let parameters = try self.parameters()
      let bodyStart = program.uses.count
      let block = Block(scope: scope, body: try body("endmacro", opened))
      return .macro(nameUse: nameUse, finish(Array(bytes(name)), parameters, block, usesFrom: bodyStart))
    }

    private mutating func callBlock(_ opened: Token) throws(TemplateError) -> Statement.Kind {
      let outer = enterScope()
      defer { leaveScope(outer) }
      let scope = newScope()
      let parameters = current.kind == .lparen ? try self.parameters() : []
      isGuarded = outer.isGuarded
      let call = try root(tuple: false)
      isGuarded = false
      guard case .call = call.expression.kind else {
        throw failure("expected a call after 'call'", at: opened)
      }
      let bodyStart = program.uses.count
      let block = Block(scope: scope, body: try body("endcall", opened))
      return .call(finish(nil, parameters, block, usesFrom: bodyStart), call)
    }

    private func finish(
      _ name: [UInt8]?, _ parameters: [Macro.Parameter], _ block: Block, usesFrom start: Int
    ) -> Macro {
      func special(_ word: String) -> Int? {
        parameters.contains { $0.name.elementsEqual(word.utf8) } ? nil : reads(word, from: start)
      }
      return Macro(
        name: name, parameters: parameters, block: block,
        special: Macro.Special(
          caller: special("caller"), keywords: special("kwargs"), positional: special("varargs")))
    }

    private mutating func parameters() throws(TemplateError) -> [Macro.Parameter] {
      var out: [Macro.Parameter] = []
      var names: Set<[UInt8]> = []
      try expect(.lparen, "'('")
      while current.kind != .rparen {
        if !out.isEmpty { try expect(.comma, "a comma or ')'") }
        let token = try expect(.name, "the name of a parameter")
        try refuseReserved(token)
        let name = Array(bytes(token))
        guard names.insert(name).inserted else { throw failure("a parameter twice", at: token) }
        let nameUse = use(name, .parameter)
        var standard: Root?
        if skip(.assign) {
          standard = try root(tuple: false)
        } else if out.last?.standard != nil {
          throw failure("a parameter without a default after one with a default", at: token)
        }
        out.append(Macro.Parameter(name: name, use: nameUse, standard: standard))
      }
      at += 1
      return out
    }

    private mutating func filterBlock(_ opened: Token) throws(TemplateError) -> Statement.Kind {
      .filter(try capturedFilter(afterPipe: true), try block("endfilter", opened))
    }

    private mutating func capturedFilter(afterPipe: Bool) throws(TemplateError) -> Root {
      let outer = enterScope()
      defer { leaveScope(outer) }
      let start = program.uses.count
      let captured = Expression(at: current.start, depth: 1, kind: .captured)
      unknown = []
      let expression = try filters(on: captured, afterPipe: afterPipe)
      try settleUnknown()
      return Root(expression: expression, uses: start..<program.uses.count)
    }

    // MARK: Expressions of statements

    private mutating func root(tuple: Bool, conditional: Bool = true) throws(TemplateError) -> Root {
      let start = program.uses.count
      unknown = []
      let expression =
        tuple ? try self.tuple(conditional: conditional) : try self.expression(conditional: conditional)
      try settleUnknown()
      return Root(expression: expression, uses: start..<program.uses.count)
    }

    private func settleUnknown() throws(TemplateError) {
      if !isGuarded, let first = unknown.first { throw first }
    }

    /// What can be assigned to: a name, `namespace.name` where `attributes` says so, or a tuple of these.
    private mutating func target(
      role: NameUse.Role, attributes: Bool = false
    ) throws(TemplateError) -> Target {
      let start = program.uses.count
      let shape = try targetShape(role: role, attributes: attributes)
      return Target(shape: shape, uses: start..<program.uses.count)
    }

    private mutating func targetShape(
      role: NameUse.Role, attributes: Bool
    ) throws(TemplateError) -> Target.Shape {
      var parts: [Target.Shape] = []
      var isTuple = false
      while true {
        if current.kind == .rparen || current.kind == .blockEnd { break }
        parts.append(try targetPart(role: role, attributes: attributes))
        guard skip(.comma) else { break }
        isTuple = true
      }
      if isTuple { return .tuple(parts) }
      guard let only = parts.first else { throw failure("expected a name, found \(describe(current))") }
      return only
    }

    private mutating func targetPart(
      role: NameUse.Role, attributes: Bool
    ) throws(TemplateError) -> Target.Shape {
      let token = current
      if skip(.lparen) {
        try enter()
        defer { nesting -= 1 }
        let inner = try targetShape(role: role, attributes: false)
        try expect(.rparen, "')'")
        return inner
      }
      try expect(.name, "a name to assign to")
      if attributes && skip(.dot) {
        let attribute = try expect(.name, "the name of an attribute")
        return .attribute(use: use(Array(bytes(token)), .load), Array(bytes(attribute)))
      }
      try refuseReserved(token)
      return .name(use: use(Array(bytes(token)), role))
    }

    /// Constants cannot be assigned to.
    func refuseReserved(_ token: Token) throws(TemplateError) {
      switch word(token) {
      case "true", "false", "none", "True", "False", "None":
        throw failure("cannot assign to '\(word(token))'", at: token)
      default: break
      }
    }
  }
}
