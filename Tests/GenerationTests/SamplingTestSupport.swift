import Compute
import Generation
import Glibc
import Testing
import Tokenization

/// A small generator for test data (Steele, Lea and Flood's SplitMix64), so that a printed seed repeats a failure.
struct TestRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }

  mutating func normal() -> Float {
    let radius = (-2 * log(Double.random(in: 0x1p-53...1, using: &self))).squareRoot()
    return Float(radius * cos(2 * Double.pi * Double.random(in: 0..<1, using: &self)))
  }
}

/// A seed for a property test: a new one each run, or the one in FARTHING_TEST_SEED. The test prints it.
func testSeed() -> UInt64 {
  if let text = unsafe getenv("FARTHING_TEST_SEED"), let seed = unsafe UInt64(String(cString: text)) { return seed }
  return UInt64.random(in: 0 ... .max)
}

var slowTests: Bool { unsafe getenv("FARTHING_SLOW_TESTS") != nil }

/// Logits in memory of their own, with a sampler's scratch memory beside them.
final class LogitBuffer {
  let buffer: AlignedBuffer<Float>
  let scratch: SamplerScratch

  init(_ logits: [Float]) throws {
    buffer = try AlignedBuffer(count: logits.count)
    scratch = try SamplerScratch(vocabulary: logits.count)
    set(logits)
  }

  func set(_ logits: [Float]) { for (index, logit) in logits.enumerated() { buffer.view[index] = logit } }

  var bits: [UInt32] { (0..<buffer.count).map { buffer.view[$0].bitPattern } }

  func sample(_ sampler: Sampler, history: [TokenID] = [], position: Int = 0) throws -> SampledToken {
    try sampler.sample(logits: buffer.view, history: history.span, position: position, scratch: scratch)
  }
}

/// One sample of logits with parameters that do nothing but what the closure sets.
func sampler(
  vocabulary: Int, seed: UInt64 = 1, kernels: SamplingKernels = .best, _ set: (inout SamplingParameters) -> Void
) throws -> Sampler {
  var parameters = SamplingParameters()
  parameters.temperature = 1
  parameters.topK = 0
  parameters.topP = 1
  parameters.minP = 0
  parameters.seed = seed
  set(&parameters)
  return try Sampler(parameters, vocabulary: vocabulary, kernels: kernels)
}

/// What the sampler must do, said as plainly as possible: everything sorted, everything in double precision.
struct ReferenceSampler {
  let parameters: SamplingParameters

  struct Candidate {
    let id: Int
    let logit: Float
    var probability = 0.0
  }

  /// The candidates by ascending id with their probabilities, and how close top-p and min-p came to deciding otherwise:
  /// below about 1e-6 single precision may decide otherwise.
  func candidates(_ logits: [Float], history: [TokenID]) -> (candidates: [Candidate], margin: Double) {
    var sorted = adjusted(logits, history: history).enumerated()
      .filter { $0.element > -.infinity }
      .map { Candidate(id: $0.offset, logit: min($0.element, .greatestFiniteMagnitude)) }
      .sorted { ($0.logit, $1.id) > ($1.logit, $0.id) }
    guard let largest = sorted.first?.logit else { return ([], 1) }
    var margin = Double.infinity
    if parameters.temperature <= 0 { sorted = [sorted[0]] }
    if parameters.topK > 0 { sorted = Array(sorted.prefix(parameters.topK)) }
    if parameters.topP < 1 {
      let weights = sorted.map { exp(Double($0.logit) - Double(largest)) }
      let total = weights.reduce(0, +)
      var sum = 0.0
      var kept = 0
      repeat {
        sum += weights[kept]
        kept += 1
        margin = min(margin, abs(sum / total - Double(parameters.topP)))
      } while kept < sorted.count && sum < Double(parameters.topP) * total
      sorted = Array(sorted.prefix(kept))
    }
    if parameters.minP > 0 {
      let distance = log(Double(parameters.minP))
      for candidate in sorted {
        let difference = Double(candidate.logit) - Double(largest) - distance
        // A tie with the largest logit under min-p 1 is exact.
        if difference != 0 { margin = min(margin, abs(difference)) }
      }
      sorted = sorted.filter { Double($0.logit) - Double(largest) >= distance }
    }
    let temperature = Double(parameters.temperature > 0 ? parameters.temperature : 1)
    var candidates = sorted.sorted { $0.id < $1.id }
    var total = 0.0
    for index in candidates.indices {
      candidates[index].probability = exp((Double(candidates[index].logit) - Double(largest)) / temperature)
      total += candidates[index].probability
    }
    for index in candidates.indices { candidates[index].probability /= total }
    return (candidates, margin)
  }

  private func adjusted(_ logits: [Float], history: [TokenID]) -> [Float] {
    var logits = logits
    for entry in parameters.logitBias { logits[Int(entry.token)] += entry.bias }
    for (token, times) in Dictionary(grouping: history.suffix(parameters.penaltyWindow), by: \.self) {
      let logit = logits[Int(token)]
      let repeated = logit > 0 ? logit / parameters.repeatPenalty : logit * parameters.repeatPenalty
      let count = Float(times.count)
      logits[Int(token)] = repeated - (parameters.presencePenalty + count * parameters.frequencyPenalty)
    }
    return logits
  }
}
