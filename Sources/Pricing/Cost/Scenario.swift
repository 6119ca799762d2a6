import Usage

/// One question: this workload, on this machine or at this API? The numbers of it can be scaled, to see what would
/// change the answer.
public struct Scenario: Sendable, Hashable {
  public var workload: Workload
  public var own: SelfHosting
  /// Pico-units for a mean request at the API, in the currency of the machine.
  public var apiPerRequest: Fraction
  /// What is changed by how much, in parts per million of its value.
  private(set) var scales: [Lever: Int64] = [:]

  public init(workload: Workload, own: SelfHosting, apiPerRequest: Fraction) {
    self.workload = workload
    self.own = own
    self.apiPerRequest = apiPerRequest
  }

  /// A number of the question that could be another one.
  public enum Lever: String, Sendable, Hashable, CaseIterable {
    case requests = "requests per day"
    case apiPrice = "API price"
    case machinePrice = "machine price"
    case speed = "machine speed"
    case latency = "latency limits"
  }

  public static let unscaled: Int64 = 1_000_000

  /// The same question with one number scaled.
  public func scaled(_ lever: Lever, millionths: Int64) -> Scenario {
    var scenario = self
    scenario.scales[lever] = millionths
    return scenario
  }

  private func factor(_ lever: Lever) throws(PricingError) -> Fraction {
    try Fraction(Int128(scales[lever] ?? Self.unscaled), over: Int128(Self.unscaled))
  }

  var load: Fraction {
    get throws(PricingError) { try workload.requestsPerDay.times(factor(.requests)) }
  }

  /// Pico-units a month for one request a day.
  var apiPerLoad: Fraction {
    get throws(PricingError) { try apiPerRequest.times(factor(.apiPrice)).times(Workload.daysPerMonth) }
  }

  func terms() throws(PricingError) -> MachineTerms {
    var own = own
    let speed = scales[.speed] ?? Self.unscaled
    if speed != Self.unscaled {
      own.speed.prefillMilli = try Self.scale(own.speed.prefillMilli, by: speed)
      own.speed.decodeMilli = try Self.scale(own.speed.decodeMilli, by: speed)
    }
    let latency = scales[.latency] ?? Self.unscaled
    if latency != Self.unscaled {
      own.limits = LatencyLimits(
        firstTokenMillis: try own.limits.firstTokenMillis.map(latency),
        perTokenMillis: try own.limits.perTokenMillis.map(latency))
    }
    var terms = try MachineTerms(own, workload)
    // The price of a machine and its surplus are one vendor's; what a person adds beside them is not scaled.
    let price = try factor(.machinePrice)
    let extras = try SelfHosting.Extras.sum(own.extras.perMachine)
    terms.fixed = try terms.fixed.minus(extras).times(price).plus(extras)
    terms.surplus = try terms.surplus.times(price)
    let added = try SelfHosting.Extras.sum(own.extras.perRequest).times(Workload.daysPerMonth)
    terms.variable = try terms.variable.minus(added).times(price).plus(added)
    return terms
  }

  private static func scale(_ value: Int64, by millionths: Int64) throws(PricingError) -> Int64 {
    let scaled = (Int128(value) * Int128(millionths)).divided(by: 1_000_000, rounding: .nearestEven)
    guard let scaled = Int64(exactly: scaled) else { throw .overflow("a scaled value") }
    return max(1, scaled)
  }

  func plans() throws(PricingError) -> Plans {
    try Plans(terms(), load: load, api: apiPerLoad, machineLimit: own.machineLimit)
  }

  public func verdict() throws(PricingError) -> Verdict { try plans().best.verdict }
}

extension Int? {
  fileprivate func map(_ millionths: Int64) throws(PricingError) -> Int? {
    guard let value = self else { return nil }
    let scaled = Int128(value) * Int128(millionths) / 1_000_000
    guard let scaled = Int(exactly: scaled) else { throw .overflow("a scaled limit") }
    return Swift.max(1, scaled)
  }
}

/// The one change that would give another verdict: the smallest, as a factor, of all numbers of the question.
public struct Flip: Sendable, Hashable {
  public let lever: Scenario.Lever
  /// The factor in parts per million. With it the verdict is another one; with half of the change it is not.
  public let millionths: Int64
  public let verdict: Verdict

  /// Factors that are tried, outwards from one; beyond a thousandfold nothing is called a change any more, but for the
  /// number of requests: a workload is often tried out with a few of them.
  private static let ladder: [Int64] = {
    var steps: [Int64] = [1_000_100, 1_001_000, 1_003_000, 1_010_000, 1_020_000]
    var step: Int64 = 1_050_000
    while step < 1_000_000_000 {
      steps.append(step)
      step = step * 108 / 100
    }
    return steps + [1_000_000_000]
  }()
  private static let farLadder: [Int64] = (0...9).map { 1_000_000_000 << $0 } + [1_000_000_000_000]

  /// From the API only a change to machines is looked for. That the machines would not even keep the limits any more
  /// is a change too, but it leaves everything at the API.
  /// - Throws: `overflow`.
  static func nearest(to scenario: Scenario, from verdict: Verdict) throws(PricingError) -> Flip? {
    guard verdict == .api else {
      return try search(scenario, from: verdict, to: Set(Verdict.allCases.filter { $0 != verdict }))
    }
    let machines: Set<Verdict> = [.selfHost, .hybrid]
    if let flip = try search(scenario, from: verdict, to: machines) { return flip }
    for (near, far) in zip(farLadder, farLadder.dropFirst()) {
      guard machines.contains(try scenario.scaled(.requests, millionths: far).verdict()) else { continue }
      return try narrowed(scenario, .requests, from: verdict, to: machines, near: near, far: far)
    }
    return nil
  }

  private static func search(
    _ scenario: Scenario, from verdict: Verdict, to wanted: Set<Verdict>
  ) throws(PricingError) -> Flip? {
    var inner: (up: Int64, down: Int64) = (1_000_000, 1_000_000)
    for step in ladder {
      let down = 1_000_000_000_000 / step
      var found: [Flip] = []
      for lever in levers(of: scenario) {
        for (near, far) in [(inner.up, step), (inner.down, down)] {
          let there = try scenario.scaled(lever, millionths: far).verdict()
          guard wanted.contains(there) else { continue }
          if let flip = try narrowed(scenario, lever, from: verdict, to: wanted, near: near, far: far) {
            found.append(flip)
          }
        }
      }
      if let best = found.min(by: { $0.size < $1.size }) { return best }
      inner = (step, down)
    }
    return nil
  }

  private static func levers(of scenario: Scenario) -> [Scenario.Lever] {
    Scenario.Lever.allCases.filter { lever in
      lever != .latency || scenario.own.limits != LatencyLimits()
    }
  }

  /// How far from one, up or down, in parts per million of the larger of the two.
  private var size: Int64 {
    millionths >= 1_000_000 ? millionths : 1_000_000_000_000 / max(1, millionths)
  }

  /// The factor between `near`, where the verdict is not wanted, and `far`, where it is, that is closest to one and
  /// short to write; nil where half of the change gives a third verdict.
  private static func narrowed(
    _ scenario: Scenario, _ lever: Scenario.Lever, from verdict: Verdict, to wanted: Set<Verdict>, near: Int64,
    far: Int64
  ) throws(PricingError) -> Flip? {
    var (near, far) = (near, far)
    while abs(far - near) > 1 {
      let middle = (near + far) / 2
      if try wanted.contains(scenario.scaled(lever, millionths: middle).verdict()) {
        far = middle
      } else {
        near = middle
      }
    }
    // Verdicts need not change only once on the way: what half of a change does already is the change to name.
    for _ in 0..<40 {
      let half = Scenario.unscaled + (far - Scenario.unscaled) / 2
      if half == far || half == Scenario.unscaled { break }
      guard try wanted.contains(scenario.scaled(lever, millionths: half).verdict()) else { break }
      far = half
    }
    let exact = far
    for digits in 2...12 {
      let short = Self.shortened(exact, digits: digits)
      let half = Scenario.unscaled + (short - Scenario.unscaled) / 2
      let there = try scenario.scaled(lever, millionths: short).verdict()
      guard wanted.contains(there) else { continue }
      if try scenario.scaled(lever, millionths: half).verdict() == verdict {
        return Flip(lever: lever, millionths: short, verdict: there)
      }
    }
    return nil
  }

  /// Fewer digits, further from one: of the change or, where little is left of the number, of what is left.
  private static func shortened(_ millionths: Int64, digits: Int) -> Int64 {
    let most = Int64(Int128.powerOfTen(digits))
    if millionths < Scenario.unscaled / 10 {
      var step: Int64 = 1
      while millionths / step >= most { step *= 10 }
      return max(1, millionths / step * step)
    }
    let change = abs(millionths - Scenario.unscaled)
    var step: Int64 = 1
    while change / step >= most { step *= 10 }
    let rounded = (change + step - 1) / step * step
    return millionths >= Scenario.unscaled
      ? Scenario.unscaled + rounded : max(1, Scenario.unscaled - rounded)
  }
}
