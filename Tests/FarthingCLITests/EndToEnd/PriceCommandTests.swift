import Foundation
import Testing

/// `prices`, `vms` and `cost` as a person uses them.
@Suite struct PriceCommandTests {
  private func inFolder(_ body: (_ environment: [String: String], _ folder: String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "prices-" + UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(["FARTHING_PRICES": folder + "/prices.json", "FARTHING_VM": ""], folder)
  }

  private func json(_ words: [String], _ environment: [String: String]) throws -> [String: Any] {
    let outcome = try BuiltBinary.run(BuiltBinary.path, words + ["--json"], environment: environment)
    #expect(outcome.status == 0 && outcome.error == "", "\(words): \(outcome.error)")
    return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
  }

  @Test func listsFiltersAndShows() throws {
    try inFolder { environment, _ in
      let all = try json(["prices", "--as-of", "2026-11-25"], environment)
      let rows = try #require(all["prices"] as? [[String: Any]])
      #expect(rows.count > 60 && rows[0]["trust"] as? String == "sound")
      // No retired row by default; by name and on an earlier day it is there.
      #expect(!rows.contains { $0["model"] as? String == "gpt-4-turbo" })
      let turbo = try json(["prices", "show", "gpt-4-turbo", "--as-of", "2026-11-25"], environment)
      #expect(turbo["trust"] as? String == "historic")
      let earlier = try json(["prices", "gpt-4-turbo", "--as-of", "2026-10-01"], environment)
      #expect((earlier["prices"] as? [Any])?.count == 1)
      let machines = try json(["vms", "t4g.small", "--region", "us-east"], environment)
      let small = try #require((machines["machines"] as? [[String: Any]])?.first)
      #expect(small["on_demand_per_hour"] as? String == "0.0168" && small["saturated_per_hour"] as? String == "0.0808")
      let reference = try json(["prices", "reference"], environment)
      let totals = (reference["quotes"] as? [[String: Any]])?.compactMap { $0["total"] as? String }
      #expect(totals == ["0.04", "0.0125"])
      for words in [["prices"], ["vms"], ["prices", "show", "gpt-4o"], ["vms", "show", "c7g.large@us-east-1"]] {
        let outcome = try BuiltBinary.run(BuiltBinary.path, words, environment: environment)
        #expect(outcome.status == 0 && outcome.error == "" && !outcome.output.isEmpty)
      }
    }
  }

  @Test func addExportImportGiveTheSameBook() throws {
    try inFolder { environment, folder in
      let added = try json(
        [
          "prices", "add", "provider=openai", "model=gpt-4o", "input_per_mtok=1", "output_per_mtok=3",
          "source=our contract", "as_of=2026-11-01",
        ], environment)
      #expect(added["added"] as? String == "openai:gpt-4o")
      _ = try json(
        [
          "vms", "add", "provider=home", "region=cellar", "type=box", "vcpus=4", "on_demand_per_hour=0.0083764275",
          "source=the electricity bill", "as_of=2026-11-01",
        ], environment)
      let box = try json(["vms", "show", "box"], environment)
      #expect(box["on_demand_per_hour"] as? String == "0.0083764275")
      for format in ["json", "csv"] {
        let file = "\(folder)/book.\(format)"
        let written = try BuiltBinary.run(
          BuiltBinary.path, ["prices", "export", "--format", format, "-o", file], environment: environment)
        #expect(written.status == 0, "\(written.error)")
        let other = ["FARTHING_PRICES": "\(folder)/other-\(format).json"]
        let imported = try json(["prices", "import", file], other)
        #expect(imported["hosted"] as? Int == 89)
        let again = try BuiltBinary.run(
          BuiltBinary.path, ["prices", "export", "--format", format], environment: other)
        #expect(try again.output == String(contentsOfFile: file, encoding: .utf8))
      }
      let difference = try json(["prices", "diff"], environment)
      #expect((difference["differences"] as? [[String: Any]])?.map { $0["id"] as? String } == ["openai:gpt-4o"])
      _ = try json(["prices", "remove", "openai:gpt-4o"], environment)
      #expect((try json(["prices", "diff"], environment)["differences"] as? [Any])?.isEmpty == true)
    }
  }

  @Test func nothingHalfImportedStays() throws {
    try inFolder { environment, folder in
      let file = folder + "/rows.csv"
      try "line,provider,model,input_per_mtok,output_per_mtok,source\nmodel,p,a,1,2,s\nmodel,p,b,-1,2,s\n"
        .write(toFile: file, atomically: true, encoding: .utf8)
      let outcome = try BuiltBinary.run(BuiltBinary.path, ["prices", "import", file], environment: environment)
      #expect(outcome.status == 1 && outcome.errorLines.count == 1 && outcome.error.contains("line 3"))
      #expect(!FileManager.default.fileExists(atPath: environment["FARTHING_PRICES"] ?? ""))
      for words in [
        ["prices", "add", "provider=p"], ["prices", "add", "colour=red"], ["prices", "add", "x"],
        ["prices", "--as-of", "yesterday"],
      ] {
        let outcome = try BuiltBinary.run(BuiltBinary.path, words, environment: environment)
        #expect(outcome.status == 2 && outcome.errorLines.count == 1, "\(words): \(outcome.error)")
      }
    }
  }

  @Test func wrongPricesAreFound() throws {
    try inFolder { environment, _ in
      let clean = try json(["prices", "validate"], environment)
      #expect(clean["zero"] as? Int == 0 && clean["outlier"] as? Int == 0 && clean["overlap"] as? Int == 0)
      _ = try json(
        ["prices", "add", "provider=p", "model=free", "input_per_mtok=0", "output_per_mtok=1", "source=s"], environment)
      let outcome = try BuiltBinary.farthing("prices", "validate", environment: environment)
      #expect(outcome.status == 1 && outcome.output.contains("zero  p:free"))
    }
  }

  // MARK: cost

  private let workload = [
    "cost", "--model", "SmolLM2-135M-Instruct", "--prompt-tokens", "p50=300,p90=1200", "--completion-tokens", "200",
    "--prefill-tps", "800", "--decode-tps", "60", "--as-of", "2026-11-25",
  ]

  @Test func costGivesAVerdictAndItsFlip() throws {
    try inFolder { environment, _ in
      let words = workload + ["--requests-per-day", "1000", "--usd-per-hour", "0.0168", "--latency", "none"]
      let answer = try json(words, environment)
      #expect(answer["verdict"] as? String == "API")
      let flip = try #require(answer["flip"] as? [String: Any])
      #expect(flip["verdict"] as? String != "API" && Double(flip["factor"] as? String ?? "") != nil)
      let own = try #require(answer["self_host"] as? [String: Any])
      #expect(own["per_month"] as? String == "12.264")
      let api = try #require(answer["api"] as? [String: Any])
      #expect(api["token_basis"] as? String == "same count" && api["why"] as? String != nil)
      let others = try #require(answer["would_have_charged"] as? [[String: Any]])
      #expect(others.contains { $0["model"] as? String == "openai:gpt-4o" })
      let text = try BuiltBinary.run(BuiltBinary.path, words, environment: environment)
      #expect(text.status == 0 && text.output.hasPrefix("verdict: API\nwould flip it: "))
      // Declared equivalent, the dear API loses.
      let dear = try json(words + ["--equivalent", "gpt-4o"], environment)
      #expect(dear["verdict"] as? String == "self-host")
      // An undated machine price does not decide a close question alone.
      let weak = try json(workload + ["--requests-per-day", "1000", "--vm", "t4g.small@us-east-1"], environment)
      #expect((weak["self_host"] as? [String: Any])?["trust"] as? String == "weak")
    }
  }

  /// In euros with a monthly cap of 3.50, in dollars: 3.78735 + disk 0.86568 + address 0.54105 + egress 0.010821 +
  /// labour 5.
  @Test func anotherCurrencyNeedsADatedRate() throws {
    try inFolder { environment, _ in
      _ = try json(
        [
          "vms", "add", "provider=h", "region=fsn1", "type=CX22", "vcpus=2", "currency=EUR", "on_demand_per_hour=0.01",
          "billing=hour", "monthly_cap=3.5", "address_per_month=0.5", "egress_per_gib=0.001", "disk_per_gib_month=0.04",
          "source=s", "as_of=2026-11-01",
        ], environment)
      let words =
        workload + ["--requests-per-day", "1000", "--vm", "CX22", "--latency", "none"]
        + ["--address", "--egress-gib", "10", "--disk-gib", "20", "--labour-per-month", "5"]
      for late in [[], ["--exchange", "EUR=1.0821@2027-11-20"]] {
        let outcome = try BuiltBinary.run(BuiltBinary.path, words + late, environment: environment)
        #expect(outcome.status == 2 && outcome.error.contains("no rate from EUR to USD is known"))
      }
      let answer = try json(words + ["--exchange", "EUR=1.0821@2026-11-20"], environment)
      let own = try #require(answer["self_host"] as? [String: Any])
      #expect(own["per_hour"] as? String == "0.010821" && own["per_month"] as? String == "10.204901")
    }
  }

  @Test func whatCostNeedsIsNamed() throws {
    try inFolder { environment, _ in
      for (left, reason) in [
        (["--prefill-tps"], "the speed is never assumed"), (["--prompt-tokens"], "--prompt-tokens is missing"),
        (["--model"], "which API is a fair comparison?"),
      ] {
        var words = workload + ["--requests-per-day", "1000", "--usd-per-hour", "0.0168"]
        if let index = words.firstIndex(of: left[0]) { words.removeSubrange(index...(index + 1)) }
        let outcome = try BuiltBinary.run(BuiltBinary.path, words, environment: environment)
        #expect(
          outcome.status == 2 && outcome.errorLines.count == 1 && outcome.error.contains(reason), "\(outcome.error)")
      }
      let noMachine = try BuiltBinary.run(
        BuiltBinary.path, workload + ["--requests-per-day", "1"], environment: environment)
      #expect(noMachine.status == 2 && noMachine.error.contains("which machine?"))
    }
  }
}
