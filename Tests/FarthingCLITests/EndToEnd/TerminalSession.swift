import Foundation

/// The binary at a terminal of its own, as a person has it: what it shows is read as it comes, and can be answered.
final class TerminalSession {
  private let process = Process()
  private let screen: FileHandle
  /// Everything that was shown so far, line ends as the terminal has them.
  private(set) var shown = ""
  private var data = Data()
  private var hasEnded = false

  /// - Parameter output: where standard output goes if not to the terminal.
  init(
    _ words: [String], columns: UInt16 = 80, output: FileHandle? = nil, environment: [String: String] = [:]
  ) throws {
    var (test, program): (Int32, Int32) = (-1, -1)
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    guard openpty(&test, &program, nil, nil, &size) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    // What is typed is not to be seen twice.
    var modes = termios()
    tcgetattr(program, &modes)
    modes.c_lflag &= ~tcflag_t(ECHO)
    tcsetattr(program, TCSANOW, &modes)
    screen = FileHandle(fileDescriptor: test, closeOnDealloc: true)
    let programSide = FileHandle(fileDescriptor: program, closeOnDealloc: true)
    process.executableURL = URL(filePath: BuiltBinary.path)
    process.arguments = words
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let own = ["PATH": path, "TERM": "xterm", "NO_COLOR": "1", "FARTHING_LEDGER": BuiltBinary.ledger]
    process.environment = own.merging(environment) { _, given in given }
    process.standardInput = programSide
    process.standardOutput = output ?? programSide
    process.standardError = programSide
    try process.run()
    try programSide.close()
  }

  deinit { if process.isRunning { process.terminate() } }

  /// Waits until `text` has been shown `times` times.
  /// - Returns: false if the program ended, or two minutes passed, without it.
  func wait(for text: String, times: Int = 1) -> Bool {
    let deadline = Date(timeIntervalSinceNow: 120)
    while shown.components(separatedBy: text).count - 1 < times {
      guard !hasEnded, Date() < deadline else { return false }
      read()
    }
    return true
  }

  func type(_ text: String) throws { try screen.write(contentsOf: Data(text.utf8)) }

  func interrupt() { kill(process.processIdentifier, SIGINT) }

  /// Reads to the end. Returns the exit status, or 128 plus the signal's number.
  func end() -> Int32 {
    let deadline = Date(timeIntervalSinceNow: 120)
    while !hasEnded, Date() < deadline { read() }
    if !hasEnded { process.terminate() }
    process.waitUntilExit()
    return process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0)
  }

  /// What is on the screen: lines as they stand after carriage returns and erasures, without those of progress.
  var lines: [String] {
    shown.replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false).map { line in
      let last = line.components(separatedBy: "\r").last ?? ""
      return last.replacing("\u{1b}[K", with: "")
    }
  }

  private func read() {
    var wait = pollfd(fd: screen.fileDescriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&wait, 1, 200) > 0 else { return }
    var block = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(screen.fileDescriptor, &block, block.count)
    if count < 0, errno == EINTR { return }
    // A terminal whose last user has gone gives an error on Linux.
    guard count > 0 else {
      hasEnded = true
      return
    }
    data += block[..<count]
    shown = String(decoding: data, as: UTF8.self)
  }
}
