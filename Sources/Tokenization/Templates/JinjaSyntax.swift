/// The tree that a template is read into.
extension Jinja {
  /// A use of a variable name.
  struct NameUse: Sendable {
    enum Role: UInt8, Sendable {
      case load, store
      /// A loop target or a parameter: assigned before anything in its scope can read it.
      case parameter
    }

    let name: Int
    let role: Role
    /// How many scopes outwards the variable lives; set by `ScopeResolver`.
    var hops: UInt16 = 0
    var slot: UInt32 = 0
  }

  struct Expression: Sendable {
    /// Where to point when evaluating fails.
    let at: SourceOffset
    /// Levels of this tree; at most `Parser.depthLimit`.
    let depth: Int
    let kind: Kind

    indirect enum Kind: Sendable {
      case constant(Int)
      case name(Int)
      case tuple([Expression])
      case list([Expression])
      case dictionary([(key: Expression, value: Expression)])
      case attribute(Expression, [UInt8])
      case item(Expression, Expression)
      case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
      case call(Expression, Arguments)
      case filter(Expression, FilterUse, Arguments)
      case test(Expression, TestUse, Arguments, negated: Bool)
      case negative(Expression)
      case positive(Expression)
      case not(Expression)
      case and([Expression])
      case or([Expression])
      /// Operators of one rank, from the left.
      case arithmetic(Expression, [(operation: Arithmetic, operand: Expression)])
      case concatenation([Expression])
      case comparison(Expression, [(operation: Comparison, operand: Expression)])
      case conditional(test: Expression, then: Expression, otherwise: Expression?)
      /// The text that a filter block or a filtered `set` block caught.
      case captured
    }
  }

  enum Arithmetic: UInt8, Sendable { case add, subtract, multiply, divide, floorDivide, modulo, power }

  enum Comparison: UInt8, Sendable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, isIn, isNotIn }

  /// The arguments of a call, a filter or a test.
  struct Arguments: Sendable {
    var positional: [Expression] = []
    var keywords: [(name: [UInt8], value: Expression)] = []
    /// `*list`
    var unpacked: Expression?
    /// `**dictionary`
    var unpackedKeywords: Expression?

    var isEmpty: Bool {
      positional.isEmpty && keywords.isEmpty && unpacked == nil && unpackedKeywords == nil
    }
  }

  /// A filter by name. An unknown one is an error when the template is read, but inside `if` only when it is reached,
  /// as in Jinja: real templates guard filters of other engines that way.
  enum FilterUse: Sendable {
    case known(Filter)
    case unknown([UInt8])
  }

  enum TestUse: Sendable {
    case known(Test)
    case unknown([UInt8])
  }

  /// An expression of a statement with the uses of variables in it.
  struct Root: Sendable {
    let expression: Expression
    let uses: Range<Int>
  }

  /// What an assignment or a loop assigns to.
  struct Target: Sendable {
    indirect enum Shape: Sendable {
      case name(use: Int)
      /// `namespace.attribute`
      case attribute(use: Int, [UInt8])
      case tuple([Shape])
    }

    let shape: Shape
    let uses: Range<Int>
  }

  struct Statement: Sendable {
    let at: SourceOffset
    let kind: Kind

    indirect enum Kind: Sendable {
      case text([UInt8])
      case print(Root)
      case conditional([(test: Root, body: [Statement])], otherwise: [Statement])
      case loop(Loop)
      case assign(Target, Root)
      case capture(Target, filter: Root?, Block)
      case macro(nameUse: Int, Macro)
      case call(Macro, Root)
      case filter(Root, Block)
      case with([(target: Target, value: Root)], Block)
      /// `{% generation %}` marks what a model says, for training; it prints its body.
      case generation(Block)
      case breakLoop
      case continueLoop
    }
  }

  /// Statements with a scope of their own.
  struct Block: Sendable {
    let scope: Int
    let body: [Statement]
  }

  final class Loop: Sendable {
    let target: Target
    let sequence: Root
    /// `for … if test`: evaluated in a scope of its own, so its target is written down twice.
    let filter: (target: Target, test: Root, scope: Int)?
    let block: Block
    let otherwise: Block?
    /// The index of the name `loop`, when the body reads it.
    let loopName: Int?

    init(
      target: Target, sequence: Root, filter: (target: Target, test: Root, scope: Int)?, block: Block,
      otherwise: Block?, loopName: Int?
    ) {
      self.target = target
      self.sequence = sequence
      self.filter = filter
      self.block = block
      self.otherwise = otherwise
      self.loopName = loopName
    }
  }

  /// A macro, or the body of a `call` block.
  final class Macro: Sendable {
    struct Parameter: Sendable {
      let name: [UInt8]
      let use: Int
      let standard: Root?
    }

    /// Which of `caller`, `kwargs` and `varargs` the body reads, as indexes into the names of the program.
    struct Special: Sendable {
      var caller: Int?
      var keywords: Int?
      var positional: Int?
    }

    /// Nil for the body of a `call` block.
    let name: [UInt8]?
    let parameters: [Parameter]
    let block: Block
    let special: Special

    init(name: [UInt8]?, parameters: [Parameter], block: Block, special: Special) {
      self.name = name
      self.parameters = parameters
      self.block = block
      self.special = special
    }
  }

  /// The variables of one scope.
  struct ScopeLayout: Sendable {
    enum Load: Sendable {
      /// Whoever enters the scope sets it.
      case parameter
      /// Taken from the conversation's context on entry.
      case context(name: Int)
      /// Copied from an outer scope on entry, since this scope assigns to it.
      case copy(hops: UInt16, slot: UInt32)
      case undefined
    }

    /// One entry per slot.
    var loads: [Load] = []
    /// The slot of `loop`, of loops that read it.
    var loopSlot: UInt32?
    var callerSlot: UInt32?
    var keywordsSlot: UInt32?
    var positionalSlot: UInt32?
  }
}
