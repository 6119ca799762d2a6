import Usage

/// The name of a request: 48 bits of milliseconds since 1970, then 80 random bits, so that names are made in order and
/// never twice. Only the server makes them.
public struct RequestIdentity: Sendable, Hashable, CustomStringConvertible {
  let bytes: [UInt8]

  init(at unixNanos: Int64) {
    let milliseconds = UInt64(max(0, unixNanos / 1_000_000))
    bytes = (0..<6).map { UInt8(truncatingIfNeeded: milliseconds >> UInt64(40 - 8 * $0)) } + Hashing.random(10)
  }

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// 32 hexadecimal digits.
  public var description: String { Hex.text(bytes) }
}

/// A chain begins.
struct ChainBegun: EventPayload {
  static let kind = EventKind.chain

  /// Heads of other chains that no chain had named.
  var heads: [Head]

  var fields: [String: CanonicalJSON] {
    [
      "heads": .list(
        heads.map { .object(["writer": .hex($0.writer), "length": .integer($0.length), "hash": .hex($0.hash)]) })
    ]
  }

  init(heads: [Head]) { self.heads = heads }

  init(_ fields: EventFields) throws(LedgerError) {
    heads = []
    for head in try fields.objects("heads") {
      heads.append(
        Head(
          writer: try head.hex("writer", count: 16), length: try head.integer("length"),
          hash: try head.hex("hash", count: Hashing.size)))
    }
  }
}

/// A request is admitted; no token of it has been computed.
struct RequestOpened: EventPayload {
  static let kind = EventKind.opened

  var request: [UInt8]
  var model: ModelIdentity
  /// Hashes that stand for personal values: see `PersonalFields`.
  var user: [UInt8]?
  var tags: [(key: String, value: [UInt8])]
  var promptTokens: Int64
  /// What asked: `run`, `batch`, `bench`. Nil in events from before it was noted.
  var command: String?
  /// What CPU time is charged at; nil where nobody said.
  var price: RequestPrice?
  /// The version of the price rows that it comes from: see `PriceRows`. Nil where there are none, and in older events.
  var prices: [UInt8]?
  /// Prices per token that budgets are charged, and what is held of each cap; nil where no cap applies.
  var tariff: TokenTariff?
  var lease: Lease?

  var fields: [String: CanonicalJSON] {
    var fields: [String: CanonicalJSON] = [
      "request": .hex(request), "model": .text(model.name), "quantization": .text(model.quantization),
      "sha256": .optional(model.sha256), "user": .optionalHex(user), "prompt": .integer(promptTokens),
      "tags": .list(tags.map { .list([.text($0.key), .hex($0.value)]) }), "price": price?.json ?? .null,
    ]
    if let prices { fields["prices"] = .hex(prices) }
    if let command { fields["command"] = .text(command) }
    if let tariff { fields["tariff"] = tariff.json }
    if let lease { fields["lease"] = lease.json }
    return fields
  }

  init(
    request: [UInt8], model: ModelIdentity, user: [UInt8]?, tags: [(key: String, value: [UInt8])], promptTokens: Int64,
    command: String? = nil, price: RequestPrice? = nil, prices: [UInt8]? = nil
  ) {
    self.prices = prices
    self.command = command
    self.request = request
    self.model = model
    self.user = user
    self.tags = tags
    self.promptTokens = promptTokens
    self.price = price
  }

  init(_ fields: EventFields) throws(LedgerError) {
    request = try fields.hex("request", count: 16)
    model = ModelIdentity(
      name: try fields.text("model"), sha256: try fields.optionalText("sha256"),
      quantization: try fields.text("quantization"))
    user = try fields.optionalHex("user", count: Hashing.size)
    tags = []
    for (key, value) in try fields.pairs("tags") {
      guard let hash = Hex.bytes(value, count: Hashing.size) else { throw .unreadableEvent("a tag that is no hash") }
      tags.append((key, hash))
    }
    promptTokens = try fields.integer("prompt")
    command = fields.has("command") ? try fields.text("command") : nil
    price = try fields.optionalObject("price").map { (fields) throws(LedgerError) in try RequestPrice(fields) }
    prices = fields.has("prices") ? try fields.hex("prices", count: Hashing.size) : nil
    tariff = fields.has("tariff") ? try TokenTariff(try fields.object("tariff")) : nil
    lease = fields.has("lease") ? try Lease(try fields.objects("lease")) : nil
  }
}

/// More completion tokens are paid for before they are computed.
struct TokensLeased: EventPayload {
  static let kind = EventKind.leased

  var request: [UInt8]
  var lease: Lease

  var fields: [String: CanonicalJSON] { ["request": .hex(request), "lease": lease.json] }

  init(request: [UInt8], lease: Lease) {
    self.request = request
    self.lease = lease
  }

  init(_ fields: EventFields) throws(LedgerError) {
    request = try fields.hex("request", count: 16)
    lease = try Lease(try fields.objects("lease"))
  }
}

/// What is known of a request when it ends, whoever ends it.
struct Closing: Sendable, Equatable {
  var request: [UInt8]
  var tokens: TokenCounts
  var finish: String
  var stoppedBy: String
  var cpuNanos: Int64
  /// The part of it that went into the prompt; the rest went into the answer.
  var promptCPUNanos: Int64?
  /// False where the counts are what was leased and not what was counted: after a power cut.
  var isExact = true
  var price: RequestPrice?
  var marginalPicos: Int64?
  /// What budgets are charged; nil where no cap applied.
  var chargePicos: Int64?
  /// Nil for a lost request.
  var detail: Detail?

  /// What only a writer that lives to the end can say.
  struct Detail: Sendable, Equatable {
    var timings: RequestTimings
    var processCPUNanos: Int64
    var threadCPUNanos: Int64
    var memory: MemoryUse
    var text: TextSize
    var threads: Int64
    var isa: String
  }

  var fields: [String: CanonicalJSON] {
    var fields: [String: CanonicalJSON] = [
      "request": .hex(request), "prompt": .integer(Int64(tokens.prompt)), "cached": .integer(Int64(tokens.cached)),
      "completion": .integer(Int64(tokens.completion)), "finish": .text(finish), "stopped_by": .text(stoppedBy),
      "cpu_nanos": .integer(cpuNanos), "prompt_cpu_nanos": .optional(promptCPUNanos),
      "exact": .bool(isExact), "price": price?.json ?? .null,
      "marginal": .optionalAmount(marginalPicos),
    ]
    if let chargePicos { fields["charge"] = .amount(chargePicos) }
    if let detail { fields.merge(detail.fields) { first, _ in first } }
    return fields
  }

  init(
    request: [UInt8], tokens: TokenCounts, finish: String, stoppedBy: String, cpuNanos: Int64,
    promptCPUNanos: Int64, price: RequestPrice?, detail: Detail?
  ) throws(LedgerError) {
    self.request = request
    self.tokens = tokens
    self.finish = finish
    self.stoppedBy = stoppedBy
    self.cpuNanos = cpuNanos
    self.promptCPUNanos = min(max(0, promptCPUNanos), cpuNanos)
    self.price = price
    self.detail = detail
    marginalPicos = try price?.cost(ofNanos: cpuNanos)
  }

  init(_ fields: EventFields) throws(LedgerError) {
    request = try fields.hex("request", count: 16)
    tokens = TokenCounts(
      prompt: Int(try fields.integer("prompt")), cached: Int(try fields.integer("cached")),
      completion: Int(try fields.integer("completion")))
    finish = try fields.text("finish")
    stoppedBy = try fields.text("stopped_by")
    cpuNanos = try fields.integer("cpu_nanos")
    promptCPUNanos = fields.has("prompt_cpu_nanos") ? try fields.optionalInteger("prompt_cpu_nanos") : nil
    isExact = try fields.bool("exact")
    price = try fields.optionalObject("price").map { (fields) throws(LedgerError) in try RequestPrice(fields) }
    marginalPicos = try fields.optionalAmount("marginal")
    chargePicos = fields.has("charge") ? try fields.amount("charge") : nil
    detail = fields.has("total_nanos") ? try Detail(fields) : nil
  }
}

extension Closing.Detail {
  var fields: [String: CanonicalJSON] {
    [
      "queue_nanos": .integer(timings.queueNanos), "load_nanos": .integer(timings.loadNanos),
      "prefill_nanos": .integer(timings.prefillNanos), "first_nanos": .optional(timings.firstTokenNanos),
      "decode_nanos": .integer(timings.decodeNanos), "total_nanos": .integer(timings.totalNanos),
      "process_cpu_nanos": .integer(processCPUNanos), "thread_cpu_nanos": .integer(threadCPUNanos),
      "kv_bytes": .integer(memory.kvBytes), "kv_byte_millis": .integer(memory.kvByteMillis),
      "weight_bytes": .integer(memory.weightBytes),
      "peak_resident_bytes": .integer(memory.peakResidentBytes), "prompt_bytes": .integer(text.promptBytes),
      "answer_bytes": .integer(text.answerBytes), "threads": .integer(threads), "isa": .text(isa),
    ]
  }

  init(_ fields: EventFields) throws(LedgerError) {
    timings = RequestTimings(
      queueNanos: try fields.integer("queue_nanos"), loadNanos: try fields.integer("load_nanos"),
      prefillNanos: try fields.integer("prefill_nanos"), firstTokenNanos: try fields.optionalInteger("first_nanos"),
      decodeNanos: try fields.integer("decode_nanos"), totalNanos: try fields.integer("total_nanos"))
    processCPUNanos = try fields.integer("process_cpu_nanos")
    threadCPUNanos = try fields.integer("thread_cpu_nanos")
    memory = MemoryUse(
      peakResidentBytes: try fields.integer("peak_resident_bytes"), weightBytes: try fields.integer("weight_bytes"),
      kvBytes: try fields.integer("kv_bytes"),
      kvByteMillis: fields.has("kv_byte_millis") ? try fields.integer("kv_byte_millis") : 0)
    text = TextSize(
      promptBytes: try fields.integer("prompt_bytes"), answerBytes: try fields.integer("answer_bytes"))
    threads = try fields.integer("threads")
    isa = try fields.text("isa")
  }

  init(_ usage: UsageRecord) {
    timings = usage.timings
    processCPUNanos = usage.cpu.processNanos
    threadCPUNanos = usage.cpu.threadNanos
    memory = usage.memory
    text = usage.text
    threads = Int64(usage.execution.threads)
    isa = usage.execution.isa
  }
}

/// Its writer closed a request.
struct RequestSettled: EventPayload {
  static let kind = EventKind.settled
  var closing: Closing
  var fields: [String: CanonicalJSON] { closing.fields }
  init(_ closing: Closing) { self.closing = closing }
  init(_ fields: EventFields) throws(LedgerError) { closing = try Closing(fields) }
}

/// Somebody else closed it, since its writer is gone.
struct RequestLost: EventPayload {
  static let kind = EventKind.lost
  var closing: Closing
  var fields: [String: CanonicalJSON] { closing.fields }
  init(_ closing: Closing) { self.closing = closing }
  init(_ fields: EventFields) throws(LedgerError) { closing = try Closing(fields) }
}

/// A personal value was forgotten; its hash stays in the events and can no longer be undone.
struct ValueForgotten: EventPayload {
  static let kind = EventKind.forgotten
  var hash: [UInt8]
  var fields: [String: CanonicalJSON] { ["hash": .hex(hash)] }
  init(hash: [UInt8]) { self.hash = hash }
  init(_ fields: EventFields) throws(LedgerError) { hash = try fields.hex("hash", count: Hashing.size) }
}

/// Nothing that happens in this month is counted in it any more.
struct MonthClosed: EventPayload {
  static let kind = EventKind.closed
  /// Months since year zero: year * 12 + month - 1.
  var month: Int64
  var fields: [String: CanonicalJSON] { ["month": .integer(month)] }
  init(month: Int64) { self.month = month }
  init(_ fields: EventFields) throws(LedgerError) { month = try fields.integer("month") }
}
