import Usage

extension LedgerWriter {
  /// Closes as `lost` what writers that are gone have left open, with the counts of their progress files, and gives back
  /// what they held of caps. Cheap where there is nothing to do: one look into a folder.
  /// - Returns: the number of requests closed.
  @discardableResult
  public func recover() throws(LedgerError) -> Int {
    var closed = 0
    for name in Files.names(in: ledger.writersDirectory) where name != Hex.text(self.name) {
      guard let dead = DeadProgress(taking: ledger.writersDirectory + "/" + name) else { continue }
      closed += try close(writer: dead.writer, dead)
      dead.remove()
    }
    for writer in try writersWithoutFiles() { closed += try close(writer: writer, nil) }
    return closed
  }

  /// Writers with open requests whose progress file has gone, with the disk's cache or by somebody's hand.
  private func writersWithoutFiles() throws(LedgerError) -> [[UInt8]] {
    try ledger.locked { () throws(LedgerError) in
      var names: [[UInt8]] = []
      try ledger.connection.each(.writersWithOpenRequests) { row in names.append(row.blob(0)) }
      return names.filter { $0 != self.name && !Files.exists(ledger.writersDirectory + "/" + Hex.text($0)) }
    }
  }

  private func close(writer: [UInt8], _ dead: DeadProgress?) throws(LedgerError) -> Int {
    try transaction { (appender) throws(LedgerError) in
      let connection = appender.connection
      guard let row = try connection.first(.writerNamed, .blob(writer), body: { $0.integer(0) }) else { return 0 }
      var open: [(request: [UInt8], prompt: Int64)] = []
      try connection.each(.openRequests, .integer(row)) { open.append(($0.blob(0), $0.integer(1))) }
      for (request, prompt) in open {
        let known = dead?.requests.first { $0.request == request }
        let isExact = known != nil && dead?.isFromEarlierBoot == false
        var progress = known ?? Progress(request: request)
        if !isExact { try raise(&progress, toHoldsOf: request, prompt: prompt, connection) }
        var closing = try Closing(
          request: request,
          tokens: TokenCounts(
            prompt: Int(progress.prompt), cached: Int(progress.cached), completion: Int(progress.completion)),
          finish: "error", stoppedBy: "lost", cpuNanos: progress.cpuNanos, promptCPUNanos: progress.promptCPUNanos,
          price: try opening(of: request, connection)?.price, detail: nil)
        closing.isExact = isExact
        try charge(&closing, connection)
        try appender.append(RequestLost(closing))
      }
      if let dead { try endProcess(dead, writer: row, &appender) }
      return open.count
    }
  }

  /// Counts that cannot be known are taken as high as they can be, so that no cap is overspent: the whole prompt, and
  /// every token that was paid for in advance.
  private func raise(
    _ progress: inout Progress, toHoldsOf request: [UInt8], prompt: Int64, _ connection: Connection
  ) throws(LedgerError) {
    let projector = Projector(connection)
    guard let row = try projector.request(request) else { return }
    let holds = try projector.holds(ofRequest: row.id)
    progress.prompt = max(progress.prompt, prompt)
    for hold in holds where hold.first >= 0 {
      progress.completion = max(progress.completion, hold.first + hold.tokens)
    }
  }

  /// The event that opened a request.
  func opening(of request: [UInt8], _ connection: Connection) throws(LedgerError) -> RequestOpened? {
    guard let row = try Projector(connection).request(request),
      let event = try connection.first(
        .event, .integer(row.id), body: { (row) throws(LedgerError) in try StoredEvent(row) })
    else { return nil }
    return try RequestOpened(try event.fields())
  }

  /// Sets what budgets are charged, where a cap applied.
  func charge(_ closing: inout Closing, _ connection: Connection) throws(LedgerError) {
    let projector = Projector(connection)
    guard let row = try projector.request(closing.request), let tariff = try projector.tariff(ofRequest: row.id)
    else { return }
    let prompt = try tariff.prompt(Int64(closing.tokens.prompt), cached: Int64(closing.tokens.cached))
    let completion = try tariff.completion(Int64(closing.tokens.completion))
    closing.chargePicos = try Amount.sum(prompt, completion, "the charge of a request")
  }
}
