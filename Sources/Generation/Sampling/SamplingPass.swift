import Compute
import Tokenization

/// The steps of choosing one token, over the logits of one position and the memory of one thread. `Sampler` orders
/// them.
struct SamplingPass {
  private let kernels: SamplingKernels
  private let vocabulary: Int
  /// [vocabulary]
  private let logits: View<Float>
  /// [blocks]
  private let maxima: View<Float>
  /// [vocabulary] Candidates by ascending id, their logits and weights.
  private let ids: View<TokenID>
  private let values: View<Float>
  private let weights: View<Float>
  /// [blocks] Sums of weights.
  private let sums: View<Float>
  private let counts: View<Int32>
  private let changedIDs: View<TokenID>
  private let changedValues: View<Float>
  private let selection: Selection

  private static let blockSize = SamplingKernels.blockSize

  init(kernels: SamplingKernels, logits: View<Float>, maxima: View<Float>, scratch: SamplerScratch) {
    self.kernels = kernels
    self.vocabulary = logits.count
    self.logits = logits
    self.maxima = maxima.part(0, SamplingKernels.blocks(of: logits.count))
    ids = scratch.ids.view
    values = scratch.values.view
    weights = scratch.weights.view
    sums = scratch.sums.view
    counts = scratch.counts.view
    changedIDs = scratch.changedIDs.view
    changedValues = scratch.changedValues.view
    selection = scratch.selection
  }

  // MARK: Biases and penalties

  /// Counts one more occurrence of a token in the window.
  func count(_ token: TokenID) {
    precondition(token >= 0 && Int(token) < vocabulary, "a token of the history is outside the vocabulary")
    counts[Int(token)] &+= 1
  }

  /// How often a token was counted. Forgets it, so that the counts are zero again when each token was asked for.
  func takeCount(of token: TokenID) -> Int32 {
    let count = counts[Int(token)]
    counts[Int(token)] = 0
    return count
  }

  /// Replaces a logit and remembers what it was.
  @inline(__always)
  func change(_ token: TokenID, _ changed: inout Int, _ new: (Float) -> Float) {
    let old = logits[Int(token)]
    changedIDs[changed] = token
    changedValues[changed] = old
    changed += 1
    logits[Int(token)] = new(old)
  }

  func refreshMaxima(_ changed: Int) {
    for index in 0..<changed {
      let block = Int(changedIDs[index]) / Self.blockSize
      let start = block * Self.blockSize
      kernels.blockMaxima(logits.part(start, min(Self.blockSize, vocabulary - start)), into: maxima.part(block, 1))
    }
  }

  /// Undoes the changes, the last one first, since a token may have been changed twice.
  func restore(_ changed: Int) {
    for index in stride(from: changed - 1, through: 0, by: -1) {
      logits[Int(changedIDs[index])] = changedValues[index]
    }
  }

  // MARK: The largest

  /// The largest logit, infinity as the largest finite number; nil if there is none above -infinity.
  func largest() -> Float? {
    var largest = -Float.infinity
    for block in 0..<maxima.count {
      let maximum = maxima[block]
      if maximum > largest { largest = maximum }
    }
    return largest > -.infinity ? largest : nil
  }

  /// The lowest id that has the largest logit.
  func first(of largest: Float) -> TokenID {
    var block = 0
    while maxima[block] != largest { block += 1 }
    var index = block * Self.blockSize
    while !(logits[index] >= largest) { index += 1 }
    return TokenID(truncatingIfNeeded: index)
  }

  // MARK: Candidates

  /// Makes all tokens candidates whose logit is at least `threshold`, which is finite.
  func gather(from threshold: Float) -> Int {
    kernels.gather(logits, maxima: maxima, threshold: threshold, ids: ids, values: values)
  }

  /// Makes the `rank` tokens with the largest logits candidates (fewer only if fewer can be chosen at all).
  ///
  /// As many blocks as `rank` have a maximum that reaches the rank-th largest maximum, so at least that many logits do:
  /// everything smaller is out without a look.
  func gatherLargest(_ rank: Int) -> Int {
    var threshold = -Float.greatestFiniteMagnitude
    if rank <= maxima.count {
      threshold = max(threshold, selection.largest(rank, of: maxima).value)
    }
    let count = gather(from: threshold)
    if count <= rank { return count }
    return keep(selection.largest(rank, of: values.part(0, count)), of: count)
  }

  /// Weighs the first `count` candidates at temperature 1 and returns the sum.
  func weighCandidates(_ count: Int, largest: Float) -> Double {
    weigh(count, largest: largest, inverseTemperature: 1)
    return total(of: count)
  }

  /// The sum of the weights of all tokens at temperature 1.
  func totalWeight(largest: Float) -> Double {
    kernels.weigh(logits, largest: largest, inverseTemperature: 1, weights: nil, sums: sums)
    return total(of: vocabulary)
  }

  /// Keeps the fewest of the largest candidates whose weights reach `target`.
  func keepMass(_ target: Double, of count: Int) -> Int {
    keep(selection.mass(target, of: values.part(0, count), weights: weights.part(0, count)), of: count)
  }

  /// Keeps the candidates whose logit is at least `threshold`.
  func keep(from threshold: Float, of count: Int) -> Int {
    keep(Cut(value: threshold, ties: count), of: count)
  }

  private func keep(_ cut: Cut, of count: Int) -> Int {
    cut.apply(ids: ids.part(0, count), values: values.part(0, count))
  }

  private func weigh(_ count: Int, largest: Float, inverseTemperature: Float) {
    kernels.weigh(
      values.part(0, count), largest: largest, inverseTemperature: inverseTemperature, weights: weights, sums: sums)
  }

  // MARK: The draw

  /// Draws one of the candidates.
  func draw(_ uniform: Double, among count: Int, largest: Float, inverseTemperature: Float) -> SampledToken {
    weigh(count, largest: largest, inverseTemperature: inverseTemperature)
    let total = total(of: count)
    let (block, rest) = block(reaching: uniform * total, of: count)
    let start = block * Self.blockSize
    let index = place(reaching: rest, in: weights.part(start, min(Self.blockSize, count - start)))
    return SampledToken(
      token: ids[start + index], probability: Float(Double(weights[start + index]) / total))
  }

  /// Draws one of all tokens: the weights of only one block are kept.
  func drawFromAll(_ uniform: Double, largest: Float, inverseTemperature: Float) -> SampledToken {
    kernels.weigh(logits, largest: largest, inverseTemperature: inverseTemperature, weights: nil, sums: sums)
    let total = total(of: vocabulary)
    let (block, rest) = block(reaching: uniform * total, of: vocabulary)
    let start = block * Self.blockSize
    let count = min(Self.blockSize, vocabulary - start)
    kernels.weigh(
      logits.part(start, count), largest: largest, inverseTemperature: inverseTemperature, weights: weights,
      sums: sums)
    let index = place(reaching: rest, in: weights.part(0, count))
    return SampledToken(
      token: TokenID(truncatingIfNeeded: start + index), probability: Float(Double(weights[index]) / total))
  }

  /// The sum of the blocks' sums, in ascending order.
  private func total(of count: Int) -> Double {
    var total = 0.0
    for block in 0..<SamplingKernels.blocks(of: count) { total += Double(sums[block]) }
    return total
  }

  /// The block within which the running sum exceeds `target`, and what of the target is left there. The last block with
  /// any weight if rounding leaves the sum short.
  private func block(reaching target: Double, of count: Int) -> (block: Int, rest: Double) {
    var before = 0.0
    var last = (block: 0, rest: target)
    for block in 0..<SamplingKernels.blocks(of: count) {
      let sum = Double(sums[block])
      if sum == 0 { continue }
      last = (block, target - before)
      if before + sum > target { break }
      before += sum
    }
    return last
  }

  /// The same among the weights of one block, which sum up to more than 0.
  private func place(reaching target: Double, in weights: View<Float>) -> Int {
    var sum = 0.0
    var last = 0
    for index in 0..<weights.count {
      let weight = Double(weights[index])
      if weight == 0 { continue }
      last = index
      sum += weight
      if sum > target { break }
    }
    return last
  }
}
