import Usage

extension Ledger {
  /// Writes the events as JSON lines: first what ledger this is, then one line for each event in the order of commits,
  /// and last the heads.
  ///
  /// ```
  /// {"ledger":"…","schema":4}
  /// {"id":1,"hash":"…","event":{"at":…,"kind":"chain",…}}
  /// {"heads":["writer:length:hash"],"cuts":[],"events":1}
  /// ```
  /// The bytes after `"event":` up to the last brace are exactly those that were hashed. A chain's first hash is taken
  /// over 32 zero bytes, or the hash that `cuts` states, followed by these bytes.
  public func export(_ write: ([UInt8]) throws(LedgerError) -> Void) throws(LedgerError) {
    let identity = try identity()
    try locked { () throws(LedgerError) in
      try connection.run(.beginReading)
      defer { try? connection.run(.commit) }
      var first = JSONWriter()
      first.object { json in
        json.field("ledger", identity)
        json.field("schema", Migrations.newest)
      }
      try write(first.bytes + [UInt8(ascii: "\n")])
      var count = 0
      try connection.each(.eventsInOrder) { (row) throws(LedgerError) in
        let event = try StoredEvent(row)
        var line = Array("{\"id\":\(event.id),\"hash\":\"\(Hex.text(event.hash))\",\"event\":".utf8)
        line += event.body
        line += Array("}\n".utf8)
        try write(line)
        count += 1
      }
      try write(try lastLine(events: count))
    }
  }

  private func lastLine(events: Int) throws(LedgerError) -> [UInt8] {
    var heads: [String] = []
    try connection.each(.tips) { row in
      heads.append(Head(writer: row.blob(1), length: row.integer(2), hash: row.blob(3)).description)
    }
    var cuts: [String] = []
    try connection.each(.allWriters) { row in
      guard let hash = row.optionalBlob(5), row.integer(4) > 0 else { return }
      cuts.append(Head(writer: row.blob(1), length: row.integer(4), hash: hash).description)
    }
    var json = JSONWriter()
    json.object { json in
      json.array("heads") { json in for head in heads { json.value(head) } }
      json.array("cuts") { json in for cut in cuts { json.value(cut) } }
      json.field("events", events)
    }
    return json.bytes + [UInt8(ascii: "\n")]
  }
}
