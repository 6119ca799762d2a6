import Glibc

/// Runs a person's command when a threshold is crossed.
enum AlertCommand {
  /// Starts `command` with the shell, with variables added to the environment, and does not wait for it. Its output goes
  /// to standard error.
  /// - Returns: false where it could not be started.
  @discardableResult
  static func start(_ command: String, _ variables: [String: String]) -> Bool {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)
    var environment = variables.map { "\($0.key)=\($0.value)" }
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
      let variable = unsafe String(cString: text)
      if variables[String(variable.prefix { $0 != "=" })] == nil { environment.append(variable) }
      unsafe entry += 1
    }
    var pid: pid_t = 0
    let code = unsafe withCStrings(["sh", "-c", command]) { words in
      unsafe withCStrings(environment) { variables in
        unsafe posix_spawn(&pid, "/bin/sh", &actions, nil, words, variables)
      }
    }
    guard code == 0 else { return false }
    reap(pid)
    return true
  }

  /// Waits for a child on a thread of its own, so that none stays behind as a zombie.
  private static func reap(_ pid: pid_t) {
    var thread = pthread_t()
    let context = unsafe UnsafeMutableRawPointer(bitPattern: Int(pid))
    let code = unsafe pthread_create(
      &thread, nil,
      { context in
        var status: Int32 = 0
        while unsafe waitpid(pid_t(Int(bitPattern: context)), &status, 0) < 0, errno == EINTR {}
        return nil
      }, context)
    if code == 0 { pthread_detach(thread) }
  }

  private static func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
    return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("an array that is never empty") }
      return unsafe body(base)
    }
  }
}
