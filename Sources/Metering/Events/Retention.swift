import Usage

/// Old requests are cut from the events; what they added up to stays, and so does the proof of what was cut.
struct Checkpoint: EventPayload {
  static let kind = EventKind.checkpoint

  /// Everything cut happened before this moment.
  var before: Int64
  /// Hash over all lines `writer:length:hash` of what was ever cut, in the order of the writers' names, and how many.
  var digest: [UInt8]
  var chains: Int64
  /// Requests that this checkpoint cut, in all.
  var requests: Int64
  var totals: [Line]
  /// What processes used whose ends this checkpoint cut.
  var processes: ProcessTime

  /// What the requests cut by this checkpoint add up to.
  struct Line: Sendable {
    var day: Int64
    var model: ModelIdentity
    var currency: String
    var totals: Totals
  }

  var fields: [String: CanonicalJSON] {
    [
      "before": .integer(before), "digest": .hex(digest), "chains": .integer(chains), "requests": .integer(requests),
      "totals": .list(totals.map { .object($0.fields) }),
      "process_cpu_nanos": .integer(processes.cpuNanos), "process_requests": .integer(processes.requestNanos),
    ]
  }

  init(before: Int64, digest: [UInt8], chains: Int64, requests: Int64, totals: [Line], processes: ProcessTime) {
    self.before = before
    self.digest = digest
    self.chains = chains
    self.requests = requests
    self.totals = totals
    self.processes = processes
  }

  init(_ fields: EventFields) throws(LedgerError) {
    before = try fields.integer("before")
    digest = try fields.hex("digest", count: Hashing.size)
    chains = try fields.integer("chains")
    requests = try fields.integer("requests")
    totals = []
    for line in try fields.objects("totals") { totals.append(try Line(line)) }
    processes = ProcessTime()
    // Not in those from before it was noted.
    guard fields.has("process_cpu_nanos") else { return }
    processes.cpuNanos = try fields.integer("process_cpu_nanos")
    processes.requestNanos = try fields.integer("process_requests")
  }
}

extension Checkpoint.Line {
  var fields: [String: CanonicalJSON] {
    [
      "day": .integer(day), "model": .text(model.name), "quantization": .text(model.quantization),
      "sha256": .optional(model.sha256), "currency": .text(currency), "requests": .integer(totals.requests),
      "prompt": .integer(totals.prompt), "cached": .integer(totals.cached), "completion": .integer(totals.completion),
      "cpu_nanos": .integer(totals.cpuNanos), "unpriced": .integer(totals.unpriced),
      "marginal": .amount(totals.marginalPicos),
    ]
  }

  init(_ fields: EventFields) throws(LedgerError) {
    day = try fields.integer("day")
    model = ModelIdentity(
      name: try fields.text("model"), sha256: try fields.optionalText("sha256"),
      quantization: try fields.text("quantization"))
    currency = try fields.text("currency")
    totals = Totals()
    totals.requests = try fields.integer("requests")
    totals.prompt = try fields.integer("prompt")
    totals.cached = try fields.integer("cached")
    totals.completion = try fields.integer("completion")
    totals.cpuNanos = try fields.integer("cpu_nanos")
    totals.unpriced = try fields.integer("unpriced")
    totals.marginalPicos = try fields.amount("marginal")
  }
}
