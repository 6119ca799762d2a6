import Compute
import Generation
import ModelFiles
import Transformers
import Usage

/// A model loaded to answer requests, and what a usage record says about it.
public final class ServedModel {
  public let engine: Engine
  public let identity: ModelIdentity
  public let loadNanos: Int64
  let threads: Int

  /// Loads a model file.
  /// - Parameters:
  ///   - name: as people know the model.
  ///   - sha256: of the file, where it is known.
  /// - Throws: `GenerationError`.
  public init(
    path: String, name: String, sha256: String?, options: Engine.Options
  ) throws(GenerationError) {
    let start = Clock.nowNanos()
    let file: ModelFile
    do { file = try ModelFile(path: path) } catch { throw .model(.file(error)) }
    engine = try Engine(file, options)
    let quantization = Model.quantization(of: file)
    identity = ModelIdentity(
      name: name, sha256: sha256,
      quantization: options.product.isReference ? "F32 (decoded from \(quantization))" : quantization)
    threads = options.threads
    loadNanos = Clock.nowNanos() - start
  }

  /// Answers one request and accounts for it, whatever its end.
  /// - Parameters:
  ///   - promptBytes: UTF-8 bytes of the text that was tokenised.
  ///   - processStart: when the process began, on the monotonic clock, where it serves this request only.
  public func answer(
    _ request: GenerationRequest, on session: Session, promptBytes: Int, processStart: Int64?,
    speculation: SpeculationMode = .automatic, observer: some GenerationObserver
  ) throws(GenerationError) -> (GenerationResult, UsageRecord) {
    let startedAt = Clock.unixNanos()
    let cpuBefore = Clock.processCPUNanos()
    let threadsBefore = threadNanos()
    var result = try Generator(session, speculation: speculation).run(request, observer: observer)
    result.timings.loadNanos = processStart == nil ? 0 : loadNanos
    let process = ProcessUsage.current()
    let record = UsageRecord(
      tokens: result.counts, timings: result.timings,
      cpu: CPUTime(
        processNanos: process.cpuNanos, requestNanos: Clock.processCPUNanos() - cpuBefore,
        threadNanos: threadNanos() - threadsBefore),
      memory: MemoryUse(
        peakResidentBytes: process.peakResidentBytes, weightBytes: Int64(engine.model.weightBytes),
        kvBytes: Int64(result.kvBytes), kvByteMillis: result.kvByteMillis),
      finish: result.finish, model: identity, execution: ExecutionIdentity(threads: threads, isa: engine.isa),
      text: TextSize(promptBytes: Int64(promptBytes), answerBytes: Int64(result.text.count)),
      startedAtUnixNanos: startedAt, runNanos: processStart.map { Clock.nowNanos() - $0 })
    return (result, record)
  }

  /// CPU time so far of the threads that compute: this one and the pool's.
  func threadNanos() -> Int64 {
    engine.pool.threadHandles.reduce(Clock.threadCPUNanos()) { $0 + (Clock.cpuNanos(of: $1) ?? 0) }
  }
}
