// A process that runs metered requests without a model, for tests of what many processes do to one ledger:
//
//     LedgerWorker LEDGER SEED REAL_START LEDGER_START FACTOR UNTIL
//
// Its ledger's clock shows LEDGER_START (nanoseconds since 1970) at the real time REAL_START, and runs FACTOR times as
// fast; at UNTIL, by that clock, it ends. Requests differ in size, user, team and model, and are finished, cancelled, cut
// by a cap, or left open by a process that kills itself.
import Glibc
import Metering
import Usage

func realNanos() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

struct Random {
  var state: UInt64

  mutating func below(_ limit: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((z ^ (z >> 31)) % UInt64(limit))
  }
}

let words = CommandLine.arguments
let numbers = words.dropFirst(2).compactMap { Int64($0) }
guard words.count == 7, numbers.count == 5 else {
  print("usage: LedgerWorker LEDGER SEED REAL_START LEDGER_START FACTOR UNTIL")
  exit(2)
}
let (realStart, ledgerStart, factor, until) = (numbers[1], numbers[2], numbers[3], numbers[4])
let clock: @Sendable () -> Int64 = { ledgerStart + (realNanos() - realStart) * factor }
var random = Random(state: UInt64(numbers[0]))

/// One request. False where a cap had no room for it.
func work(_ writer: LedgerWriter, _ random: inout Random) throws -> Bool {
  let prompt = random.below(30) + 1
  let limit = random.below(150) + 1
  let opening = RequestOpening(
    model: ModelIdentity(name: random.below(3) == 0 ? "other" : "tiny", quantization: "Q4_0"), promptTokens: prompt,
    user: "u\(random.below(3))", tags: [("team", random.below(2) == 0 ? "blue" : "red")], tokenLimit: limit,
    price: RequestPrice(currency: "USD", picos: 13, per: 4500))
  let request: MeteredRequest
  do {
    request = try writer.open(opening)
  } catch LedgerError.overBudget {
    return false
  }
  let cached = random.below(prompt + 1)
  request.computed(prompt: prompt, cached: cached)
  var count = 0
  while count < limit, try request.admit(after: count) {
    count += 1
    request.chose(count)
    // Some end with their process, and what they hold with them.
    if random.below(2_000) == 0 { kill(getpid(), SIGKILL) }
    if random.below(300) == 0 {
      try request.fail(.interrupted)
      return true
    }
  }
  let isCut = count < limit
  try request.settle(
    UsageRecord(
      tokens: TokenCounts(prompt: prompt, cached: cached, completion: count),
      timings: RequestTimings(
        loadNanos: 0, prefillNanos: 1_000, firstTokenNanos: count > 0 ? 2_000 : nil, decodeNanos: 3_000,
        totalNanos: 5_000),
      cpu: CPUTime(processNanos: 9, requestNanos: 8, threadNanos: 8),
      memory: MemoryUse(peakResidentBytes: 1, weightBytes: 1, kvBytes: 1), finish: isCut ? .budget : .tokenLimit,
      model: opening.model, execution: ExecutionIdentity(threads: 1, isa: "none"),
      text: TextSize(promptBytes: 4, answerBytes: 9), startedAtUnixNanos: clock()))
  return true
}

let writer = LedgerWriter(try Ledger(path: words[1], create: false), clock: clock)
while clock() < until {
  if try !work(writer, &random) { usleep(2_000) }
}
try writer.close()
