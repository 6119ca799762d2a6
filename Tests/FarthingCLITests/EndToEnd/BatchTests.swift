import Foundation
import Testing

/// `batch` and `--prompt-cache`, with the binary and files.
@Suite struct BatchTests {
  private static let model = BuiltBinary.root.appending(path: "Tests/Fixtures/families/llama3.Q4_0.gguf").path

  /// A folder with a batch of so many requests: greedy and seeded, half of them with a common beginning.
  private static func withBatch(_ count: Int, tokens: Int, _ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "farthing-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var text = ""
    for index in 0..<count {
      let common = index.isMultiple(of: 2) ? String(repeating: "some words to begin with, ", count: 6) : ""
      let sampling = index.isMultiple(of: 3) ? "\"temperature\": 0" : "\"seed\": \(index)"
      text +=
        "{\"custom_id\": \"r\(index)\", \"method\": \"POST\", \"url\": \"/v1/completions\", \"body\": {\"prompt\": "
        + "\"\(common)\(index)\", \"max_tokens\": \(tokens), \"ignore_eos\": true, \(sampling)}}\n"
    }
    try Data(text.utf8).write(to: folder.appending(path: "in.jsonl"))
    try body(folder)
  }

  /// The answers by custom_id; one that comes twice is a failure.
  private static func answers(_ file: URL) throws -> [String: String] {
    var answers: [String: String] = [:]
    for line in try Data(contentsOf: file).split(separator: 10) {
      let json = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
      let id = json["custom_id"] as? String ?? "none"
      let body = (json["response"] as? [String: Any])?["body"] as? [String: Any]
      let choice = (body?["choices"] as? [[String: Any]])?.first
      #expect(answers[id] == nil, "\(id) twice")
      answers[id] = choice?["text"] as? String ?? "no answer"
    }
    return answers
  }

  @Test func killedRunGoesOn() throws {
    try Self.withBatch(40, tokens: 40) { folder in
      let script = """
        cd '\(folder.path)'
        run() { "$F" batch -m '\(Self.model)' -np 3 in.jsonl $1 "${@:2}" 2>> log; }
        run whole.jsonl || exit 1
        for round in 1 2 3; do
          "$F" batch -m '\(Self.model)' -np 3 in.jsonl out.jsonl 2>> log & pid=$!
          goal=$(( $(cat out.jsonl 2>/dev/null | wc -l) + 4 ))
          while kill -0 $pid 2>/dev/null && [ "$(cat out.jsonl 2>/dev/null | wc -l)" -lt $goal ]; do sleep 0.02; done
          kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
          # What a crash within a write leaves.
          printf '{"id":"batch_req_1' >> out.jsonl
        done
        run out.jsonl --json > receipt.json
        """
      let outcome = try BuiltBinary.shell(script)
      let log = (try? String(contentsOf: folder.appending(path: "log"), encoding: .utf8)) ?? ""
      #expect(outcome.status == 0, "\(log)")
      #expect(log.contains("broken off"))
      let whole = try Self.answers(folder.appending(path: "whole.jsonl"))
      #expect(whole.count == 40)
      #expect(try Self.answers(folder.appending(path: "out.jsonl")) == whole)
      let receipt = try JSONSerialization.jsonObject(with: Data(contentsOf: folder.appending(path: "receipt.json")))
      let lines = try #require((receipt as? [String: Any])?["answered"] as? Int)
      #expect(lines < 40)
      // Everything is done: nothing is added.
      let again = try BuiltBinary.shell(script.replacingOccurrences(of: "for round in 1 2 3", with: "for round in"))
      #expect(again.status == 0)
      let idle = try JSONSerialization.jsonObject(with: Data(contentsOf: folder.appending(path: "receipt.json")))
      #expect((idle as? [String: Any])?["answered"] as? Int == 0)
      #expect(try Self.answers(folder.appending(path: "out.jsonl")) == whole)
    }
  }

  @Test func badLinesDoNotStopTheOthers() throws {
    try Self.withBatch(3, tokens: 4) { folder in
      let input = folder.appending(path: "in.jsonl")
      let more = """
        not json
        {"custom_id": "n2", "url": "/v1/completions", "body": {"prompt": "x", "n": 2}}
        {"custom_id": "chat", "url": "/v1/chat/completions", "body": {"messages": [{"role": "user", "content": "x"}]}}
        {"custom_id": "long", "url": "/v1/completions", "body": {"prompt": "\(String(repeating: "x ", count: 2_000))"}}

        """
      try (Data(contentsOf: input) + Data(more.utf8)).write(to: input)
      let output = folder.appending(path: "out.jsonl")
      let outcome = try BuiltBinary.farthing(
        "batch", "-m", Self.model, input.path, output.path, "--usd-per-hour", "0.02")
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.error.contains("3 answered, 4 refused, 0 left"))
      let text = try String(contentsOf: output, encoding: .utf8)
      for reason in ["invalid_json", "n: only 1", "no chat template", "context_length_exceeded"] {
        #expect(text.contains(reason), "\(reason)")
      }
      #expect(try Self.answers(output).count == 7)
      // Another input's output is not touched.
      try Data("{\"custom_id\": \"z\"}\n".utf8).write(to: input)
      let refused = try BuiltBinary.farthing("batch", "-m", Self.model, input.path, output.path)
      #expect(refused.status == 1 && refused.error.contains("does not belong to this input"))
      #expect(try String(contentsOf: output, encoding: .utf8) == text)
    }
  }

  @Test func promptCacheSkipsThePrefill() throws {
    try Self.withBatch(0, tokens: 0) { folder in
      let cache = folder.appending(path: "cache").path
      let prompt = String(repeating: "some words to begin with, ", count: 6)
      func run(_ words: [String] = []) throws -> [String: Any] {
        let outcome = try BuiltBinary.run(
          BuiltBinary.path,
          ["run", "-m", Self.model, "--raw", "--temp", "0", "-n", "8", "--json", prompt] + words)
        #expect(outcome.status == 0, "\(outcome.error)")
        return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
      }
      let plain = try run()
      let first = try run(["--prompt-cache", cache])
      let second = try run(["--prompt-cache", cache])
      #expect(first["cached_tokens"] as? Int == 0)
      let cached = try #require(second["cached_tokens"] as? Int)
      #expect(cached >= 64 && cached.isMultiple(of: 64) && cached < (second["prompt_tokens"] as? Int ?? 0))
      for json in [first, second] { #expect(json["token_ids"] as? [Int] == plain["token_ids"] as? [Int]) }
      try Data("no cache at all".utf8).write(to: URL(filePath: cache))
      let outcome = try BuiltBinary.farthing(
        "run", "-m", Self.model, "--raw", "-n", "1", "--prompt-cache", cache, prompt)
      #expect(outcome.status == 0 && outcome.error.contains("warning: "), "\(outcome.error)")
    }
  }
}
