extension Jinja {
  /// Runs a program once. Everything that a template can make grow is counted against the limits.
  final class Renderer {
    let program: Program
    let limits: TemplateLimits
    let meter = Meter()
    let clock: TemplateClock
    /// The conversation's variables and the built-in functions, one entry per name of the program.
    private var context: [Value?] = []
    private var stepsLeft: Int
    private var evaluations = 0
    /// Where the operation stands that is being done, for errors.
    var position: SourceOffset = 0
    private var output: [UInt8] = []
    /// The text that the innermost filter block caught.
    private var caught: Value = .null
    /// Values that a template can tie into cycles; emptied at the end, since reference counting would keep them.
    private var namespaces: [Namespace] = []
    private var grownLists: [ListObject] = []
    private var keptFrames: [Frame] = []

    init(_ program: Program, limits: TemplateLimits, clock: TemplateClock) {
      self.program = program
      self.limits = limits
      self.clock = clock
      stepsLeft = limits.steps
    }

    func render(_ variables: [(String, TemplateValue)]) throws(TemplateError) -> [UInt8] {
      defer { untie() }
      var byName: [[UInt8]: Value] = Function.globals
      for (name, value) in variables { byName[Array(name.utf8)] = try self.value(value, level: 0) }
      context = program.names.map { byName[$0] }
      let frame = enter(scope: 0, parent: nil)
      _ = try execute(program.statements, frame)
      return output
    }

    private func untie() {
      for namespace in namespaces { namespace.clear() }
      for list in grownLists { list.change(depth: 0) { $0 = [] } }
      for frame in keptFrames { frame.slots = [] }
    }

    // MARK: Limits

    func failure(_ message: String, kind: TemplateError.Kind = .runtime) -> TemplateError {
      program.lines.error(kind, at: position, message)
    }

    func undefinedFailure(_ undefined: Undefined) -> TemplateError { failure(undefined.message) }

    func spend(_ steps: Int) throws(TemplateError) {
      stepsLeft -= steps
      if stepsLeft < 0 { throw failure("rendering takes more than \(limits.steps) steps", kind: .limit) }
    }

    /// For text that is read or written.
    func spend(bytes: Int) throws(TemplateError) { try spend(bytes >> 5) }

    /// Refuses before `bytes` more are made.
    func reserve(_ bytes: Int) throws(TemplateError) {
      guard bytes <= limits.memoryBytes - meter.bytes else {
        throw failure("rendering needs more than \(limits.memoryBytes) bytes of memory", kind: .limit)
      }
    }

    func descend() throws(TemplateError) {
      evaluations += 1
      guard evaluations <= limits.evaluationDepth else {
        throw failure("evaluation more than \(limits.evaluationDepth) levels deep", kind: .limit)
      }
    }

    func ascend() { evaluations -= 1 }

    // MARK: Scopes

    func enter(scope: Int, parent: Frame?) -> Frame {
      let frame = Frame(slots: program.scopes[scope].loads.count, parent: parent)
      load(frame, scope)
      return frame
    }

    /// Gives the variables of a scope the values that they begin with.
    private func load(_ frame: Frame, _ scope: Int) {
      for (slot, load) in program.scopes[scope].loads.enumerated() {
        switch load {
        case .parameter: break
        case .context(let name): frame.slots[slot] = context[name]
        case .copy(let hops, let outer): frame.slots[slot] = self.frame(hops, from: frame).slots[Int(outer)]
        case .undefined: frame.slots[slot] = nil
        }
      }
    }

    private func frame(_ hops: UInt16, from frame: Frame) -> Frame {
      var frame = frame
      for _ in 0..<hops { frame = frame.parent ?? frame }
      return frame
    }

    func read(_ use: Int, _ frame: Frame) -> Value {
      let use = program.uses[use]
      if let value = self.frame(use.hops, from: frame).slots[Int(use.slot)] { return value }
      return .undefined(Undefined(.name(program.names[use.name])))
    }

    private func write(_ use: Int, _ value: Value, _ frame: Frame) {
      let use = program.uses[use]
      self.frame(use.hops, from: frame).slots[Int(use.slot)] = value
    }

    func keep(_ frame: Frame) {
      guard !frame.isKept else { return }
      frame.isKept = true
      keptFrames.append(frame)
    }

    func keep(_ namespace: Namespace) { namespaces.append(namespace) }

    func keep(_ list: ListObject) {
      guard !list.isKept else { return }
      list.isKept = true
      grownLists.append(list)
    }

    // MARK: Output

    func emit(_ bytes: [UInt8]) throws(TemplateError) {
      guard bytes.count <= limits.outputBytes - output.count else {
        throw failure("the rendered text has more than \(limits.outputBytes) bytes", kind: .limit)
      }
      try spend(bytes: bytes.count)
      try reserve(bytes.count)
      meter.bytes += bytes.count
      output.append(contentsOf: bytes)
    }

    /// Runs statements and gives what they print as a string instead.
    func catching(_ statements: [Statement], _ frame: Frame) throws(TemplateError) -> Value {
      let outer = output
      output = []
      _ = try execute(statements, frame)
      let text = output
      output = outer
      meter.bytes -= text.count
      return try string(text)
    }

    // MARK: Statements

    enum Flow { case on, breakLoop, continueLoop }

    func execute(_ statements: [Statement], _ frame: Frame) throws(TemplateError) -> Flow {
      try descend()
      defer { ascend() }
      for statement in statements {
        position = statement.at
        try spend(1)
        let flow = try execute(statement, frame)
        if flow != .on { return flow }
      }
      return .on
    }

    /// As with expressions, each kind is taken apart in a function of its own.
    private func execute(_ statement: Statement, _ frame: Frame) throws(TemplateError) -> Flow {
      switch statement.kind {
      case .text(let bytes): try emit(bytes)
      case .print: try print(statement, frame)
      case .conditional: return try runConditional(statement, frame)
      case .loop(let loop): return try run(loop, frame)
      case .assign: try assign(statement, frame)
      case .capture: try capture(statement, frame)
      case .macro(let nameUse, let macro):
        keep(frame)
        write(nameUse, .macro(MacroValue(macro, in: frame)), frame)
      case .call: try runCallBlock(statement, frame)
      case .filter: try runFilterBlock(statement, frame)
      case .with: return try runWith(statement, frame)
      case .generation(let block): _ = try execute(block.body, enter(scope: block.scope, parent: frame))
      case .breakLoop: return .breakLoop
      case .continueLoop: return .continueLoop
      }
      return .on
    }

    @inline(never)
    private func print(_ statement: Statement, _ frame: Frame) throws(TemplateError) {
      guard case .print(let root) = statement.kind else { return }
      let value = try evaluate(root.expression, frame)
      position = root.expression.at
      try emit(value)
    }

    private func emit(_ value: Value) throws(TemplateError) { try emit(str(value)) }

    @inline(never)
    private func runConditional(_ statement: Statement, _ frame: Frame) throws(TemplateError) -> Flow {
      guard case .conditional(let branches, let otherwise) = statement.kind else { return .on }
      for branch in branches where try evaluate(branch.test.expression, frame).isTrue {
        return try execute(branch.body, frame)
      }
      return try execute(otherwise, frame)
    }

    @inline(never)
    private func capture(_ statement: Statement, _ frame: Frame) throws(TemplateError) {
      guard case .capture(let target, let filter, let block) = statement.kind else { return }
      let inner = enter(scope: block.scope, parent: frame)
      var value = try catching(block.body, inner)
      if let filter {
        caught = value
        value = try evaluate(filter.expression, inner)
      }
      try assign(target.shape, value, frame)
    }

    @inline(never)
    private func runFilterBlock(_ statement: Statement, _ frame: Frame) throws(TemplateError) {
      guard case .filter(let filter, let block) = statement.kind else { return }
      let inner = enter(scope: block.scope, parent: frame)
      caught = try catching(block.body, inner)
      try emit(try evaluate(filter.expression, inner))
    }

    /// The text for `Expression.Kind.captured`, which a filter reads before anything else can run.
    func takeCaught() -> Value { caught }

    @inline(never)
    private func runWith(_ statement: Statement, _ frame: Frame) throws(TemplateError) -> Flow {
      guard case .with(let bindings, let block) = statement.kind else { return .on }
      let inner = enter(scope: block.scope, parent: frame)
      for (target, value) in bindings {
        try assign(target.shape, try evaluate(value.expression, frame), inner)
      }
      return try execute(block.body, inner)
    }

    @inline(never)
    private func runCallBlock(_ statement: Statement, _ frame: Frame) throws(TemplateError) {
      guard case .call(let macro, let call) = statement.kind else { return }
      keep(frame)
      let caller = Value.macro(MacroValue(macro, in: frame))
      try emit(try evaluateCall(call.expression, caller: caller, frame))
    }

    // MARK: Assignment

    @inline(never)
    private func assign(_ statement: Statement, _ frame: Frame) throws(TemplateError) {
      guard case .assign(let target, let value) = statement.kind else { return }
      try checkNamespaces(target.shape, frame)
      try assign(target.shape, try evaluate(value.expression, frame), frame)
    }

    private func checkNamespaces(_ shape: Target.Shape, _ frame: Frame) throws(TemplateError) {
      switch shape {
      case .name: break
      case .tuple(let parts): for part in parts { try checkNamespaces(part, frame) }
      case .attribute(let use, _):
        guard case .namespace = read(use, frame) else {
          throw failure("cannot assign to an attribute of something that is not a namespace")
        }
      }
    }

    func assign(_ shape: Target.Shape, _ value: Value, _ frame: Frame) throws(TemplateError) {
      switch shape {
      case .name(let use): write(use, value, frame)
      case .attribute(let use, let name):
        guard case .namespace(let namespace) = read(use, frame) else {
          throw failure("cannot assign to an attribute of something that is not a namespace")
        }
        try set(name, of: namespace, to: value)
      case .tuple(let parts):
        var sequence = try self.sequence(value, "cannot unpack non-iterable \(value.typeName) object")
        var items: [Value] = []
        while items.count <= parts.count, let item = try sequence.next(self) { items.append(item) }
        guard items.count == parts.count else {
          throw failure(
            items.count < parts.count
              ? "not enough values to unpack (expected \(parts.count), got \(items.count))"
              : "too many values to unpack (expected \(parts.count))")
        }
        for (part, item) in zip(parts, items) { try assign(part, item, frame) }
      }
    }

    func set(_ name: [UInt8], of namespace: Namespace, to value: Value) throws(TemplateError) {
      if name.first == UInt8(ascii: "_") {
        throw failure("names of namespace attributes cannot begin with an underscore")
      }
      try checkDepth(value.depth + 1)
      try reserve(DictionaryObject.bytesPerEntry)
      namespace.set(.string(name), named: try string(name), to: value)
    }

    // MARK: Loops

    @inline(never)
    private func run(_ loop: Loop, _ frame: Frame) throws(TemplateError) -> Flow {
      let state = try start(loop, frame)
      defer { state.finish() }
      let inner = Frame(slots: program.scopes[loop.block.scope].loads.count, parent: frame)
      // Jinja clears its mark at the end of the body, so a body that is always left early counts as never run.
      var hasCompleted = false
      while try advance(loop, state, inner) {
        let flow = try execute(loop.block.body, inner)
        if flow == .breakLoop { break }
        if flow == .on { hasCompleted = true }
      }
      guard !hasCompleted, let otherwise = loop.otherwise else { return .on }
      return try execute(otherwise.body, enter(scope: otherwise.scope, parent: frame))
    }

    @inline(never)
    private func start(_ loop: Loop, _ frame: Frame) throws(TemplateError) -> LoopState {
      let value = try evaluate(loop.sequence.expression, frame)
      position = loop.sequence.expression.at
      let state = LoopState(try sequence(value), depth: value.depth + 1)
      if let filter = loop.filter {
        state.filter = (filter.target, filter.test, enter(scope: filter.scope, parent: frame))
      }
      return state
    }

    /// Sets the variables for the next round; false when there is none.
    @inline(never)
    private func advance(_ loop: Loop, _ state: LoopState, _ inner: Frame) throws(TemplateError) -> Bool {
      guard let item = try state.advance(self) else { return false }
      try spend(1)
      load(inner, loop.block.scope)
      if let slot = program.scopes[loop.block.scope].loopSlot { inner.slots[Int(slot)] = .loop(state) }
      try assign(loop.target.shape, item, inner)
      return true
    }
  }
}
