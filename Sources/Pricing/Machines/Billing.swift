import Usage

extension Machine {
  /// How running time becomes a bill.
  public struct Billing: Sendable, Hashable {
    public enum Quantum: String, Sendable, Hashable, CaseIterable {
      case second
      /// Every hour that was begun is paid for.
      case hour
    }

    public var quantum: Quantum = .second
    /// The least that a run is billed for.
    public var minimumSeconds: Int = 0
    /// No calendar month costs more than this.
    public var monthlyCap: Money? = nil
    /// Paid for from the day it is made to the day it is deleted, running or not.
    public var billedWhileStopped: Bool = false

    /// What the runs of one calendar month cost.
    ///
    /// The rounded times are added before the price is taken, so that there is one division; the cap comes last.
    /// - Parameters:
    ///   - runs: how long each run lasted, from start to stop, in nanoseconds.
    ///   - stoppedNanos: how long the machine existed without running.
    /// - Throws: `negative`, `overflow`, `currencies` where price and cap differ.
    public func bill(
      runs: [Int64], stoppedNanos: Int64 = 0, at hourly: Rate
    ) throws(PricingError) -> Money {
      let unit: Int64 = quantum == .hour ? Rate.nanosPerHour : 1_000_000_000
      // A machine that is billed while stopped has one stretch: from its making to its deletion.
      var total: Int128 = 0
      var stretches = runs
      guard stoppedNanos >= 0 else { throw .negative("\(stoppedNanos)") }
      if billedWhileStopped {
        var whole: Int128 = Int128(stoppedNanos)
        for run in runs { whole += Int128(run) }
        guard let sum = Int64(exactly: whole) else { throw .overflow("the hours of a month") }
        stretches = sum == 0 ? [] : [sum]
      }
      for stretch in stretches {
        guard stretch >= 0 else { throw .negative("\(stretch)") }
        let atLeast = Swift.max(Int128(stretch), Int128(minimumSeconds) * 1_000_000_000)
        total += atLeast.divided(by: Int128(unit), rounding: .up) * Int128(unit)
      }
      guard let nanos = Int64(exactly: total) else { throw .overflow("the hours of a month") }
      let cost = try hourly.cost(of: nanos)
      guard let monthlyCap else { return cost }
      return try monthlyCap.isLess(than: cost) ? monthlyCap : cost
    }
  }
}
