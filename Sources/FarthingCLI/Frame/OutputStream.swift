import Synchronization

/// A buffered writer to a file descriptor that survives interrupted and partial writes.
///
/// Standard output collects 16 KiB before it writes, except on a terminal, where every line appears at once; standard
/// error never waits. Threads may share one.
final class OutputStream: Sendable {
  enum Buffering { case none, lines, blocks }

  let descriptor: Int32
  let isTerminal: Bool
  private let buffering: Buffering
  private let waiting = Mutex<[UInt8]>([])
  private static let blockBytes = 16_384

  init(descriptor: Int32, buffering: Buffering) {
    self.descriptor = descriptor
    self.isTerminal = System.isTerminal(descriptor)
    self.buffering = buffering
  }

  /// Writes bytes as they are. Call `flush` where they must be seen at once, as after each token of an answer.
  func write(_ bytes: some Sequence<UInt8>) throws(CommandFailure) {
    let full = waiting.withLock { waiting in
      waiting.append(contentsOf: bytes)
      return switch buffering {
      case .none: true
      case .lines: waiting.contains(UInt8(ascii: "\n"))
      case .blocks: waiting.count >= Self.blockBytes
      }
    }
    if full { try flush() }
  }

  func write(_ text: String) throws(CommandFailure) {
    try write(text.utf8)
  }

  func line(_ text: String = "") throws(CommandFailure) {
    try write(text + "\n")
  }

  /// Hands everything over to the kernel.
  func flush() throws(CommandFailure) {
    let failure: System.WriteFailure? = waiting.withLock { waiting in
      defer { waiting.removeAll(keepingCapacity: true) }
      return System.writeAll(waiting, to: descriptor)
    }
    switch failure {
    case nil: return
    case .readerGone: throw .outputClosed
    case .other(let reason): throw .failed("cannot write the output: \(reason)")
    }
  }
}
