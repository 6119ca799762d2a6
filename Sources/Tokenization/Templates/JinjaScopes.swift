extension Jinja {
  /// Decides, before anything runs, where each use of a variable finds it.
  ///
  /// Jinja compiles a template to functions whose variables are local, so what a name means depends on the whole scope
  /// and not on what has run. The rules, for a scope (the template, a loop's body, a macro, a captured block):
  /// - a name read before it is assigned comes from the conversation's context, or from an outer scope that has it;
  /// - a name assigned first starts as a copy of an outer scope's variable, or else undefined, even where the context
  ///   has one;
  /// - a name assigned only under an `if` starts as a copy of an outer scope's variable, or else as the context's;
  /// - inner scopes see an outer scope as it is after all of it was looked at.
  struct ScopeResolver {
    private var program: Program

    init(_ program: Program) { self.program = program }

    mutating func resolve(root: Int) -> Program {
      let symbols = Symbols(parent: nil)
      declare(program.statements, in: symbols)
      resolve(program.statements, in: symbols)
      finish(symbols, scope: root)
      return program
    }

    /// The names of one scope, or of one branch in it that is laid over the rest until the branches meet.
    private final class Symbols {
      enum Load { case parameter, context, copy, undefined }

      let parent: Symbols?
      let base: Symbols?
      var loads: [Int: Load] = [:]
      var stores: Set<Int> = []
      /// Slots by name, for the whole scope: kept in the bottommost layer.
      var slots: [Int: UInt32] = [:]

      init(parent: Symbols?) {
        self.parent = parent
        base = nil
      }

      init(over base: Symbols) {
        self.base = base
        parent = base.parent
      }

      func has(_ name: Int) -> Bool {
        var layer: Symbols? = self
        while let here = layer {
          if here.loads[name] != nil { return true }
          layer = here.base
        }
        return false
      }

      func hasStored(_ name: Int) -> Bool {
        var layer: Symbols? = self
        while let here = layer {
          if here.stores.contains(name) { return true }
          layer = here.base
        }
        return false
      }

      /// Where `name` lives, from this scope outwards.
      func find(_ name: Int) -> (hops: Int, scope: Symbols)? {
        var hops = 0
        var scope: Symbols? = self
        while let here = scope {
          if here.has(name) { return (hops, here) }
          hops += 1
          scope = here.parent
        }
        return nil
      }

      func slot(_ name: Int) -> UInt32 {
        var bottom = self
        while let below = bottom.base { bottom = below }
        if let slot = bottom.slots[name] { return slot }
        let slot = UInt32(bottom.slots.count)
        bottom.slots[name] = slot
        return slot
      }

      func define(_ name: Int, _ load: Load) {
        loads[name] = load
        _ = slot(name)
      }

      func load(_ name: Int) {
        if find(name) == nil { define(name, .context) }
      }

      func store(_ name: Int) {
        stores.insert(name)
        if !has(name) { define(name, parent?.find(name) == nil ? .undefined : .copy) }
      }

      func parameter(_ name: Int) {
        stores.insert(name)
        define(name, .parameter)
      }

      /// After an `if`: what any branch knows, the scope knows; what only branches assign may stay unassigned.
      func merge(_ branches: [Symbols]) {
        var assigned: Set<Int> = []
        for branch in branches { assigned.formUnion(branch.stores.filter { !hasStored($0) }) }
        for branch in branches {
          loads.merge(branch.loads) { _, new in new }
          stores.formUnion(branch.stores)
        }
        for name in assigned { loads[name] = parent?.find(name) == nil ? .context : .copy }
      }
    }

    // MARK: What a scope knows

    private func declare(_ uses: Range<Int>, in symbols: Symbols) {
      for use in program.uses[uses] {
        switch use.role {
        case .load: symbols.load(use.name)
        case .store: symbols.store(use.name)
        case .parameter: symbols.parameter(use.name)
        }
      }
    }

    /// Looks at statements of one scope, not at the scopes inside.
    private func declare(_ statements: [Statement], in symbols: Symbols) {
      for statement in statements {
        switch statement.kind {
        case .text, .breakLoop, .continueLoop, .generation: break
        case .print(let root): declare(root.uses, in: symbols)
        case .conditional(let branches, let otherwise): declare(branches[...], otherwise, in: symbols)
        case .loop(let loop): declare(loop.sequence.uses, in: symbols)
        case .assign(let target, let value):
          declare(value.uses, in: symbols)
          declare(target.uses, in: symbols)
        case .capture(let target, _, _): declare(target.uses, in: symbols)
        case .macro(let nameUse, _): symbols.store(program.uses[nameUse].name)
        case .call(_, let call): declare(call.uses, in: symbols)
        case .filter(let filter, _): declare(filter.uses, in: symbols)
        case .with(let bindings, _): for binding in bindings { declare(binding.value.uses, in: symbols) }
        }
      }
    }

    /// The first test belongs to the scope; its body, the further branches together, and the last one are each laid
    /// over it. Further branches lie in one layer, one after the other.
    private func declare(
      _ branches: ArraySlice<(test: Root, body: [Statement])>, _ otherwise: [Statement], in symbols: Symbols
    ) {
      guard let first = branches.first else { return }
      declare(first.test.uses, in: symbols)
      let layers = [Symbols(over: symbols), Symbols(over: symbols), Symbols(over: symbols)]
      declare(first.body, in: layers[0])
      for branch in branches.dropFirst() {
        declare(branch.test.uses, in: layers[1])
        let inner = Symbols(over: layers[1])
        declare(branch.body, in: inner)
        layers[1].merge([inner])
      }
      declare(otherwise, in: layers[2])
      symbols.merge(layers)
    }

    // MARK: Where each use finds its name

    private mutating func resolve(_ uses: Range<Int>, in symbols: Symbols) {
      for index in uses {
        let name = program.uses[index].name
        if symbols.find(name) == nil { symbols.load(name) }
        guard let (hops, scope) = symbols.find(name) else { continue }
        program.uses[index].hops = UInt16(clamping: hops)
        program.uses[index].slot = scope.slot(name)
      }
    }

    private mutating func resolve(_ statements: [Statement], in symbols: Symbols) {
      for statement in statements {
        switch statement.kind {
        case .text, .breakLoop, .continueLoop: break
        case .print(let root): resolve(root.uses, in: symbols)
        case .conditional(let branches, let otherwise):
          for branch in branches {
            resolve(branch.test.uses, in: symbols)
            resolve(branch.body, in: symbols)
          }
          resolve(otherwise, in: symbols)
        case .loop(let loop): resolve(loop, in: symbols)
        case .assign(let target, let value):
          resolve(value.uses, in: symbols)
          resolve(target.uses, in: symbols)
        case .capture(let target, let filter, let block):
          resolve(target.uses, in: symbols)
          resolve(block, entering: [filter].compactMap { $0?.uses }, in: symbols)
        case .macro(let nameUse, let macro):
          resolve(nameUse..<nameUse + 1, in: symbols)
          resolve(macro, in: symbols)
        case .call(let macro, let call):
          resolve(call.uses, in: symbols)
          resolve(macro, in: symbols)
        case .filter(let filter, let block): resolve(block, entering: [filter.uses], in: symbols)
        case .with(let bindings, let block):
          for binding in bindings { resolve(binding.value.uses, in: symbols) }
          resolve(block, entering: bindings.map(\.target.uses), in: symbols)
        case .generation(let block): resolve(block, entering: [], in: symbols)
        }
      }
    }

    /// A block with a scope, which also has the uses in `own`.
    private mutating func resolve(_ block: Block, entering own: [Range<Int>], in outer: Symbols) {
      let symbols = Symbols(parent: outer)
      for uses in own { declare(uses, in: symbols) }
      declare(block.body, in: symbols)
      for uses in own { resolve(uses, in: symbols) }
      resolve(block.body, in: symbols)
      finish(symbols, scope: block.scope)
    }

    private mutating func resolve(_ loop: Loop, in outer: Symbols) {
      resolve(loop.sequence.uses, in: outer)
      if let filter = loop.filter {
        let symbols = Symbols(parent: outer)
        declare(filter.target.uses, in: symbols)
        declare(filter.test.uses, in: symbols)
        resolve(filter.target.uses, in: symbols)
        resolve(filter.test.uses, in: symbols)
        finish(symbols, scope: filter.scope)
      }
      let symbols = Symbols(parent: outer)
      if let loopName = loop.loopName { symbols.parameter(loopName) }
      declare(loop.target.uses, in: symbols)
      declare(loop.block.body, in: symbols)
      resolve(loop.target.uses, in: symbols)
      resolve(loop.block.body, in: symbols)
      finish(symbols, scope: loop.block.scope)
      program.scopes[loop.block.scope].loopSlot = loop.loopName.map(symbols.slot)
      if let otherwise = loop.otherwise { resolve(otherwise, entering: [], in: outer) }
    }

    private mutating func resolve(_ macro: Macro, in outer: Symbols) {
      let symbols = Symbols(parent: outer)
      for parameter in macro.parameters {
        declare(parameter.use..<parameter.use + 1, in: symbols)
        if let standard = parameter.standard { declare(standard.uses, in: symbols) }
      }
      declare(macro.block.body, in: symbols)
      let special = macro.special
      for name in [special.caller, special.keywords, special.positional].compactMap({ $0 }) {
        symbols.parameter(name)
      }
      for parameter in macro.parameters {
        resolve(parameter.use..<parameter.use + 1, in: symbols)
        if let standard = parameter.standard { resolve(standard.uses, in: symbols) }
      }
      resolve(macro.block.body, in: symbols)
      finish(symbols, scope: macro.block.scope)
      program.scopes[macro.block.scope].callerSlot = special.caller.map(symbols.slot)
      program.scopes[macro.block.scope].keywordsSlot = special.keywords.map(symbols.slot)
      program.scopes[macro.block.scope].positionalSlot = special.positional.map(symbols.slot)
    }

    private mutating func finish(_ symbols: Symbols, scope: Int) {
      var loads = [ScopeLayout.Load](repeating: .undefined, count: symbols.slots.count)
      for (name, slot) in symbols.slots {
        switch symbols.loads[name] {
        case .parameter: loads[Int(slot)] = .parameter
        case .context: loads[Int(slot)] = .context(name: name)
        case .copy:
          if let (hops, outer) = symbols.parent?.find(name) {
            loads[Int(slot)] = .copy(hops: UInt16(clamping: hops + 1), slot: outer.slot(name))
          }
        case .undefined, nil: break
        }
      }
      program.scopes[scope].loads = loads
    }
  }
}
