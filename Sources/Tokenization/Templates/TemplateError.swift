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
    /// The template itself refused the conversation with `raise_exception`; `message` holds its words alone, which may
    /// be none.
    case raised
    /// One of `TemplateLimits` was reached.
    case limit
  }

  /// Kept behind a reference: an error that is thrown through many functions takes a word in each of their frames,
  /// which bounds the stack that deep templates need.
  private final class Details: Sendable {
    let kind: Kind
    let line: Int
    let column: Int
    let message: String

    init(kind: Kind, line: Int, column: Int, message: String) {
      self.kind = kind
      self.line = line
      self.column = column
      self.message = message
    }
  }

  private let details: Details

  public var kind: Kind { details.kind }
  /// Line in the source, from 1. `\n`, `\r\n` and `\r` each end a line.
  public var line: Int { details.line }
  /// Column in code points, from 1.
  public var column: Int { details.column }
  public var message: String { details.message }

  public init(kind: Kind, line: Int, column: Int, message: String) {
    details = Details(kind: kind, line: line, column: column, message: message)
  }

  public static func == (left: TemplateError, right: TemplateError) -> Bool {
    left.kind == right.kind && left.line == right.line && left.column == right.column
      && left.message.utf8.elementsEqual(right.message.utf8)
  }

  public var description: String {
    let reason = kind == .raised ? message.isEmpty ? "raised, without a reason" : "raised: " + message : message
    return "chat template, line \(line), column \(column): \(reason)"
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
  /// Nodes that are being evaluated at the same moment, macro calls included. Bounds the use of the stack: at this
  /// depth it was 0.45 MB in a release build and 2.2 MB in a debug build with the address sanitizer.
  public var evaluationDepth = 400
  /// Work: one step for each node evaluated, each item visited and each 32 bytes of text produced or searched.
  public var steps = 20_000_000
  /// Bytes of rendered text.
  public var outputBytes = 16 << 20
  /// Bytes of values alive at the same moment, counted roughly.
  public var memoryBytes = 64 << 20

  public init() {}
}
