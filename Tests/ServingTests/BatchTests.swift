import Foundation
import Generation
import Testing
import Tokenization
import Usage

@testable import Serving

/// Batch files: what is read, what is refused by name, and what a broken-off output tells.
@Suite struct BatchTests {
  private func line(_ body: String, url: String = "/v1/completions", id: String = "\"a\"") -> [UInt8] {
    Array("{\"custom_id\": \(id), \"method\": \"POST\", \"url\": \"\(url)\", \"body\": \(body)}".utf8)
  }

  @Test func readsAllFields() throws {
    let line = try BatchLine(
      line(
        """
        {"model": "gpt-4o-mini", "prompt": "once", "max_tokens": 9, "temperature": 0.5, "top_p": 0.25, "seed": -3,
         "stop": ["a", "b"], "presence_penalty": 1, "frequency_penalty": -1.5, "n": 1, "user": "u", "top_k": 7,
         "logit_bias": {"5": 2, "6": -100}, "ignore_eos": true, "stream": false, "logprobs": null}
        """))
    #expect(line.customID == "a" && line.tokenLimit == 9 && line.ignoreEnd)
    #expect(line.stopStrings == [Array("a".utf8), Array("b".utf8)])
    let sampling = line.sampling
    #expect(sampling.temperature == 0.5 && sampling.topP == 0.25 && sampling.topK == 7 && sampling.minP == 0)
    #expect(sampling.seed == UInt64(bitPattern: -3))
    #expect(sampling.presencePenalty == 1 && sampling.frequencyPenalty == -1.5)
    #expect(sampling.logitBias == [LogitBias(token: 5, bias: 2), LogitBias(token: 6, bias: -.infinity)])
    guard case .text("once") = line.input else { return #expect(Bool(false), "\(line.input)") }
  }

  @Test func readsMessagesAndTokens() throws {
    let chat = try BatchLine(
      line(
        #"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]}], "max_completion_tokens": 3}"#,
        url: "/v1/chat/completions"))
    guard case .messages(let messages) = chat.input else { return #expect(Bool(false), "\(chat.input)") }
    #expect(messages == [ChatMessage(role: "system", content: "s"), ChatMessage(role: "user", content: "xy")])
    #expect(chat.tokenLimit == 3 && chat.sampling.temperature == 1 && chat.sampling.topK == 0)
    for prompt in ["[1, 2, 3]", "[[1, 2, 3]]"] {
      guard case .tokens([1, 2, 3]) = try BatchLine(line("{\"prompt\": \(prompt)}")).input else {
        return #expect(Bool(false), "\(prompt)")
      }
    }
    guard case .text("one") = try BatchLine(line("{\"prompt\": [\"one\"]}")).input else {
      return #expect(Bool(false), "a list of one text")
    }
  }

  @Test(arguments: [
    ("{}", "prompt"), ("[]", "body"), (#"{"prompt": ["a", "b"]}"#, "each prompt its own line"),
    (#"{"prompt": "a", "n": 2}"#, "n: only 1"), (#"{"prompt": "a", "best_of": 3}"#, "best_of"),
    (#"{"prompt": "a", "temperature": 3}"#, "temperature: must be a number from 0"),
    (#"{"prompt": "a", "temperature": "1"}"#, "temperature"), (#"{"prompt": "a", "max_tokens": -1}"#, "max_tokens"),
    (#"{"prompt": "a", "max_tokens": 1.5}"#, "max_tokens"), (#"{"prompt": "a", "stop": 3}"#, "stop"),
    (#"{"prompt": "a", "stream": true}"#, "stream"), (#"{"prompt": "a", "logprobs": 5}"#, "logprobs"),
    (#"{"prompt": "a", "echo": true}"#, "echo"), (#"{"prompt": "a", "logit_bias": {"x": 1}}"#, "logit_bias"),
    (#"{"prompt": "a", "logit_bias": {"1": 101}}"#, "logit_bias"), (#"{"prompt": [1, "a"]}"#, "token ids only"),
    (#"{"prompt": "a", "guided_regex": "x"}"#, "guided_regex: no such field"),
    (#"{"prompt": "a", "response_format": {"type": "json_object"}}"#, "response_format"),
  ])
  func refusesByName(body: String, reason: String) throws {
    let error = #expect(throws: BatchLineError.self) { try BatchLine(line(body)) }
    #expect(error?.customID == "a" && error?.message.contains(reason) == true, "\(String(describing: error))")
  }

  @Test func refusesWhatIsNoRequest() throws {
    for text in ["", "{", "[1]", "{\"custom_id\": 3}", "\u{0}"] {
      #expect(throws: BatchLineError.self) { try BatchLine(Array(text.utf8)) }
    }
    #expect(throws: BatchLineError.self) { try BatchLine([0x22, 0xFF, 0x22]) }
    #expect(throws: BatchLineError.self) { try BatchLine(line("{\"prompt\": \"a\"}", url: "/v1/embeddings")) }
  }

  @Test func linesKeepTheirNumbers() {
    let input = BatchInput(Array("\u{FEFF}{\"a\":1}\r\n\n  \n{\"b\":2}\n{\"c\":3}".utf8))
    #expect(input.lines.map(\.number) == [1, 4, 5])
    #expect(input.lines.map { String(decoding: $0.bytes, as: UTF8.self) } == ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"])
    #expect(input.lines.map { BatchOutput.number(ofID: $0.id) } == [1, 4, 5])
  }

  @Test func outputTellsWhatIsDone() throws {
    let input = BatchInput(Array("{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n".utf8))
    let output = BatchOutput(model: ModelIdentity(name: "m", quantization: "Q4_1"), isa: "avx2")
    let lines = input.lines.map {
      output.refusal(id: $0.id, BatchLineError(customID: "x", code: "invalid_value", message: "no \"m\" \n"))
    }
    #expect(try input.done(in: []) == BatchInput.Done())
    let two = lines[2] + lines[0]
    #expect(try input.done(in: two) == .init(ids: [input.lines[2].id, input.lines[0].id], wholeBytes: two.count))
    // Wherever the next line is torn, it is told from the whole ones.
    for length in 0..<lines[1].count {
      let done = try input.done(in: two + lines[1].prefix(length))
      #expect(done.ids.count == 2 && done.wholeBytes == two.count && done.tornBytes == length)
    }
    for (strange, number) in [(lines[0] + lines[0], 2), (Array("{}\n".utf8), 1), (lines[0] + Array("\n".utf8), 2)] {
      #expect(throws: BatchError.notOurs(line: number)) { try input.done(in: strange) }
    }
    let other = BatchInput(Array("{\"a\":2}\n".utf8))
    #expect(throws: BatchError.notOurs(line: 1)) { try other.done(in: lines[0]) }
  }

  @Test func answersAreLinesOfJSON() throws {
    let output = BatchOutput(model: ModelIdentity(name: "m", quantization: "Q4_1"), isa: "avx2")
    var result = GenerationResult()
    result.text = Array("a\n\"b\"".utf8) + [0xFF]
    result.tokens = [1, 2]
    result.counts = TokenCounts(prompt: 9, cached: 4, completion: 2, draftAccepted: 1)
    result.finish = .tokenLimit
    for (url, object) in [("/v1/completions", "text_completion"), ("/v1/chat/completions", "chat.completion")] {
      let body = url.contains("chat") ? #"{"messages": [{"role": "user", "content": "x"}]}"# : #"{"prompt": "x"}"#
      let bytes = output.answer(
        id: "batch_req_1_0123456789abcdef", try BatchLine(line(body, url: url)), result,
        createdAtUnixNanos: 1_795_496_400_000_000_000)
      #expect(bytes.filter { $0 == 10 }.count == 1 && bytes.last == 10)
      let json = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
      #expect(json["custom_id"] as? String == "a" && json["error"] is NSNull)
      let response = try #require(json["response"] as? [String: Any])
      let answer = try #require(response["body"] as? [String: Any])
      #expect(response["status_code"] as? Int == 200 && answer["object"] as? String == object)
      let choice = try #require((answer["choices"] as? [[String: Any]])?.first)
      let text = choice["text"] as? String ?? (choice["message"] as? [String: Any])?["content"] as? String
      #expect(text == "a\n\"b\"\u{FFFD}" && choice["finish_reason"] as? String == "length")
      let usage = try #require(answer["usage"] as? [String: Any])
      #expect(usage["total_tokens"] as? Int == 11)
      #expect((usage["prompt_tokens_details"] as? [String: Any])?["cached_tokens"] as? Int == 4)
    }
    result.finish = .failed("out of numbers")
    let failed = output.answer(
      id: "i", try BatchLine(line(#"{"prompt": "x"}"#)), result, createdAtUnixNanos: 0)
    #expect(String(decoding: failed, as: UTF8.self).contains("\"status_code\":500"))
  }
}
