import Compute
import Generation
import Metering
import ModelFiles
import Pricing
import Serving
import Transformers
import Usage

/// Brings the samples of `bench` into the ledger: each is a request, marked as a benchmark's, so that no workload is taken
/// from it. What is measured beside them is the process's overhead.
struct BenchMeter {
  private let meter: Meter
  private let price: HourlyPrice?

  /// Nil where the person wants no ledger.
  init?(_ arguments: Arguments) throws(CommandFailure) {
    guard let meter = try MeterOptions.meter(arguments, command: "bench") else { return nil }
    self.meter = meter
    price = try RunOptions.machinePrice(arguments)
  }

  func close() throws(LedgerError) { try meter.close() }

  /// Takes one sample, in the ledger where there is one. Caps are asked before it begins.
  static func sample(
    _ benchmark: Benchmark, _ index: Int, warmUp: Bool, model: ModelIdentity, _ threads: Int, _ meter: BenchMeter?
  ) throws(CommandFailure) {
    guard let meter else {
      _ = try failing { () throws(GenerationError) in try benchmark.sample(index, warmUp: warmUp) }
      return
    }
    let tokens = benchmark.tokens(index, warmUp: warmUp)
    let request = try failing { () throws(LedgerError) in
      try meter.meter.open(
        model: model, promptTokens: tokens.prompt, tokenLimit: tokens.completion, price: meter.price)
    }
    let (before, cpu) = (Clock.nowNanos(), Clock.processCPUNanos())
    do {
      for count in 0..<tokens.completion {
        if try request.admit(after: count) { continue }
        try request.fail(.budget)
        throw LedgerError.overBudget("a cap has no room for \(grouped(Int64(tokens.completion))) tokens of a sample")
      }
      let nanos = try benchmark.sample(index, warmUp: warmUp)
      request.computed(prompt: tokens.prompt, cached: 0)
      request.chose(tokens.completion)
      let total = Clock.nowNanos() - before
      try request.settle(
        record(
          benchmark, index, tokens, model, threads, measured: nanos, total: total, cpu: Clock.processCPUNanos() - cpu))
    } catch {
      try? request.fail(.failed(""))
      throw .failed(String(describing: error))
    }
  }

  private static func record(
    _ benchmark: Benchmark, _ index: Int, _ tokens: (prompt: Int, completion: Int), _ model: ModelIdentity,
    _ threads: Int, measured: Int64, total: Int64, cpu: Int64
  ) -> UsageRecord {
    let isPrefill = benchmark.results[index].test.test == .prefill
    let process = ProcessUsage.current()
    return UsageRecord(
      tokens: TokenCounts(prompt: tokens.prompt, cached: 0, completion: tokens.completion),
      timings: RequestTimings(
        prefillNanos: isPrefill ? total : max(0, total - measured), decodeNanos: isPrefill ? 0 : measured,
        totalNanos: total),
      cpu: CPUTime(processNanos: process.cpuNanos, requestNanos: cpu),
      memory: MemoryUse(
        peakResidentBytes: process.peakResidentBytes, weightBytes: Int64(benchmark.engine.model.weightBytes),
        kvBytes: Int64(benchmark.engine.cache.blockBytes)),
      finish: .tokenLimit, model: model,
      execution: ExecutionIdentity(threads: threads, isa: benchmark.engine.isa), text: TextSize(),
      startedAtUnixNanos: Clock.unixNanos() - total)
  }
}
