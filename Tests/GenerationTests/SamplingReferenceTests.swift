import Compute
import Glibc
import Testing
import Tokenization

@testable import Generation

/// Logits of one kind: like a model's, flat, full of ties, ordered, or with everything that should not be there.
private func logits(_ kind: Int, _ count: Int, _ random: inout TestRandom) -> [Float] {
  switch kind {
  case 0: (0..<count).map { _ in 3 * random.normal() }
  case 1: (0..<count).map { _ in 0.1 * random.normal() }
  case 2: (0..<count).map { _ in Float(Int.random(in: -4...4, using: &random)) / 2 }
  case 3: (0..<count).map { Float($0) / 64 }
  default:
    (0..<count).map { index in
      switch Int.random(in: 0..<12, using: &random) {
      case 0 where index > 0: .nan
      case 1 where index > 0: -.infinity
      default: 2 * random.normal()
      }
    }
  }
}

private func parameters(vocabulary: Int, _ random: inout TestRandom) -> SamplingParameters {
  func sometimes(_ on: () -> Void) { if Int.random(in: 0..<3, using: &random) > 0 { on() } }
  var parameters = SamplingParameters()
  parameters.temperature = Float.random(in: 0.2...2, using: &random)
  parameters.topK = 0
  parameters.topP = 1
  parameters.minP = 0
  if Bool.random(using: &random) { parameters.topK = Int.random(in: 1...vocabulary, using: &random) }
  if Bool.random(using: &random) { parameters.topK = Int.random(in: 1...min(40, vocabulary), using: &random) }
  if Bool.random(using: &random) { parameters.topP = Float.random(in: 0...1, using: &random) }
  if Bool.random(using: &random) { parameters.minP = pow(10, Float.random(in: -6...0, using: &random)) }
  if Bool.random(using: &random) {
    parameters.repeatPenalty = Float.random(in: 0.5...2, using: &random)
    parameters.presencePenalty = Float.random(in: -1...1, using: &random)
    parameters.frequencyPenalty = Float.random(in: -1...1, using: &random)
    parameters.penaltyWindow = Int.random(in: 0...40, using: &random)
  }
  if Bool.random(using: &random) {
    for token in Set((0..<4).map { _ in TokenID(Int.random(in: 0..<vocabulary, using: &random)) }).sorted() {
      // Token 0 stays, so that there is always a candidate.
      let bias = token > 0 && Bool.random(using: &random) ? -Float.infinity : random.normal()
      parameters.logitBias.append(LogitBias(token: token, bias: bias))
    }
  }
  parameters.seed = random.next()
  return parameters
}

/// The first candidate whose running probability exceeds `uniform`, give or take single precision.
private func agrees(
  _ sampled: SampledToken, _ candidates: [ReferenceSampler.Candidate], _ uniform: Double
) -> Bool {
  var before = 0.0
  for candidate in candidates {
    let after = before + candidate.probability
    if candidate.id == Int(sampled.token) {
      return before - 2e-6 <= uniform && uniform <= after + 2e-6
        && abs(candidate.probability - Double(sampled.probability)) <= 5e-6 * (1 + candidate.probability)
    }
    before = after
  }
  return false
}

@Test(arguments: 0..<5, [1, 2, 60, 129, 700, 3_000])
func samplingEqualsTheSortedReference(kind: Int, vocabulary: Int) throws {
  let seed = testSeed()
  print("seed \(seed)")
  var random = TestRandom(seed: seed)
  let buffer = try LogitBuffer(Array(repeating: 0, count: vocabulary))
  var compared = 0
  for round in 0..<40 {
    let values = logits(kind, vocabulary, &random)
    let parameters = parameters(vocabulary: vocabulary, &random)
    let history = (0..<Int.random(in: 0...60, using: &random)).map { _ in
      TokenID(Int.random(in: 0..<min(vocabulary, 20), using: &random))
    }
    let reference = ReferenceSampler(parameters: parameters).candidates(values, history: history)
    // Where top-p or min-p is decided by less than single precision holds, both answers are right.
    if reference.margin < 1e-5 { continue }
    compared += 1
    buffer.set(values)
    let before = buffer.bits
    let sampler = try Sampler(parameters, vocabulary: vocabulary)
    for position in 0..<20 {
      let sampled = try buffer.sample(sampler, history: history, position: position)
      let uniform = CounterRandom(seed: sampler.seed).uniform(at: position)
      if !agrees(sampled, reference.candidates, uniform) {
        Issue.record("seed \(seed), round \(round), position \(position): \(sampled) under \(parameters)")
        return
      }
    }
    #expect(buffer.bits == before, "seed \(seed): the logits are as they were")
  }
  #expect(compared >= 20, "seed \(seed): enough cases are clear")
}

@Test(arguments: 0..<5, [1, 100, 1_000])
func samplingGreedyIsTheFirstOfTheLargest(kind: Int, vocabulary: Int) throws {
  let seed = testSeed()
  print("seed \(seed)")
  var random = TestRandom(seed: seed)
  for temperature: Float in [0, -1] {
    let values = logits(kind, vocabulary, &random)
    let buffer = try LogitBuffer(values)
    let clean = values.map { $0.isNaN ? -.infinity : $0 }
    var greedy = SamplingParameters.greedy
    greedy.temperature = temperature
    let sampled = try buffer.sample(Sampler(greedy, vocabulary: vocabulary))
    #expect(Int(sampled.token) == clean.firstIndex(of: clean.max() ?? 0), "seed \(seed)")
    #expect(sampled.probability == 1)
  }
}

/// Pearson's statistic as a number of standard deviations (Wilson and Hilferty's approximation): above 5 once in
/// millions.
private func deviation(_ observed: [Int: Int], _ expected: [Int: Double], draws: Int) -> Double {
  var statistic = 0.0
  var cells = 0
  var rest = (observed: 0.0, expected: 0.0)
  for (id, probability) in expected {
    let mean = probability * Double(draws)
    let count = Double(observed[id] ?? 0)
    if mean < 5 {
      rest.observed += count
      rest.expected += mean
    } else {
      statistic += (count - mean) * (count - mean) / mean
      cells += 1
    }
  }
  if rest.expected > 0 {
    statistic += (rest.observed - rest.expected) * (rest.observed - rest.expected) / rest.expected
    cells += 1
  }
  let freedom = Double(max(cells - 1, 1))
  let spread = 2 / (9 * freedom)
  return (pow(statistic / freedom, 1.0 / 3) - (1 - spread)) / spread.squareRoot()
}

private let distributions: [(String, @Sendable (inout SamplingParameters) -> Void)] = [
  ("temperature 1", { _ in }),
  ("temperature 0.5", { $0.temperature = 0.5 }),
  ("temperature 3", { $0.temperature = 3 }),
  ("top-k", { $0.topK = 7 }),
  ("top-p", { $0.topP = 0.7 }),
  ("min-p", { $0.minP = 0.1 }),
  (
    "all",
    {
      $0.temperature = 0.8
      $0.topK = 20
      $0.topP = 0.9
      $0.minP = 0.05
    }
  ),
]

@Test(arguments: distributions.indices)
func samplingDrawsEachTokenAsOftenAsItShould(index: Int) throws {
  let draws = 20_000
  let vocabulary = 150
  var random = TestRandom(seed: 99)
  let values = (0..<vocabulary).map { _ in 1.5 * random.normal() }
  let buffer = try LogitBuffer(values)
  var parameters = try sampler(vocabulary: vocabulary, distributions[index].1).parameters
  let expected = Dictionary(
    uniqueKeysWithValues: ReferenceSampler(parameters: parameters).candidates(values, history: []).candidates.map {
      ($0.id, $0.probability)
    })
  var byPosition: [Int: Int] = [:]
  let sampler = try Sampler(parameters, vocabulary: vocabulary)
  for position in 0..<draws { byPosition[Int(try buffer.sample(sampler, position: position).token), default: 0] += 1 }
  var bySeed: [Int: Int] = [:]
  for seed in 0..<draws {
    parameters.seed = UInt64(seed)
    let sampler = try Sampler(parameters, vocabulary: vocabulary)
    bySeed[Int(try buffer.sample(sampler, position: 11).token), default: 0] += 1
  }
  for observed in [byPosition, bySeed] {
    #expect(Set(observed.keys).isSubset(of: expected.keys))
    let distance = deviation(observed, expected, draws: draws)
    #expect(distance < 5, "\(distributions[index].0): \(distance) standard deviations")
    // The test can fail: a distribution that is flatter is told apart.
    let flatter = expected.mapValues { pow($0, 0.7) }
    let total = flatter.values.reduce(0, +)
    #expect(deviation(observed, flatter.mapValues { $0 / total }, draws: draws) > 5)
  }
}
