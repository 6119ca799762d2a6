import Glibc
import Synchronization

/// The calls to the C library that the command line needs, and the only file of this module that makes any.
enum System {
  enum WriteFailure {
    case readerGone
    case other(String)
  }

  /// Writes all of `bytes`, however many calls it takes. Returns why it could not, or nil.
  static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> WriteFailure? {
    var done = 0
    while done < bytes.count {
      let written = unsafe bytes[done...].withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
      if written >= 0 {
        done += written
        continue
      }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        // Somebody set the descriptor to non-blocking (a terminal shared with another program); wait until it takes more.
        var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&wait, 1, -1)
      case EPIPE: return .readerGone
      default: return .other(describe(errno))
      }
    }
    return nil
  }

  /// The words of the command line after the program's own name.
  ///
  /// Swift reads them from `/proc`, which a bare chroot or container may lack. The kernel has put them right below the
  /// environment (System V ABI, process initialisation: count, arguments, null, environment, null), so there they are
  /// found without it.
  static func arguments() -> [String] {
    let words = CommandLine.arguments
    if !words.isEmpty { return Array(words.dropFirst()) }
    var found: [String] = []
    var place = unsafe UnsafeRawPointer(environ) - 2 * MemoryLayout<UInt>.stride
    while unsafe place.load(as: UInt.self) != UInt(found.count) {
      guard let word = unsafe place.load(as: UnsafePointer<CChar>?.self) else { return [] }
      found.append(unsafe String(cString: word))
      unsafe place -= MemoryLayout<UInt>.stride
    }
    return found.dropLast().reversed()
  }

  static func describe(_ code: Int32) -> String {
    unsafe String(cString: strerror(code))
  }

  static func isTerminal(_ descriptor: Int32) -> Bool {
    isatty(descriptor) == 1
  }

  /// The width of the terminal behind `descriptor`, or nil where there is none or it does not know.
  static func columns(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// A variable of the environment; nil where it is not set or empty.
  static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
  }

  /// Bytes of address space that this process may use at most; nil where they are not limited.
  static func addressSpaceLimit() -> Int? {
    var limit = rlimit()
    guard unsafe getrlimit(Int32(RLIMIT_AS.rawValue), &limit) == 0 else { return nil }
    return Int(exactly: limit.rlim_cur)
  }

  /// Whether there is a file at `path` (and no folder).
  static func isFile(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR
  }

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Reads a file, or standard input for `-`, to its end, byte for byte.
  /// - Throws: a one-line reason, also for a directory and for more than `limit` bytes.
  static func readAll(_ path: String, limit: Int = 1 << 30) throws(CommandFailure) -> [UInt8] {
    let name = path == "-" ? "standard input" : "'\(printable(path))'"
    let descriptor = path == "-" ? STDIN_FILENO : unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .failed("cannot open \(name): \(describe(errno))") }
    defer { if path != "-" { close(descriptor) } }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe block.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
      if count == 0 { return bytes }
      if count < 0 {
        let code = errno
        if code == EINTR {
          if Interrupt.requested { throw .interrupted }
          continue
        }
        throw .failed("cannot read \(name): \(describe(code))")
      }
      guard bytes.count + count <= limit else {
        throw .failed("\(name) is longer than the \(limit) bytes that this command takes")
      }
      bytes += block[..<count]
    }
  }

  /// The next line of standard input without its end; nil at the end of the input.
  /// - Throws: `interrupted` on Ctrl-C, which the C library's own function waits through.
  static func readLine() throws(CommandFailure) -> [UInt8]? {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while true {
      // One by one: a terminal hands over a line at a time anyway, and what follows the line stays for the next call.
      let count = unsafe read(STDIN_FILENO, &byte, 1)
      if count < 0, errno == EINTR {
        if Interrupt.requested { throw .interrupted }
        continue
      }
      guard count > 0 else { return line.isEmpty ? nil : line }
      if byte == UInt8(ascii: "\n") { return line }
      line.append(byte)
    }
  }

  /// Runs this program with `words`, its standard error on this one's, and returns its exit status and what it wrote.
  ///
  /// It is in this process's group, so that Ctrl-C reaches both.
  static func runSelf(_ words: [String]) throws(CommandFailure) -> (status: Int32, output: [UInt8]) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw .failed("pipe: \(describe(errno))") }
    defer { close(ends[0]) }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    for end in ends { unsafe posix_spawn_file_actions_addclose(&actions, end) }
    var arguments = unsafe (["farthing"] + words).map { unsafe strdup($0) } + [nil]
    defer { for index in 0...words.count { unsafe free(arguments[index]) } }
    var pid: pid_t = 0
    let code = unsafe posix_spawn(&pid, "/proc/self/exe", &actions, nil, &arguments, environ)
    close(ends[1])
    guard code == 0 else { throw .failed("cannot start this program again: \(describe(code))") }
    var output: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe block.withUnsafeMutableBytes { unsafe read(ends[0], $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { break }
      output += block[..<count]
    }
    var status: Int32 = 0
    while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F
    return (signal == 0 ? status >> 8 & 0xFF : 128 + signal, output)
  }

  /// Writes a file whole: it is there afterwards, or what was there before.
  static func writeFile(_ path: String, _ bytes: [UInt8]) throws(CommandFailure) {
    let partial = "\(path).farthing-partial-\(getpid())"
    let descriptor = unsafe open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .failed("cannot write '\(printable(path))': \(describe(errno))") }
    let failure = writeAll(bytes, to: descriptor)
    close(descriptor)
    if failure == nil, unsafe rename(partial, path) == 0 { return }
    let reason = if case .other(let text) = failure { text } else { describe(errno) }
    unsafe unlink(partial)
    throw .failed("cannot write '\(printable(path))': \(reason)")
  }

  /// What every run needs before anything else. Descriptors 0 to 2 are made to exist, so that no file opened later can
  /// take their place and receive output meant for people; and a reader that goes away shows as an error of `write`
  /// instead of killing the process before it has accounted for its work.
  static func prepareProcess() {
    while true {
      let descriptor = unsafe open("/dev/null", O_RDWR)
      if descriptor > 2 || descriptor < 0 {
        if descriptor > 2 { close(descriptor) }
        break
      }
    }
    signal(SIGPIPE, SIG_IGN)
    // A file past the shell's limit shows as an error of `write` too, so that a half file is removed.
    signal(SIGXFSZ, SIG_IGN)
  }
}

/// Ctrl-C, turned into a flag that long work looks at.
///
/// After `watch()` the first Ctrl-C sets the flag and interrupts blocking reads; the second one kills the process, for
/// whoever does not want to wait.
enum Interrupt {
  private static let flag = Atomic<Bool>(false)

  static var requested: Bool { flag.load(ordering: .relaxed) }

  static func watch() {
    // Touched here so that the handler finds it initialised: a signal handler must not be the first to do so.
    flag.store(false, ordering: .relaxed)
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = { _ in Interrupt.flag.store(true, ordering: .relaxed) }
    action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
    _ = unsafe sigaction(SIGINT, &action, nil)
    // Whoever started this process may have left the signal blocked.
    var interrupts = sigset_t()
    unsafe sigemptyset(&interrupts)
    unsafe sigaddset(&interrupts, SIGINT)
    _ = unsafe pthread_sigmask(SIG_UNBLOCK, &interrupts, nil)
  }
}
