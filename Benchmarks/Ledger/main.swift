// Measures a ledger: `swift run -c release LedgerBenchmark [REQUESTS] [FOLDER [keep]]`.
//
// Fills a new ledger with requests (each opened and settled, ten tags' values, a hundred users, three months) and prints
// how long an append takes, how many bytes a request takes, how long a report over all of them takes, and what metering a
// whole request of 128 tokens takes, with every token admitted and noted, without caps and under three of them. With `keep`
// the ledger stays, for the command line to be tried on.
import Glibc
import Metering
import Usage

func nanos() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

func milliseconds(_ nanos: Int64) -> String { FixedPoint.quotient(nanos, by: 1_000_000, decimals: 3) + " ms" }

func percentiles(_ name: String, _ values: [Int64]) {
  let sorted = values.sorted()
  guard let last = sorted.last else { return }
  let (median, high) = (sorted[sorted.count / 2], sorted[sorted.count * 99 / 100])
  print("\(name): median \(milliseconds(median)), p99 \(milliseconds(high)), most \(milliseconds(last))")
}

let words = CommandLine.arguments
let count = words.count > 1 ? Int(words[1]) ?? 1_000_000 : 1_000_000
let folder = words.count > 2 ? words[2] : "."
let path = folder + "/ledger-benchmark-\(getpid()).db"
var now: Int64 = 1_790_000_000_000_000_000
nonisolated(unsafe) var clock = now
let ledger = try Ledger(path: path)
let writer = LedgerWriter(ledger, clock: { clock })
let price = RequestPrice(currency: "USD", picos: 13, per: 4500)
let prices = PriceRows(price: nil, hosted: [])

func usage(_ index: Int) -> UsageRecord {
  let first = Int64(10_000_000 + index % 997 * 100_000)
  return UsageRecord(
    tokens: TokenCounts(prompt: 100 + index % 400, cached: index % 50, completion: 20 + index % 300),
    timings: RequestTimings(
      loadNanos: 0, prefillNanos: first, firstTokenNanos: first, decodeNanos: first * 4, totalNanos: first * 5),
    cpu: CPUTime(processNanos: first * 9, requestNanos: first * 8, threadNanos: first * 8),
    memory: MemoryUse(peakResidentBytes: 1 << 27, weightBytes: 1 << 26, kvBytes: 1 << 20), finish: .tokenLimit,
    model: ModelIdentity(name: "model-\(index % 3)", quantization: "Q4_K"),
    execution: ExecutionIdentity(threads: 2, isa: "avx2"), text: TextSize(promptBytes: 400, answerBytes: 900),
    startedAtUnixNanos: clock)
}

var (opening, settling): ([Int64], [Int64]) = ([], [])
let start = nanos()
for index in 0..<count {
  clock += 7_776_000_000_000_000 / Int64(count)
  let usage = usage(index)
  let before = nanos()
  let request = try writer.open(
    RequestOpening(
      model: usage.model, promptTokens: usage.tokens.prompt, user: "user \(index % 100)",
      tags: [("team", "\(index % 10)")], tokenLimit: 400, price: price, prices: prices))
  let opened = nanos()
  try request.settle(usage)
  opening.append(opened - before)
  settling.append(nanos() - opened)
}
try writer.close()
print("\(count) requests in \(milliseconds(nanos() - start))")
percentiles("append, opened", opening)
percentiles("append, settled", settling)
let bytes = try ledger.summary().bytes
print("\(bytes) bytes, \(bytes / max(1, count)) a request")
func time(_ dimensions: [ReportQuery.Dimension], keepsSizes: Bool = false) throws {
  var query = ReportQuery()
  query.dimensions = dimensions
  query.keepsSizes = keepsSizes
  let before = nanos()
  let report = try ledger.report(query)
  let name = "report by \(dimensions.map(\.title))" + (keepsSizes ? ", with the sizes that hosted prices take" : "")
  print("\(name): \(report.lines.count) lines in \(milliseconds(nanos() - before))")
}
for dimensions: [ReportQuery.Dimension] in [[.day], [.model, .tag("team")], [.user, .month]] { try time(dimensions) }
try time([.day], keepsSizes: true)

/// Wall and CPU time of the metering of requests with an answer of 128 tokens.
func whole(_ name: String, _ writer: LedgerWriter, requests: Int) throws {
  var values: [Int64] = []
  var cpu = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu)
  let cpuBefore = Int64(cpu.tv_sec) * 1_000_000_000 + Int64(cpu.tv_nsec)
  for index in 0..<requests {
    let usage = usage(index)
    let before = nanos()
    let request = try writer.open(
      RequestOpening(
        model: usage.model, promptTokens: 100, user: "user 1", tags: [("team", "1")], tokenLimit: 128, price: price,
        prices: prices))
    request.computed(prompt: 100, cached: 0)
    for count in 0..<128 {
      guard try request.admit(after: count) else { break }
      request.chose(count + 1)
    }
    try request.settle(usage)
    values.append(nanos() - before)
  }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu)
  percentiles("a request of 128 tokens, \(name)", values)
  let used = Int64(cpu.tv_sec) * 1_000_000_000 + Int64(cpu.tv_nsec) - cpuBefore
  print("  CPU time of each: \(milliseconds(used / Int64(requests)))")
}

let second = LedgerWriter(ledger, clock: { clock })
try whole("no caps", second, requests: 2000)
try second.postTariff(try TokenTariff(currency: "USD", uncached: 1, cached: 0, completion: 1), model: "*")
for (cap, scope) in [
  ("all", BudgetScope.all), ("user", .user("user 1")), ("team", .tag(key: "team", value: "1")),
] {
  try second.setCap(cap, scope: scope, period: .day, zone: "UTC", currency: "USD", amountPicos: 1_000_000_000_000)
}
try whole("three caps", second, requests: 2000)
try second.close()
if words.count > 3, words[3] == "keep" { exit(0) }
for suffix in ["", "-wal", "-shm", ".checkpoint"] { unlink(path + suffix) }
rmdir(path + ".writers")
