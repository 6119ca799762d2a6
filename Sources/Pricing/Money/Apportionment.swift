/// Ways to cut a whole into parts that add up to it exactly.
public enum Apportionment {
  /// Parts of a cost that accrues over time: part i is the floored cost up to the end of stretch i less the floored
  /// cost up to its start, so that the parts add up to the floored cost of the whole, in whatever pieces it is cut.
  /// - Parameter stretches: consecutive amounts of the rate's unit, each zero or above.
  /// - Throws: `negative`, `overflow`.
  public static func consecutive(_ stretches: [Int64], at rate: Rate) throws(PricingError) -> [Money] {
    var parts: [Money] = []
    var end: Int64 = 0
    var charged = Money(picos: 0, currency: rate.currency)
    for stretch in stretches {
      guard stretch >= 0 else { throw .negative("\(stretch)") }
      let (next, overflow) = end.addingReportingOverflow(stretch)
      guard !overflow else { throw .overflow("a sum of \(stretches.count) stretches") }
      end = next
      let due = try rate.cost(of: end)
      parts.append(try due.subtracting(charged))
      charged = due
    }
    return parts
  }

  /// `largestRemainder` for rows that come in any order: ties go to the smaller id, so that the same rows always get the
  /// same shares. The shares stand in the order of the rows.
  /// - Throws: as there.
  public static func largestRemainder<ID: Comparable>(
    _ amount: Money, rows: [(id: ID, weight: Int64)]
  ) throws(PricingError) -> [Money] {
    let order = rows.indices.sorted { rows[$0].id < rows[$1].id }
    let shares = try largestRemainder(amount, weights: order.map { rows[$0].weight })
    var result = [Money](repeating: Money(picos: 0, currency: amount.currency), count: rows.count)
    for (position, index) in order.enumerated() { result[index] = shares[position] }
    return result
  }

  /// Splits an amount in proportion to weights: each share floored, then one pico-unit more to those with the largest
  /// remainders until nothing is left; of equal remainders the first in order comes first.
  /// - Parameter weights: each zero or above, in the order of their row ids. All zero: everything goes to the first.
  /// - Throws: `negative` for a weight or an amount below zero; `overflow` where the weights do not add up in `Int64`.
  public static func largestRemainder(_ amount: Money, weights: [Int64]) throws(PricingError) -> [Money] {
    guard !weights.isEmpty else { return [] }
    guard amount.picos >= 0 else { throw .negative(amount.decimalText) }
    var total: Int64 = 0
    for weight in weights {
      guard weight >= 0 else { throw .negative("\(weight)") }
      let (sum, overflow) = total.addingReportingOverflow(weight)
      guard !overflow else { throw .overflow("a sum of \(weights.count) weights") }
      total = sum
    }
    guard total > 0 else {
      return weights.indices.map { Money(picos: $0 == 0 ? amount.picos : 0, currency: amount.currency) }
    }
    var shares: [Int64] = []
    var remainders: [(index: Int, remainder: Int128)] = []
    var left = amount.picos
    for (index, weight) in weights.enumerated() {
      let (share, remainder) = (Int128(amount.picos) * Int128(weight)).quotientAndRemainder(dividingBy: Int128(total))
      // A share is at most the amount, which is an Int64.
      shares.append(Int64(truncatingIfNeeded: share))
      left -= shares[index]
      remainders.append((index, remainder))
    }
    remainders.sort { ($1.remainder, $0.index) < ($0.remainder, $1.index) }
    for entry in remainders.prefix(Int(left)) { shares[entry.index] += 1 }
    return shares.map { Money(picos: $0, currency: amount.currency) }
  }
}
