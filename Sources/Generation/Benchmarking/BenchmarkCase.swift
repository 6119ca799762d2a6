import Compute
import Transformers

/// One thing to measure.
public struct BenchmarkCase: Sendable, Hashable {
  public enum Test: String, Sendable, Hashable {
    /// A prompt, until the token behind it is chosen.
    case prefill
    /// One sequence, token by token: layers, head and choice of each token. Ends of text are ignored.
    case decode
    /// The same for several sequences at once, a token of each a step.
    case batch
  }

  public let test: Test
  /// Tokens of the prompt, or steps.
  public let tokens: Int
  /// Positions that are filled before the clock starts.
  public let depth: Int
  /// Sequences.
  public let batch: Int

  public init(_ test: Test, tokens: Int, depth: Int = 0, batch: Int = 1) {
    self.test = test
    self.tokens = tokens
    self.depth = depth
    self.batch = batch
  }

  /// Positions of one sequence.
  public var positions: Int { depth + tokens + 2 }

  /// Makes room for every case: for so many sequences of so many positions, and in a pass for a row of each. No prefix
  /// stays behind, so that every sample computes the same.
  public static func prepare(_ options: inout Engine.Options, for cases: [BenchmarkCase]) {
    options.context = cases.map(\.positions).max() ?? Kernels.kvBlock
    options.kvPositions = cases.map { $0.batch * KVCache.blocks(of: $0.positions) * Kernels.kvBlock }.max()
    options.idlePositions = 0
    options.batch = max(options.batch, cases.map(\.batch).max() ?? 1)
  }

  /// The cases of a command line: every length of prompt, of answer, and every number of sequences, at every depth.
  /// One sequence is `decode`, more are `batch`.
  public static func all(prefill: [Int], decode: [Int], depths: [Int], sequences: [Int]) -> [BenchmarkCase] {
    depths.flatMap { depth in
      prefill.filter { $0 > 0 }.map { BenchmarkCase(.prefill, tokens: $0, depth: depth) }
        + decode.filter { $0 > 0 }.flatMap { tokens in
          sequences.map { BenchmarkCase($0 > 1 ? .batch : .decode, tokens: tokens, depth: depth, batch: $0) }
        }
    }
  }
}

/// What limits a case on this machine, from the ceilings measured beside it.
public struct BenchmarkLimit: Sendable, Equatable {
  public enum Kind: String, Sendable { case memory, products }

  /// What runs out first.
  public let kind: Kind
  /// Tokens a second that nothing could exceed: reading each byte once, or doing nothing but multiply and add.
  public let tokensPerSecond: Double
  /// Bytes of weights, keys and values that a step or a pass reads, on average.
  public let streamedBytes: Int
}

/// The speeds of one case.
public struct BenchmarkResult: Sendable {
  public let test: BenchmarkCase
  public let threads: Int
  /// Tokens a second, sample by sample.
  public internal(set) var samples: [Double] = []
  public let limit: BenchmarkLimit

  public var median: Double { Self.median(samples) }
  public var least: Double { samples.min() ?? 0 }
  public var most: Double { samples.max() ?? 0 }

  /// The middle of some values, or the mean of the two middle ones; 0 of none.
  public static func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return 0 }
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
