/// The template language, as far as chat templates use it: Jinja in the set-up that Hugging Face `transformers` gives
/// it (`trim_blocks`, `lstrip_blocks`, loop controls, no automatic escaping, no final newline, a sandbox without
/// mutation, undefined values that print as nothing).
///
/// The way of a template: bytes -> `Lexer` -> tokens -> `Parser` -> statements -> `ScopeResolver` -> `Program`, then
/// for each conversation `Renderer` walks the program. Text is UTF-8 bytes all the way and counts by code point, as
/// Python's strings do; nothing here uses Swift's `Character` or string equality on outside data.
///
/// Source of the rules: the documentation of Jinja 3.1 and its observed behaviour, case by case, under
/// `Tests/Fixtures/templates`.
enum Jinja {
  /// A byte position in the template's source (after line ends are made uniform).
  typealias SourceOffset = UInt32

  /// A template that was read: everything a renderer needs, immutable and free of references into the source.
  struct Program: Sendable {
    var statements: [Statement] = []
    /// What literal expressions stand for; `Expression.Kind.constant` is an index into it.
    var constants: [Constant] = []
    /// The distinct variable names.
    var names: [[UInt8]] = []
    /// One entry per use of a variable, in source order; filled by `ScopeResolver`.
    var uses: [NameUse] = []
    var scopes: [ScopeLayout] = []
    /// Offsets at which lines begin, ascending; the first is 0.
    var lines: LineIndex
  }

  enum Constant: Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string([UInt8])
  }

  /// Finds the line and column of an offset, for error messages.
  struct LineIndex: Sendable {
    let source: [UInt8]

    func error(_ kind: TemplateError.Kind, at offset: SourceOffset, _ message: String) -> TemplateError {
      let end = min(Int(offset), source.count)
      var line = 1
      var column = 1
      for byte in source[..<end] {
        if byte == 0x0A {
          line += 1
          column = 1
        } else if byte & 0xC0 != 0x80 {
          column += 1
        }
      }
      return TemplateError(kind: kind, line: line, column: column, message: message)
    }
  }
}
