import Testing
import Usage

@testable import Pricing

@Suite struct BookChecksTests {
  private static let day = CivilDate(year: 2026, month: 11, day: 24) ?? CivilDate(unixNanos: 0)
  private static let noon: Int64 = Int64(day.dayNumber) * 86_400_000_000_000 + 43_200_000_000_000

  private func hosted(_ lines: String...) throws -> [HostedModel] {
    let header = "line,provider,model,from,until,input_per_mtok,output_per_mtok,as_of,stale,allowance,retires,source"
    return try HostedTable.read(([header] + lines).joined(separator: "\n").utf8, file: "t")
  }

  // MARK: Marks and ranks

  /// The cheapest rows are undated, stale, free, retired or unknown: each is there, and none of them comes first.
  @Test func weakPricesNeverRankFirst() throws {
    let models = try hosted(
      "model,p,retired,,,0.1,0.1,2026-11-01,,,2026-11-01,s", "model,p,undated,,,0.2,0.2,,,,,s",
      "model,p,stale,,,0.3,0.3,2026-11-01,true,,,s", "model,p,old,,,0.4,0.4,2026-01-01,,,,s",
      "model,p,free,,,0,0,2026-11-01,,,,s", "model,p,allowance,,,0.5,0.5,2026-11-01,,true,,s",
      "model,p,unknown,,,1,,2026-11-01,,,,s", "model,p,dear,,,9,9,2026-11-01,,,,s",
      "model,p,sound,,,8,8,2026-11-01,,,,s")
    let request = HostedRequest(tokens: TokenCounts(prompt: 1000, completion: 1000))
    let ranked = try PriceBook.ranked(models, for: request, at: Self.noon)
    #expect(
      ranked.map(\.model.name) == [
        "sound", "dear", "unknown", "free", "undated", "stale", "old", "allowance", "retired",
      ])
    #expect(ranked.map(\.trust) == [.sound, .sound, .sound] + [PriceTrust](repeating: .weak, count: 5) + [.historic])
    // A day before the row was read, without a first day: nobody knows whether it held.
    let early = try models[8].quote(request, at: Self.noon - 40 * 86_400_000_000_000)
    #expect(early.trust == .weak)
  }

  @Test func theHistoricComparisonIsExact() throws {
    let comparison = try HistoricComparison(PriceBook.shipped(), at: Self.noon)
    #expect(comparison.quotes.map { $0.money?.decimalText } == ["0.04", "0.0125"])
    #expect(comparison.ratioHundredths == 320)
    #expect(comparison.quotes[0].trust == .historic)
  }

  @Test func theDefaultListHasNothingThatIsRetired() throws {
    let book = try PriceBook.shipped()
    let names = book.comparison(at: Self.noon).map(\.id)
    #expect(!names.contains("openai:gpt-4-turbo") && names.contains("openai:gpt-4o") && names.count == 6)
    #expect(book.comparison(at: 0).count == 7)
    #expect(try book.hostedModel("gpt-4-turbo").isRetired(at: Self.noon))
  }

  /// An offer with an end: after it the price before holds again.
  @Test func aPriceWithAnEnd() throws {
    let model = try hosted(
      "model,p,m,,,4,4,2026-01-01,,,,s", "price,p,m,2026-03-01,2026-04-01,1,1,,,,,s"
    )[0]
    for (day, price) in [("2026-02-28", "4"), ("2026-03-01", "1"), ("2026-03-31", "1"), ("2026-04-01", "4")] {
      let base = model.price(on: try #require(CivilDate(day)))?.base
      #expect(base?.input == (try Rate.perMillionTokens(price)), "\(day)")
    }
  }

  // MARK: Findings

  @Test func zerosOutliersAndOverlapsAreFound() throws {
    let models = try hosted(
      "model,a,x/m,,,1,2,2026-11-01,,,,s", "model,b,y/M,,,1.1,2,2026-11-01,,,,s", "model,c,m,,,0.9,41,2026-11-01,,,,s",
      "model,d,m,,,0.04,2,2026-11-01,,,,s", "model,e,zero,,,0,2,2026-11-01,,,2026-10-01,s",
      "model,f,twice,2026-01-01,2026-06-01,1,2,2026-11-01,,,,s", "price,f,twice,2026-05-01,,1,2,,,,,s")
    let findings = try PriceBook(hosted: models).findings(on: Self.day)
    func ids(_ kind: PriceFinding.Kind) -> [String] { findings.filter { $0.kind == kind }.map(\.id) }
    #expect(ids(.outlier) == ["d:m", "c:m"])
    #expect(ids(.zero) == ["e:zero"] && ids(.retired) == ["e:zero"] && ids(.overlap) == ["f:twice"])
    let machines = try MachineTable.read(
      """
      provider,region,type,vcpus,on_demand_per_hour,spot_per_hour,spot_min_per_hour,spot_max_per_hour,from,until,\
      as_of,source
      p,r,a,2,0.02,,,,,2026-06-01,2026-11-01,s
      p,r,b,4,0.04,0.01,0.02,0.03,,,2026-11-01,s
      p,r,c,1,0.21,,,,,,2026-11-01,s
      p,r,d,2,0,,,,,,2026-11-01,s
      p,r,a,2,0.02,,,,2026-05-01,,2026-11-01,s
      p,r,b,4,0.04,,,,2026-05-01,,2026-11-01,s
      """.utf8, file: "t")
    let found = try PriceBook(machines: machines).findings(on: Self.day)
    #expect(Set(found.filter { $0.kind == .outlier }.map(\.id)) == ["p:b@r", "p:c@r"])
    #expect(found.filter { $0.kind == .overlap }.map(\.id) == ["p:a@r"])
    #expect(found.filter { $0.kind == .zero }.map(\.id) == ["p:d@r"])
  }

  @Test func theShippedBookHasNoWrongPrices() throws {
    let findings = try PriceBook.shipped().findings(on: Self.day)
    #expect(findings.filter { [.zero, .outlier, .overlap].contains($0.kind) } == [])
    #expect(findings.contains { $0.kind == .retired } && findings.contains { $0.kind == .undated })
  }

  @Test func differences() throws {
    let old = PriceBook(hosted: try hosted("model,p,a,,,1,2,2026-11-01,,,,s", "model,p,b,,,1,2,2026-11-01,,,,s"))
    let new = PriceBook(hosted: try hosted("model,p,a,,,1,3,2026-11-01,,,,s", "model,p,c,,,1,2,2026-11-01,,,,s"))
    let found = new.differences(from: old, on: Self.day, and: Self.day)
    #expect(found.map(\.id) == ["p:a", "p:c", "p:b"] && found.map(\.kind) == [.changed, .added, .removed])
    #expect(found[0].changes == [.init(name: "output", old: "2", new: "3")])
    #expect(old.differences(from: old, on: Self.day, and: Self.day).isEmpty)
    // The shipped book between two days: DeepSeek's prices changed.
    let book = try PriceBook.shipped()
    let start = try #require(CivilDate("2026-07-01"))
    #expect(book.differences(from: book, on: start, and: Self.day).contains { $0.id.hasPrefix("deepseek:") })
  }

  // MARK: Somebody else's map

  private static let map = """
    {"sample_spec": {"litellm_provider": "one of", "mode": "one of: chat"},
     "gpt-x": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06,
       "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-06,
       "input_cost_per_token_batches": 1.25e-06,
       "output_cost_per_token_batches": 5e-06, "max_input_tokens": 128000, "deprecation_date": "2027-01-31"},
     "openai/gpt-x": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06,
       "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-06,
       "input_cost_per_token_batches": 1.25e-06,
       "output_cost_per_token_batches": 5e-06},
     "gemini/tiered": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1.25e-06,
       "output_cost_per_token": 1e-05, "input_cost_per_token_above_200k_tokens": 2.5e-06,
       "output_cost_per_token_above_200k_tokens": 1.5e-05, "cache_read_input_token_cost": 0.0},
     "ranged": {"litellm_provider": "dashscope", "mode": "chat", "tiered_pricing": [
       {"range": [0, 256000.0], "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07},
       {"range": [256000.0, 1000000.0], "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06}]},
     "twice": {"litellm_provider": "dashscope", "mode": "chat", "input_cost_per_token": 5e-08,
       "output_cost_per_token": 4e-07, "tiered_pricing": [
       {"range": [0, 1000], "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07},
       {"range": [1000, 2000], "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06}]},
     "differs": {"litellm_provider": "dashscope", "mode": "chat", "input_cost_per_token": 6e-08,
       "output_cost_per_token": 4e-07, "tiered_pricing": [
       {"range": [0, 1000], "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07}]},
     "emb": {"litellm_provider": "voyage", "mode": "embedding", "input_cost_per_token": 2e-08,
       "output_cost_per_token": 0.0},
     "gpt-x-other": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06},
     "openai/gpt-x-other": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0.0,
       "output_cost_per_token": 0.0},
     "night": {"litellm_provider": "deepseek", "mode": "chat", "input_cost_per_token": 1e-06,
       "output_cost_per_token": 1e-06, "off_peak_pricing": {"windows": []}},
     "minus": {"litellm_provider": "p", "mode": "chat", "input_cost_per_token": -1e-06, "output_cost_per_token": 1e-06},
     "text": {"litellm_provider": "p", "mode": "chat", "input_cost_per_token": "1e-06", "output_cost_per_token": 1e-06},
     "asked": {"litellm_provider": "p", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
       "input_cost_per_request": 0.005},
     "picture": {"litellm_provider": "p", "mode": "image_generation", "output_cost_per_image": 0.04},
     "class": {"litellm_provider": "p", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
     "rules": {"rules": []}}
    """

  @Test func everyEntryOfAMapIsAcceptedRefusedOrIgnored() throws {
    let file = try PriceFile(Array(Self.map.utf8), file: "t", readOn: Self.day, source: "map 1.0")
    guard case .map(let result) = file else { throw PricingError.scenario("not recognised as a map") }
    #expect(result.entries == 17)
    #expect(
      result.hosted.map(\.id) == ["openai:gpt-x", "google:tiered", "dashscope:ranged", "dashscope:twice", "voyage:emb"])
    #expect(
      result.refused.map(\.key) == ["differs", "gpt-x-other", "openai/gpt-x-other", "night", "minus", "text", "asked"])
    #expect(result.ignored.map(\.key) == ["sample_spec", "openai/gpt-x", "picture", "class", "rules"])
    let first = result.hosted[0]
    #expect(first.prices[0].base.input == (try Rate.perMillionTokens("2.5")))
    #expect(first.prices[0].base.batchOutput == (try Rate.perMillionTokens("5")))
    #expect(first.contextWindow == 128_000 && first.retires == CivilDate("2027-01-31") && first.singleSource)
    #expect(first.readOn == Self.day && first.source == "map 1.0: gpt-x")
    // A cached price of zero, and a cached price beyond a tier, are not known.
    let tiered = result.hosted[1].prices[0]
    #expect(tiered.base.cachedInput == nil && tiered.tiers.map(\.above) == [200_000])
    #expect(tiered.tiers[0].prices.output == (try Rate.perMillionTokens("15")))
    #expect(result.hosted[2].prices[0].tiers[0].prices.input == (try Rate.perMillionTokens("0.25")))
    #expect(result.hosted[4].prices[0].base.output == nil)
    #expect(PriceImport.counts(result.refused).count == 7)
    // What was imported goes through a file like everything else.
    let book = PriceBook(hosted: result.hosted)
    #expect(try PriceDocument.read(PriceDocument.json(book), file: "t").hosted == result.hosted)
    #expect(throws: PricingError.self) {
      try PublicPriceMap.read(Array("{\"a\": 1}".utf8), file: "t", readOn: Self.day, source: "s")
    }
  }

  @Test func sizesInNames() throws {
    for (name, size) in [
      ("SmolLM2-135M-Instruct", "0.135"), ("meta-llama/Llama-3.2-1B-Instruct", "1"), ("Qwen2-1.5B", "1.5"),
      ("qwen3-0.6b-q4", "0.6"), ("gemma-3-270m-it", "0.27"), ("Llama3.1-8B", "8"), ("mixtral-8x7b", nil),
      ("gpt-4o", nil),
      ("claude-3", nil), ("b", nil), ("0b", nil), ("o1", nil), ("4bit", nil), ("text-1.2.3b", nil),
    ] as [(String, String?)] {
      #expect(OpenModels.billions(in: name) == (try size.map { try ExactDecimal($0) }), "\(name)")
    }
    let book = try PriceBook.shipped()
    let near = OpenModels.counterparts(of: "SmolLM2-135M-Instruct", in: book, on: Self.day)
    #expect(!near.isEmpty && near.allSatisfy { OpenModels.billions(in: $0.name) == ExactDecimal(1) })
    let same = OpenModels.counterparts(of: "Llama-3.2-3B-Instruct", in: book, on: Self.day)
    #expect(same.count == 4 && OpenModels.counterparts(of: "gpt-4o", in: book, on: Self.day).map(\.name) != ["x"])
  }
}
