/// The CPU credits of one machine over time, in whole virtual-CPU-nanoseconds.
///
/// State: `balance` (saved credits) and `debt` (surplus used and not yet earned back); at most one is above zero.
/// Over a stretch of constant demand the machine earns `earn` per nanosecond:
/// - it used less: the debt is paid back first, then the balance grows up to its cap, and the rest is lost;
/// - it used more: the balance pays first; then an unlimited machine runs into debt, and what exceeds the allowance is
///   charged at once, while a throttled one gets no more than it earns.
///
/// Cutting a stretch in two changes nothing, since fractions of a credit are carried.
public struct BurstMeter: Sendable, Hashable {
  public let vcpus: Int
  /// Hundredths of a virtual CPU that are earned all the time.
  public let earnHundredths: Int64
  /// For a virtual CPU beyond; nil: throttled.
  public let surplus: Rate?
  public private(set) var balance: Int64
  public private(set) var debt: Int64 = 0
  /// Virtual-CPU-nanoseconds that were charged so far.
  public private(set) var chargedNanos: Int64 = 0
  /// Earnings below one credit, in hundredths.
  private var carry: Int64 = 0

  public let balanceCap: Int64
  public let allowance: Int64

  /// What one stretch did.
  public struct Stretch: Sendable, Hashable {
    /// Virtual-CPU-nanoseconds that the machine gave.
    public let used: Int64
    /// What was asked for and not given; always zero for an unlimited machine.
    public let unmet: Int64
    public let charged: Money
  }

  /// - Throws: `overflow` for a machine with too many virtual CPUs to count their nanoseconds.
  public init(_ burst: Machine.Burst, vcpus: Int) throws(PricingError) {
    try self.init(burst, vcpus: vcpus, earnHundredths: Int64(vcpus) * Int64(burst.baselinePercent))
  }

  init(_ burst: Machine.Burst, vcpus: Int, earnHundredths: Int64) throws(PricingError) {
    self.vcpus = vcpus
    self.earnHundredths = earnHundredths
    surplus = burst.surplus
    let perHour = Int128(earnHundredths) * Int128(Rate.nanosPerHour) / 100
    guard let cap = Int64(exactly: perHour * Int128(burst.balanceHours)),
      let allowance = Int64(exactly: perHour * Int128(burst.allowanceHours))
    else { throw .overflow("the credits of \(vcpus) virtual CPUs") }
    balanceCap = cap
    self.allowance = allowance
    // Launch credits are the machine's own; the cap limits what it earns on top of them.
    balance = Int64(burst.launchMinutes) * 60_000_000_000
  }

  /// Runs for `nanos` with a constant demand for `demand` virtual-CPU-nanoseconds in all.
  /// Demand for more than the virtual CPUs can give is unmet.
  /// - Throws: `negative`, `overflow`.
  public mutating func run(nanos: Int64, demand: Int64) throws(PricingError) -> Stretch {
    guard nanos >= 0 else { throw .negative("\(nanos)") }
    guard demand >= 0 else { throw .negative("\(demand)") }
    let most = Int128(vcpus) * Int128(nanos)
    let wanted = Int64(truncatingIfNeeded: Swift.min(Int128(demand), most))
    let earnedHundredths = Int128(earnHundredths) * Int128(nanos) + Int128(carry)
    guard let earned = Int64(exactly: earnedHundredths / 100) else { throw .overflow("the credits of a stretch") }
    carry = Int64(earnedHundredths % 100)
    if wanted <= earned {
      save(earned - wanted)
      return Stretch(used: wanted, unmet: demand - wanted, charged: zero)
    }
    let missing = wanted - earned
    let fromBalance = Swift.min(balance, missing)
    balance -= fromBalance
    let beyond = missing - fromBalance
    guard let surplus else {
      return Stretch(used: wanted - beyond, unmet: demand - wanted + beyond, charged: zero)
    }
    debt += beyond
    let due = Swift.max(0, debt - allowance)
    debt -= due
    let charged = try surplus.cost(from: chargedNanos, to: chargedNanos + due)
    chargedNanos += due
    return Stretch(used: wanted, unmet: demand - wanted, charged: charged)
  }

  /// The machine stops: what it still owes is charged, and what it saved is lost.
  public mutating func stop() throws(PricingError) -> Money {
    defer { balance = 0 }
    guard let surplus else { return zero }
    let charged = try surplus.cost(from: chargedNanos, to: chargedNanos + debt)
    chargedNanos += debt
    debt = 0
    return charged
  }

  private mutating func save(_ credits: Int64) {
    let repaid = Swift.min(debt, credits)
    debt -= repaid
    let room = Swift.max(0, balanceCap - balance)
    balance += Swift.min(room, credits - repaid)
  }

  private var zero: Money { Money(picos: 0, currency: surplus?.currency ?? .usd) }
}

extension Machine {
  /// The credits of a machine of this type, new; nil for one that may use its virtual CPUs without pause. A machine
  /// that is billed for a fraction of its virtual CPUs gets that fraction and saves nothing: what it may use beyond,
  /// and for how long, no source states.
  public func burstMeter() throws(PricingError) -> BurstMeter? {
    if let burst { return try BurstMeter(burst, vcpus: vcpus) }
    guard let billedVCPUs, billedVCPUs.scale <= 2, billedVCPUs != ExactDecimal(Int64(vcpus)) else { return nil }
    let hundredths = Int128(billedVCPUs.coefficient) * 100 / Int128.powerOfTen(billedVCPUs.scale)
    guard hundredths < Int128(vcpus) * 100, let earn = Int64(exactly: hundredths) else { return nil }
    let shared = Burst(
      mode: .throttled, baselinePercent: 100, surplus: nil, balanceHours: 0, launchMinutes: 0, allowanceHours: 0)
    return try BurstMeter(shared, vcpus: vcpus, earnHundredths: earn)
  }
}
