/// A machine that is paid for by the hour, or what is known of it has changed.
public struct MachineRecord: Sendable, Hashable {
  /// As the person names it; recorders say it too.
  public var machine: String
  public var type: String
  public var currency: String
  /// When it was begun to be paid for, nanoseconds since 1970; whole hours.
  public var provisionedAt: Int64
  /// When it was given back; nil where it is still paid for.
  public var retiredAt: Int64?
  public var vcpus: Int64
  /// Its price: so many pico-units for so many nanoseconds of the whole machine.
  public var picos: Int64
  public var per: Int64
  /// `on-demand`, `1-year`, `spot`, …
  public var commitment: String

  public init(
    machine: String, type: String, currency: String, provisionedAt: Int64, retiredAt: Int64?, vcpus: Int64,
    picos: Int64, per: Int64, commitment: String
  ) {
    precondition(per > 0, "a price is for a positive time")
    self.machine = machine
    self.type = type
    self.currency = currency
    self.provisionedAt = provisionedAt
    self.retiredAt = retiredAt
    self.vcpus = vcpus
    self.picos = picos
    self.per = per
    self.commitment = commitment
  }
}

struct MachineAdded: EventPayload {
  static let kind = EventKind.machine

  var record: MachineRecord

  var fields: [String: CanonicalJSON] {
    [
      "machine": .text(record.machine), "type": .text(record.type), "currency": .text(record.currency),
      "provisioned_at": .integer(record.provisionedAt), "retired_at": .optional(record.retiredAt),
      "vcpus": .integer(record.vcpus), "picos": .integer(record.picos), "per": .integer(record.per),
      "commitment": .text(record.commitment),
    ]
  }

  init(_ record: MachineRecord) { self.record = record }

  init(_ fields: EventFields) throws(LedgerError) {
    let per = try fields.integer("per")
    guard per > 0 else { throw .unreadableEvent("a machine's price for \(per) ns") }
    record = MachineRecord(
      machine: try fields.text("machine"), type: try fields.text("type"), currency: try fields.text("currency"),
      provisionedAt: try fields.integer("provisioned_at"), retiredAt: try fields.optionalInteger("retired_at"),
      vcpus: try fields.integer("vcpus"), picos: try fields.integer("picos"), per: per,
      commitment: try fields.text("commitment"))
  }
}

/// Where a machine's time went. The parts are vCPU-nanoseconds and add up to virtual CPUs times the time that passed.
public struct MachineTime: Sendable, Hashable {
  /// CPU time of requests.
  public var requests: Int64 = 0
  /// CPU time of the processes that serve them, beside the requests: start, load, printing, the ledger.
  public var overhead: Int64 = 0
  /// CPU time of everything else on the machine.
  public var other: Int64 = 0
  /// Idle while a model was loaded and nobody asked.
  public var wasted: Int64 = 0
  public var idle: Int64 = 0
  /// Taken by the host that the machine runs on.
  public var stolen: Int64 = 0
  /// Paid for while nobody recorded.
  public var unobserved: Int64 = 0

  public init() {}

  /// The parts by name, in the order of every table.
  public static let parts: [(name: String, path: any WritableKeyPath<MachineTime, Int64> & Sendable)] = [
    ("requests", \.requests), ("overhead", \.overhead), ("other", \.other), ("wasted", \.wasted), ("idle", \.idle),
    ("stolen", \.stolen), ("unobserved", \.unobserved),
  ]

  public var values: [Int64] { Self.parts.map { self[keyPath: $0.path] } }
  public var total: Int64 { values.reduce(0, &+) }

  mutating func add(_ other: MachineTime) throws(LedgerError) {
    for part in Self.parts {
      self[keyPath: part.path] = try Amount.sum(
        self[keyPath: part.path], other[keyPath: part.path], "a machine's time")
    }
  }

  /// Divides `total` vCPU-nanoseconds among what was measured, which never quite adds up: each part gets what was
  /// measured of it as long as there is any left, in the order stolen, requests, overhead, other, wasted; the rest is idle.
  init(total: Int64, stolen: Int64, requests: Int64, overhead: Int64, other: Int64, wasted: Int64) {
    var left = max(0, total)
    func take(_ wanted: Int64) -> Int64 {
      let taken = min(max(0, wanted), left)
      left -= taken
      return taken
    }
    self.stolen = take(stolen)
    self.requests = take(requests)
    self.overhead = take(overhead)
    self.other = take(other)
    self.wasted = take(wasted)
    idle = left
  }
}

/// What one recorder saw of one machine in one stretch of time, which never reaches over the end of an hour.
struct IntervalRecorded: EventPayload {
  static let kind = EventKind.interval

  var machine: String
  var boot: [UInt8]
  var start: Int64
  var stop: Int64
  var vcpus: Int64
  var time: MachineTime
  /// CPU time of each request within the stretch; the parts add up to `time.requests` or, where the kernel's coarser
  /// count left less for them, to more.
  var shares: [(request: [UInt8], cpuNanos: Int64)]

  var fields: [String: CanonicalJSON] {
    var fields: [String: CanonicalJSON] = [
      "machine": .text(machine), "boot": .hex(boot), "start": .integer(start), "stop": .integer(stop),
      "vcpus": .integer(vcpus),
      "shares": .list(shares.map { .list([.text(Hex.text($0.request)), .text(String($0.cpuNanos))]) }),
    ]
    for part in MachineTime.parts where part.name != "unobserved" {
      fields[part.name] = .integer(time[keyPath: part.path])
    }
    return fields
  }

  init(
    machine: String, boot: [UInt8], start: Int64, stop: Int64, vcpus: Int64, time: MachineTime,
    shares: [(request: [UInt8], cpuNanos: Int64)]
  ) {
    self.machine = machine
    self.boot = boot
    self.start = start
    self.stop = stop
    self.vcpus = vcpus
    self.time = time
    self.shares = shares
  }

  init(_ fields: EventFields) throws(LedgerError) {
    machine = try fields.text("machine")
    boot = try fields.hex("boot", count: 16)
    start = try fields.integer("start")
    stop = try fields.integer("stop")
    vcpus = try fields.integer("vcpus")
    time = MachineTime()
    for part in MachineTime.parts where part.name != "unobserved" {
      time[keyPath: part.path] = try fields.integer(part.name)
    }
    shares = []
    for (request, nanos) in try fields.pairs("shares") {
      guard let name = Hex.bytes(request, count: 16), let nanos = Int64(nanos) else {
        throw .unreadableEvent("a share of an interval")
      }
      shares.append((name, nanos))
    }
  }
}

/// One line of an invoice.
public struct InvoiceLine: Sendable, Hashable {
  public var invoice: String
  /// Number or name of the line; with the invoice it is unique, so that an import can be repeated.
  public var line: String
  /// The machine whose time it pays for; nil for a disk, an address, traffic, tax.
  public var machine: String?
  public var currency: String
  /// The hours that it is for, nanoseconds since 1970; whole hours for a machine's.
  public var start: Int64
  public var stop: Int64
  /// May be negative: a credit.
  public var picos: Int64

  public init(
    invoice: String, line: String, machine: String?, currency: String, start: Int64, stop: Int64, picos: Int64
  ) {
    self.invoice = invoice
    self.line = line
    self.machine = machine
    self.currency = currency
    self.start = start
    self.stop = stop
    self.picos = picos
  }
}

struct InvoiceImported: EventPayload {
  static let kind = EventKind.invoice

  var line: InvoiceLine

  var fields: [String: CanonicalJSON] {
    [
      "invoice": .text(line.invoice), "line": .text(line.line), "machine": .optional(line.machine),
      "currency": .text(line.currency), "start": .integer(line.start), "stop": .integer(line.stop),
      "amount": .amount(line.picos),
    ]
  }

  init(_ line: InvoiceLine) { self.line = line }

  init(_ fields: EventFields) throws(LedgerError) {
    line = InvoiceLine(
      invoice: try fields.text("invoice"), line: try fields.text("line"), machine: try fields.optionalText("machine"),
      currency: try fields.text("currency"), start: try fields.integer("start"), stop: try fields.integer("stop"),
      picos: try fields.amount("amount"))
  }
}
