import Generation
import Testing
import Tokenization
import Usage

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

private func monitor(
  end: [TokenID] = [2], stop: [TokenID] = [], strings: [String] = [], limit: Int? = nil, context: Int = 100,
  prompt: Int = 10
) throws -> StopMonitor {
  let rules = try StopRules(
    endTokens: end, stopTokens: stop, stopStrings: StopStrings(strings.map(bytes)), tokenLimit: limit,
    contextLength: context)
  return StopMonitor(rules, promptTokens: prompt)
}

/// Feeds tokens with their texts until one ends the completion.
private func run(_ monitor: inout StopMonitor, _ tokens: [(TokenID, String)]) -> (reason: FinishReason?, text: [UInt8])
{
  var output: [UInt8] = []
  for (token, text) in tokens {
    if let reason = monitor.accept(token) {
      return (monitor.finish(to: &output) ?? reason, output)
    }
    if let reason = monitor.show(bytes(text), to: &output) {
      monitor.finish(to: &output)
      return (reason, output)
    }
  }
  return (nil, output)
}

@Test func stopAtEndAndStopTokens() throws {
  var ended = try monitor(strings: ["stop"])
  let first = run(&ended, [(5, "a st"), (2, "</s>"), (5, "b")])
  #expect(first.reason == .endToken(2))
  #expect(first.text == bytes("a st"), "what was held back is shown, the token's own text is not")
  #expect(ended.completionTokens == 2)
  var stopped = try monitor(stop: [7, 2])
  #expect(run(&stopped, [(5, "a"), (7, "x")]).reason == .stopToken(7))
  var named = try monitor(stop: [2])
  #expect(run(&named, [(2, "")]).reason == .stopToken(2), "the request's own wish is the reason")
  var ignoring = try monitor(end: [])
  #expect(run(&ignoring, [(2, "</s>")]).reason == nil)
}

@Test func stopAtAString() throws {
  var monitor = try monitor(strings: ["\n\n", "###"])
  let result = run(&monitor, [(5, "a\n"), (6, "\nb"), (7, "c")])
  #expect(result.reason == .stopString(bytes("\n\n")))
  #expect(result.text == bytes("a"))
  #expect(result.reason?.name == "stop")
}

@Test func stopAtTheLimits() throws {
  var limited = try monitor(strings: ["xyz"], limit: 2)
  let result = run(&limited, [(5, "a"), (6, "bx"), (7, "c")])
  #expect(result.reason == .tokenLimit)
  #expect(result.text == bytes("abx"))
  var full = try monitor(context: 12)
  #expect(run(&full, [(5, "a"), (6, "b"), (7, "c")]).reason == .contextFull)
  #expect(full.completionTokens == 2)
  var both = try monitor(strings: ["ab"], limit: 2)
  #expect(run(&both, [(5, "a"), (6, "b")]).reason == .stopString(bytes("ab")), "a stop on the last token is a stop")
  var last = try monitor(limit: 1)
  #expect(run(&last, [(2, "")]).reason == .endToken(2))
}

@Test func stopBeforeTheFirstToken() throws {
  #expect(try monitor().limitReached == nil)
  #expect(try monitor(limit: 0).limitReached == .tokenLimit)
  #expect(try monitor(context: 10).limitReached == .contextFull)
  #expect(try monitor(context: 9).limitReached == .contextFull)
  #expect(throws: StopError.negativeTokenLimit(-1)) { try monitor(limit: -1) }
  let many = Array(repeating: TokenID(1), count: StopRules.maximumStopTokens + 1)
  #expect(throws: StopError.self) { try monitor(stop: many) }
}

@Test func stopStringInTheLastHeldText() throws {
  var monitor = try monitor(strings: ["ab"])
  var output: [UInt8] = []
  #expect(monitor.show(bytes("xa"), to: &output) == nil)
  #expect(monitor.finish(bytes("b"), to: &output) == .stopString(bytes("ab")))
  #expect(output == bytes("x"))
}
