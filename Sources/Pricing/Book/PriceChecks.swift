import Usage

/// Something in a price book that a person should look at.
public struct PriceFinding: Sendable, Hashable {
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    case zero
    case outlier
    case overlap
    case retired
    case undated
  }

  public let kind: Kind
  /// The row.
  public let id: String
  public let text: String
}

extension PriceBook {
  /// A price is an outlier when it is more than so many times the median of its siblings, or less than that fraction.
  public static let outlierFactor: Int64 = 20

  /// What is wrong, or looks wrong, on that day: prices of zero, outliers, times that overlap, rows past their
  /// retirement, rows that nobody dated.
  /// - Throws: `overflow`.
  public func findings(on day: CivilDate) throws(PricingError) -> [PriceFinding] {
    var findings: [PriceFinding] = []
    for model in hosted { findings += Self.findings(in: model, on: day) }
    for machine in machines { findings += Self.findings(in: machine) }
    findings += Self.machineOverlaps(machines)
    findings += try hostedOutliers(on: day)
    findings += try machineOutliers(on: day)
    return findings
  }

  private static func findings(in model: HostedModel, on day: CivilDate) -> [PriceFinding] {
    var findings: [PriceFinding] = []
    func add(_ kind: PriceFinding.Kind, _ text: String) {
      findings.append(PriceFinding(kind: kind, id: model.id, text: text))
    }
    for price in model.prices {
      let all = [price.base] + price.tiers.map(\.prices) + price.hours.map(\.prices)
      let zero = all.contains { prices in
        let reading = [prices.input, prices.cachedInput, prices.batchInput]
        // What an embedding model does not write costs nothing.
        let writing = model.mode == .embedding ? [] : [prices.output, prices.batchOutput]
        return (reading + writing).contains { $0?.picos == 0 }
      }
      if zero { add(.zero, "a price of zero" + (price.from.map { " from \($0)" } ?? "")) }
    }
    let live = model.prices.filter { $0.status != .cancelled }
    for (earlier, later) in zip(live, live.dropFirst()) {
      // A price with an end of its own inside another is an offer; one that begins before such an offer ends is not.
      if let until = earlier.until, let from = later.from, from < until {
        add(.overlap, "the price from \(from) begins before the one before it ends on \(until)")
      }
    }
    if let retires = model.retires, retires <= day { add(.retired, "retired on \(retires)") }
    if model.readOn == nil { add(.undated, "nobody noted when it was read") }
    return findings
  }

  private static func findings(in machine: Machine) -> [PriceFinding] {
    var findings: [PriceFinding] = []
    let rates: [Rate?] = [
      machine.onDemand, machine.oneYear, machine.threeYear, machine.spot?.median, machine.serverless?.perGiBSecond,
    ]
    if !machine.allowance, rates.contains(where: { $0?.picos == 0 }) {
      findings.append(PriceFinding(kind: .zero, id: machine.id, text: "a price of zero"))
    }
    if let range = machine.spot?.range, let median = machine.spot?.median {
      let outside =
        (try? median.isLess(than: range.low)) ?? false || (try? range.high.isLess(than: median)) ?? false
      if outside {
        findings.append(PriceFinding(kind: .outlier, id: machine.id, text: "the spot price lies outside its range"))
      }
    }
    if machine.readOn == nil {
      findings.append(PriceFinding(kind: .undated, id: machine.id, text: "nobody noted when it was read"))
    }
    return findings
  }

  /// Rows for one machine type in one region of which two hold on the same day for a machine of the same age. Of two
  /// rows with one id the later takes over from the earlier, unless the earlier says that it ends later.
  private static func machineOverlaps(_ machines: [Machine]) -> [PriceFinding] {
    var groups: [String: [Machine]] = [:]
    for machine in machines where machine.status != .cancelled {
      groups["\(machine.provider):\(machine.type)@\(machine.region)", default: []].append(machine)
    }
    var findings: [PriceFinding] = []
    for machine in machines where machine.status != .cancelled {
      let group = groups["\(machine.provider):\(machine.type)@\(machine.region)"] ?? []
      guard let own = group.firstIndex(of: machine) else { continue }
      for other in group[(own + 1)...] where overlap(machine, other) {
        findings.append(
          PriceFinding(kind: .overlap, id: machine.id, text: "holds at the same time as the row \(other.id)"))
      }
    }
    return findings
  }

  private static func overlap(_ one: Machine, _ other: Machine) -> Bool {
    guard one.id != other.id else {
      let (earlier, later) =
        (one.from?.dayNumber ?? .min) <= (other.from?.dayNumber ?? .min) ? (one, other) : (other, one)
      guard let until = earlier.until, let from = later.from else { return false }
      return from < until
    }
    return meet(one.from, one.until, other.from, other.until)
      && meet(one.vintage.from, one.vintage.until, other.vintage.from, other.vintage.until)
  }

  private static func meet(_ from: CivilDate?, _ until: CivilDate?, _ from2: CivilDate?, _ until2: CivilDate?) -> Bool {
    if let until, let from2, until <= from2 { return false }
    if let until2, let from, until2 <= from { return false }
    return true
  }

  // MARK: Outliers

  /// Siblings of a hosted model are the rows with the same last part of the name. Across models prices differ by far
  /// more than 20 times, and rightly so.
  private func hostedOutliers(on day: CivilDate) throws(PricingError) -> [PriceFinding] {
    var findings: [PriceFinding] = []
    for (path, name) in [(\TokenPrices.input, "input"), (\TokenPrices.output, "output")] {
      var rows: [(id: String, group: String, rate: Rate)] = []
      for model in hosted {
        guard let rate = model.price(on: day)?.base[keyPath: path], rate.picos > 0 else { continue }
        let short = NearNames.key(String(model.shortName))
        rows.append((model.id, "\(model.currency) \(model.mode.rawValue) \(short)", rate))
      }
      findings += try Self.outliers(rows, what: "\(name) price")
    }
    return findings
  }

  /// Siblings of a machine are those of the same provider; the price is taken per virtual CPU.
  private func machineOutliers(on day: CivilDate) throws(PricingError) -> [PriceFinding] {
    var rows: [(id: String, group: String, rate: Rate)] = []
    for machine in machines where machine.kind == .vm && !machine.allowance {
      guard let rate = machine.onDemand, rate.picos > 0 else { continue }
      let perCPU = try rate.divided(by: ExactDecimal(Int64(machine.vcpus)), unit: .vcpuNanosecond)
      rows.append((machine.id, "\(machine.provider) \(rate.currency)", perCPU))
    }
    return try Self.outliers(rows, what: "price of a virtual CPU")
  }

  private static func outliers(
    _ rows: [(id: String, group: String, rate: Rate)], what: String
  ) throws(PricingError) -> [PriceFinding] {
    var groups: [String: [Rate]] = [:]
    for row in rows { groups[row.group, default: []].append(row.rate) }
    var medians: [String: Rate] = [:]
    for (group, rates) in groups where rates.count >= 3 {
      let sorted = rates.sorted { (try? $0.isLess(than: $1)) ?? false }
      medians[group] = sorted[sorted.count / 2]
    }
    var findings: [PriceFinding] = []
    for row in rows {
      guard let median = medians[row.group] else { continue }
      let (left, right) = (
        Int128(row.rate.picos) * Int128(median.quantity), Int128(median.picos) * Int128(row.rate.quantity)
      )
      let factor = Int128(outlierFactor)
      if left / factor > right {
        findings.append(
          PriceFinding(kind: .outlier, id: row.id, text: "the \(what) is over \(factor) times that of its siblings"))
      } else if right / factor > left {
        findings.append(
          PriceFinding(kind: .outlier, id: row.id, text: "the \(what) is under a \(factor)th of that of its siblings"))
      }
    }
    return findings
  }
}
