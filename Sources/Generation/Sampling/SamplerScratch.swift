import Compute
import Tokenization

/// Working memory for choosing a token out of a vocabulary, allocated once and used for one token after another.
///
/// It carries nothing from one token to the next. One thread uses it at a time: an engine keeps one for each thread
/// that samples. Its pages are committed when first touched; with top-k or min-p that is a small part of them, about 50
/// KB.
public final class SamplerScratch: @unchecked Sendable {
  public let vocabulary: Int

  /// [blocks] Maxima of the blocks of logits, where the caller brings none.
  let maxima: AlignedBuffer<Float>
  /// [blocks] Sums of weights, one a block.
  let sums: AlignedBuffer<Float>
  /// [vocabulary] Candidates by ascending id: the ids, their logits, their weights.
  let ids: AlignedBuffer<TokenID>
  let values: AlignedBuffer<Float>
  let weights: AlignedBuffer<Float>
  /// [vocabulary] How often a token stands in the window of the penalties. All zero between calls.
  let counts: AlignedBuffer<Int32>
  /// Tokens whose logits were changed, and what they were before.
  let changedIDs: AlignedBuffer<TokenID>
  let changedValues: AlignedBuffer<Float>
  let selection: Selection

  /// - Precondition: vocabulary is positive and fits `TokenID`.
  /// - Throws: `SystemError` if the address space or the commit limit is exhausted.
  public init(vocabulary: Int) throws(SystemError) {
    precondition(vocabulary > 0 && vocabulary <= Int(TokenID.max), "a vocabulary has between 1 and 2^31 - 1 tokens")
    self.vocabulary = vocabulary
    let blocks = SamplingKernels.blocks(of: vocabulary)
    maxima = try AlignedBuffer(count: blocks)
    sums = try AlignedBuffer(count: blocks)
    ids = try AlignedBuffer(count: vocabulary)
    values = try AlignedBuffer(count: vocabulary)
    weights = try AlignedBuffer(count: vocabulary)
    counts = try AlignedBuffer(count: vocabulary)
    let changes =
      min(vocabulary, SamplingParameters.maximumBiases) + min(vocabulary, SamplingParameters.maximumWindow)
    changedIDs = try AlignedBuffer(count: changes)
    changedValues = try AlignedBuffer(count: changes)
    selection = try Selection(capacity: max(vocabulary, blocks))
  }
}
