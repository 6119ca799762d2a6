import Compute
import Transformers

/// Chooses the next tokens of several requests at once, each request on one thread of the pool.
final class SamplingJob: PoolJob {
  private let scratches: [SamplerScratch]
  private var requests: [ScheduledRequest] = []

  init(_ engine: Engine) {
    scratches = engine.scratches
    requests.reserveCapacity(engine.pass.maxTokens)
  }

  func perform(chunk: Int, worker: Int) { requests[chunk].sample(scratches[worker]) }

  /// Computes the logits of the rows from `first` on, which belong to `requests` in their order, and samples them: as many
  /// requests at a time as the head has room for.
  /// - Precondition: each request has at most `ForwardPass.maxLogitRows` rows.
  func run(_ engine: Engine, _ sampled: [ScheduledRequest], firstRow: Int) {
    var row = firstRow
    var next = 0
    while next < sampled.count {
      requests.removeAll(keepingCapacity: true)
      var rows = 0
      while next < sampled.count, rows + sampled[next].logitRows <= ForwardPass.maxLogitRows {
        sampled[next].firstLogit = rows
        rows += sampled[next].logitRows
        requests.append(sampled[next])
        next += 1
      }
      engine.pass.computeLogits(rows: row..<row + rows)
      engine.pool.run(self, chunks: requests.count)
      row += rows
    }
    requests.removeAll(keepingCapacity: true)
  }
}
