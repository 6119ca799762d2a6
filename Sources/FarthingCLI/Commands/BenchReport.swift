import Compute
import Generation
import ModelFiles
import Transformers
import Usage

/// What `bench` found, and how it is shown.
struct BenchReport {
  private struct Row {
    let result: BenchmarkResult
    /// Tokens a second of the program it was measured against.
    let rival: [Double]

    var share: Double { result.median / result.limit.tokensPerSecond }
  }

  private struct Start {
    let threads: Int
    let loadNanos: Int64
    let coldStarts: [Int64]
    let ceilings: Ceilings
  }

  private let model: String
  private let path: String
  private let quantization: String
  private let isa: String
  private let fastestISA: String
  private let processor = Host().processorName ?? "unknown processor"
  private let processors = Host().processors
  private var rows: [Row] = []
  private var starts: [Start] = []
  private var memory: (weights: Int, streamed: Int, kvPerPosition: Int) = (0, 0, 0)
  private var rivalName: String?
  /// Share of all processors' time that the hypervisor gave to others meanwhile.
  var stealShare: Double?
  /// Time that control groups kept this process from running.
  var throttledNanos: Int64?

  init(path: String, kernels: Kernels) throws(CommandFailure) {
    let file = try failing { () throws(ModelFileError) in try ModelFile(path: path) }
    self.path = path
    model = path.split(separator: "/").last.map(String.init) ?? path
    quantization = Model.quantization(of: file)
    isa = kernels.name
    fastestISA = Kernels.best.name
  }

  mutating func add(
    engine: Engine, threads: Int, loadNanos: Int64, ceilings: Ceilings, results: [BenchmarkResult], rival: [[Double]],
    rivalName: String?, coldStarts: [Int64]
  ) {
    rows += zip(results, rival).map { Row(result: $0, rival: $1) }
    starts.append(
      Start(threads: threads, loadNanos: loadNanos, coldStarts: coldStarts, ceilings: ceilings))
    memory = (
      engine.model.weightBytes, engine.model.streamedBytes, engine.cache.blockBytes / Kernels.kvBlock
    )
    self.rivalName = rivalName
  }

  // MARK: Text

  func print(_ console: Console, baseline: BenchBaseline?) throws(CommandFailure) {
    try console.out.line("\(model), \(quantization); \(processor), \(processors) processors; \(isa)")
    if isa != fastestISA { try console.out.line("warning: this processor has a faster instruction set: \(fastestISA)") }
    for start in starts {
      let limits = start.ceilings
      try console.out.line(
        "\(start.threads) threads: reads \(Self.giga(limits.readBytes)) GB/s (small pages "
          + "\(Self.giga(limits.readBytesOnSmallPages))), adds \(Self.giga(limits.integerProducts)) billion 8-bit "
          + "products/s, \(Self.giga(limits.floatProducts)) billion float; loads in \(Self.millis(start.loadNanos)) ms"
          + (start.coldStarts.isEmpty
            ? "" : ", first token of a new process after \(Self.millis(Self.middle(start.coldStarts))) ms"))
    }
    try console.out.line(
      "weights \(readableBytes(memory.weights)), read by a step \(readableBytes(memory.streamed)); "
        + "keys and values \(readableBytes(memory.kvPerPosition)) a position")
    if let stealShare, stealShare > 0.005 {
      try console.out.line("warning: the hypervisor took \(Self.fixed(stealShare * 100, 1)) % of the processors' time")
    }
    if let throttledNanos, throttledNanos > 0 {
      try console.out.line("warning: the CPU quota stopped this process for \(Self.millis(throttledNanos)) ms")
    }
    try console.out.line()
    try console.print(table(baseline), whole: true)
  }

  private func table(_ baseline: BenchBaseline?) -> Table {
    var columns = ["test", "threads", "tokens", "depth", "batch", "tokens/s", "least", "most", "ceiling", "share"]
    if baseline != nil { columns += ["before", "ratio"] }
    if rivalName != nil { columns += ["rival", "ratio"] }
    var table = Table(columns: columns.enumerated().map { Table.Column(title: $1, right: $0 > 0) })
    for row in rows {
      let (result, test) = (row.result, row.result.test)
      var cells = [
        test.test.rawValue, String(result.threads), String(test.tokens), String(test.depth), String(test.batch),
        Self.fixed(result.median, 1), Self.fixed(result.least, 1), Self.fixed(result.most, 1),
        Self.fixed(result.limit.tokensPerSecond, 0) + (result.limit.kind == .memory ? " mem" : " mul"),
        Self.fixed(row.share * 100, 0) + " %",
      ]
      if let baseline { cells += Self.comparison(result.median, baseline.speed(of: result)) }
      if rivalName != nil {
        cells += Self.comparison(result.median, row.rival.isEmpty ? nil : BenchmarkResult.median(row.rival))
      }
      table.rows.append(cells)
    }
    return table
  }

  private static func comparison(_ speed: Double, _ other: Double?) -> [String] {
    guard let other, other > 0 else { return ["-", "-"] }
    return [fixed(other, 1), fixed(speed / other, 2)]
  }

  private static func fixed(_ value: Double, _ decimals: Int) -> String {
    let factor = [1.0, 10, 100, 1000][decimals]
    return FixedPoint.text(Int64((value * factor).rounded()), decimals: decimals)
  }

  private static func giga(_ value: Double) -> String { fixed(value / 1e9, 1) }
  private static func millis(_ nanos: Int64) -> String { FixedPoint.quotient(nanos, by: 1_000_000, decimals: 0) }
  private static func middle(_ nanos: [Int64]) -> Int64 { Int64(BenchmarkResult.median(nanos.map(Double.init))) }

  // MARK: JSON

  func write(into json: inout JSONWriter, baseline: BenchBaseline?) {
    json.field("model", model)
    json.field("path", path)
    json.field("quantization", quantization)
    json.field("processor", processor)
    json.field("processors", processors)
    json.field("isa", isa)
    json.field("fastest_isa", fastestISA)
    json.object("memory") { json in
      json.field("weights_bytes", memory.weights)
      json.field("streamed_bytes_per_step", memory.streamed)
      json.field("kv_bytes_per_position", memory.kvPerPosition)
    }
    json.field("steal_share", stealShare)
    json.field("throttled_ms", throttledNanos.map { Double($0) / 1e6 })
    json.array("starts") { json in for start in starts { Self.write(start, into: &json) } }
    json.array("results") { json in for row in rows { write(row, baseline, into: &json) } }
  }

  private static func write(_ start: Start, into json: inout JSONWriter) {
    json.object { json in
      json.field("threads", start.threads)
      json.field("load_ms", Double(start.loadNanos) / 1e6)
      json.array("cold_start_ms") { json in for nanos in start.coldStarts { json.value(Double(nanos) / 1e6) } }
      json.object("ceilings") { json in
        json.field("read_bytes_per_second", start.ceilings.readBytes)
        json.field("read_bytes_per_second_small_pages", start.ceilings.readBytesOnSmallPages)
        json.field("integer_products_per_second", start.ceilings.integerProducts)
        json.field("float_products_per_second", start.ceilings.floatProducts)
      }
    }
  }

  private func write(_ row: Row, _ baseline: BenchBaseline?, into json: inout JSONWriter) {
    let (result, test) = (row.result, row.result.test)
    json.object { json in
      json.field("test", test.test.rawValue)
      json.field("threads", result.threads)
      json.field("tokens", test.tokens)
      json.field("depth", test.depth)
      json.field("batch", test.batch)
      Self.write(result.samples, "tokens_per_second", into: &json)
      json.array("samples") { json in for sample in result.samples { json.value(sample) } }
      json.object("ceiling") { json in
        json.field("limit", result.limit.kind == .memory ? "read bandwidth" : "multiply peak")
        json.field("tokens_per_second", result.limit.tokensPerSecond)
        json.field("share", row.share)
        json.field("streamed_bytes", result.limit.streamedBytes)
      }
      if let before = baseline?.speed(of: result) {
        json.object("baseline") { json in
          json.field("tokens_per_second", before)
          json.field("ratio", result.median / before)
        }
      }
      if !row.rival.isEmpty {
        json.object("against") { json in
          json.field("program", rivalName)
          Self.write(row.rival, "tokens_per_second", into: &json)
          json.field("ratio", result.median / BenchmarkResult.median(row.rival))
        }
      }
    }
  }

  private static func write(_ speeds: [Double], _ name: String, into json: inout JSONWriter) {
    json.object(name) { json in
      json.field("median", BenchmarkResult.median(speeds))
      json.field("min", speeds.min())
      json.field("max", speeds.max())
    }
  }
}
