import Pricing

/// What a machine's burst credits did in a period. Modelled: by what recorders saw, an unobserved time taken as idle.
public struct BurstSpending: Sendable, Hashable {
  /// Charged for virtual CPUs beyond what was earned and saved, and how much of them.
  public var picos: Int64 = 0
  public var chargedNanos: Int64 = 0
  /// At the end of the period.
  public var balanceNanos: Int64 = 0
  public var debtNanos: Int64 = 0
  /// Of the time since the machine was begun to be paid for, up to the end of the period: wall time without a recorder.
  public var unobservedNanos: Int64 = 0
}

extension Ledger {
  /// Follows a machine's burst credits from its first moment, through every interval that was recorded.
  /// - Parameters:
  ///   - row: its type in the price book.
  ///   - start: and `stop`: the period whose charges are added up, nanoseconds since 1970.
  /// - Returns: nil where the type has no credits.
  /// - Throws: `invalid` where the machine is unknown; `overflow`.
  public func burstSpending(
    machine name: String, as row: Machine, from start: Int64, to stop: Int64
  ) throws(LedgerError) -> BurstSpending? {
    do {
      guard var meter = try row.burstMeter() else { return nil }
      return try locked { () throws(any Error) in
        guard let machine = try connection.first(.machine, .text(name), body: { MachineRecord($0) }) else {
          throw LedgerError.invalid("the ledger knows no machine '\(name)' (see `farthing help machine add`)")
        }
        var follower = BurstFollower(at: machine.provisionedAt, from: start)
        let end = min(stop, machine.retiredAt ?? .max)
        for interval in try intervals(of: name, from: machine.provisionedAt, to: end) {
          try follower.pass(to: interval, &meter)
        }
        try follower.idle(until: end, &meter)
        if let retired = machine.retiredAt, retired <= stop { try follower.stop(&meter) }
        (follower.spending.balanceNanos, follower.spending.debtNanos) = (meter.balance, meter.debt)
        return follower.spending
      }
    } catch let error as LedgerError {
      throw error
    } catch {
      throw .overflow("the credits of the machine '\(name)'")
    }
  }

  private func intervals(of name: String, from start: Int64, to end: Int64) throws(LedgerError) -> [BurstFollower.Seen]
  {
    var seen: [BurstFollower.Seen] = []
    try connection.each(.intervals, .text(name), .integer(start), .integer(end)) { row in
      // What ran on the machine, whoever's it was; idle time earns.
      let used = row.integer(0) &+ row.integer(1) &+ row.integer(2)
      seen.append((row.integer(6), row.integer(7), used))
    }
    return seen.sorted { ($0.start, $0.stop) < ($1.start, $1.stop) }
  }
}

private struct BurstFollower {
  typealias Seen = (start: Int64, stop: Int64, used: Int64)

  var spending = BurstSpending()
  private var now: Int64
  private let from: Int64

  init(at start: Int64, from: Int64) {
    now = start
    self.from = from
  }

  mutating func pass(to seen: Seen, _ meter: inout BurstMeter) throws {
    // Two recorders never see the same time; what reaches back is passed over.
    guard seen.start >= now, seen.stop > seen.start else { return }
    try idle(until: seen.start, &meter)
    try run(until: seen.stop, seen.used, &meter)
  }

  mutating func idle(until moment: Int64, _ meter: inout BurstMeter) throws {
    guard moment > now else { return }
    spending.unobservedNanos += moment - now
    try run(until: moment, 0, &meter)
  }

  mutating func stop(_ meter: inout BurstMeter) throws {
    let before = meter.chargedNanos
    add(try meter.stop(), meter.chargedNanos - before)
  }

  private mutating func run(until moment: Int64, _ used: Int64, _ meter: inout BurstMeter) throws {
    let before = meter.chargedNanos
    let stretch = try meter.run(nanos: moment - now, demand: used)
    now = moment
    add(stretch.charged, meter.chargedNanos - before)
  }

  /// Charges of stretches that end in the period.
  private mutating func add(_ charged: Money, _ nanos: Int64) {
    guard now > from else { return }
    spending.picos &+= charged.picos
    spending.chargedNanos &+= nanos
  }
}
