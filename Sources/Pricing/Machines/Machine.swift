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
  /// Per hour with a commitment of three years.
  public var threeYear: Rate? = nil
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
  public var kind: Kind = .vm
  /// When the price of this row holds: the first day, and the first day on which it no longer does.
  public var from: CivilDate? = nil
  public var until: CivilDate? = nil
  public var status: HostedPrice.Status = .stated
  /// The price holds for machines that were made in this time only.
  public var vintage: Vintage = Vintage()
  public var billing: Billing = Billing()
  /// Whose law holds where the machine stands.
  public var jurisdiction: String? = nil
  public var extras: Extras = Extras()
  public var serverless: Serverless? = nil
  public var accelerator: Accelerator? = nil

  public enum Kind: String, Sendable, Hashable, CaseIterable {
    case vm, serverless, accelerator
  }

  /// Days between which a machine must have been made for the price of the row to hold. Vendors raise prices for new
  /// machines and leave old ones alone.
  public struct Vintage: Sendable, Hashable {
    public var from: CivilDate? = nil
    /// The first day that is too late.
    public var until: CivilDate? = nil

    public func contains(_ day: CivilDate) -> Bool { from.map { $0 <= day } ?? true && until.map { day < $0 } ?? true }
  }

  /// What can be rented beside the machine itself; nil: no source states it.
  public struct Extras: Sendable, Hashable {
    /// For a GiB of disk and a month.
    public var disk: Rate? = nil
    /// For a public address and a month.
    public var address: Rate? = nil
    /// For a GiB that leaves the vendor's network.
    public var egress: Rate? = nil
  }

  /// A function that is billed while it runs and never else.
  public struct Serverless: Sendable, Hashable {
    public var perGiBSecond: Rate
    public var perRequest: Rate?
  }

  public struct Accelerator: Sendable, Hashable {
    public var name: String
    public var count: Int
    public var memoryGiB: ExactDecimal?
  }

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

  /// A machine whose virtual CPUs may be used without pause only up to a baseline.
  public struct Burst: Sendable, Hashable {
    public enum Mode: String, Sendable, Hashable, CaseIterable {
      /// Beyond the baseline, once credits are spent, each virtual CPU costs extra.
      case unlimited
      /// Beyond the baseline, once credits are spent, there is nothing to be had.
      case throttled
    }

    public var mode: Mode = .unlimited
    /// Share of each virtual CPU that the price covers, in percent, 1 to 100.
    public var baselinePercent: Int
    /// For a virtual CPU beyond the baseline, once credits are spent; nil for a machine that is throttled then.
    public var surplus: Rate?
    /// How many hours of earnings the balance holds at most.
    public var balanceHours: Int = 24
    /// Virtual-CPU-minutes that a new machine begins with.
    public var launchMinutes: Int = 0
    /// How many hours of earnings may be owed before the debt is charged.
    public var allowanceHours: Int = 24
  }

  /// `aws:t4g.small@us-east-1`, and for a row that holds for machines of certain days `hetzner:CX22@fsn1/..2026-04-01`.
  /// Rows with one id differ in when their prices hold.
  public var id: String {
    let days = [vintage.from, vintage.until].map { $0?.description ?? "" }
    return "\(provider):\(type)@\(region)" + (vintage == Vintage() ? "" : "/" + days.joined(separator: ".."))
  }

  /// The currency of its prices.
  public var currency: Currency {
    (onDemand ?? oneYear ?? threeYear ?? spot?.median ?? serverless?.perGiBSecond)?.currency ?? .usd
  }

  public var memoryBytes: Int64 {
    let bytes = Int128(memoryGiB.coefficient) * 1_073_741_824 / Int128.powerOfTen(memoryGiB.scale)
    return Int64(clamping: bytes)
  }
}

/// How a machine is paid for.
public enum MachinePriceKind: String, Sendable, Hashable, CaseIterable {
  case onDemand = "on demand"
  case oneYear = "one-year commitment"
  case threeYear = "three-year commitment"
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

extension HourlyPrice {
  /// A function that is billed by the request: an hour of it costs nothing.
  public static func serverless(_ machine: Machine, marks: [PriceMark]) -> HourlyPrice {
    HourlyPrice(
      machine: machine, kind: .onDemand, hourly: Rate(zeroPer: .machineNanosecond, in: machine.currency),
      vcpus: machine.sustainedVCPUs, saturated: nil, marks: marks)
  }
}

extension Machine {
  /// Rows that were read longer ago than this are marked stale.
  public static let staleAfterDays = 180

  /// Virtual CPUs that may be used without pause at the price of the row.
  public var sustainedVCPUs: ExactDecimal {
    if let billedVCPUs { return billedVCPUs }
    guard let burst, burst.mode == .throttled else { return ExactDecimal(Int64(vcpus)) }
    return ExactDecimal(hundredths: Int64(vcpus * burst.baselinePercent))
  }

  /// - Parameter unixNanos: the moment of the question, which decides what is stale.
  /// - Throws: `noPrice` where no source states one; `tooPrecise`.
  public func price(_ kind: MachinePriceKind = .onDemand, at unixNanos: Int64) throws(PricingError) -> HourlyPrice {
    let rate: Rate? =
      switch kind {
      case .onDemand: onDemand
      case .oneYear: oneYear
      case .threeYear: threeYear
      case .spot: spot?.median
      case .given: nil
      }
    guard let rate else { throw .noPrice(name: id, kind: kind.rawValue) }
    var marks = rowMarks(on: CivilDate(unixNanos: unixNanos))
    if !allowance, rate.picos == 0 { marks.append(.zero) }
    return HourlyPrice(
      machine: self, kind: kind, hourly: rate, vcpus: sustainedVCPUs, saturated: try saturated(rate), marks: marks)
  }

  /// What must be known about the row as a whole.
  public func rowMarks(on date: CivilDate) -> [PriceMark] {
    var marks: [PriceMark] = []
    if let readOn {
      let age = date.dayNumber - readOn.dayNumber
      if age > Self.staleAfterDays { marks.append(.stale(days: age)) }
      if from == nil, date < readOn { marks.append(.unproven(readOn)) }
    } else {
      marks.append(.undated)
    }
    if status == .announced, let from { marks.append(.announced(from)) }
    if stale { marks.append(.outdated) }
    if allowance { marks.append(.allowance) }
    return marks
  }

  /// The price of the row is in force on that day.
  public func holds(on date: CivilDate) -> Bool {
    status != .cancelled && from.map { $0 <= date } ?? true && until.map { date < $0 } ?? true
  }

  /// price + vCPUs x (1 - baseline) x surplus price, exactly. Nil for machines that pay nothing beyond their price.
  func saturated(_ hourly: Rate) throws(PricingError) -> Rate? {
    guard let burst, burst.baselinePercent < 100, let surplus = burst.surplus else { return nil }
    let beyond = Int128(vcpus) * Int128(100 - burst.baselinePercent)
    return try hourly.adding(surplus.scaled(by: beyond, over: 100, unit: hourly.unit))
  }
}
