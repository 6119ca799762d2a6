import Glibc

/// Brings commits to the disk in groups, off the path of tokens: at most 50 ms after the first one that waits.
///
/// SQLite with `synchronous = NORMAL` leaves a commit in the kernel's cache until the next checkpoint. A frame of its
/// log counts on recovery exactly when all frames before it are whole, so syncing the log file from outside is enough.
@safe final class Syncer: @unchecked Sendable {
  static let delayMicroseconds: UInt32 = 40_000

  private let lock = Lock()
  private let path: String
  private var isWaiting = false

  /// - Parameter path: the log.
  init(_ path: String) { self.path = path }

  /// Something was committed. Starts a thread unless one waits already, which will bring this to the disk too.
  func committed() {
    let begins = lock.withLock { () -> Bool in
      defer { isWaiting = true }
      return !isWaiting
    }
    guard begins else { return }
    let task = Task(syncer: self)
    var thread = pthread_t()
    let context = unsafe Unmanaged.passRetained(task).toOpaque()
    let code = unsafe pthread_create(&thread, nil, { unsafe Syncer.body($0) }, context)
    guard code == 0 else {
      unsafe Unmanaged<Task>.fromOpaque(context).release()
      task.perform()
      return
    }
    pthread_detach(thread)
  }

  private static func body(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    let task = unsafe Unmanaged<Task>.fromOpaque(context).takeRetainedValue()
    usleep(delayMicroseconds)
    task.perform()
    return nil
  }

  private final class Task {
    let syncer: Syncer

    init(syncer: Syncer) { self.syncer = syncer }

    func perform() {
      // From here on a commit starts the next thread; what is committed already is in the file.
      syncer.lock.withLock { syncer.isWaiting = false }
      // A disk that cannot take it will refuse the next commit or the end of the process, which says so.
      try? Files.sync(syncer.path)
    }
  }
}
