import Foundation
import Testing

@testable import Metering

/// The built binary and its ledger, as a person sees them.
@Suite struct LedgerEndToEndTests {
  @Test func aRunIsInTheLedgerAndTheReceiptShowsTheDay() throws {
    let place = try LedgerPlace()
    for expected in 1...2 {
      let outcome = try place.run("--json", "--tag", "team=blue", "--user", "ada", "--usd-per-hour", "0.02")
      #expect(outcome.status == 0, "\(outcome.error)")
      let json = try outcome.json()
      let entry = try #require(json["ledger"] as? [String: Any])
      let day = try #require(entry["day"] as? [String: Any])
      #expect(day["requests"] as? Int == expected)
      #expect((entry["request"] as? String)?.count == 32)
      #expect((day["marginal"] as? [[String: Any]])?.count == 1)
    }
    let text = try place.run("--usd-per-hour", "0.02")
    #expect(text.error.contains("  today       3 requests, "), "\(text.error)")
    let none = try place.run("--json", "--no-ledger")
    #expect(try none.json()["ledger"] is NSNull)
    let report = try place.farthing("report", "--by", "tag:team,user", "--json").json()
    let lines = try #require(report["lines"] as? [[String: Any]])
    #expect(lines.map { $0["requests"] as? Int } == [1, 2])
    #expect((lines[1]["labels"] as? [String: String]) == ["tag:team": "blue", "user": "ada"])
    #expect(try place.farthing("ledger", "verify").output.hasPrefix("whole: 13 events in 3 chains, 3 requests"))
    #expect(try place.farthing("ledger", "forget", "ada").status == 0)
    #expect(try place.farthing("report", "--by", "user", "--format", "csv").output.contains("(forgotten "))
  }

  @Test func aCapEndsTheAnswerAndThenRefuses() throws {
    let place = try LedgerPlace()
    #expect(try place.farthing("budget", "tariff", "*", "--prompt", "1", "--completion", "2").status == 0)
    // A prompt token costs a millionth of a dollar, a completion token two: room for seven of them.
    let prompt = try #require(try place.run("--json", "--no-ledger").json()["prompt_tokens"] as? Int)
    let dollars = "0.0000" + String(format: "%02d", prompt + 2 * 7)
    #expect(try place.farthing("budget", "set", "all", "--usd", dollars, "--per", "day").status == 0)
    let cut = try place.run("--json", "-n", "30", "--ignore-eos").json()
    #expect(cut["completion_tokens"] as? Int == 7)
    #expect(cut["finish_reason"] as? String == "length" && cut["stopped_by"] as? String == "budget")
    let refused = try place.run("-n", "30")
    #expect(refused.status == 1 && refused.errorLines.count == 1 && refused.error.contains("the cap 'all'"))
    #expect(refused.output == "")
    let caps = try #require(try place.farthing("budget", "--json").json()["caps"] as? [[String: Any]])
    #expect(caps[0]["spent"] as? String == caps[0]["amount"] as? String && caps[0]["held"] as? String == "0")
  }

  /// Each line of a batch is a request of its own; what the steps took is shared out, and a kill loses no line.
  @Test func linesOfABatchAreAccountedForOneByOne() throws {
    let place = try LedgerPlace()
    var text = ""
    for index in 0..<9 {
      let body = "{\"prompt\": \"words \(index)\", \"max_tokens\": \(5 + index), \"ignore_eos\": true}"
      text += "{\"custom_id\": \"r\(index)\", \"method\": \"POST\", \"url\": \"/v1/completions\", \"body\": \(body)}\n"
    }
    let (input, output) = (
      place.folder.appending(path: "in.jsonl").path, place.folder.appending(path: "out.jsonl").path
    )
    try Data(text.utf8).write(to: URL(filePath: input))
    let words = ["batch", "-m", LedgerPlace.model, "-np", "3", "--tag", "job=nightly", "--usd-per-hour", "0.02"]
    // Killed while the fourth line or so is under way: those that were, are lost with what they had.
    #expect(try place.execute(words + [input, output], ["FARTHING_FAILPOINT": "progress:30"]).status == 128 + 9)
    #expect(try place.execute(words + [input, output, "--json"]).status == 0)
    let ledger = try Ledger(path: place.path, create: false)
    try ledger.verify()
    var query = ReportQuery()
    query.dimensions = [.tag("job")]
    let line = try #require(try ledger.report(query).lines.first)
    #expect(line.labels == ["nightly"] && line.figures.open == 0 && line.figures.lost > 0)
    #expect(line.figures.totals.requests - line.figures.lost == 9 && line.figures.totals.unpriced == 0)
    // Nine whole answers of 5 to 13 tokens, and the beginnings of those that were killed.
    #expect(line.figures.totals.completion >= 81 && line.figures.totals.cpuNanos > 0)
    #expect(try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n").count == 9)
  }

  /// The workload and its speed come out of the ledger; a benchmark's samples are in it too, and are no workload.
  @Test func costTakesTheWorkloadFromTheLedger() throws {
    let place = try LedgerPlace()
    for _ in 0..<4 { #expect(try place.run("-n", "40", "--ignore-eos", "--usd-per-hour", "0.02").status == 0) }
    let bench = try place.farthing(
      "bench", "-m", LedgerPlace.model, "-t", "1", "-p", "16", "-n", "8", "-np", "1,2", "-r", "1", "--cold-starts", "0",
      "--tag", "job=speed", "--json")
    #expect(bench.status == 0, "\(bench.error)")
    let report = try place.farthing("report", "--by", "tag:job", "--json").json()
    let lines = try #require(report["lines"] as? [[String: Any]])
    // Three cases, each once to warm up and once measured: 16 + 1, 1 + 8 and 2 + 16 tokens.
    let speed = try #require(lines.first { ($0["labels"] as? [String: String])?["tag:job"] == "speed" })
    #expect(speed["requests"] as? Int == 6 && speed["completion_tokens"] as? Int == 2 * (1 + 8 + 16))
    #expect(speed["prompt_tokens"] as? Int == 2 * (16 + 1 + 2))
    let words = [
      "cost", "--from-ledger", "--usd-per-hour", "0.02", "--equivalent", "openai/gpt-4o-mini", "--json",
      "--api-bytes-per-token", "4",
    ]
    let outcome = try place.execute(words)
    let cost = try outcome.json()
    let seen = try #require(cost["from_ledger"] as? [String: Any])
    // Two days where midnight came in between.
    let days = try #require(seen["days"] as? Int)
    #expect(seen["requests"] as? Int == 4 && (1...2).contains(days))
    #expect((cost["requests_per_day"] as? String)?.hasPrefix(days == 1 ? "4" : "2") == true, "\(cost)")
    #expect(["self-host", "API", "hybrid", "infeasible"].contains(cost["verdict"] as? String ?? ""), "\(cost)")
    let none = try place.farthing("cost", "--from-ledger", "--usd-per-hour", "0.02", "--until", "2020-01-01")
    #expect(none.status == 1 && none.error.contains("no answered request"))
    let ratio = try place.farthing(
      "report", "--by", "month", "--against", "openai/gpt-4o-mini", "--api-bytes-per-token", "4")
    #expect(ratio.output.contains("by ratio"), "\(ratio.output) \(ratio.error)")
    let dated = try place.farthing(
      "report", "--by", "month", "--against", "openai/gpt-4o-mini", "--what-if", "aws:t3.small@us-east-1", "--as-of",
      "2026-11-23")
    #expect(dated.status == 0 && dated.output.contains("at list prices of 2026-11-23; same count"), "\(dated)")
  }

  @Test func aMachineWithCreditsShowsThem() throws {
    let place = try LedgerPlace()
    let add = ["machine", "add", "box", "--usd-per-hour", "0.0208", "--vcpus", "2", "--since", "2026-11-20", "--type"]
    #expect(try place.execute(add + ["aws:t3.small@us-east-1"]).status == 0)
    let cost = try place.farthing("machine", "cost", "box", "--json").json()
    let burst = try #require(cost["burst"] as? [String: Any])
    #expect(burst["row"] as? String == "aws:t3.small@us-east-1" && burst["modelled"] as? Bool == true)
    // Nobody recorded, so that it is taken as idle: a day's earnings of two virtual CPUs at 20 % are saved.
    #expect(burst["surplus"] as? String == "0" && burst["balance_vcpu_nanos"] as? Int == 34_560_000_000_000)
    #expect(try place.farthing("machine", "cost", "box").output.contains("burst credits as aws:t3.small@us-east-1"))
    #expect(try place.execute(add + ["c7g.large@us-east-1"]).status == 0)
    #expect(try place.farthing("machine", "cost", "box", "--json").json()["burst"] == nil)
  }

  /// A stored text is counted with the tokeniser that is at hand, the rest is put in its proportion; energy is modelled.
  @Test func aReportCountsStoredTextWithTheirTokenizer() throws {
    let place = try LedgerPlace()
    for words in [["--store-text"], ["--store-text"], []] {
      #expect(
        try place.execute(["run", "-m", LedgerPlace.model, "--raw", "--temp", "0", "-n", "6"] + words + ["hello"])
          .status == 0)
    }
    let other = BuiltBinary.root.appending(path: "Tests/Fixtures/families/qwen2.F16.gguf").path
    let words = [
      "report", "--by", "month", "--against", "openai/gpt-4o-mini,openai/gpt-4o", "--tokenizer", "gpt-4o-mini=\(other)",
      "--watts-per-vcpu", "2", "--grams-per-kwh", "416",
    ]
    let report = try place.execute(words + ["--json"]).json()
    let line = try #require((report["lines"] as? [[String: Any]])?.first)
    let hosted = try #require(line["hosted"] as? [[String: Any]])
    #expect(
      hosted[0]["token_basis"] as? String == "counted + ratio" && hosted[1]["token_basis"] as? String == "same count")
    #expect(hosted[0]["basis_requests"] as? [String: Int] == ["counted": 2, "ratio": 1])
    let tokens = try #require(
      try place.farthing("tokenize", "-m", other, "--json", "hello").json()["count"] as? Int)
    let ratio = try #require(Double(hosted[0]["token_ratio"] as? String ?? ""))
    #expect(ratio > 0 && tokens > 0)
    let energy = try #require(line["energy"] as? [String: Any])
    let seconds = try #require(line["cpu_seconds"] as? Double)
    let modelled = try #require(Double(energy["watt_hours"] as? String ?? ""))
    #expect(energy["modelled"] as? Bool == true && abs(modelled - seconds * 2 / 3600) < 1e-6, "\(energy) \(seconds)")
    let text = try place.execute(words)
    #expect(text.output.contains("gpt-4o-mini: their tokens counted (2 requests), their tokens by ratio"), "\(text)")
    #expect(text.output.contains("energy and carbon modelled: CPU time"), "\(text.output)")
    let plain = try place.farthing("report")
    #expect(plain.output.contains("energy and carbon: unknown"), "\(plain.output)")
    let wrong = try place.farthing("report", "--against", "gpt-4o", "--tokenizer", "gpt-4o-mini=\(other)")
    #expect(wrong.status == 2 && wrong.error.contains("--against"), "\(wrong.error)")
  }

  /// A process's CPU time is its requests' and its overhead, exactly; and it is what the shell says that it used.
  @Test(arguments: [false, true])
  func requestsAndOverheadAreWhatTheKernelCounted(asBatch: Bool) throws {
    let place = try LedgerPlace()
    // Seconds of CPU time: of less, the start and the end of a process, which no process can tell of itself, are too much.
    let model = place.folder.appending(path: "model.gguf").path
    let weights = BuiltBinary.root.appending(path: "weights/gutenberg-4m").path
    #expect(try place.farthing("quantize", weights, model, "--type", "Q8_0").status == 0)
    let input = place.folder.appending(path: "in.jsonl").path
    let lines = (0..<6).map { index in
      let body = "{\"prompt\": \"words \(index)\", \"max_tokens\": \(5 + index * 2), \"ignore_eos\": true}"
      return "{\"custom_id\": \"r\(index)\", \"method\": \"POST\", \"url\": \"/v1/completions\", \"body\": \(body)}\n"
    }
    try Data(lines.joined().utf8).write(to: URL(filePath: input))
    let words =
      asBatch
      ? "batch -m \(model) --isa baseline -t 2 -np 4 \(input) \(place.folder.path)/out.jsonl"
      : "run -m \(model) --isa baseline --raw --temp 0 -t 2 -n 40 --ignore-eos hello"
    // What getrusage says of the ended process, to the millisecond.
    let script = "TIMEFORMAT='%3U %3S'; time \"$F\" \(words) >/dev/null 2>/dev/null"
    let outcome = try BuiltBinary.shell(script, environment: ["FARTHING_LEDGER": place.path])
    #expect(outcome.status == 0, "\(outcome.error)")
    let kernel = outcome.error.split { " \n".contains($0) }.compactMap { Double($0) }.reduce(0, +)
    let ledger = try Ledger(path: place.path, create: false)
    let time = try ledger.processTime()
    let totals = try #require(try ledger.report(ReportQuery()).lines.first).figures
    #expect(time.requestNanos == totals.totals.cpuNanos && totals.totals.requests == (asBatch ? 6 : 1))
    #expect(time.requestNanos + time.overheadNanos == time.cpuNanos && time.overheadNanos > 0)
    #expect(totals.promptCPUNanos > 0 && totals.promptCPUNanos < time.requestNanos)
    let ours = Double(time.cpuNanos) / 1e9
    print("the ledger counted \(ours) s of CPU time, the kernel \(kernel) s")
    #expect(abs(ours - kernel) <= 0.01 * kernel, "\(ours) s, the kernel: \(kernel) s")
    try ledger.verify()
  }

  @Test func tagsFollowTheRules() throws {
    let place = try LedgerPlace()
    #expect(try place.farthing("ledger", "tags", "team", "--required", "--allow", "blue,red").status == 0)
    for words in [[], ["--tag", "team=green"], ["--tag", "job=1"]] {
      let outcome = try place.execute(["run", "-m", LedgerPlace.model, "--raw", "-n", "2"] + words + ["hello"])
      #expect(outcome.status == 1 && outcome.output == "" && outcome.error.contains("team"), "\(outcome.error)")
    }
    #expect(try place.run("--tag", "team=red").status == 0)
    #expect(try place.farthing("ledger", "tags", "team", "--remove").output.hasPrefix("no rules"))
    #expect(try place.run().status == 0)
    #expect(try place.farthing("ledger", "adjust", "--usd", "-1.25", "--reason", "credit").output.contains("-$1.25"))
    #expect(try place.farthing("ledger", "verify").status == 0)
  }

  @Test func whatCannotBeRecordedIsNotRun() throws {
    let place = try LedgerPlace()
    let outcome = try BuiltBinary.farthing(
      "run", "-m", LedgerPlace.model, "--raw", "-n", "3", "hello", environment: ["FARTHING_LEDGER": "/proc/ledger.db"])
    #expect(outcome.status == 1 && outcome.output == "" && outcome.errorLines.count == 1)
    #expect(outcome.error.contains("ledger"), "\(outcome.error)")
    try Data("no ledger".utf8).write(to: URL(filePath: place.path))
    #expect(try place.run().error.contains("is not a ledger"))
  }

  @Test func textIsStoredOnlyWhenAskedForAndShownWithItsKey() throws {
    let place = try LedgerPlace()
    #expect(try place.run("--user", "ada").status == 0)
    #expect(try place.farthing("ledger", "text").output.hasPrefix("no stored texts"))
    #expect(!FileManager.default.fileExists(atPath: place.keyPath))
    let answer = try place.run("--user", "ada", "--store-text", "--json").json()
    let request = try #require((answer["ledger"] as? [String: Any])?["request"] as? String)
    #expect(try place.farthing("ledger", "text").output.hasPrefix(request + "  "))
    let shown = try place.farthing("ledger", "text", request, "--json").json()
    #expect(shown["prompt"] as? String == "hello" && shown["answer"] as? String == answer["text"] as? String)
    #expect(try place.farthing("ledger", "text", "last").output.hasPrefix("prompt\nhello\nanswer\n"))
    #expect(try place.run("--store-text", "--no-ledger").status == 2)
    // Lines of a batch likewise.
    let (input, output) = (
      place.folder.appending(path: "in.jsonl").path, place.folder.appending(path: "out.jsonl").path
    )
    let body = "{\"prompt\": \"words\", \"max_tokens\": 4, \"ignore_eos\": true}"
    let line = "{\"custom_id\": \"a\", \"method\": \"POST\", \"url\": \"/v1/completions\", \"body\": \(body)}\n"
    try Data(line.utf8).write(to: URL(filePath: input))
    #expect(try place.farthing("batch", "-m", LedgerPlace.model, "--store-text", input, output).status == 0)
    #expect(try place.farthing("ledger", "text", "last", "--json").json()["prompt"] as? String == "words")
    // A file that others may read is refused before anything runs, and another key opens nothing.
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: place.keyPath)
    let open = try place.run("--store-text")
    #expect(open.status == 1 && open.output == "" && open.error.contains("chmod 600"), "\(open.error)")
    let other = place.folder.appending(path: "other.key").path
    #expect(try place.run("--store-text", environment: ["FARTHING_TEXT_KEY": other]).status == 0)
    let wrong = try place.farthing("ledger", "text", request, environment: ["FARTHING_TEXT_KEY": other])
    #expect(wrong.status == 1 && wrong.error.contains("another key"), "\(wrong.error)")
    #expect(try place.farthing("ledger", "forget", "ada").status == 0)
    let gone = try place.farthing("ledger", "text", request, environment: ["FARTHING_TEXT_KEY": other])
    #expect(gone.status == 1 && gone.error.contains("no text is stored"))
    #expect(try place.farthing("ledger", "forget", "--text", "last").status == 0)
    #expect(try place.farthing("ledger", "verify").status == 0)
  }

  /// File and folder without write access, as another user has them; whoever may write everywhere gives that up first.
  @Test(arguments: ["backup", "files"])
  func aLedgerWithoutWriteAccessIsRead(copied: String) throws {
    let place = try LedgerPlace()
    #expect(try place.run("--usd-per-hour", "0.02", "--user", "ada").status == 0)
    let folder = place.folder.appending(path: "copy").path
    let copying =
      copied == "backup"
      ? "mkdir '\(folder)' && \"$F\" ledger backup '\(folder)/ledger.db'"
      : "mkdir '\(folder)' && cp '\(place.path)'* '\(folder)' 2>/dev/null; rm -f '\(folder)'/*-shm"
    _ = try BuiltBinary.shell(copying, environment: ["FARTHING_LEDGER": place.path])
    let plain = getuid() == 0 ? "setpriv --bounding-set=-dac_override,-dac_read_search" : "env"
    let script = """
      chmod a-w '\(folder)'/* '\(folder)'
      trap "chmod u+w '\(folder)'" EXIT
      for words in report 'report --by user --json' ledger 'ledger head' 'ledger verify' 'ledger export' machine budget \
        'budget tariff' 'ledger tags' 'ledger adjust' 'cost --from-ledger --usd-per-hour 0.02 --equivalent gpt-4o-mini'
      do \(plain) "$F" $words >'\(place.folder.path)/out' || exit 1; done
      \(plain) "$F" run -m '\(LedgerPlace.model)' --raw -n 2 -t 1 hello && exit 2
      \(plain) "$F" ledger forget ada && exit 3
      ls '\(folder)' >&2
      exit 0
      """
    let outcome = try BuiltBinary.shell(script, environment: ["FARTHING_LEDGER": folder + "/ledger.db"])
    #expect(outcome.status == 0, "\(outcome.status) \(outcome.error)")
    #expect(!outcome.error.contains("verify-") && !outcome.error.contains("-shm"), "\(outcome.error)")
    #expect(outcome.error.components(separatedBy: "cannot be written").count == 3, "\(outcome.error)")
  }

  @Test func manyProcessesOnOneCapNeverOvershoot() async throws {
    let place = try LedgerPlace()
    _ = try place.farthing("budget", "tariff", "*", "--prompt", "1", "--completion", "1")
    _ = try place.farthing("budget", "set", "all", "--usd", "0.0009", "--per", "month")
    _ = try place.farthing("budget", "set", "ada", "--usd", "0.0004", "--per", "month", "--user", "ada")
    let slow = ProcessInfo.processInfo.environment["FARTHING_SLOW_TESTS"] == "1"
    let (processes, rounds) = slow ? (50, 3) : (6, 2)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<processes {
        group.addTask {
          for round in 0..<rounds {
            // Some are killed on their way, at a different place each.
            let kill = (index + round) % 3 == 0 ? "progress:\((index * 7 + round * 13) % 60 + 1)" : ""
            _ = try place.run(
              "--user", index % 2 == 0 ? "ada" : "bob", "-n", String(10 + index * 17 % 120), "--ignore-eos",
              environment: kill.isEmpty ? [:] : ["FARTHING_FAILPOINT": kill])
          }
        }
      }
      try await group.waitForAll()
    }
    let caps = try #require(try place.farthing("budget", "--json").json()["caps"] as? [[String: Any]])
    for cap in caps {
      let amounts = try ["amount", "spent", "held"].map { try #require(Amount.picos(cap[$0] as? String ?? "")) }
      #expect(amounts[1] <= amounts[0] && amounts[2] == 0, "\(cap)")
    }
    try Ledger(path: place.path, create: false).verify()
    try agreesWithTheChecker(place)
  }

  /// The independent checker on what real processes left, and its sums against the program's.
  private func agreesWithTheChecker(_ place: LedgerPlace) throws {
    let checker = BuiltBinary.root.appending(path: "Tests/Fixtures/ledger/check_ledger.py").path
    let outcome = try BuiltBinary.shell(
      "set -o pipefail; \"$F\" ledger export | python3 '\(checker)'", environment: ["FARTHING_LEDGER": place.path])
    #expect(outcome.status == 0, "\(outcome.error)")
    let computed = try outcome.json()
    let report = try place.farthing("report", "--by", "day,model,quantization", "--json").json()
    let lines = try #require(report["lines"] as? [[String: Any]])
    let days = try #require(computed["days"] as? [String: [String: Any]])
    #expect(lines.count == days.count && !lines.isEmpty)
    for line in lines {
      let labels = try #require(line["labels"] as? [String: String])
      let names = ["day", "model", "quantization"].map { labels[$0] ?? "" }
      let day = try #require(days[(names + [line["currency"] as? String ?? ""]).joined(separator: "|")])
      for (ours, theirs) in [
        ("requests", "requests"), ("prompt_tokens", "prompt"), ("completion_tokens", "completion"),
        ("cached_tokens", "cached"), ("unpriced_requests", "unpriced"),
      ] { #expect(line[ours] as? Int == day[theirs] as? Int, "\(ours)") }
    }
    #expect((computed["heads"] as? [String])?.isEmpty == false && (computed["open"] as? [String]) == [])
    let history = try place.farthing("budget", "--history", "--json").json()
    let caps = try #require(computed["caps"] as? [String: [String: String]])
    let periods = try #require(history["periods"] as? [[String: Any]])
    let spent = { (text: Any?) in text as? String ?? "" }
    #expect(caps.values.map { spent($0["spent"]) }.sorted() == periods.map { spent($0["spent"]) }.sorted())
  }
}

/// A ledger for one test and the binary on it.
final class LedgerPlace: Sendable {
  static let model = BuiltBinary.root.appending(path: "Tests/Fixtures/families/llama3.Q4_0.gguf").path

  let folder: URL
  var path: String { folder.appending(path: "ledger.db").path }
  /// Of stored texts.
  var keyPath: String { folder.appending(path: "text.key").path }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "farthing-place-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  /// A place with the ledger that `copy` left in a folder.
  convenience init(copying source: URL) throws {
    try self.init()
    for name in try FileManager.default.contentsOfDirectory(atPath: source.path) {
      try FileManager.default.copyItem(at: source.appending(path: name), to: folder.appending(path: name))
    }
  }

  /// Copies the ledger's files, which no process has open.
  func copy(to target: URL) throws {
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    for name in ["ledger.db", "ledger.db-wal", "ledger.db.writers", "text.key"] {
      let file = folder.appending(path: name)
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      try FileManager.default.copyItem(at: file, to: target.appending(path: name))
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func farthing(_ words: String..., environment: [String: String] = [:]) throws -> Outcome {
    try execute(words, environment)
  }

  /// Runs the binary. A recorder, which runs until it is interrupted, sees a request and is interrupted after four
  /// seconds.
  func execute(_ words: [String], _ environment: [String: String] = [:]) throws -> Outcome {
    let own = ["FARTHING_LEDGER": path, "FARTHING_TEXT_KEY": keyPath]
    let environment = environment.merging(own) { given, _ in given }
    guard words.starts(with: ["machine", "record"]) else {
      return try BuiltBinary.run(BuiltBinary.path, words, environment: environment)
    }
    let script = """
      (
        sleep 1
        unset FARTHING_FAILPOINT FARTHING_FAILPOINT_TRACE
        "$F" run -m '\(Self.model)' --raw -n 40 -t 1 hello >/dev/null 2>&1
      ) &
      # To the binary alone: to its group too, it would be a second Ctrl-C, which kills.
      timeout --foreground --preserve-status -s INT 4 "$F" \(words.joined(separator: " "))
      status=$?
      wait
      exit $status
      """
    return try BuiltBinary.shell(script, environment: environment)
  }

  /// Runs a small model.
  func run(_ words: String..., environment: [String: String] = [:]) throws -> Outcome {
    try execute(
      ["run", "-m", Self.model, "--raw", "--temp", "0", "-t", "1", "-n", "6"] + words + ["hello"], environment)
  }
}

extension Outcome {
  func json() throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any], "\(output) \(error)")
  }
}
