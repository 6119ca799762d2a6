/// A threshold of a cap that was just crossed.
struct FiredAlert: Sendable {
  let cap: Cap
  let period: Int64
  let percent: Int64
  let spent: Int64
}

extension LedgerWriter {
  static let thresholds: [Int64] = [50, 80, 95, 100]

  /// Appends an event for each threshold that spending has reached and that nobody has announced. The one who appends
  /// it announces it, so it is said once.
  func alerts(
    _ caps: [(cap: Int64, period: Int64)], _ appender: inout Appender
  ) throws(LedgerError) -> [FiredAlert] {
    guard !caps.isEmpty else { return [] }
    let connection = appender.connection
    var known: [Int64: Cap] = [:]
    try connection.each(.caps) { (row) throws(LedgerError) in
      let cap = try Cap(row)
      known[cap.id] = cap
    }
    var seen: Set<[Int64]> = []
    var fired: [FiredAlert] = []
    for (id, period) in caps where seen.insert([id, period]).inserted {
      guard let cap = known[id] else { continue }
      let spent = try Projector(connection).spending(cap: id, period: period).spent
      for percent in Self.thresholds where Int128(spent) * 100 >= Int128(cap.picos) * Int128(percent) {
        if let alert = try fire(cap, period, percent, spent, &appender) { fired.append(alert) }
      }
    }
    return fired
  }

  private func fire(
    _ cap: Cap, _ period: Int64, _ percent: Int64, _ spent: Int64, _ appender: inout Appender
  ) throws(LedgerError) -> FiredAlert? {
    var said: Set<Int64> = []
    try appender.connection.each(.alerts, .integer(cap.id), .integer(period)) { said.insert($0.integer(0)) }
    guard !said.contains(percent) else { return nil }
    try appender.append(AlertFired(cap: cap.id, period: period, percent: percent))
    return FiredAlert(cap: cap, period: period, percent: percent, spent: spent)
  }

  /// A request was refused. Where the cap has no room for a token any more it is spent, though a fraction is left.
  func fireExhausted(_ refusal: Refusal) throws(LedgerError) {
    guard refusal.isExhausted else { return }
    let fired = try transaction { (appender) throws(LedgerError) -> [FiredAlert] in
      try fire(refusal.cap, refusal.period, 100, refusal.spent, &appender).map { [$0] } ?? []
    }
    run(fired)
  }

  /// Starts the command that was given for alerts, once for each.
  func run(_ alerts: [FiredAlert]) {
    guard let onAlert else { return }
    for alert in alerts {
      AlertCommand.start(
        onAlert,
        [
          "FARTHING_ALERT_CAP": alert.cap.name, "FARTHING_ALERT_PERCENT": String(alert.percent),
          "FARTHING_ALERT_SPENT": Amount.text(alert.spent), "FARTHING_ALERT_AMOUNT": Amount.text(alert.cap.picos),
          "FARTHING_ALERT_CURRENCY": alert.cap.currency, "FARTHING_ALERT_PERIOD": alert.cap.period.rawValue,
        ])
    }
  }
}
