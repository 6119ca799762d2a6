import Usage

/// A machine that can be rented, with its prices. Facts only; `HourlyPrice` is what follows from them.
public struct Machine: Sendable, Hashable {
  public var provider: String
  /// As the source writes it; what follows ` (` is a remark.
  public var region: String
  public var type: String
  /// Virtual CPUs that the system shows.
  public var vcpus: Int
  public var memoryGiB: ExactDecimal
  public var arch: String
  /// Inferred from the machine family, like `isa`: to be detected at run time, never to be relied on.
  public var cpuFamily: String
  public var isa: [String]
  public var onDemand: Rate?
  /// Per hour with a commitment of one year.
  public var oneYear: Rate?
  public var spot: Spot?
  public var burst: Burst?
  /// Virtual CPUs that may be used without pause and that the price is for, where a source states it: 0.25 of a shared
  /// core, for instance.
  public var billedVCPUs: ExactDecimal?
  /// Nil: nobody noted when it was read.
  public var readOn: CivilDate?
  /// Known to be out of date.
  public var stale: Bool
  /// An allowance that cannot be bought.
  public var allowance: Bool
  public var note: String?
  public var source: String

  /// Prices that fall and rise with demand: the machine may be taken back at any time.
  public struct Spot: Sendable, Hashable {
    /// Per hour, the median over zones.
    public var median: Rate
    /// The cheapest and the dearest zone, where the source has more than one.
    public var range: ClosedRangeOfRates?
  }

  public struct ClosedRangeOfRates: Sendable, Hashable {
    public var low: Rate
    public var high: Rate
  }

  /// A machine that may exceed a baseline and pays for it.
  public struct Burst: Sendable, Hashable {
    /// Share of each virtual CPU that the price covers, in percent, 1 to 100.
    public var baselinePercent: Int
    /// For a virtual CPU beyond the baseline, once credits are spent.
    public var surplus: Rate
  }

  /// `aws:t4g.small@us-east-1`: selects this row alone.
  public var id: String { "\(provider):\(type)@\(region)" }

  public var memoryBytes: Int64 {
    let bytes = Int128(memoryGiB.coefficient) * 1_073_741_824 / Int128.powerOfTen(memoryGiB.scale)
    return Int64(clamping: bytes)
  }
}

/// How a machine is paid for.
public enum MachinePriceKind: String, Sendable, Hashable, CaseIterable {
  case onDemand = "on demand"
  case oneYear = "one-year commitment"
  case spot
  /// A price that a person gave.
  case given
}

/// What an hour of a machine costs, and what is known about that price.
public struct HourlyPrice: Sendable, Hashable {
  /// The row, where the price or at least the machine is in the price book.
  public let machine: Machine?
  public let kind: MachinePriceKind
  public let hourly: Rate
  /// Virtual CPUs that may be used without pause at this price; the divisor of the marginal basis.
  public let vcpus: ExactDecimal
  /// Per hour with every virtual CPU busy and credits spent, where that differs.
  public let saturated: Rate?
  public let marks: [PriceMark]

  /// A price that a person gave, for a machine in the price book or for the one at hand.
  /// - Parameter vcpus: of the machine at hand; of no account where the row says how many there are.
  /// - Throws: `currencies`, `tooPrecise`, where the row adds a price of its own for bursts.
  public static func given(
    _ hourly: Rate, vcpus: Int, machine: Machine? = nil
  ) throws(PricingError) -> HourlyPrice {
    HourlyPrice(
      machine: machine, kind: .given, hourly: hourly,
      vcpus: machine?.sustainedVCPUs ?? ExactDecimal(Int64(max(1, vcpus))),
      saturated: try machine?.saturated(hourly), marks: hourly.picos == 0 ? [.zero] : [])
  }
}

extension Machine {
  /// Rows that were read longer ago than this are marked stale.
  public static let staleAfterDays = 180

  /// Virtual CPUs that may be used without pause at the price of the row.
  public var sustainedVCPUs: ExactDecimal { billedVCPUs ?? ExactDecimal(Int64(vcpus)) }

  /// - Parameter unixNanos: the moment of the question, which decides what is stale.
  /// - Throws: `noPrice` where no source states one; `tooPrecise`.
  public func price(_ kind: MachinePriceKind = .onDemand, at unixNanos: Int64) throws(PricingError) -> HourlyPrice {
    let rate: Rate? =
      switch kind {
      case .onDemand: onDemand
      case .oneYear: oneYear
      case .spot: spot?.median
      case .given: nil
      }
    guard let rate else { throw .noPrice(name: id, kind: kind.rawValue) }
    var marks: [PriceMark] = []
    if let readOn {
      let age = CivilDate(unixNanos: unixNanos).dayNumber - readOn.dayNumber
      if age > Self.staleAfterDays { marks.append(.stale(days: age)) }
    } else {
      marks.append(.undated)
    }
    if stale { marks.append(.outdated) }
    if allowance { marks.append(.allowance) } else if rate.picos == 0 { marks.append(.zero) }
    return HourlyPrice(
      machine: self, kind: kind, hourly: rate, vcpus: sustainedVCPUs, saturated: try saturated(rate), marks: marks)
  }

  /// price + vCPUs x (1 - baseline) x surplus price, exactly. Nil for machines without a baseline.
  func saturated(_ hourly: Rate) throws(PricingError) -> Rate? {
    guard let burst, burst.baselinePercent < 100 else { return nil }
    let beyond = Int128(vcpus) * Int128(100 - burst.baselinePercent)
    return try hourly.adding(burst.surplus.scaled(by: beyond, over: 100, unit: hourly.unit))
  }
}
