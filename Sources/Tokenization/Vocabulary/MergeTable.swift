/// The merges of a byte-pair vocabulary: two neighbouring tokens, in that order, become a third.
///
/// A merge's rank is its place in the file; the lowest rank is applied first. Three words for each merge and a probe
/// table find one in constant time.
struct MergeTable: Sendable {
  private var lefts: [TokenID] = []
  private var rights: [TokenID] = []
  private var results: [TokenID] = []
  private var table: ProbeTable

  /// A table for up to `limit` merges.
  init(limit: Int) {
    table = ProbeTable(limit: limit)
    lefts.reserveCapacity(limit)
    rights.reserveCapacity(limit)
    results.reserveCapacity(limit)
  }

  var count: Int { results.count }
  var byteCount: Int { table.byteCount + 12 * results.count }

  /// Adds the merge of the next rank. A pair that is there already takes the new rank, as the reference has it.
  mutating func append(_ left: TokenID, _ right: TokenID, gives result: TokenID) {
    let bits = TextHash.bits(left: left, right: right)
    let rank = count
    let earlier = table.find(bits) { lefts[$0] == left && rights[$0] == right }
    lefts.append(left)
    rights.append(right)
    results.append(result)
    if let earlier { table.replace(earlier, with: rank, hash: bits) } else { table.insert(rank, hash: bits) }
  }

  /// The rank and the result of the merge of two tokens.
  @inline(__always)
  func find(_ left: TokenID, _ right: TokenID) -> (rank: Int, result: TokenID)? {
    let rank = table.find(TextHash.bits(left: left, right: right)) { lefts[$0] == left && rights[$0] == right }
    guard let rank else { return nil }
    return (rank, results[rank])
  }
}
