import Usage

/// Who serves a workload.
public enum Verdict: String, Sendable, Hashable, CaseIterable {
  case selfHost = "self-host"
  case api = "API"
  /// Machines up to what they do well, an API for the rest.
  case hybrid
  /// No number of these machines keeps the latency limits.
  case infeasible
}

/// One way of serving a workload, and what it costs in a month.
public struct Plan: Sendable, Hashable {
  public let verdict: Verdict
  public let machines: Int64
  /// Requests per day on machines; the rest goes to the API.
  public let served: Fraction
  /// Pico-units a month.
  public let cost: Fraction
}

/// The plans for one scenario.
struct Plans {
  let best: Plan
  /// The cheapest plan with another verdict, where there is one.
  let other: Plan?
  /// Everything on machines, as few as keep the limits; nil where none do.
  let whole: Plan?

  /// The cheapest way; of equal costs the API, which needs nobody to run it.
  ///
  /// For a number of machines the cost is linear in the load they take, with bends where surplus begins and where the
  /// limits end, so the cheapest load lies at a bend; and between bends it is linear in the number of machines, so only
  /// numbers around those that the bends make need be looked at.
  /// - Parameter api: pico-units a month for one request a day.
  init(_ terms: MachineTerms, load: Fraction, api: Fraction, machineLimit: Int?) throws(PricingError) {
    let limit = Int64(machineLimit ?? 1_000_000_000)
    let onAPI = Plan(verdict: .api, machines: 0, served: .zero, cost: try api.times(load))
    guard terms.capacity.isPositive else {
      best = Plan(verdict: .infeasible, machines: 0, served: .zero, cost: onAPI.cost)
      other = nil
      whole = nil
      return
    }
    var plans = [onAPI]
    for machines in try Self.counts(terms, load: load, limit: limit) {
      var loads = [try terms.capacity.times(machines)]
      if let free = terms.free { loads.append(try free.times(machines)) }
      for bend in loads {
        let served = min(load, try terms.capacity.times(machines), bend)
        let rest = try load.minus(served)
        let cost = try terms.cost(machines: machines, load: served).plus(api.times(rest))
        plans.append(
          Plan(verdict: rest.isPositive ? .hybrid : .selfHost, machines: machines, served: served, cost: cost))
      }
    }
    var cheapest = onAPI
    for plan in plans where plan.cost < cheapest.cost { cheapest = plan }
    best = cheapest
    let others = plans.filter { $0.verdict != cheapest.verdict }
    other = others.min { $0.cost < $1.cost }
    whole = plans.filter { $0.verdict == .selfHost }.min { $0.cost < $1.cost }
  }

  private static func counts(
    _ terms: MachineTerms, load: Fraction, limit: Int64
  ) throws(PricingError) -> [Int64] {
    var counts: Set<Int64> = [1]
    for size in [terms.capacity, terms.free].compactMap({ $0 }) where size.isPositive {
      let needed = try load.over(size)
      let floor = Int64(clamping: needed.floored)
      counts.formUnion([floor, floor < .max ? floor + 1 : floor])
      // Exactly full machines need no further one.
    }
    return counts.map { min($0, limit) }.filter { $0 > 0 && $0 <= 1_000_000_000 }.sorted()
  }
}
