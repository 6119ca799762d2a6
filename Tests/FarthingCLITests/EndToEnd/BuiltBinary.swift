import Foundation

/// What a run of a program left behind.
struct Outcome {
  /// The exit status, or 128 plus the number of the signal that ended it.
  let status: Int32
  let output: String
  let error: String

  var errorLines: [Substring] { error.split(separator: "\n") }
}

/// The built binary, run as a person would: the one that FARTHING_BINARY names (the launcher sets it to the release
/// binary), else the debug build beside these tests.
enum BuiltBinary {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  static let given = ProcessInfo.processInfo.environment["FARTHING_BINARY"]
  /// One ledger for all runs that name none, so that no test writes into the person's own.
  static let ledger = FileManager.default.temporaryDirectory
    .appending(path: "farthing-tests-\(ProcessInfo.processInfo.processIdentifier)/ledger.db").path
  static let path = given ?? root.appending(path: ".build/debug/farthing").path

  /// Runs `farthing` with `words`. Standard input is empty unless given.
  static func farthing(
    _ words: String..., environment: [String: String] = [:], input: [UInt8] = []
  ) throws -> Outcome {
    try run(path, words, environment: environment, input: input)
  }

  /// Runs a shell script, in which `$F` is the binary and `$0` the shell.
  static func shell(_ script: String, environment: [String: String] = [:]) throws -> Outcome {
    try run("/bin/bash", ["-c", script], environment: environment.merging(["F": path]) { given, _ in given })
  }

  /// Runs `farthing` with standard output on a terminal of so many columns.
  static func onTerminal(
    _ words: [String], columns: UInt16, environment: [String: String] = [:]
  ) throws -> Outcome {
    let terminal = try Terminal(columns: columns)
    let process = try process(path, words, environment.merging(["TERM": "xterm"]) { given, _ in given })
    let errors = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = terminal.programSide
    process.standardError = errors
    try process.run()
    try terminal.programSide.close()
    let output = terminal.readToEnd()
    let error = errors.fileHandleForReading.readDataToEndOfFile()
    return finish(process, output: output, error: error)
  }

  static func run(
    _ path: String, _ words: [String], environment: [String: String] = [:], input: [UInt8] = []
  ) throws -> Outcome {
    let process = try process(path, words, environment)
    let (stdin, output) = (Pipe(), Pipe())
    // Through a file, so that neither of the two outputs has to be read before the other.
    let errors = FileManager.default.temporaryDirectory.appending(path: "farthing-" + UUID().uuidString)
    try Data().write(to: errors)
    defer { try? FileManager.default.removeItem(at: errors) }
    process.standardInput = stdin
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let writing = stdin.fileHandleForWriting
    DispatchQueue.global().async {
      // The program may end without having read it all.
      try? writing.write(contentsOf: Data(input))
      try? writing.close()
    }
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return finish(process, output: text, error: try Data(contentsOf: errors))
  }

  private static func process(_ path: String, _ words: [String], _ environment: [String: String]) throws -> Process {
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = words
    // Nothing of the person's own settings or cache takes part.
    let own = ["PATH", "HOME", "LD_LIBRARY_PATH"].reduce(into: [String: String]()) {
      $0[$1] = ProcessInfo.processInfo.environment[$1]
    }
    process.environment = own.merging(["FARTHING_LEDGER": ledger]) { $1 }.merging(environment) { $1 }
    return process
  }

  private static func finish(_ process: Process, output: Data, error: Data) -> Outcome {
    process.waitUntilExit()
    let signalled = process.terminationReason == .uncaughtSignal
    return Outcome(
      status: process.terminationStatus + (signalled ? 128 : 0), output: String(decoding: output, as: UTF8.self),
      error: String(decoding: error, as: UTF8.self))
  }
}

/// A pseudo-terminal: the program writes to one side, the test reads the other.
private struct Terminal {
  let programSide: FileHandle
  private let testSide: FileHandle

  init(columns: UInt16) throws {
    var (test, program): (Int32, Int32) = (-1, -1)
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    guard openpty(&test, &program, nil, nil, &size) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    programSide = FileHandle(fileDescriptor: program, closeOnDealloc: true)
    testSide = FileHandle(fileDescriptor: test, closeOnDealloc: true)
  }

  /// What the program wrote, until its side is closed, which shows as an error of `read` on Linux.
  func readToEnd() -> Data {
    var data = Data()
    var block = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(testSide.fileDescriptor, &block, block.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return data }
      data += block[..<count]
    }
  }
}
