import Foundation
import Testing

@testable import Metering

/// Stored text: sealed in the file, opened only with its key and as its request's, and gone when it is forgotten.
@Suite struct TextTests {
  private static let prompt = "the secret of Analytical-Engine-1843"
  private static let answer = "weaves algebraic patterns \u{1F600}"

  private func keyed(_ bench: Bench) throws -> LedgerWriter {
    let writer = try bench.writer()
    writer.textKey = try TextKey.made(at: bench.folder.appending(path: "keys/text.key").path)
    return writer
  }

  @discardableResult
  private func request(_ writer: LedgerWriter, user: String? = nil, prompt: String = prompt) throws -> String {
    let request = try writer.open(Sample.opening(user: user))
    try request.settle(
      Sample.usage(), text: RequestText(prompt: Array(prompt.utf8), answer: Array(Self.answer.utf8)))
    return request.identity.description
  }

  private func found(_ text: String, _ bench: Bench) -> Bool {
    ["", "-wal"].contains { suffix in
      let bytes = (try? Data(contentsOf: URL(filePath: bench.path + suffix))) ?? Data()
      return bytes.range(of: Data(text.utf8)) != nil
    }
  }

  @Test func aTextIsSealedAndOpenedAgain() throws {
    let bench = try Bench()
    let writer = try keyed(bench)
    let key = try #require(writer.textKey)
    let names = try [request(writer, user: "ada"), request(writer), request(writer, prompt: "")]
    #expect(!found("Analytical", bench) && !found("algebraic", bench))
    for (name, prompt) in zip(names, [Self.prompt, Self.prompt, ""]) {
      let text = try writer.ledger.text(of: name) { key }
      #expect(text == RequestText(prompt: Array(prompt.utf8), answer: Array(Self.answer.utf8)))
    }
    #expect(try writer.ledger.text(of: "last") { key }.prompt == [])
    let listed = try writer.ledger.texts()
    #expect(listed.map(\.request.description) == names)
    #expect(listed.map(\.bytes) == [Self.prompt, Self.prompt, ""].map { Int64(($0 + Self.answer).utf8.count) })
    // The same text is never the same bytes.
    var sealed: [[UInt8]] = []
    try writer.ledger.connection.each(.textRows) { sealed.append($0.blob(1)) }
    #expect(Set(sealed).count == 3 && sealed[0].count == sealed[1].count)
    #expect(try writer.ledger.verify().requests == 3)
    var export: [UInt8] = []
    try writer.ledger.export { export += $0 }
    #expect(Data(export).range(of: Data("algebraic".utf8)) == nil)
    // Without a key nothing is stored, and a second settling stores nothing.
    writer.textKey = nil
    let none = try request(writer)
    #expect(throws: LedgerError.invalid("no text is stored of the request \(none)")) {
      try writer.ledger.text(of: none) { key }
    }
    #expect(throws: LedgerError.self) { try writer.ledger.text(of: "nonsense") { key } }
  }

  @Test func anotherKeyAndChangedBytesAreErrors() throws {
    let bench = try Bench()
    let writer = try keyed(bench)
    let key = try #require(writer.textKey)
    let (first, second) = (try request(writer), try request(writer))
    let other = try TextKey.made(at: bench.folder.appending(path: "other.key").path)
    #expect(throws: LedgerError.wrongKey(path: other.path, request: first)) {
      try writer.ledger.text(of: first) { other }
    }
    // Every byte counts, those of the nonce and the tag too.
    var sealed: [[UInt8]] = []
    try writer.ledger.connection.each(.textRows) { sealed.append($0.blob(1)) }
    let name = try #require(Hex.bytes(first, count: 16))
    for index in sealed[0].indices {
      var changed = sealed[0]
      changed[index] ^= 1
      #expect(key.unseal(changed, request: name) == nil, "byte \(index)")
    }
    #expect(key.unseal(Array(sealed[0].dropLast()), request: name) == nil && key.unseal([], request: name) == nil)
    #expect(key.unseal(sealed[0], request: name) != nil)
    // One request's text is not another's.
    #expect(key.unseal(sealed[1], request: name) == nil)
    try writer.ledger.connection.script(
      "UPDATE texts SET sealed = (SELECT sealed FROM texts WHERE id = 2) WHERE id = 1", name: "swap")
    #expect(throws: LedgerError.tamperedText(request: first)) { try writer.ledger.text(of: first) { key } }
    #expect(try writer.ledger.text(of: second) { key }.answer == Array(Self.answer.utf8))
    // Without any key, too, the ledger knows that it was changed.
    #expect {
      try writer.ledger.verify()
    } throws: { error in
      guard case .corrupt(_, let detail)? = error as? LedgerError else { return false }
      return detail.contains(first)
    }
  }

  @Test func theKeyIsItsOwnersAlone() throws {
    let bench = try Bench()
    let path = bench.folder.appending(path: "deep/er/text.key").path
    let made = try TextKey.made(at: path)
    #expect(try TextKey.made(at: path).fingerprint == made.fingerprint)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: bench.folder.appending(path: "deep/er").path).count == 1)
    for mode in [0o640, 0o604, 0o620, 0o666] {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
      #expect { try TextKey(path: path) } throws: { "\($0)".contains("chmod 600") }
    }
    let wrong = bench.folder.appending(path: "wrong.key").path
    #expect { try TextKey(path: wrong) } throws: { "\($0)".contains("No such file") }
    for content in ["", "12", String(repeating: "g", count: 64), String(repeating: "a", count: 66)] {
      try Data(content.utf8).write(to: URL(filePath: wrong))
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: wrong)
      #expect { try TextKey.made(at: wrong) } throws: { "\($0)".contains("hexadecimal") }
    }
    // Processes that make the key at once have one key.
    let fresh = bench.folder.appending(path: "fresh/text.key").path
    let prints = Collected<[UInt8]>()
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      if let key = try? TextKey.made(at: fresh) { prints.add(key.fingerprint) }
    }
    #expect(prints.all.count == 8 && Set(prints.all).count == 1)
  }

  @Test func forgettingTakesTheTextToo() throws {
    let bench = try Bench()
    let writer = try keyed(bench)
    let key = try #require(writer.textKey)
    for _ in 0..<3 { try request(writer, user: "ada") }
    let (bob, nobody) = (try request(writer, user: "bob"), try request(writer))
    let head = try writer.ledger.heads()
    let sealed = try #require(
      try writer.ledger.connection.first(.textRows) { row in row.blob(1) })
    try Checkpointer(path: bench.path, vfs: nil).checkpoint()
    func holds() -> Bool {
      ["", "-wal"].contains { suffix in
        ((try? Data(contentsOf: URL(filePath: bench.path + suffix))) ?? Data()).range(of: Data(sealed)) != nil
      }
    }
    #expect(holds())
    try writer.forget(.user("ada"))
    #expect(try writer.ledger.texts().map(\.request.description) == [bob, nobody])
    #expect(!holds(), "the sealed bytes are overwritten too")
    try writer.forgetText(of: nobody)
    #expect(throws: LedgerError.self) { try writer.forgetText(of: nobody) }
    #expect(try writer.ledger.text(of: "last") { key }.answer == Array(Self.answer.utf8))
    #expect(try writer.ledger.verify(heads: head).requests == 5)
    #expect(try writer.ledger.rebuild() > 0)
    #expect(try writer.ledger.texts().count == 1)
  }

  @Test func retentionTakesTheTextToo() throws {
    let bench = try Bench()
    bench.clock.set(1_790_000_000_000_000_000)
    try request(try keyed(bench))
    bench.clock.set(1_795_608_000_000_000_000)
    let writer = try keyed(bench)
    let kept = try request(writer)
    #expect(try writer.prune(before: 1_793_000_000_000_000_000).requests == 1)
    #expect(try writer.ledger.texts().map(\.request.description) == [kept])
    #expect(try writer.ledger.verify().requests == 1)
  }
}
