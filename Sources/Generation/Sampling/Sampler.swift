import Compute
import Glibc
import Tokenization

/// A token that was chosen.
public struct SampledToken: Sendable, Hashable {
  public let token: TokenID
  /// How likely this choice was among the candidates that were left: 1 when chance had no part in it.
  public let probability: Float
}

/// Chooses the next token among the logits of one position.
///
/// The choice is a pure function of logits, history, seed and position: batches, threads, repeats and drafts cannot
/// change it. A draft token is accepted only if it equals the token that is sampled at its position.
///
/// Order of operations, that of llama.cpp's default chain:
/// 1. logit biases are added;
/// 2. penalties: for each token in the window the logit is divided by the repeat penalty if positive and multiplied by
///    it if not, then presence penalty + times in the window * frequency penalty is subtracted;
/// 3. temperature <= 0: the largest logit wins and the rest is skipped;
/// 4. top-k, then top-p on the probabilities of what is left (at temperature 1), then min-p;
/// 5. the logits are divided by the temperature, and one token is drawn: the first, by ascending id, at which the sum
///    of the probabilities exceeds the uniform number of this seed and position.
///
/// Ties everywhere go to the lower id. A logit that is NaN or -infinity is never chosen; +infinity counts as the
/// largest finite number. There is no sort: with top-k or min-p one vectorised pass finds the maxima of blocks, and
/// then only blocks that hold candidates are looked at.
public struct Sampler: Sendable {
  /// Logits that share one maximum, see `summarize`.
  public static let blockSize = SamplingKernels.blockSize

  /// Without min-p, top-p looks first among tokens within this distance of the largest logit; all others together are
  /// rarely needed to reach it, and when they are, all are looked at.
  private static let firstReach: Float = 10

  public let parameters: SamplingParameters
  public let vocabulary: Int
  /// The seed in use: the one of the parameters, or the one that was drawn.
  public let seed: UInt64

  let kernels: SamplingKernels
  private let biases: [LogitBias]
  private let random: CounterRandom
  private let inverseTemperature: Float
  /// Added to the largest logit: what min-p keeps. -infinity: everything.
  private let minPDistance: Float

  /// - Throws: `SamplingError` for a parameter out of its range or a bias for a token outside the vocabulary.
  public init(
    _ parameters: SamplingParameters, vocabulary: Int, kernels: SamplingKernels = .best
  ) throws(SamplingError) {
    try parameters.validate()
    for entry in parameters.logitBias where !(0..<vocabulary).contains(Int(entry.token)) {
      throw .unknownToken(entry.token, vocabulary: vocabulary)
    }
    self.parameters = parameters
    self.vocabulary = vocabulary
    self.kernels = kernels
    self.biases = parameters.logitBias
    let seed = parameters.seed ?? UInt64.random(in: .min ... .max)
    self.seed = seed
    random = CounterRandom(seed: seed)
    inverseTemperature = min(1 / parameters.temperature, .greatestFiniteMagnitude)
    minPDistance = parameters.minP > 0 ? Float(log(Double(parameters.minP))) : -.infinity
  }

  /// Finds the maxima of some blocks of logits, for `sample` to start from: a pool may share the blocks of one position
  /// among its threads, or compute those of a slice of logits while it is still in the cache.
  /// - Shapes: logits [vocabulary]; maxima [(vocabulary + 127) / 128], of which `blocks` is overwritten.
  public func summarize(
    _ logits: View<Float>, blocks: Range<Int>, into maxima: View<Float>
  ) {
    precondition(logits.count == vocabulary, "logits of another vocabulary")
    let start = blocks.lowerBound * Self.blockSize
    let end = min(blocks.upperBound * Self.blockSize, vocabulary)
    kernels.blockMaxima(logits.part(start, end - start), into: maxima.part(blocks.lowerBound, blocks.count))
  }

  /// Chooses the token that comes at `position`.
  /// - Parameters:
  ///   - logits: [vocabulary]. Changed by biases and penalties in between; as they were on return.
  ///   - history: the tokens before this position, oldest first; only the last `penaltyWindow` are looked at.
  ///   - position: the place of the chosen token in its sequence, prompt included. With the seed it fixes the chance.
  ///   - scratch: working memory for this vocabulary, not used by anyone else meanwhile.
  ///   - maxima: what `summarize` found for all blocks, or nil to find it here. Changed where biases and penalties
  ///     reach.
  /// - Throws: `SamplingError.noCandidate` if every logit is NaN or -infinity.
  public func sample(
    logits: View<Float>, history: Span<TokenID>, position: Int, scratch: SamplerScratch, maxima: View<Float>? = nil
  ) throws(SamplingError) -> SampledToken {
    precondition(logits.count == vocabulary && scratch.vocabulary == vocabulary, "logits of another vocabulary")
    if maxima == nil { kernels.blockMaxima(logits, into: scratch.maxima.view) }
    let pass = SamplingPass(
      kernels: kernels, logits: logits, maxima: maxima ?? scratch.maxima.view, scratch: scratch)
    let changed = adjust(pass, history: history)
    defer { pass.restore(changed) }

    guard let largest = pass.largest() else { throw .noCandidate(position: position) }
    if parameters.temperature <= 0 { return SampledToken(token: pass.first(of: largest), probability: 1) }
    let uniform = random.uniform(at: position)
    guard let count = select(pass, largest: largest) else {
      return pass.drawFromAll(uniform, largest: largest, inverseTemperature: inverseTemperature)
    }
    return pass.draw(uniform, among: count, largest: largest, inverseTemperature: inverseTemperature)
  }

  /// Biases and penalties; returns how many logits were changed.
  private func adjust(_ pass: SamplingPass, history: Span<TokenID>) -> Int {
    var changed = 0
    for entry in biases {
      // -infinity bans a token whatever its logit: infinity - infinity is not a number, which is never chosen either.
      pass.change(entry.token, &changed) { $0 + entry.bias }
    }
    if parameters.hasPenalties {
      let window = max(history.count - parameters.penaltyWindow, 0)..<history.count
      for index in window { pass.count(history[index]) }
      for index in window {
        let token = history[index]
        let times = Float(pass.takeCount(of: token))
        if times == 0 { continue }
        pass.change(token, &changed) { logit in
          let repeated = logit > 0 ? logit / parameters.repeatPenalty : logit * parameters.repeatPenalty
          return repeated - (parameters.presencePenalty + times * parameters.frequencyPenalty)
        }
      }
    }
    pass.refreshMaxima(changed)
    return changed
  }

  /// Leaves the candidates that top-k, top-p and min-p keep in the scratch memory and returns how many; nil when all
  /// tokens stay.
  private func select(_ pass: SamplingPass, largest: Float) -> Int? {
    let minimum = max(largest + minPDistance, -.greatestFiniteMagnitude)
    if parameters.topK > 0, parameters.topK < vocabulary {
      var count = pass.gatherLargest(parameters.topK)
      if parameters.topP < 1 {
        let total = pass.weighCandidates(count, largest: largest)
        count = pass.keepMass(Double(parameters.topP) * total, of: count)
      }
      return parameters.minP > 0 ? pass.keep(from: minimum, of: count) : count
    }
    if parameters.topP < 1 { return selectMass(pass, largest: largest, minimum: minimum) }
    return parameters.minP > 0 ? pass.gather(from: minimum) : nil
  }

  /// Top-p over the whole vocabulary. Tokens that min-p drops need not be candidates: if the cut of top-p lies among
  /// them, it cuts nothing else.
  private func selectMass(_ pass: SamplingPass, largest: Float, minimum: Float) -> Int {
    let wanted = Double(parameters.topP) * pass.totalWeight(largest: largest)
    let first = max(minimum, largest - Self.firstReach)
    var count = pass.gather(from: first)
    var mass = pass.weighCandidates(count, largest: largest)
    if mass < wanted, minimum < first {
      count = pass.gather(from: minimum)
      mass = pass.weighCandidates(count, largest: largest)
    }
    return mass >= wanted ? pass.keepMass(wanted, of: count) : count
  }

  /// ln of the probability of a token under the model: the softmax of the logits as they are, without any parameter.
  /// -infinity for a token that cannot occur; NaN if no token can. One pass of exponentials over the vocabulary.
  public func logProbability(of token: TokenID, logits: View<Float>, scratch: SamplerScratch) -> Double {
    precondition(logits.count == vocabulary && scratch.vocabulary == vocabulary, "logits of another vocabulary")
    kernels.blockMaxima(logits, into: scratch.maxima.view)
    let pass = SamplingPass(kernels: kernels, logits: logits, maxima: scratch.maxima.view, scratch: scratch)
    guard let largest = pass.largest() else { return .nan }
    let logit = min(logits[Int(token)], .greatestFiniteMagnitude)
    if logit.isNaN { return -.infinity }
    return Double(logit) - Double(largest) - log(pass.totalWeight(largest: largest))
  }
}
