import Compute
import Generation
import ModelFiles
import Tokenization

/// Programs that `bench` runs beside itself.
enum BenchChild {
  /// Nanoseconds from starting this program anew until it writes the first byte of an answer, with the model's file in
  /// the page cache.
  static func firstOutput(model: String, threads: Int, isa: String) throws(CommandFailure) -> Int64 {
    let arguments = [
      "run", "-m", model, "-t", String(threads), "--isa", isa, "--raw", "--temp", "0", "--ignore-eos", "-n", "4",
      "Once upon a time",
    ]
    let start = Clock.nowNanos()
    var first: Int64?
    _ = try output(of: "/proc/self/exe", arguments) { if first == nil { first = Clock.nowNanos() - start } }
    guard let first else { throw .failed("a new process gave no answer") }
    return first
  }

  /// Everything that a program writes.
  /// - Parameter heard: called when something came.
  /// - Throws: where there is no such program or it ends badly.
  static func output(
    of program: String, _ arguments: [String], heard: () -> Void = {}
  ) throws(CommandFailure) -> [UInt8] {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    var status: Int32?
    do {
      var child = try ChildProcess(program, arguments, output: .pipe, log: "/dev/null")
      while let piece = try child.readOutput(into: &buffer, waiting: 100) {
        if Interrupt.requested { throw CommandFailure.interrupted }
        guard !piece.isEmpty else { continue }
        heard()
        text += piece
      }
      // Its output is closed: it ends now.
      while status == nil { status = child.poll() }
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw .failed("\(program): \(error)")
    }
    guard status == 0 else { throw .failed("\(program) ended with status \(status ?? -1)") }
    return text
  }
}

/// llama.cpp's benchmark program on the same file.
struct BenchPeer {
  let program: String
  let model: String
  let threads: Int
  let cases: [BenchmarkCase]

  /// Tokens a second of one run; nil for what it has no test of.
  func sample(_ test: BenchmarkCase) throws(CommandFailure) -> Double? {
    guard test.batch == 1 else { return nil }
    let lengths =
      test.test == .prefill ? ["-p", String(test.tokens), "-n", "0"] : ["-p", "0", "-n", String(test.tokens)]
    let text = try BenchChild.output(
      of: program,
      ["-m", model, "-t", String(threads), "-r", "1", "-o", "json", "-d", String(test.depth)] + lengths)
    let json = try failing { () throws(TokenizerError) in try JSONDocument(text, name: program) }
    guard let speed = json.root.element(0)?.member("avg_ts")?.real else {
      throw .failed("\(program) printed no avg_ts")
    }
    return speed
  }
}

/// What an earlier run of `bench --json` gave.
struct BenchBaseline {
  private var speeds: [Key: Double] = [:]

  private struct Key: Hashable {
    let test: String
    let threads: Int
    let tokens: Int
    let depth: Int
    let batch: Int
  }

  init(path: String) throws(CommandFailure) {
    let json = try failing { () throws(TokenizerError) in try JSONDocument(path: path) }
    guard let results = json.root.member("results") else { throw .failed("\(path): there is no \"results\" in it") }
    for index in 0..<results.count {
      guard let result = results.element(index), let test = result.member("test")?.bytes,
        let threads = result.member("threads")?.integer, let tokens = result.member("tokens")?.integer,
        let batch = result.member("batch")?.integer,
        let median = result.member("tokens_per_second")?.member("median")?.real
      else { throw .failed("\(path): result \(index) is not one of `bench --json`") }
      let key = Key(
        test: String(decoding: test, as: UTF8.self), threads: threads, tokens: tokens,
        depth: result.member("depth")?.integer ?? 0, batch: batch)
      speeds[key] = median
    }
  }

  /// The speed of the same case then, if it was measured.
  func speed(of result: BenchmarkResult) -> Double? {
    speeds[
      Key(
        test: result.test.test.rawValue, threads: result.threads, tokens: result.test.tokens,
        depth: result.test.depth, batch: result.test.batch)]
  }
}
