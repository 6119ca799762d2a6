import Usage

/// One row that differs between two books, or between one book on two days.
public struct PriceDifference: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    case added, removed, changed
  }

  public let kind: Kind
  public let id: String
  /// For each price that differs: its name, and what it was and is as decimal text; nil is not stated.
  public let changes: [Change]

  public struct Change: Sendable, Hashable {
    public let name: String
    public let old: String?
    public let new: String?
  }
}

extension PriceBook {
  /// What differs from an older book, in the order of the new one, removed rows last.
  /// - Parameters:
  ///   - oldDay, newDay: the days whose prices are compared.
  public func differences(
    from old: PriceBook, on oldDay: CivilDate, and newDay: CivilDate
  ) -> [PriceDifference] {
    let hostedOld = old.hosted.map { ($0.id, $0.facts(on: oldDay)) }
    let hostedNew = hosted.map { ($0.id, $0.facts(on: newDay)) }
    let machinesOld = old.machines.filter { $0.holds(on: oldDay) }.map { ($0.id, $0.facts) }
    let machinesNew = machines.filter { $0.holds(on: newDay) }.map { ($0.id, $0.facts) }
    return Self.differences(hostedOld, hostedNew) + Self.differences(machinesOld, machinesNew)
  }

  private typealias Fact = (name: String, value: String?)

  private static func differences(
    _ old: [(String, [(name: String, value: String?)])], _ new: [(String, [(name: String, value: String?)])]
  ) -> [PriceDifference] {
    var before: [[UInt8]: [(name: String, value: String?)]] = [:]
    for (id, facts) in old { before[Array(id.utf8)] = facts }
    var differences: [PriceDifference] = []
    for (id, facts) in new {
      guard let earlier = before.removeValue(forKey: Array(id.utf8)) else {
        differences.append(PriceDifference(kind: .added, id: id, changes: changes([], facts)))
        continue
      }
      let changed = changes(earlier, facts)
      if !changed.isEmpty { differences.append(PriceDifference(kind: .changed, id: id, changes: changed)) }
    }
    for (id, facts) in old where before[Array(id.utf8)] != nil {
      differences.append(PriceDifference(kind: .removed, id: id, changes: changes(facts, [])))
    }
    return differences
  }

  private static func changes(
    _ old: [(name: String, value: String?)], _ new: [(name: String, value: String?)]
  ) -> [PriceDifference.Change] {
    var names = old.map(\.name)
    for fact in new where !names.contains(fact.name) { names.append(fact.name) }
    return names.compactMap { name in
      let before = old.first { $0.name == name }?.value
      let after = new.first { $0.name == name }?.value
      return before == after ? nil : PriceDifference.Change(name: name, old: before, new: after)
    }
  }
}

extension HostedModel {
  fileprivate func facts(on day: CivilDate) -> [(name: String, value: String?)] {
    guard let price = price(on: day) else { return [("retires", retires?.description)] }
    func prices(_ prefix: String, _ prices: TokenPrices) -> [(name: String, value: String?)] {
      [
        (prefix + "input", prices.input.field(per: 1_000_000)),
        (prefix + "cached input", prices.cachedInput.field(per: 1_000_000)),
        (prefix + "output", prices.output.field(per: 1_000_000)),
        (prefix + "batch input", prices.batchInput.field(per: 1_000_000)),
        (prefix + "batch output", prices.batchOutput.field(per: 1_000_000)),
      ]
    }
    var facts = prices("", price.base)
    for tier in price.tiers { facts += prices("above \(tier.above): ", tier.prices) }
    for hours in price.hours {
      facts += prices("\(PriceMark.clock(hours.startMinute)) to \(PriceMark.clock(hours.endMinute)): ", hours.prices)
    }
    return facts + [("retires", retires?.description)]
  }
}

extension Machine {
  fileprivate var facts: [(name: String, value: String?)] {
    let hour = Rate.nanosPerHour
    return [
      ("on demand", onDemand.field(per: hour)), ("one year", oneYear.field(per: hour)),
      ("three years", threeYear.field(per: hour)), ("spot", spot?.median.field(per: hour)),
      ("spot from", spot?.range?.low.field(per: hour)), ("spot to", spot?.range?.high.field(per: hour)),
      ("surplus", burst?.surplus.field(per: hour)), ("monthly cap", billing.monthlyCap?.decimalText),
      ("per GiB-second", serverless?.perGiBSecond.field(per: 1)),
      ("per request", serverless?.perRequest.field(per: 1)),
    ]
  }
}
