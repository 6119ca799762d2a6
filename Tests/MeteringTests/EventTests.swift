import Foundation
import Testing

@testable import Metering

@Suite struct EventTests {
  @Test func canonicalTextIsReadBackAndNothingElseIs() {
    let value = CanonicalJSON.object([
      "b": .list([.integer(-5), .null, .bool(true), .bool(false), .integer(.max), .integer(.min)]),
      "a": .text("q\"\\\u{8}\t\n\u{c}\r\u{1}\u{1f}/\u{7f}é\u{1F600}"), "ab": .object([:]), "c": .list([]),
    ])
    let expected =
      #"{"a":"q\"\\\b\t\n\f\r\u0001\u001f/"# + "\u{7f}é\u{1F600}"
      + #"","ab":{},"b":[-5,null,true,false,9223372036854775807,-9223372036854775808],"c":[]}"#
    #expect(String(decoding: value.bytes, as: UTF8.self) == expected)
    #expect(CanonicalJSON(value.bytes) == value)
    for text in [
      "", "{", #"{"b":1,"a":2}"#, #"{"a":1,"a":2}"#, "01", "-0", "1.0", "1e3", "[1, 2]", "[1,]", #""\u00ff""#,
      #""\x""#, "\"\n\"", "nul", "[1]]", "9223372036854775808", String(repeating: "[", count: 50),
    ] { #expect(CanonicalJSON(Array(text.utf8)) == nil, "\(text)") }
  }

  @Test func chainsAreWholeAndNameEachOther() throws {
    let bench = try Bench()
    let first = try bench.writer()
    try Sample.request(first)
    let head = try first.ledger.heads()
    #expect(head.count == 1 && head[0].length == 3)
    let second = try bench.writer()
    try Sample.request(second)
    // The second chain has named the first, so that its head stands for both.
    #expect(try second.ledger.heads().map(\.writer) == [second.name])
    try Sample.request(first)
    #expect(try Set(second.ledger.heads().map(\.writer)) == [first.name, second.name])
    let verified = try first.ledger.verify(heads: head)
    #expect(verified.events == 8 && verified.chains == 2 && verified.requests == 3 && verified.provenHeads == 1)
    #expect(Head(head[0].description) == head[0])
    #expect(Head("00:1:00") == nil)
  }

  /// What somebody with an editor could do to the file.
  static let edits = [
    "UPDATE events SET body = replace(body, 'tiny', 'tony') WHERE id = 2",
    "UPDATE events SET at = at + 1 WHERE id = 2", "UPDATE events SET kind = 'lost' WHERE id = 3",
    "DELETE FROM events WHERE id = 2", "DELETE FROM events WHERE id = 3", "DELETE FROM events WHERE id = 1",
    "UPDATE events SET hash = zeroblob(32) WHERE id = 3", "UPDATE writers SET length = length + 1",
    "UPDATE writers SET head = zeroblob(32) WHERE id = 1", "DELETE FROM writers WHERE id = 1",
    "UPDATE events SET writer = 2, position = position + 10 WHERE id = 3",
    "DELETE FROM events WHERE writer = 1; DELETE FROM writers WHERE id = 1",
    "UPDATE requests SET completion = completion - 1 WHERE id = 2", "UPDATE requests SET marginal = 0",
    "DELETE FROM totals", "UPDATE totals SET marginal = marginal - 1", "DELETE FROM request_tags",
    "UPDATE personal SET value = 'somebody else' WHERE field = 'user'", "UPDATE writers SET cut = 1",
    "INSERT INTO spending VALUES (1, 0, 5, 0)",
  ]

  @Test(arguments: edits)
  func everyEditIsFound(edit: String) throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try Sample.request(writer, Sample.opening(user: "ada", tags: [("team", "blue")]))
    try Sample.request(try bench.writer())
    #expect(throws: Never.self) { try writer.ledger.verify() }
    try writer.ledger.connection.script(edit, name: "edit")
    #expect { try writer.ledger.verify() } throws: { error in
      switch error as? LedgerError {
      case .corrupt, .unreadableEvent: true
      default: false
      }
    }
  }

  @Test func aHeadProvesThatNothingBeforeItWasCut() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    for _ in 0..<3 { try Sample.request(writer) }
    let head = try writer.ledger.heads()
    // The end is cut off so that the rest is whole by itself: only the head that was noted outside tells.
    try writer.ledger.connection.script(
      """
      DELETE FROM events WHERE position > 4; DELETE FROM requests WHERE id > 5;
      UPDATE writers SET length = 5, head = (SELECT hash FROM events WHERE position = 4);
      """, name: "cut")
    try writer.ledger.rebuild()
    #expect(throws: Never.self) { try writer.ledger.verify() }
    #expect(throws: LedgerError.self) { try writer.ledger.verify(heads: head) }
  }

  @Test func rebuildMakesTheSameTables() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    for index in 0..<20 {
      try Sample.request(
        writer, Sample.opening(user: "user\(index % 3)", tags: [("team", "t\(index % 2)"), ("job", "\(index)")]),
        Sample.usage(completion: index))
      bench.clock.advance(seconds: 7_000)
    }
    let tables = Migrations.projections + ["writers"]
    let before = try tables.map { try writer.ledger.connection.content(of: $0) }
    try writer.ledger.connection.script("DELETE FROM requests; UPDATE totals SET prompt = 1;", name: "damage")
    #expect(try writer.ledger.rebuild() == 41)
    #expect(try tables.map { try writer.ledger.connection.content(of: $0) } == before)
  }

  @Test func aForgottenUserIsNowhereInTheFiles() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    let name = "Augusta-Ada-King-1815"
    for _ in 0..<4 { try Sample.request(writer, Sample.opening(user: name, tags: [("team", "engine-room-7")])) }
    try Sample.request(writer, Sample.opening(user: "charles"))
    let head = try writer.ledger.heads()
    try Checkpointer(path: bench.path, vfs: nil).checkpoint()
    #expect(found(name, bench))
    try writer.forget(.user(name))
    try writer.forget(.tag(key: "team", value: "engine-room-7"))
    #expect(!found(name, bench))
    #expect(!found("engine-room-7", bench))
    #expect(found("charles", bench))
    let verified = try writer.ledger.verify(heads: head)
    #expect(verified.requests == 5)
    #expect(throws: LedgerError.invalid("the ledger knows no such user")) { try writer.forget(.user(name)) }
    // The same person may come back, as somebody new.
    try Sample.request(writer, Sample.opening(user: name))
    #expect(try writer.ledger.verify().requests == 6)
  }

  private func found(_ text: String, _ bench: Bench) -> Bool {
    ["", "-wal"].contains { suffix in
      let bytes = (try? Data(contentsOf: URL(filePath: bench.path + suffix))) ?? Data()
      return bytes.range(of: Data(text.utf8)) != nil
    }
  }

  @Test func retentionKeepsHeadsAndTotals() throws {
    let bench = try Bench()
    bench.clock.set(1_790_000_000_000_000_000)  // 2026-09-21
    let old = try bench.writer()
    for index in 0..<10 { try Sample.request(old, Sample.opening(), Sample.usage(completion: index)) }
    let noted = try old.ledger.heads()
    let still = try old.open(Sample.opening())
    try Sample.request(old)
    bench.clock.set(1_795_608_000_000_000_000)
    let writer = try bench.writer()
    try Sample.request(writer)
    let day = try writer.ledger.totals(ofDayAt: 1_790_000_000_000_000_000)
    let cut = try writer.prune(before: 1_793_000_000_000_000_000)
    // The chain is cut up to the request that is still open.
    #expect(cut.events == 21 && cut.requests == 10)
    let verified = try writer.ledger.verify()
    #expect(verified.cutChains == 1 && verified.requests == 3)
    #expect(try writer.ledger.totals(ofDayAt: 1_790_000_000_000_000_000) == day)
    // The head before the cut is the one that the cut has kept; an earlier one can be proved no more.
    #expect(try writer.ledger.verify(heads: noted).provenHeads == 1)
    try still.settle(Sample.usage())
    #expect(try writer.prune(before: 1_793_000_000_000_000_000).requests == 0)
    #expect(try writer.ledger.verify().requests == 3)
    #expect(throws: LedgerError.self) { try writer.prune(before: bench.clock.now) }
    try writer.ledger.connection.script("UPDATE writers SET cut_head = zeroblob(32) WHERE cut > 0", name: "edit")
    #expect(throws: LedgerError.self) { try writer.ledger.verify() }
  }

  @Test func anExportHoldsWhatWasHashed() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try Sample.request(writer, Sample.opening(user: "lovelace"))
    var text: [UInt8] = []
    try writer.ledger.export { text += $0 }
    let lines = text.split(separator: UInt8(ascii: "\n")).map(Array.init)
    #expect(lines.count == 5)
    var hash = Hashing.zero
    for line in lines[1...3] {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
      let marker = try #require(Data(line).range(of: Data("\"event\":".utf8)))
      hash = Hashing.sha256(hash, Array(line[marker.upperBound..<line.count - 1]))
      #expect(object["hash"] as? String == Hex.text(hash))
    }
    let last = try #require(try JSONSerialization.jsonObject(with: Data(lines[4])) as? [String: Any])
    #expect(last["heads"] as? [String] == ["\(Hex.text(writer.name)):3:\(Hex.text(hash))"])
    #expect(Data(text).range(of: Data("lovelace".utf8)) == nil)
  }

  /// Once for each content, whoever prices with it; and no request that stays loses what it was priced with.
  @Test func pricesAreRecordedOnceAndOutliveRetention() throws {
    let bench = try Bench()
    bench.clock.set(1_790_000_000_000_000_000)
    let prices = try (0..<3).map { try History.prices(seed: $0).rows }
    func request(_ writer: LedgerWriter, _ index: Int) throws {
      var opening = Sample.opening()
      opening.prices = prices[index]
      try Sample.request(writer, opening)
    }
    let old = try bench.writer()
    for index in [0, 1, 0, 1, 2] { try request(old, index) }
    let versions = { try old.ledger.connection.priceVersions() }
    #expect(try versions() == prices)
    bench.clock.set(1_795_608_000_000_000_000)
    let writer = try bench.writer()
    for index in [1, 1] { try request(writer, index) }
    #expect(try writer.ledger.verify().events == 1 + 5 * 2 + 3 + 1 + 2 * 2)
    #expect(try writer.prune(before: 1_793_000_000_000_000_000).requests == 5)
    #expect(try versions() == [prices[1]])
    #expect(try writer.ledger.verify().requests == 2)
    try request(writer, 2)
    #expect(try versions() == [prices[1], prices[2]])
    // Other rows are another version, to the last digit.
    #expect(Set(prices.map(\.version)).count == 3)
  }
}
