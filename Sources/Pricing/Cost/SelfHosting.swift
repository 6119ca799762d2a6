import Usage

/// What it takes to serve a workload on machines of one type, per month. All amounts are pico-units of one currency.
public struct SelfHosting: Sendable, Hashable {
  public var price: HourlyPrice
  public var speed: MeasuredSpeed
  public var limits: LatencyLimits
  /// As many as may be rented; nil: as many as are needed.
  public var machineLimit: Int?
  /// Lines beside the machine itself.
  public var extras: Extras

  /// What a person adds. Everything is off unless given.
  public struct Extras: Sendable, Hashable {
    /// Disk, address and the like, for each machine and month.
    public var perMachine: [Line]
    /// Labour and the like, for the whole month, as soon as there is one machine.
    public var once: [Line]
    /// Egress and the like, for a request.
    public var perRequest: [Line]

    public struct Line: Sendable, Hashable {
      public let name: String
      public let picos: Fraction

      public init(name: String, picos: Fraction) {
        self.name = name
        self.picos = picos
      }

      /// - Throws: `negative`.
      public static func amount(_ name: String, _ money: Money) throws(PricingError) -> Line {
        guard money.picos >= 0 else { throw .negative(money.decimalText) }
        return Line(name: name, picos: Fraction(money.picos))
      }

      /// So many units at a rate.
      /// - Throws: `noPrice` where no source states the rate; `negative`, `overflow`.
      public static func quantity(_ name: String, _ units: ExactDecimal, at rate: Rate?) throws(PricingError) -> Line {
        guard let rate else { throw .noPrice(name: "this machine", kind: name) }
        guard units.coefficient >= 0 else { throw .negative(units.description) }
        return Line(name: name, picos: try Fraction(units).times(Fraction(rate)))
      }

      /// What a month's quantity comes to for each request of a workload.
      public static func perRequest(
        _ name: String, _ unitsPerMonth: ExactDecimal, at rate: Rate?, of workload: Workload
      ) throws(PricingError) -> Line {
        let month = try quantity(name, unitsPerMonth, at: rate)
        let requests = try workload.requestsPerDay.times(Workload.daysPerMonth)
        return Line(name: name, picos: try month.picos.over(requests))
      }
    }

    public init(perMachine: [Line] = [], once: [Line] = [], perRequest: [Line] = []) {
      self.perMachine = perMachine
      self.once = once
      self.perRequest = perRequest
    }

    static func sum(_ lines: [Line]) throws(PricingError) -> Fraction {
      var sum = Fraction.zero
      for line in lines { sum = try sum.plus(line.picos) }
      return sum
    }
  }

  public init(
    price: HourlyPrice, speed: MeasuredSpeed, limits: LatencyLimits, machineLimit: Int? = nil,
    extras: Extras = Extras()
  ) {
    self.price = price
    self.speed = speed
    self.limits = limits
    self.machineLimit = machineLimit
    self.extras = extras
  }
}

/// A scenario reduced to the numbers that decide it. Loads are in requests per day; money in pico-units a month.
struct MachineTerms {
  /// For each machine.
  var fixed: Fraction
  /// For all machines together, as soon as there is one.
  var once: Fraction
  /// A month's cost of one request a day, beside surplus.
  var variable: Fraction
  /// A month's surplus for one request a day beyond `free` requests.
  var surplus: Fraction
  /// Load up to which a machine has no surplus; nil: any.
  var free: Fraction?
  /// Load up to which a machine keeps the limits; zero: none.
  var capacity: Fraction
  /// Seconds of one machine for a mean request, and those of them that read the prompt.
  var serviceSeconds: Fraction
  var prefillSeconds: Fraction
  var allowedMillionths: Int64

  init(_ own: SelfHosting, _ workload: Workload) throws(PricingError) {
    let prefillSpeed = try Fraction(Int128(own.speed.prefillMilli), over: 1000)
    let decodeSpeed = try Fraction(Int128(own.speed.decodeMilli), over: 1000)
    prefillSeconds = try workload.uncachedPrompt().over(prefillSpeed)
    serviceSeconds = try prefillSeconds.plus(workload.completion.mean.over(decodeSpeed))
    let longest = try Fraction(Int64(workload.prompt.percentile(99))).over(prefillSpeed)
      .times(Fraction(100).minus(workload.cachedPercent)).over(Fraction(100))
    var allowed = own.limits.busyShare(
      batch: own.speed.batch, serviceNanos: try Self.nanos(serviceSeconds), prefillNanos: try Self.nanos(longest),
      tokenNanos: try Self.nanos(Fraction(Int64(own.speed.batch)).over(decodeSpeed)))
    let machine = own.price.machine
    // A machine that is throttled to a share of its virtual CPUs is held to that share in its busiest hour: credits
    // that it may have saved are not counted on.
    if let meter = try machine?.burstMeter(), meter.surplus == nil {
      allowed = min(allowed, meter.earnHundredths * 10_000 / Int64(meter.vcpus))
    }
    allowedMillionths = allowed
    variable = try SelfHosting.Extras.sum(own.extras.perRequest).times(Workload.daysPerMonth)
    once = try SelfHosting.Extras.sum(own.extras.once)
    fixed = try SelfHosting.Extras.sum(own.extras.perMachine)
    if let serverless = machine?.serverless, own.price.kind != .given {
      let second = try Fraction(serverless.perGiBSecond).times(Fraction(machine?.memoryGiB ?? ExactDecimal(0)))
      let request = try second.times(serviceSeconds).plus(serverless.perRequest.map { Fraction($0) } ?? .zero)
      variable = try variable.plus(request.times(Workload.daysPerMonth))
    } else {
      let billing = own.price.kind == .given ? Machine.Billing() : machine?.billing ?? Machine.Billing()
      let month = try billing.bill(runs: [Workload.hoursPerMonth * Rate.nanosPerHour], at: own.price.hourly)
      fixed = try fixed.plus(Fraction(month.picos))
    }
    (surplus, free) = try Self.burst(machine, serviceSeconds)
    // capacity x peak share x seconds <= allowed x 3600
    let busiest = try serviceSeconds.times(workload.peakPercent).over(Fraction(100))
    capacity =
      busiest.isZero
      ? Fraction(allowed > 0 ? 1_000_000_000_000 : 0)
      : try Fraction(Int128(allowed) * 3600, over: 1_000_000).over(busiest)
  }

  /// Over a month an unlimited machine pays for what it uses beyond what it earns: what it owes within a day it may
  /// earn back within the next, and its balance holds a day's earnings, so that the hours of the day do not matter.
  private static func burst(
    _ machine: Machine?, _ serviceSeconds: Fraction
  ) throws(PricingError) -> (surplus: Fraction, free: Fraction?) {
    guard let machine, let burst = machine.burst, let rate = burst.surplus, serviceSeconds.isPositive else {
      return (.zero, nil)
    }
    let perSecond = try Fraction(rate).times(1_000_000_000).times(Int64(machine.vcpus))
    let perRequest = try perSecond.times(serviceSeconds).times(Workload.daysPerMonth)
    let free = try Fraction(Int64(86_400 * burst.baselinePercent)).over(Fraction(100)).over(serviceSeconds)
    return (perRequest, free)
  }

  private static func nanos(_ seconds: Fraction) throws(PricingError) -> Int64 {
    let nanos = try seconds.times(1_000_000_000)
    return Int64(clamping: nanos.numerator.divided(by: nanos.denominator, rounding: .up))
  }

  /// What `machines` that share a load evenly cost.
  func cost(machines: Int64, load: Fraction) throws(PricingError) -> Fraction {
    guard machines > 0 else { return .zero }
    var cost = try fixed.times(machines).plus(once).plus(variable.times(load))
    if let free {
      let beyond = try load.minus(free.times(machines))
      if beyond.isPositive { cost = try cost.plus(beyond.times(surplus)) }
    }
    return cost
  }
}
