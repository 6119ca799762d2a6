import Synchronization
import Usage

/// Where a command writes: its result to `out`, everything else to `error`.
struct Console: Sendable {
  let out: OutputStream
  let error: OutputStream
  private let line = ProgressLine()

  init(out: OutputStream, error: OutputStream) {
    self.out = out
    self.error = error
  }

  static let standard = Console(
    out: OutputStream(descriptor: 1, buffering: System.isTerminal(1) ? .lines : .blocks),
    error: OutputStream(descriptor: 2, buffering: .none))

  /// Columns to lay tables and help out for: those of the terminal, or nil where standard output is none and lines may
  /// be as long as they are.
  var columns: Int? {
    out.isTerminal ? System.columns(of: out.descriptor) ?? 80 : nil
  }

  /// The one object that `--json` puts on standard output.
  func json(_ members: (inout JSONWriter) -> Void) throws(CommandFailure) {
    var json = JSONWriter(pretty: out.isTerminal)
    json.object(nil, members)
    try out.write(json.bytes)
    try out.line()
  }

  /// One line for the person at the terminal, on standard error. What was written to standard output comes first.
  func note(_ text: String) {
    // A note that cannot be written is no reason to stop the work that it is about.
    try? out.flush()
    try? error.line(folded("farthing: " + printable(text)))
  }

  /// `text` for standard error: broken at spaces where that is a terminal, one line where it is a file.
  func folded(_ text: String) -> String {
    guard error.isTerminal else { return text }
    return wrapped(text, to: System.columns(of: error.descriptor) ?? 80).joined(separator: "\n")
  }

  /// A line on standard error that the next one replaces; shown on a terminal only. An empty one clears it, and does
  /// nothing where none is shown: the cursor may then stand behind an answer.
  func progress(_ text: String) {
    guard error.isTerminal, line.replace(isShown: !text.isEmpty) else { return }
    let columns = System.columns(of: error.descriptor) ?? 80
    try? error.write("\r\u{1b}[K" + clipped(printable(text), to: columns - 1))
  }

  func bold(_ text: String) -> String { styled(text, "1", on: out) }
  func dim(_ text: String) -> String { styled(text, "2", on: out) }

  /// Colour and weight appear on a terminal only, and not where the person has said no (NO_COLOR, TERM=dumb).
  func styled(_ text: String, _ code: String, on stream: OutputStream) -> String {
    guard stream.isTerminal, System.environment("NO_COLOR") == nil, System.environment("TERM") != "dumb" else {
      return text
    }
    return "\u{1b}[\(code)m\(text)\u{1b}[0m"
  }
}

/// Whether a line of progress is on the screen.
private final class ProgressLine: Sendable {
  private let isShown = Atomic<Bool>(false)

  /// Notes what is to be shown from now on. Returns whether anything has to be written for it.
  func replace(isShown new: Bool) -> Bool {
    isShown.exchange(new, ordering: .relaxed) || new
  }
}
