import Usage

/// What one request cost on the machine that ran it, on two bases that are never mixed.
public struct MachineCost: Sendable, Hashable {
  public let price: HourlyPrice
  /// The request's CPU time over what the machine's virtual CPUs offer, times the price. Good for comparing requests;
  /// it always flatters self-hosting, since nobody pays for the rest of the machine.
  public let marginal: CostFigure
  /// The machine's whole time, as it was paid for. Nil where that needs a ledger: in a process that serves more than
  /// one request.
  public let allocated: AllocatedCost?
}

/// A cost, split between reading the prompt and writing the answer by the measured prefill and decode times.
public struct CostFigure: Sendable, Hashable {
  public let total: Money
  /// `input` + `output` = `total`; nil where neither time was measured.
  public let input: Money?
  public let output: Money?
  /// Input cost per million prompt tokens that were computed; nil where there were none.
  public let inputPerMillion: Money?
  /// Output cost per million completion tokens; nil where there were none.
  public let outputPerMillion: Money?

  init(total: Money, usage: UsageRecord) throws(PricingError) {
    self.total = total
    let times = [max(0, usage.timings.prefillNanos), max(0, usage.timings.decodeNanos)]
    guard times != [0, 0] else {
      (input, output, inputPerMillion, outputPerMillion) = (nil, nil, nil, nil)
      return
    }
    let parts = try Apportionment.largestRemainder(total, weights: times)
    input = parts[0]
    output = parts[1]
    inputPerMillion = try parts[0].perMillion(of: usage.tokens.uncachedPrompt)
    outputPerMillion = try parts[1].perMillion(of: usage.tokens.completion)
  }
}

/// The cost of a run that had the machine to itself, from the start of its process to its end, in parts that add up.
public struct AllocatedCost: Sendable, Hashable {
  /// Of the whole run, start-up and load included.
  public let whole: CostFigure
  public let load: Money
  public let request: Money
  /// Start-up, and whatever else was neither load nor request.
  public let rest: Money
  public let wholeNanos: Int64
  public let loadNanos: Int64
  public let requestNanos: Int64

  /// The rest of the run's time; the three parts add up to `wholeNanos`.
  public var restNanos: Int64 { wholeNanos - loadNanos - requestNanos }
}

extension HourlyPrice {
  /// - Throws: `overflow`; `tooPrecise` where the price of a virtual CPU is not an exact rate.
  public func cost(of usage: UsageRecord) throws(PricingError) -> MachineCost {
    let perVCPU = try hourly.divided(by: vcpus, unit: .vcpuNanosecond)
    let marginal = try perVCPU.cost(of: max(0, usage.cpu.requestNanos))
    return MachineCost(
      price: self, marginal: try CostFigure(total: marginal, usage: usage), allocated: try allocated(usage))
  }

  private func allocated(_ usage: UsageRecord) throws(PricingError) -> AllocatedCost? {
    guard let runNanos = usage.runNanos else { return nil }
    let load = max(0, usage.timings.loadNanos)
    let request = max(0, usage.timings.totalNanos)
    let (busy, overflow) = load.addingReportingOverflow(request)
    guard !overflow else { throw .overflow("load and request time") }
    // The whole holds its parts, even if the clock that timed the run began late.
    let whole = max(runNanos, busy)
    let parts = try Apportionment.consecutive([load, request, whole - busy], at: hourly)
    return AllocatedCost(
      whole: try CostFigure(total: hourly.cost(of: whole), usage: usage), load: parts[0], request: parts[1],
      rest: parts[2], wholeNanos: whole, loadNanos: load, requestNanos: request)
  }
}
