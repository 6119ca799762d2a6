import Testing
import Usage

@testable import Pricing

@Suite struct PriceBookTests {
  let book: PriceBook

  init() throws {
    book = PriceBook(hosted: try PriceBook.shippedHosted(), machines: try PriceBook.shippedMachines())
  }

  @Test func shippedRowsAreWhole() throws {
    #expect(book.hosted.count == 89)
    #expect(book.machines.count == 94)
    for model in book.hosted {
      #expect(!model.source.isEmpty && model.readOn != nil, "\(model.id)")
      #expect(!model.prices.isEmpty, "\(model.id)")
    }
    #expect(book.machines.allSatisfy { !$0.source.isEmpty && $0.onDemand != nil && $0.memoryBytes > 0 })
    #expect(book.hosted.filter { !$0.statements.isEmpty }.count == 32)
    #expect(book.hosted.filter { $0.prices.count > 1 }.count == 7)
    #expect(book.machines.filter { $0.burst != nil }.count == 23)
    #expect(book.machines.filter { $0.readOn == nil }.count == 63)
    #expect(book.machines.filter(\.stale).count == 11)
    #expect(book.machines.filter(\.allowance).count == 1)
  }

  @Test func modelsByTheNamesPeopleUse() throws {
    for name in ["gpt-4o", "GPT-4o", "openai:gpt-4o", "openai/gpt-4o", "OpenAI:GPT-4O"] {
      #expect(try book.hostedModel(name).id == "openai:gpt-4o")
    }
    #expect(try book.hostedModel("Qwen2-1.5B-instruct").id == "together:Qwen/Qwen2-1.5B-Instruct")
    #expect(try book.hostedModel("together:meta-llama/Llama-3.2-3B-Instruct").provider == "together")
    // Every row is found by its own id, and by nothing else's.
    for model in book.hosted { #expect(try book.hostedModel(model.id) == model) }
  }

  @Test func modelsThatAreNotThere() throws {
    let ambiguous = #expect(throws: PricingError.self) { try book.hostedModel("meta-llama/Llama-3.2-3B-Instruct") }
    #expect(
      ambiguous
        == .ambiguousName(
          kind: "hosted model", name: "meta-llama/Llama-3.2-3B-Instruct",
          candidates: [
            "together:meta-llama/Llama-3.2-3B-Instruct", "deepinfra:meta-llama/Llama-3.2-3B-Instruct",
            "novita:meta-llama/llama-3.2-3b-instruct",
          ]))
    for (name, near) in [("gpt-4p", "openai:gpt-4o"), ("gpt4o", "openai:gpt-4o"), ("haiku", "claude-haiku-5-5")] {
      let error = #expect(throws: PricingError.self) { try book.hostedModel(name) }
      guard case .unknownName(_, name, let names) = error else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
      #expect(names.contains { $0.hasSuffix(near) }, "\(name): \(names)")
      #expect(names.count <= 4)
    }
    let empty = #expect(throws: PricingError.self) { try book.hostedModel("") }
    #expect(empty == .unknownName(kind: "hosted model", name: "", near: []))
  }

  @Test func comparisonsStartFromModelsThatExist() throws {
    let now = try Moment.at("2026-11-24")
    for name in PriceBook.defaultComparison { _ = try book.hostedModel(name) }
    for name in PriceBook.comparedModels { #expect(try !book.hostedModel(name).isRetired(at: now)) }
  }

  @Test func machinesByTheNamesPeopleUse() throws {
    for name in ["t4g.small@us-east-1", "aws:t4g.small@us-east-1", "T4G.Small@US-EAST-1"] {
      #expect(try book.machine(name).id == "aws:t4g.small@us-east-1")
    }
    #expect(try book.machine("VM.Standard.E5.Flex$_2_8@af-casablanca-1").provider == "oci")
    #expect(try book.machine("oci:VM.Standard.A1.Flex").allowance)
    for machine in book.machines { #expect(try book.machine(machine.id) == machine) }
  }

  @Test func machinesThatAreNotThere() throws {
    let error = #expect(throws: PricingError.self) { try book.machine("t4g.small") }
    guard case .ambiguousName("machine type", "t4g.small", let candidates) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(candidates.count == 3)
    #expect(candidates.contains("aws:t4g.small@us-east-1 ($0.0168/h)"))
    for (name, near) in [
      ("t4g.smal", "aws:t4g.small@us-east-1"), ("gcp:t4g.small", "aws:t4g.small@us-east-1"),
      ("t4g.small@mars", "aws:t4g.small@us-east-1"), ("c7g.largs", "aws:c7g.large@us-east-1"),
    ] {
      let error = #expect(throws: PricingError.self) { try book.machine(name) }
      guard case .unknownName(_, name, let names) = error else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
      #expect(names.contains(near), "\(name): \(names)")
    }
    for name in ["", "@", ":", "a:@b", "@us-east-1", "aws:", String(repeating: "x", count: 100_000)] {
      #expect(throws: PricingError.self) { try book.machine(name) }
      #expect(throws: PricingError.self) { try book.hostedModel(name) }
    }
  }

  @Test func errorsShowForeignTextWithoutControlCharacters() {
    let error = PricingError.unknownName(kind: "model", name: "a\u{1B}[31m\u{9B}b", near: [])
    #expect(error.description == "no model named 'a?[31m?b' in the price book")
    #expect(PricingError.notADecimal(String(repeating: "9", count: 1000)).description.utf8.count < 200)
  }
}
