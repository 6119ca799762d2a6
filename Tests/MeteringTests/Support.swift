import Foundation
import Synchronization
import Usage

@testable import Metering

/// A ledger in a folder of its own, removed at the end, and a clock that the test moves.
final class Bench: @unchecked Sendable {
  let folder: URL
  let clock = TestClock()
  var path: String { folder.appending(path: "ledger.db").path }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "farthing-ledger-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func ledger(_ durability: Durability = .normal) throws -> Ledger { try Ledger(path: path, durability: durability) }

  /// A writer as another process would have: with a connection of its own.
  func writer(_ durability: Durability = .normal) throws -> LedgerWriter {
    LedgerWriter(try ledger(durability), clock: { [clock] in clock.now })
  }
}

final class TestClock: Sendable {
  /// 2026-11-25 12:00 UTC.
  private let value = Atomic<Int64>(1_795_608_000_000_000_000)
  var now: Int64 { value.load(ordering: .relaxed) }
  func set(_ nanos: Int64) { value.store(nanos, ordering: .relaxed) }
  func advance(seconds: Int64) { value.add(seconds * 1_000_000_000, ordering: .relaxed) }
}

enum Sample {
  static let model = ModelIdentity(name: "tiny", sha256: nil, quantization: "Q4_0")
  static let unlimited = ModelIdentity(name: "unlimited", sha256: nil, quantization: "F16")
  /// $0.0208 an hour over two vCPUs.
  static let price = RequestPrice(currency: "USD", picos: 13, per: 4500)

  static func opening(
    prompt: Int = 10, user: String? = nil, tags: [(key: String, value: String)] = [], limit: Int? = nil,
    model: ModelIdentity = model
  ) -> RequestOpening {
    RequestOpening(model: model, promptTokens: prompt, user: user, tags: tags, tokenLimit: limit, price: price)
  }

  static func usage(
    prompt: Int = 10, cached: Int = 0, completion: Int = 5, cpuNanos: Int64 = 90_000_000,
    finish: FinishReason = .tokenLimit
  ) -> UsageRecord {
    UsageRecord(
      tokens: TokenCounts(prompt: prompt, cached: cached, completion: completion),
      timings: RequestTimings(
        queueNanos: 0, loadNanos: 1_000, prefillNanos: 20_000_000, firstTokenNanos: 21_000_000,
        decodeNanos: 40_000_000, totalNanos: 61_000_000),
      cpu: CPUTime(processNanos: cpuNanos + 7, requestNanos: cpuNanos, threadNanos: cpuNanos - 5),
      memory: MemoryUse(peakResidentBytes: 1 << 20, weightBytes: 1 << 19, kvBytes: 4096), finish: finish,
      model: model, execution: ExecutionIdentity(threads: 2, isa: "avx2"),
      text: TextSize(promptBytes: 40, answerBytes: 20), startedAtUnixNanos: 0)
  }

  /// A whole request.
  @discardableResult
  static func request(
    _ writer: LedgerWriter, _ opening: RequestOpening = opening(), _ usage: UsageRecord = usage()
  ) throws -> RequestIdentity {
    let request = try writer.open(opening)
    request.computed(prompt: usage.tokens.prompt, cached: usage.tokens.cached)
    for count in 0..<usage.tokens.completion {
      guard try request.admit(after: count) else { break }
      request.chose(count + 1)
    }
    try request.settle(usage)
    return request.identity
  }
}

extension LedgerWriter {
  /// Nil where a cap has no room.
  func openIfAffordable(_ opening: RequestOpening) throws -> MeteredRequest? {
    do {
      return try open(opening)
    } catch {
      if case .overBudget = error { return nil }
      throw error
    }
  }
}

let slowTests = ProcessInfo.processInfo.environment["FARTHING_SLOW_TESTS"] == "1"
