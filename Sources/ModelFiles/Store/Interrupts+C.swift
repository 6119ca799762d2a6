import Glibc
import Synchronization

/// The signal that asked the process to stop, while an `Interrupts` listens; else 0.
private let pendingSignal = Atomic<Int32>(0)

/// Listens for SIGINT, SIGTERM and SIGHUP as long as it lives, in place of whatever they did before, so that a fetch can
/// clean up. Signals that the process ignores stay ignored.
struct Interrupts: ~Copyable {
  private static let signals = [SIGINT, SIGTERM, SIGHUP]
  private var previous: [(signal: Int32, action: sigaction)] = []

  init() {
    // Also makes the atomic, so that the handler never does.
    pendingSignal.store(0, ordering: .relaxed)
    for signal in Interrupts.signals {
      var old = sigaction()
      guard unsafe sigaction(signal, nil, &old) == 0, !Interrupts.isIgnored(old) else { continue }
      var new = sigaction()
      unsafe new.__sigaction_handler.sa_handler = { number in pendingSignal.store(number, ordering: .relaxed) }
      guard unsafe sigaction(signal, &new, nil) == 0 else { continue }
      previous.append((signal, old))
    }
  }

  deinit {
    for (signal, var action) in previous {
      _ = unsafe sigaction(signal, &action, nil)
    }
  }

  /// The signal that came, or 0.
  borrowing func pending() -> Int32 { pendingSignal.load(ordering: .relaxed) }

  private static func isIgnored(_ action: sigaction) -> Bool {
    unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
