import Generation
import Transformers

/// Divides what a step took among the requests that shared it.
///
/// The weight of a row is its multiplications: those of the matrices, which are the same for every row; those of
/// attention, which grow with the positions that it looks at; and those of the output head for rows that a token is chosen
/// or guessed from. The parts add up to the whole, to the nanosecond. A guess that was rejected is its request's all the
/// same.
public struct StepCost: Sendable {
  private let layers: Int64
  private let matrices: Int64
  private let perPosition: Int64
  private let head: Int64

  public init(_ configuration: ModelConfiguration) {
    let (hidden, width) = (Int64(configuration.hidden), Int64(configuration.headDim))
    let (heads, kvHeads) = (Int64(configuration.heads), Int64(configuration.kvHeads))
    layers = Int64(configuration.layers)
    // Query and output, key and value, and the three of the feed-forward part.
    matrices = 2 * hidden * width * (heads + kvHeads) + 3 * hidden * Int64(configuration.feedForward)
    perPosition = 2 * heads * width
    head = hidden * Int64(configuration.vocab)
  }

  /// Multiplications of a share's rows. The last one looks at `context` positions, each one before at one less; rows of the
  /// prompt come first.
  func weight(_ share: StepReport.Share) -> Int64 {
    let sampled = Int64(share.decodeRows + share.draftRows)
    return weight(rows: Int64(share.promptRows) + sampled, context: Int64(share.context)) + sampled * head
  }

  private func weight(rows: Int64, context: Int64) -> Int64 {
    let positions = max(rows, rows * context - rows * (rows - 1) / 2)
    return layers * (rows * matrices + positions * perPosition)
  }

  /// What of a share's nanoseconds went into its prompt, floored.
  public func prompt(of nanos: Int64, _ share: StepReport.Share) -> Int64 {
    let whole = weight(share)
    guard whole > 0, share.promptRows > 0 else { return 0 }
    let sampled = Int64(share.decodeRows + share.draftRows)
    let part = weight(rows: Int64(share.promptRows), context: max(1, Int64(share.context) - sampled))
    return min(nanos, Int64(Int128(nanos) * Int128(part) / Int128(whole)))
  }

  /// A step's nanoseconds by request, in the order of the shares: floored parts, then one more for the largest remainders,
  /// of equal ones the first.
  public func divide(_ nanos: Int64, among shares: [StepReport.Share]) -> [Int64] {
    let weights = shares.map { Int128(weight($0)) }
    let total = weights.reduce(0, +)
    guard total > 0 else { return shares.map { _ in 0 } }
    var parts: [Int64] = []
    var remainders: [(index: Int, rest: Int128)] = []
    for (index, weight) in weights.enumerated() {
      let (part, rest) = (Int128(nanos) * weight).quotientAndRemainder(dividingBy: total)
      parts.append(Int64(part))
      remainders.append((index, rest))
    }
    let left = Int(nanos - parts.reduce(0, +))
    remainders.sort { ($1.rest, $0.index) < ($0.rest, $1.index) }
    for entry in remainders.prefix(left) { parts[entry.index] += 1 }
    return parts
  }
}
