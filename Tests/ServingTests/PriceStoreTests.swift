import Foundation
import Pricing
import Testing
import Usage

@testable import Serving

@Suite struct PriceStoreTests {
  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "prices-" + UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private func row(_ price: String, model: String = "gpt-4o") throws -> PriceBook {
    try PriceDocument.row(
      [
        ("line", "model"), ("provider", "openai"), ("model", model), ("input_per_mtok", price),
        ("output_per_mtok", "2"), ("as_of", "2026-11-01"), ("source", "mine"),
      ], of: .hosted, file: "t")
  }

  @Test func whereOwnPricesAre() {
    func path(_ variables: [String: String]) -> String? { PriceStore { variables[$0] }?.path }
    #expect(path(["FARTHING_PRICES": "/a/b.json", "HOME": "/h"]) == "/a/b.json")
    #expect(path(["XDG_CONFIG_HOME": "/x", "HOME": "/h"]) == "/x/farthing/prices.json")
    #expect(path(["HOME": "/h"]) == "/h/.config/farthing/prices.json")
    #expect(path([:]) == nil)
  }

  @Test func ownRowsAreKeptAndStandInFront() throws {
    try inFolder { folder in
      let store = PriceStore(path: folder + "/deep/prices.json")
      #expect(try store.own().hosted.isEmpty)
      #expect(try store.book().hosted.count == 89)
      let (first, second) = (try row("1"), try row("3", model: "mine"))
      try store.update { $0.overridden(by: first) }
      try store.update { $0.overridden(by: second) }
      #expect(try store.own().hosted.map(\.id) == ["openai:gpt-4o", "openai:mine"])
      let book = try store.book()
      #expect(book.hosted.count == 90)
      #expect(try book.hostedModel("gpt-4o").source == "mine")
      // The receipt uses them too.
      let pricing = try ReceiptPricing(
        PriceChoice(against: "gpt-4o", localVCPUs: 1), at: ReceiptSamples.now, own: store.own())
      #expect(pricing.compared.map(\.source) == ["mine"])
      // Nothing but the file and its lock is left.
      let files = try FileManager.default.contentsOfDirectory(atPath: folder + "/deep").sorted()
      #expect(files == ["prices.json", "prices.json.lock"])
    }
  }

  @Test func aChangeThatFailsLeavesTheFileAsItWas() throws {
    try inFolder { folder in
      let store = PriceStore(path: folder + "/prices.json")
      let first = try row("1")
      try store.update { $0.overridden(by: first) }
      let before = try Data(contentsOf: URL(filePath: store.path))
      #expect(throws: PriceStore.Failure.pricing(.negative("-1"))) {
        try store.update { (_: PriceBook) throws(PricingError) -> PriceBook in throw .negative("-1") }
      }
      #expect(try Data(contentsOf: URL(filePath: store.path)) == before)
      // A broken file is named and never replaced.
      try Data("{".utf8).write(to: URL(filePath: store.path))
      #expect(throws: PriceStore.Failure.self) { try store.own() }
      #expect(throws: PriceStore.Failure.self) { try store.update { $0 } }
      #expect(try Data(contentsOf: URL(filePath: store.path)) == Data("{".utf8))
    }
  }

  /// Many writers at once: no row of any is lost.
  @Test func writersWaitForEachOther() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "prices-" + UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let rows = try (0..<12).map { try row("1", model: "m\($0)") }
    let store = PriceStore(path: folder + "/prices.json")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for row in rows { group.addTask { try store.update { $0.overridden(by: row) } } }
      try await group.waitForAll()
    }
    #expect(try store.own().hosted.count == 12)
  }
}
