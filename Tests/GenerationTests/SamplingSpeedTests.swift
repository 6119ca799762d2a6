import Compute
import Generation
import Glibc
import Testing
import Tokenization

private func nanoseconds() -> Int {
  var now = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &now)
  return now.tv_sec * 1_000_000_000 + now.tv_nsec
}

private let ways: [(String, @Sendable (inout SamplingParameters) -> Void)] = [
  ("greedy", { $0 = .greedy }),
  ("defaults", { _ in }),
  (
    "defaults, penalties and biases",
    {
      $0.repeatPenalty = 1.1
      $0.presencePenalty = 0.1
      $0.frequencyPenalty = 0.1
      $0.logitBias = (0..<16).map { LogitBias(token: $0 * 16_000, bias: 1) }
    }
  ),
  ("top-k 1000", { $0.topK = 1_000 }),
  ("top-k 10000", { $0.topK = 10_000 }),
  ("top-p only", { $0 = only { $0.topP = 0.95 } }),
  ("min-p only", { $0 = only { $0.minP = 0.05 } }),
  ("top-p and min-p", { $0.topK = 0 }),
  ("temperature only", { $0 = only { _ in } }),
]

private func only(_ set: (inout SamplingParameters) -> Void) -> SamplingParameters {
  var parameters = SamplingParameters()
  parameters.topK = 0
  parameters.topP = 1
  parameters.minP = 0
  set(&parameters)
  return parameters
}

/// Times choosing one token out of 262,144, and prints the median in microseconds. In a release build only.
@Test(.enabled(if: slowTests, "a measurement: set FARTHING_SLOW_TESTS=1"))
func samplingSpeed() throws {
  let vocabulary = 262_144
  var random = TestRandom(seed: 1)
  let history = (0..<64).map { _ in TokenID(Int.random(in: 0..<vocabulary, using: &random)) }
  let shapes: [(String, (Int) -> Float)] = [
    ("like a model", { _ in 2.5 * random.normal() }),
    ("flat", { _ in 0.01 * random.normal() }),
    ("ascending", { Float($0) / 10_000 }),
    ("equal", { _ in 1 }),
  ]
  for (shape, logit) in shapes {
    var logits = (0..<vocabulary).map(logit)
    if shape == "like a model" { for index in 0..<30 { logits[index * 8_001] += 12 } }
    let buffer = try LogitBuffer(logits)
    for (name, set) in ways {
      var parameters = SamplingParameters()
      set(&parameters)
      parameters.seed = 3
      let sampler = try Sampler(parameters, vocabulary: vocabulary)
      let maxima = try AlignedBuffer<Float>(count: SamplingKernels.blocks(of: vocabulary))
      var times: [Int] = []
      var summarized: [Int] = []
      for position in 0..<101 {
        let start = nanoseconds()
        _ = try buffer.sample(sampler, history: history, position: position)
        times.append(nanoseconds() - start)
        sampler.summarize(buffer.buffer.view, blocks: 0..<maxima.count, into: maxima.view)
        let second = nanoseconds()
        _ = try sampler.sample(
          logits: buffer.buffer.view, history: history.span, position: position, scratch: buffer.scratch,
          maxima: maxima.view)
        summarized.append(nanoseconds() - second)
      }
      let median = times.sorted()[50] / 100
      let rest = summarized.sorted()[50] / 100
      print("\(shape), \(name): \(Double(median) / 10) us, with maxima given \(Double(rest) / 10) us")
    }
  }
}
