import Compute
import Generation
import Metering
import ModelFiles
import Tokenization
import Transformers

/// `bench`: how fast this machine runs a model, and how much faster it could be run at best.
enum Bench {
  static let threads = Option<[Int]>.integers(
    "--threads", "-t", in: 1...1024, default: [Host().cpuAllowance().threads], help: "threads, one after another")
  static let prompts = Option<[Int]>.integers(
    "--n-prompt", "-p", in: 0...1 << 20, default: [512], help: "lengths of prompts; 0 for none")
  static let answers = Option<[Int]>.integers(
    "--n-gen", "-n", in: 0...1 << 20, default: [128], help: "tokens to decode; 0 for none")
  static let depths = Option<[Int]>.integers(
    "--n-depth", "-d", in: 0...1 << 20, default: [0], help: "positions filled before the clock starts")
  static let sequences = Option<[Int]>.integers(
    "--parallel", "-np", in: 1...1024, default: [1], help: "sequences that decode together")
  static let repetitions = Option<Int>.integer(
    "--repetitions", "-r", in: 1...1000, default: 5, help: "samples of each case, in rounds")
  static let baseline = Option.text(
    "--baseline", value: "FILE", help: "what an earlier bench --json gave; ratios to it are shown")
  static let peer = Option.text(
    "--against", value: "PROGRAM", help: "llama-bench, or a path to one: measured in turn on the same file")
  static let coldStarts = Option<Int>.integer(
    "--cold-starts", in: 0...100, default: 3, help: "times that a new process is timed until its first token")

  static let command = Command(
    name: "bench", summary: "measure prefill, decode and batched decode beside this machine's ceilings",
    about: """
      Every speed is held against what was measured in the same run: how fast memory is read, and how many products are \
      added in registers. Decoding includes the output head and the choice of the token, and goes past end tokens. Each \
      sample is a request of the ledger.
      """,
    options: [
      ModelOption.model, threads, prompts, answers, depths, sequences, repetitions, coldStarts, baseline, peer,
      EngineOptions.batchThreads, EngineOptions.batch, EngineOptions.keyType, EngineOptions.valueType,
      EngineOptions.isa,
    ] + RunOptions.machine + MeterOptions.all,
    run: { (arguments, console) throws(CommandFailure) in
      let earlier = try arguments[baseline].map { (path) throws(CommandFailure) in try BenchBaseline(path: path) }
      let meter = try BenchMeter(arguments)
      let path = try ModelOption.path(arguments, console)
      Interrupt.watch()
      var report = try BenchReport(path: path, kernels: EngineOptions.kernels(arguments))
      let host = Host()
      let before = (time: host.processorTime, throttled: host.throttledNanos)
      for count in arguments[threads] { try measure(path, threads: count, arguments, console, meter, &report) }
      try failing { () throws(LedgerError) in try meter?.close() }
      console.progress("")
      if let start = before.time { report.stealShare = host.processorTime?.stealShare(since: start) }
      if let start = before.throttled { report.throttledNanos = host.throttledNanos.map { $0 - start } }
      if arguments[Command.json] {
        try console.json { report.write(into: &$0, baseline: earlier) }
      } else {
        try report.print(console, baseline: earlier)
      }
    })

  private static func measure(
    _ path: String, threads: Int, _ arguments: Arguments, _ console: Console, _ meter: BenchMeter?,
    _ report: inout BenchReport
  ) throws(CommandFailure) {
    let cases = BenchmarkCase.all(
      prefill: arguments[prompts], decode: arguments[answers], depths: arguments[depths],
      sequences: arguments[sequences])
    var options = try EngineOptions.engineOptions(arguments)
    options.threads = threads
    BenchmarkCase.prepare(&options, for: cases)
    console.progress("farthing: loading, \(threads) threads")
    let start = Clock.nowNanos()
    let file = try failing { () throws(ModelFileError) in try ModelFile(path: path) }
    let engine = try failing { () throws(GenerationError) in try Engine(file, options) }
    let identity = ModelOption.identity(path, file)
    let loadNanos = Clock.nowNanos() - start
    console.progress("farthing: measuring what this machine can do, \(threads) threads")
    let ceilings = try failing { () throws(SystemError) in
      try engine.ceilings()
    }
    let benchmark = Benchmark(engine, cases, threads: threads, ceilings: ceilings)
    let rival = arguments[peer].map { BenchPeer(program: $0, model: path, threads: threads, cases: cases) }
    var rivalSamples: [[Double]] = cases.map { _ in [] }
    for round in 0...arguments[repetitions] {
      for index in cases.indices {
        if Interrupt.requested { throw .interrupted }
        let test = cases[index]
        console.progress(
          "farthing: round \(round) of \(arguments[repetitions]): \(test.test.rawValue) \(test.tokens) "
            + "at depth \(test.depth), \(test.batch) sequences, \(threads) threads")
        try BenchMeter.sample(benchmark, index, warmUp: round == 0, model: identity, threads, meter)
        if round > 0, let rival, let speed = try rival.sample(test) { rivalSamples[index].append(speed) }
      }
    }
    var colds: [Int64] = []
    for _ in 0..<arguments[coldStarts] {
      if Interrupt.requested { throw .interrupted }
      console.progress("farthing: starting a new process, \(threads) threads")
      colds.append(try BenchChild.firstOutput(model: path, threads: threads, isa: options.kernels.name))
    }
    report.add(
      engine: engine, threads: threads, loadNanos: loadNanos, ceilings: ceilings, results: benchmark.results,
      rival: rivalSamples,
      rivalName: arguments[peer], coldStarts: colds)
  }
}
