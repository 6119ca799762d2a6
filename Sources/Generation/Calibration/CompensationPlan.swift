import Compute
import ModelFiles
import Quantization
import Transformers

/// What rounding with error compensation does within a bound of memory, known before any of it is taken.
///
/// Moments grow with the square of a matrix's columns. Where those of the widest matrices do not fit, these alone are
/// rounded by the search and the others are compensated all the same; before that, fewer tokens drawn at random are taken,
/// down to `fewestTokens`, since their streams take memory too.
///
/// Rejected: all or nothing, which sent every model with a wide feed-forward part to the search; gathering the moments of
/// one set of inputs at a time without a text too, which computes most of each layer again and would reach few more models,
/// since in those a layer itself takes most of the bound. The estimate is wrong where the peaks in `Benchmarks/QUALITY.md`,
/// measured from outside, come near the bound or above it.
public struct CompensationPlan: Equatable, Sendable {
  /// Tokens of the calibration.
  public let tokens: Int
  /// Matrices that `CompensatedMatrices` rounds, and their types.
  public let types: [String: TensorType]
  /// Those of them that it rounds by the search.
  public let searched: Set<String>
  /// All matrices that would be compensated were there more memory: `searched`, and those that are not in `types`.
  public let tooWide: [String]
  /// About the memory that it takes beside the largest matrix, which is in memory whole.
  public let otherBytes: Int

  private static let fewestTokens = 4_096
  private static let mostTokens = 16_384
  private static let float = MemoryLayout<Float>.size
  /// Code, OpenBLAS, the file's directory: what any conversion of a small model takes.
  private static let processBytes = 32_000_000

  /// Matrices of all layers that read the same kind of inputs, or the head.
  private struct Group {
    let names: [String]
    let columns: Int
    let isHead: Bool
    let elements: Int
    /// Blocks of the largest matrix.
    let blockBytes: Int
  }

  /// - Parameters:
  ///   - types: of the matrices to round, by name.
  ///   - tokens: nil for as many as are good: of tokens drawn at random a few times the widest input are enough.
  ///   - hasText: whether the calibration has a text, and with it two streams.
  ///   - bound: bytes beside the largest matrix.
  /// - Returns: nil where matrices with less than half of the numbers can be compensated within the bound, the head aside:
  ///   that would be much work for little.
  public init?(
    _ file: ModelFile, configuration: ModelConfiguration, types: [String: TensorType], tokens: Int?, hasText: Bool,
    threads: Int, bound: Int
  ) {
    let groups = Self.groups(file, types)
    let widest = max(configuration.hidden, configuration.heads * configuration.headDim, configuration.feedForward)
    let good = hasText ? Self.mostTokens : min(max(5 * widest, Self.fewestTokens), Self.mostTokens)
    var choices = [tokens ?? good]
    while tokens == nil, let last = choices.last, last > Self.fewestTokens {
      choices.append(max(last / 2, Self.fewestTokens))
    }
    let fixed = Self.fixedBytes(file, configuration, types, hasText: hasText, threads: threads)
    var best: (tokens: Int, fitting: [Group], bytes: Int)?
    for tokens in choices {
      let streams = tokens * configuration.hidden * Self.float * (hasText ? 2 : 1)
      var (fitting, bytes): ([Group], Int) = ([], 0)
      for group in groups {
        let all = Self.bytes(of: fitting + [group], hasText: hasText) + fixed + streams
        if all <= bound { (fitting, bytes) = (fitting + [group], all) }
      }
      if fitting.count > best?.fitting.count ?? 0 { best = (tokens, fitting, bytes) }
    }
    func elements(_ groups: [Group]) -> Int { groups.reduce(0) { $0 + ($1.isHead ? 0 : $1.elements) } }
    guard let best, 2 * elements(best.fitting) >= elements(groups) else { return nil }
    self.tokens = best.tokens
    otherBytes = best.bytes
    let fitting = Set(best.fitting.flatMap(\.names))
    let left = groups.filter { !fitting.contains($0.names[0]) }
    tooWide = left.flatMap(\.names)
    // A layer's are rounded where later ones can make up for them, which takes a text; the converter's search streams.
    searched = Set(hasText ? left.filter { !$0.isHead }.flatMap(\.names) : [])
    let elsewhere = Set(tooWide).subtracting(searched)
    self.types = types.filter { !elsewhere.contains($0.key) }
  }

  /// From the narrowest on; of the same width, in the order of a pass.
  private static func groups(_ file: ModelFile, _ types: [String: TensorType]) -> [Group] {
    let kinds = [["attn_q", "attn_k", "attn_v"], ["attn_output"], ["ffn_gate", "ffn_up"], ["ffn_down"]]
    let matrices = file.tensors.filter { $0.rows > 1 && types[$0.name].map(CompensatingEncoder.takes) ?? false }
    func group(_ members: [TensorInfo], isHead: Bool) -> Group? {
      guard let first = members.first else { return nil }
      // The moments of a million columns are terabytes; the squares of more might not be numbers any more.
      let columns = min(first.columns, 1 << 20)
      let blocks = members.map { tensor in
        types[tensor.name].map { tensor.rows * (tensor.columns / $0.elementsPerBlock * $0.bytesPerBlock) } ?? 0
      }
      return Group(
        names: members.map(\.name), columns: columns, isHead: isHead,
        elements: members.reduce(0) { $0 + $1.rows * $1.columns }, blockBytes: blocks.max() ?? 0)
    }
    let layers = kinds.compactMap { kind in
      group(matrices.filter { tensor in kind.contains { tensor.name.contains(".\($0).") } }, isHead: false)
    }
    let heads = ["token_embd.weight", "output.weight"].compactMap { name in
      group(matrices.filter { $0.name == name }, isHead: true)
    }
    return (layers + heads).enumerated().sorted { ($0.element.columns, $0.offset) < ($1.element.columns, $1.offset) }
      .map(\.element)
  }

  /// Moments, and what is made of them, one type after another, while the worst group is rounded.
  private static func bytes(of groups: [Group], hasText: Bool) -> Int {
    func square(_ group: Group) -> Int { group.columns * group.columns * float }
    // Without a text a layer's moments are gathered in one pass; with one they are those of one group, and what its
    // inputs were.
    let together = hasText ? 0 : groups.filter { !$0.isHead }.reduce(0) { $0 + square($1) }
    return groups.map { group in
      let own = hasText ? 2 * square(group) : group.isHead ? square(group) : together
      return own + 2 * CompensatingEncoder.bytes(columns: group.columns) + group.blockBytes
    }.max() ?? 0
  }

  /// What does not depend on the moments: weights beside the largest matrix, one layer's keys and values, a pass.
  private static func fixedBytes(
    _ file: ModelFile, _ configuration: ModelConfiguration, _ types: [String: TensorType], hasText: Bool, threads: Int
  ) -> Int {
    let length = min(CompensatedMatrices.chunkTokens, configuration.contextLength)
    let pass = MemoryNeed(
      file, configuration: configuration, kv: .f32, batch: CompensatedMatrices.chunkTokens, threads: threads,
      residency: .asAsked)
    let widths = 2 * configuration.hidden + configuration.heads * configuration.headDim + configuration.feedForward
    let recorded = (hasText ? 2 : 1) * widths * length * float
    let cached = (pass.total(positions: length) - pass.total(positions: 0)) / configuration.layers
    let largest = file.tensors.filter { $0.rows > 1 }.map { MemoryNeed.packedBytes(of: $0) }.max() ?? 0
    // A layer's matrices beside those that replace them.
    let replaced = hasText ? largestReplacement(file, types) : 0
    return processBytes + pass.weightBytes - largest + pass.scratchBytes + cached + recorded + replaced
  }

  private static func largestReplacement(_ file: ModelFile, _ types: [String: TensorType]) -> Int {
    var layers: [Substring: Int] = [:]
    for tensor in file.tensors {
      let words = tensor.name.split(separator: ".", maxSplits: 2)
      guard words.count > 2, words[0] == "blk", let type = types[tensor.name] else { continue }
      layers[words[1], default: 0] += PackedLayout(type).bytes(rows: tensor.rows, columns: tensor.columns)
    }
    return layers.values.max() ?? 0
  }
}
