import Compute

/// The steps of choosing one token, over the logits of one position and the memory of one thread. `Sampler` orders them.
@safe struct SamplingPass {
  private let kernels: SamplingKernels
  private let vocabulary: Int
  private let scratch: SamplerScratch
  /// [vocabulary]
  private let logits: UnsafeMutablePointer<Float>
  /// [blocks]
  private let maxima: UnsafeMutablePointer<Float>
  /// [vocabulary] Candidates by ascending id, and their logits.
  private let ids: UnsafeMutablePointer<TokenID>
  private let values: UnsafeMutablePointer<Float>
  private let weights: UnsafeMutablePointer<Float>
  private let sums: UnsafeMutablePointer<Float>

  private static let blockSize = SamplingKernels.blockSize

  private var blocks: Int { SamplingKernels.blocks(of: vocabulary) }

  init(
    kernels: SamplingKernels, logits: UnsafeMutablePointer<Float>, maxima: UnsafeMutablePointer<Float>,
    scratch: SamplerScratch
  ) {
    self.kernels = kernels
    self.vocabulary = scratch.vocabulary
    self.scratch = scratch
    unsafe self.logits = logits
    unsafe self.maxima = maxima
    unsafe ids = scratch.ids.pointer
    unsafe values = scratch.values.pointer
    unsafe weights = scratch.weights.pointer
    unsafe sums = scratch.sums.pointer
  }

  // MARK: Biases and penalties

  /// Counts one more occurrence of a token in the window.
  func count(_ token: TokenID) {
    precondition(token >= 0 && Int(token) < vocabulary, "a token of the history is outside the vocabulary")
    unsafe scratch.counts.pointer[Int(token)] &+= 1
  }

  /// How often a token was counted. Forgets it, so that the counts are zero again when each token was asked for.
  func takeCount(of token: TokenID) -> Int32 {
    let count = unsafe scratch.counts.pointer[Int(token)]
    unsafe scratch.counts.pointer[Int(token)] = 0
    return count
  }

  /// Replaces a logit and remembers what it was.
  @inline(__always)
  func change(_ token: TokenID, _ changed: inout Int, _ new: (Float) -> Float) {
    let old = unsafe logits[Int(token)]
    unsafe scratch.changedIDs.pointer[changed] = token
    unsafe scratch.changedValues.pointer[changed] = old
    changed += 1
    unsafe logits[Int(token)] = new(old)
  }

  func refreshMaxima(_ changed: Int) {
    for index in 0..<changed {
      let block = unsafe Int(scratch.changedIDs.pointer[index]) / Self.blockSize
      let start = block * Self.blockSize
      unsafe kernels.blockMaxima(
        logits + start, count: min(Self.blockSize, vocabulary - start), into: maxima + block)
    }
  }

  /// Undoes the changes, the last one first, since a token may have been changed twice.
  func restore(_ changed: Int) {
    for index in stride(from: changed - 1, through: 0, by: -1) {
      unsafe logits[Int(scratch.changedIDs.pointer[index])] = scratch.changedValues.pointer[index]
    }
  }

  // MARK: The largest

  /// The largest logit, infinity as the largest finite number; nil if there is none above -infinity.
  func largest() -> Float? {
    var largest = -Float.infinity
    for block in 0..<blocks {
      let maximum = unsafe maxima[block]
      if maximum > largest { largest = maximum }
    }
    return largest > -.infinity ? largest : nil
  }

  /// The lowest id that has the largest logit.
  func first(of largest: Float) -> TokenID {
    var block = 0
    while unsafe maxima[block] != largest { block += 1 }
    var index = block * Self.blockSize
    while unsafe !(logits[index] >= largest) { index += 1 }
    return TokenID(truncatingIfNeeded: index)
  }

  // MARK: Candidates

  /// Makes all tokens candidates whose logit is at least `threshold`, which is finite.
  func gather(from threshold: Float) -> Int {
    unsafe kernels.gather(
      logits, count: vocabulary, maxima: maxima, threshold: threshold, ids: ids, values: values)
  }

  /// Makes the `rank` tokens with the largest logits candidates (fewer only if fewer can be chosen at all).
  ///
  /// As many blocks as `rank` have a maximum that reaches the rank-th largest maximum, so at least that many logits do:
  /// everything smaller is out without a look.
  func gatherLargest(_ rank: Int) -> Int {
    var threshold = -Float.greatestFiniteMagnitude
    if rank <= blocks {
      threshold = unsafe max(threshold, scratch.selection.largest(rank, of: maxima, count: blocks).value)
    }
    let count = gather(from: threshold)
    if count <= rank { return count }
    return unsafe keep(scratch.selection.largest(rank, of: values, count: count), of: count)
  }

  /// Weighs the first `count` candidates at temperature 1 and returns the sum.
  func weighCandidates(_ count: Int, largest: Float) -> Double {
    unsafe kernels.weigh(values, count: count, largest: largest, inverseTemperature: 1, weights: weights, sums: sums)
    return total(of: count)
  }

  /// The sum of the weights of all tokens at temperature 1.
  func totalWeight(largest: Float) -> Double {
    unsafe kernels.weigh(logits, count: vocabulary, largest: largest, inverseTemperature: 1, weights: nil, sums: sums)
    return total(of: vocabulary)
  }

  /// Keeps the fewest of the largest candidates whose weights reach `target`.
  func keepMass(_ target: Double, of count: Int) -> Int {
    unsafe keep(scratch.selection.mass(target, of: values, weights: weights, count: count), of: count)
  }

  /// Keeps the candidates whose logit is at least `threshold`.
  func keep(from threshold: Float, of count: Int) -> Int {
    keep(Cut(value: threshold, ties: count), of: count)
  }

  private func keep(_ cut: Cut, of count: Int) -> Int {
    var kept = 0
    var ties = cut.ties
    for index in 0..<count {
      let value = unsafe values[index]
      var stays = value > cut.value
      if value == cut.value, ties > 0 {
        ties &-= 1
        stays = true
      }
      unsafe ids[kept] = ids[index]
      unsafe values[kept] = value
      if stays { kept &+= 1 }
    }
    return kept
  }

  // MARK: The draw

  /// Draws one of the candidates.
  func draw(_ uniform: Double, among count: Int, largest: Float, inverseTemperature: Float) -> SampledToken {
    unsafe kernels.weigh(
      values, count: count, largest: largest, inverseTemperature: inverseTemperature, weights: weights, sums: sums)
    let total = total(of: count)
    let (block, rest) = block(reaching: uniform * total, of: count)
    let start = block * Self.blockSize
    let index = unsafe place(reaching: rest, in: weights + start, count: min(Self.blockSize, count - start))
    return unsafe SampledToken(
      token: ids[start + index], probability: Float(Double(weights[start + index]) / total))
  }

  /// Draws one of all tokens: the weights of only one block are kept.
  func drawFromAll(_ uniform: Double, largest: Float, inverseTemperature: Float) -> SampledToken {
    unsafe kernels.weigh(
      logits, count: vocabulary, largest: largest, inverseTemperature: inverseTemperature, weights: nil, sums: sums)
    let total = total(of: vocabulary)
    let (block, rest) = block(reaching: uniform * total, of: vocabulary)
    let start = block * Self.blockSize
    let count = min(Self.blockSize, vocabulary - start)
    unsafe kernels.weigh(
      logits + start, count: count, largest: largest, inverseTemperature: inverseTemperature, weights: weights,
      sums: sums)
    let index = unsafe place(reaching: rest, in: weights, count: count)
    return unsafe SampledToken(
      token: TokenID(truncatingIfNeeded: start + index), probability: Float(Double(weights[index]) / total))
  }

  /// The sum of the blocks' sums, in ascending order.
  private func total(of count: Int) -> Double {
    var total = 0.0
    for block in 0..<SamplingKernels.blocks(of: count) { total += unsafe Double(sums[block]) }
    return total
  }

  /// The block within which the running sum exceeds `target`, and what of the target is left there. The last block with
  /// any weight if rounding leaves the sum short.
  private func block(reaching target: Double, of count: Int) -> (block: Int, rest: Double) {
    var before = 0.0
    var last = (block: 0, rest: target)
    for block in 0..<SamplingKernels.blocks(of: count) {
      let sum = unsafe Double(sums[block])
      if sum == 0 { continue }
      last = (block, target - before)
      if before + sum > target { break }
      before += sum
    }
    return last
  }

  /// The same among the weights of one block, which sum up to more than 0.
  private func place(reaching target: Double, in weights: UnsafePointer<Float>, count: Int) -> Int {
    var sum = 0.0
    var last = 0
    for index in 0..<count {
      let weight = unsafe Double(weights[index])
      if weight == 0 { continue }
      last = index
      sum += weight
      if sum > target { break }
    }
    return last
  }
}
