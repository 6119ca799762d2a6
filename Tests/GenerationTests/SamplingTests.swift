import Compute
import Glibc
import Testing
import Tokenization

@testable import Generation

/// The probability of each token that is ever drawn.
private func probabilities(
  _ sampler: Sampler, _ logits: [Float], history: [TokenID] = [], draws: Int = 400
) throws -> [Int: Float] {
  let buffer = try LogitBuffer(logits)
  var result: [Int: Float] = [:]
  for position in 0..<draws {
    let sampled = try buffer.sample(sampler, history: history, position: position)
    result[Int(sampled.token)] = sampled.probability
  }
  return result
}

private func close(_ found: [Int: Float], _ expected: [Int: Double]) -> Bool {
  Set(found.keys) == Set(expected.keys)
    && expected.allSatisfy { abs(Double(found[$0.key] ?? 0) - $0.value) < 1e-6 }
}

private func softmax(_ logits: [Int: Double]) -> [Int: Double] {
  let total = logits.values.reduce(0) { $0 + exp($1) }
  return logits.mapValues { exp($0) / total }
}

// MARK: By hand

@Test func samplingPenaltiesByHand() throws {
  let logits: [Float] = [2, -1, 0, 0.5]
  let history: [TokenID] = [3, 0, 0, 1]
  let repeated = try sampler(vocabulary: 4) {
    $0.repeatPenalty = 2
    $0.penaltyWindow = 3
  }
  #expect(close(try probabilities(repeated, logits, history: history), softmax([0: 1, 1: -2, 2: 0, 3: 0.5])))
  let presence = try sampler(vocabulary: 4) {
    $0.presencePenalty = 0.25
    $0.penaltyWindow = 3
  }
  #expect(close(try probabilities(presence, logits, history: history), softmax([0: 1.75, 1: -1.25, 2: 0, 3: 0.5])))
  let frequency = try sampler(vocabulary: 4) {
    $0.frequencyPenalty = 0.5
    $0.penaltyWindow = 3
  }
  #expect(close(try probabilities(frequency, logits, history: history), softmax([0: 1, 1: -1.5, 2: 0, 3: 0.5])))
  let all = try sampler(vocabulary: 4) {
    $0.repeatPenalty = 2
    $0.presencePenalty = 0.25
    $0.frequencyPenalty = 0.5
    $0.logitBias = [LogitBias(token: 1, bias: 3), LogitBias(token: 2, bias: -1), LogitBias(token: 1, bias: 1)]
  }
  // Biases come first: token 1 is at 3 when it is divided by 2.
  let expected = softmax([0: 2.0 / 2 - 1.25, 1: 3.0 / 2 - 0.75, 2: -1, 3: 0.5 / 2 - 0.75])
  #expect(close(try probabilities(all, logits, history: history), expected))
}

@Test func samplingFiltersByHand() throws {
  // Probabilities 1/2, 1/4, 1/8, 1/16, 1/16 at ids 2, 0, 4, 1, 3.
  let shares: [Double] = [0.25, 0.0625, 0.5, 0.0625, 0.125]
  let logits = shares.map { Float(log($0)) }
  func kept(_ set: (inout SamplingParameters) -> Void) throws -> [Int] {
    try probabilities(sampler(vocabulary: 5, set), logits).keys.sorted()
  }
  #expect(try kept { _ in } == [0, 1, 2, 3, 4])
  #expect(try kept { $0.topK = 1 } == [2])
  #expect(try kept { $0.topK = 3 } == [0, 2, 4])
  #expect(try kept { $0.topK = 4 } == [0, 1, 2, 4], "of equal logits the lower id stays")
  #expect(try kept { $0.topK = 5 } == [0, 1, 2, 3, 4])
  #expect(try kept { $0.topP = 0 } == [2])
  #expect(try kept { $0.topP = 0.49 } == [2])
  #expect(try kept { $0.topP = 0.51 } == [0, 2])
  #expect(try kept { $0.topP = 0.9 } == [0, 1, 2, 4], "of equal logits the lower id stays")
  #expect(try kept { $0.topP = 0.95 } == [0, 1, 2, 3, 4])
  #expect(try kept { $0.minP = 1 } == [2])
  #expect(try kept { $0.minP = 0.24 } == [0, 2, 4])
  #expect(try kept { $0.minP = 0.12 } == [0, 1, 2, 3, 4])
  let hot: (inout SamplingParameters) -> Void = {
    $0.temperature = 100
    $0.topP = 0.7
  }
  #expect(try kept(hot) == [0, 2], "top-p looks at the probabilities before the temperature")
  // After top-k 2 the two probabilities are 2/3 and 1/3.
  let both: (inout SamplingParameters) -> Void = {
    $0.topK = 2
    $0.topP = 0.6
  }
  #expect(try kept(both) == [2])
  let banned: (inout SamplingParameters) -> Void = { $0.logitBias = [LogitBias(token: 2, bias: -.infinity)] }
  #expect(try kept(banned) == [0, 1, 3, 4])
}

@Test(arguments: [6, 300])
func samplingDrawsTheFirstAndTheLastAtTheEnds(count: Int) throws {
  // The first and the last two tokens weigh nothing: too far below the others. Equal weights sum up without rounding.
  var logits = Array(repeating: Float(0), count: count)
  for place in [0, count - 2, count - 1] { logits[place] = -200 }
  let buffer = try LogitBuffer(logits)
  let maxima = buffer.scratch.maxima.view
  SamplingKernels.best.blockMaxima(buffer.buffer.view, into: maxima)
  let pass = SamplingPass(kernels: .best, logits: buffer.buffer.view, maxima: maxima, scratch: buffer.scratch)
  let candidates = pass.gather(from: -300)
  #expect(candidates == count)
  let number = count - 3
  for step in 0..<number {
    let uniform = Double(step) / Double(number)
    // A running sum that equals the target does not exceed it: the token begins there.
    for (uniform, token) in [(uniform + 1e-9, step + 1), ((uniform + 1.0 / Double(number)) - 1e-9, step + 1)] {
      #expect(Int(pass.draw(uniform, among: count, largest: 0, inverseTemperature: 1).token) == token)
      #expect(Int(pass.drawFromAll(uniform, largest: 0, inverseTemperature: 1).token) == token)
    }
  }
  // 1 itself never comes, but a product with it may round up to the total.
  for (uniform, token) in [(0.0, 1), (1.0.nextDown, count - 3), (1.0, count - 3)] {
    #expect(Int(pass.draw(uniform, among: count, largest: 0, inverseTemperature: 1).token) == token)
    #expect(Int(pass.drawFromAll(uniform, largest: 0, inverseTemperature: 1).token) == token)
  }
}

// MARK: Extremes

@Test func samplingOneTokenOnly() throws {
  for logit: Float in [0, -1e30, .infinity, .greatestFiniteMagnitude] {
    #expect(try probabilities(Sampler(SamplingParameters(), vocabulary: 1), [logit], draws: 3) == [0: 1])
  }
}

@Test func samplingAllEqualKeepsTheLowestIDs() throws {
  let logits = Array(repeating: Float(-7.5), count: 1_000)
  let ten = try probabilities(sampler(vocabulary: 1_000) { $0.topK = 10 }, logits)
  #expect(ten == Dictionary(uniqueKeysWithValues: (0..<10).map { ($0, 0.1) }))
  #expect(try probabilities(sampler(vocabulary: 1_000) { $0.topK = 1 }, logits, draws: 3) == [0: 1])
  #expect(try probabilities(Sampler(.greedy, vocabulary: 1_000), logits, draws: 3) == [0: 1])
  let half = try probabilities(sampler(vocabulary: 1_000) { $0.topP = 0.01 }, logits)
  #expect(half.keys.sorted() == Array(0..<10))
  #expect(try probabilities(sampler(vocabulary: 1_000) { $0.minP = 1 }, logits).count > 200)
}

@Test func samplingTreatsBothZerosAsEqual() throws {
  let logits: [Float] = [-1, -0.0, 0.0, -0.0]
  #expect(try probabilities(Sampler(.greedy, vocabulary: 4), logits, draws: 1) == [1: 1])
  #expect(try probabilities(sampler(vocabulary: 4) { $0.topK = 2 }, logits).keys.sorted() == [1, 2])
}

private let everyWay: [@Sendable (inout SamplingParameters) -> Void] = [
  { _ in }, { $0.topK = 5 }, { $0.topP = 0.9 }, { $0.minP = 0.01 }, { $0.temperature = 0 },
  {
    $0.topK = 40
    $0.topP = 0.95
    $0.minP = 0.05
  },
  {
    $0.topP = 0.999_999
    $0.minP = 1e-30
  },
  {
    $0.repeatPenalty = 1.3
    $0.topK = 300
  },
]

@Test(arguments: everyWay.indices)
func samplingOnlyCandidateWins(index: Int) throws {
  for place in [0, 127, 128, 299] {
    for other in [-Float.infinity, .nan] {
      var logits = Array(repeating: other, count: 300)
      for value: Float in [-3, .infinity, -.greatestFiniteMagnitude] {
        logits[place] = value
        let sampler = try sampler(vocabulary: 300, everyWay[index])
        #expect(try probabilities(sampler, logits, history: [5], draws: 5) == [place: 1])
      }
    }
  }
}

@Test(arguments: everyWay.indices)
func samplingWithoutACandidateIsAnError(index: Int) throws {
  let sampler = try sampler(vocabulary: 300, everyWay[index])
  var mixed = Array(repeating: Float.nan, count: 300)
  for place in stride(from: 0, to: 300, by: 3) { mixed[place] = -.infinity }
  for logits in [Array(repeating: .nan, count: 300), Array(repeating: -.infinity, count: 300), mixed] {
    let buffer = try LogitBuffer(logits)
    #expect(throws: SamplingError.noCandidate(position: 9)) { try buffer.sample(sampler, history: [1], position: 9) }
    let before = logits.map(\.bitPattern)
    #expect(buffer.bits == before)
  }
}

@Test func samplingWithEverythingBannedIsAnError() throws {
  let sampler = try sampler(vocabulary: 3) {
    $0.logitBias = (0..<3).map { LogitBias(token: $0, bias: -.infinity) }
  }
  let buffer = try LogitBuffer([1, .infinity, 3])
  #expect(throws: SamplingError.noCandidate(position: 0)) { try buffer.sample(sampler) }
  #expect(buffer.buffer.view[1] == .infinity)
}

@Test(arguments: everyWay.indices)
func samplingInfiniteLogitsShareEqually(index: Int) throws {
  let logits: [Float] = [1, .infinity, .nan, 2, .greatestFiniteMagnitude, 3, .infinity]
  let found = try probabilities(sampler(vocabulary: 7, everyWay[index]), logits)
  #expect(Set(found.keys).isSubset(of: [1, 4, 6]))
  #expect(found.values.allSatisfy { $0 == Float(1) / Float(found.count) })
}

@Test func samplingExtremeTemperatures() throws {
  let logits: [Float] = [1, 3, 2, 3, -.infinity]
  for temperature: Float in [.leastNonzeroMagnitude, 1e-30] {
    #expect(try probabilities(sampler(vocabulary: 5) { $0.temperature = temperature }, logits) == [1: 0.5, 3: 0.5])
  }
  for temperature: Float in [1e30, .greatestFiniteMagnitude] {
    let found = try probabilities(sampler(vocabulary: 5) { $0.temperature = temperature }, logits)
    #expect(found == [0: 0.25, 1: 0.25, 2: 0.25, 3: 0.25])
  }
}

// MARK: The same again

@Test(arguments: everyWay.indices)
func samplingIsAPureFunction(index: Int) throws {
  let vocabulary = 1_000
  let seed = testSeed()
  print("seed \(seed)")
  var random = TestRandom(seed: seed)
  let rows = (0..<4).map { _ in (0..<vocabulary).map { _ in 2 * random.normal() } }
  let history = (0..<100).map { _ in TokenID(Int.random(in: 0..<vocabulary, using: &random)) }
  let sampler = try sampler(vocabulary: vocabulary, seed: seed) {
    everyWay[index](&$0)
    $0.presencePenalty = 1
    $0.logitBias = [LogitBias(token: 5, bias: 4)]
  }
  func row(_ index: Int, _ position: Int, _ buffer: LogitBuffer) throws -> SampledToken {
    buffer.set(rows[index])
    return try buffer.sample(sampler, history: history, position: position)
  }
  // Alone, each with fresh memory; then in another order with one memory; then on the other instruction set, with the
  // maxima found in parts.
  let alone = try (0..<4).map { try row($0, 10 + $0, LogitBuffer(rows[0])) }
  let shared = try LogitBuffer(rows[0])
  let backwards = try (0..<4).reversed().map { try row($0, 10 + $0, shared) }
  #expect(alone == backwards.reversed(), "seed \(seed)")
  let plain = try Sampler(
    sampler.parameters, vocabulary: vocabulary, kernels: SamplingKernels.named("baseline") ?? .best)
  for index in 0..<4 {
    shared.set(rows[index])
    let maxima = try AlignedBuffer<Float>(count: 8)
    for part in [3..<8, 0..<1, 1..<3] { plain.summarize(shared.buffer.view, blocks: part, into: maxima.view) }
    let sampled = try plain.sample(
      logits: shared.buffer.view, history: history.span, position: 10 + index, scratch: shared.scratch,
      maxima: maxima.view)
    #expect(sampled == alone[index], "seed \(seed)")
  }
}

@Test func samplingLooksOnlyAtTheWindow() throws {
  let logits: [Float] = [1, 1.1, 1.2, 1.3]
  let sampler = try sampler(vocabulary: 4) {
    $0.temperature = 0
    $0.presencePenalty = 10
    $0.penaltyWindow = 2
  }
  #expect(try probabilities(sampler, logits, history: [3, 2, 1], draws: 1) == [3: 1])
  #expect(try probabilities(sampler, logits, history: [1, 3, 2], draws: 1) == [1: 1])
  #expect(try probabilities(sampler, logits, history: [], draws: 1) == [3: 1])
}

@Test func samplingOnThreadsEqualsSamplingAlone() async throws {
  let vocabulary = 2_000
  var random = TestRandom(seed: 5)
  let logits = (0..<vocabulary).map { _ in 2 * random.normal() }
  let sampler = try Sampler(SamplingParameters(), vocabulary: vocabulary)
  @Sendable func run() throws -> [SampledToken] {
    let buffer = try LogitBuffer(logits)
    return try (0..<200).map { try buffer.sample(sampler, position: $0) }
  }
  let alone = try run()
  try await withThrowingTaskGroup(of: [SampledToken].self) { group in
    for _ in 0..<4 { group.addTask { try run() } }
    for try await tokens in group { #expect(tokens == alone) }
  }
}

@Test func samplingLogProbabilityIsTheModels() throws {
  var random = TestRandom(seed: 6)
  var logits = (0..<5_000).map { _ in 3 * random.normal() }
  logits[7] = -.infinity
  logits[8] = .nan
  let sampler = try Sampler(SamplingParameters(), vocabulary: 5_000)
  let buffer = try LogitBuffer(logits)
  let total = logits.filter { $0.isFinite }.reduce(0) { $0 + exp(Double($1)) }
  for token in [0, 1, 4_999] {
    let found = sampler.logProbability(of: TokenID(token), logits: buffer.buffer.view, scratch: buffer.scratch)
    #expect(abs(found - (Double(logits[token]) - log(total))) < 1e-6)
  }
  #expect(sampler.logProbability(of: 7, logits: buffer.buffer.view, scratch: buffer.scratch) == -.infinity)
  #expect(sampler.logProbability(of: 8, logits: buffer.buffer.view, scratch: buffer.scratch) == -.infinity)
}
