/// Why a chat template could not be read or rendered, and where.
///
/// Templates come out of model files, so nothing in them can do more than raise this error.
public struct TemplateError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// The source is not a template: an unknown tag, an unclosed block, a stray character.
    case syntax
    /// The source is a template, but uses something that is left out here on purpose.
    case unsupported
    /// Rendering failed: an undefined value was used, types did not fit, an argument was wrong.
    case runtime
    /// The template itself refused the conversation with `raise_exception`; `message` holds its words alone.
    case raised
    /// One of `TemplateLimits` was reached.
    case limit
  }

  public let kind: Kind
  /// Line in the source, from 1. `\n`, `\r\n` and `\r` each end a line.
  public let line: Int
  /// Column in code points, from 1.
  public let column: Int
  public let message: String

  public init(kind: Kind, line: Int, column: Int, message: String) {
    self.kind = kind
    self.line = line
    self.column = column
    self.message = message
  }

  public var description: String {
    "chat template, line \(line), column \(column): \(kind == .raised ? "raised: " : "")\(message)"
  }
}

/// What a template may use. A template that wants more is refused with the kind `.limit`.
///
/// The defaults leave real templates a wide margin: the largest known ones have 20 KB of source, and a conversation
/// of a thousand messages takes a few hundred thousand steps.
public struct TemplateLimits: Sendable {
  /// Bytes of template source.
  public var sourceBytes = 512 << 10
  /// Blocks inside blocks, and parentheses inside parentheses; each at most this deep.
  public var nesting = 64
  /// Containers inside containers, for values that come in and values that the template builds.
  public var valueDepth = 96
  /// Nodes that are being evaluated at the same moment, macro calls included. Bounds the use of the stack.
  public var evaluationDepth = 640
  /// Work: one step for each node evaluated, each item visited and each 32 bytes of text produced or searched.
  public var steps = 20_000_000
  /// Bytes of rendered text.
  public var outputBytes = 16 << 20
  /// Bytes of values alive at the same moment, counted roughly.
  public var memoryBytes = 64 << 20

  public init() {}
}
