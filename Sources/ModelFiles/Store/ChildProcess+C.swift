import Compute
import Glibc

/// A program that runs beside this process, in a process group of its own, without input. When it goes out of use it
/// is ended, with all that it started.
package struct ChildProcess: ~Copyable {
  /// Where the program's standard output goes. Its standard error goes to the log in any case.
  package enum Output {
    case log
    case pipe
  }

  private let pid: pid_t
  private var status: Int32?
  /// The reading end of the program's standard output, for `.pipe`.
  private let output: FileDescriptor?

  /// Starts a program.
  /// - Parameters:
  ///   - program: a path, or a name to look up in PATH.
  ///   - environment: variables added to this process's, or put in place of them.
  ///   - log: a file for the program's words, made or emptied.
  /// - Throws: with code ENOENT when there is no such program.
  package init(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], output kind: Output = .log,
    log: String
  ) throws(SystemError) {
    let logFile = try FileDescriptor(path: log, flags: O_WRONLY | O_CREAT | O_TRUNC)
    var ends: [Int32] = [-1, -1]
    if kind == .pipe {
      // A pair of sockets and not a pipe: closed in other children from the first, which `pipe` cannot have.
      let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
      guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
        throw SystemError(call: "socketpair", code: errno, path: program)
      }
    }
    defer { if ends[1] >= 0 { close(ends[1]) } }
    let started: pid_t
    do {
      started = try Self.spawn(
        program, arguments, environment, outputNumber: kind == .pipe ? ends[1] : logFile.number,
        errorNumber: logFile.number)
    } catch {
      if ends[0] >= 0 { close(ends[0]) }
      throw error
    }
    pid = started
    output = ends[0] >= 0 ? FileDescriptor(owning: ends[0], path: program) : nil
  }

  deinit {
    if status == nil { Self.end(pid) }
  }

  /// The exit status if the program has ended (128 + the signal's number if a signal ended it), else nil.
  package mutating func poll() -> Int32? {
    if let status { return status }
    var raw: Int32 = 0
    guard unsafe waitpid(pid, &raw, WNOHANG) == pid else { return nil }
    let signal = raw & 0x7F
    status = signal == 0 ? (raw >> 8) & 0xFF : 128 + signal
    return status
  }

  /// What the program has written to a `.pipe`, at most the size of `buffer`; empty when nothing came for
  /// `milliseconds`, nil at the end.
  package mutating func readOutput(
    into buffer: inout [UInt8], waiting milliseconds: Int32
  ) throws(SystemError) -> ArraySlice<UInt8>? {
    guard let piece = try output?.read(into: &buffer, waiting: milliseconds) else { return [] }
    return piece.isEmpty ? nil : piece
  }

  private static func spawn(
    _ program: String, _ arguments: [String], _ environment: [String: String], outputNumber: Int32, errorNumber: Int32
  ) throws(SystemError) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, outputNumber, STDOUT_FILENO)
    unsafe posix_spawn_file_actions_adddup2(&actions, errorNumber, STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    // A group of its own: Ctrl-C on the terminal reaches this process alone, which then ends the group in order.
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { unsafe sigaddset(&signals, signal) }
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)

    var pid: pid_t = 0
    let code = unsafe withCStrings([program] + arguments) { argv in
      unsafe withCStrings(merged(environment)) { envp in
        unsafe posix_spawnp(&pid, program, &actions, &attributes, argv, envp)
      }
    }
    guard code == 0 else { throw SystemError(call: "posix_spawn", code: code, path: program) }
    return pid
  }

  /// Ends a process group: asks, waits two seconds, then forces.
  private static func end(_ pid: pid_t) {
    var status: Int32 = 0
    kill(-pid, SIGTERM)
    for _ in 0..<100 {
      if unsafe waitpid(pid, &status, WNOHANG) != 0 {
        kill(-pid, SIGKILL)
        return
      }
      usleep(20_000)
    }
    kill(-pid, SIGKILL)
    while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
  }

  /// This process's environment with `changes` on top.
  private static func merged(_ changes: [String: String]) -> [String] {
    var result = changes.map { "\($0.key)=\($0.value)" }
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
      let variable = unsafe String(cString: text)
      let name = variable.prefix { $0 != "=" }
      if changes[String(name)] == nil { result.append(variable) }
      unsafe entry += 1
    }
    return result
  }

  /// Calls `body` with a null-terminated array of C strings.
  private static func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
    defer {
      for index in unsafe pointers.indices { unsafe free(pointers[index]) }
    }
    return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("an array that is never empty") }
      return unsafe body(base)
    }
  }
}
