import Usage

/// What a report is about.
public struct ReportQuery: Sendable {
  /// What its lines are made by.
  public enum Dimension: Sendable, Hashable {
    case hour, day, month, model, quantization, user
    /// The values of one tag.
    case tag(String)

    /// `day`, `model`, …, or `tag:KEY`.
    public init?(_ text: String) {
      switch text {
      case "hour": self = .hour
      case "day": self = .day
      case "month": self = .month
      case "model": self = .model
      case "quantization", "quant": self = .quantization
      case "user": self = .user
      default:
        guard text.hasPrefix("tag:"), text.utf8.count > 4 else { return nil }
        self = .tag(String(text.dropFirst(4)))
      }
    }

    public var title: String {
      switch self {
      case .hour: "hour"
      case .day: "day"
      case .month: "month"
      case .model: "model"
      case .quantization: "quantization"
      case .user: "user"
      case .tag(let key): "tag:" + key
      }
    }
  }

  /// Limits that a request must meet for its tokens to count as good; a limit that is nil always is met.
  public struct Goodput: Sendable, Hashable {
    public var firstTokenNanos: Int64?
    public var perTokenNanos: Int64?

    public init(firstTokenNanos: Int64?, perTokenNanos: Int64?) {
      self.firstTokenNanos = firstTokenNanos
      self.perTokenNanos = perTokenNanos
    }
  }

  public static let mostDimensions = 3

  /// Requests that arrived from here on, nanoseconds since 1970.
  public var from = Int64.min
  /// And before this moment.
  public var to = Int64.max
  /// At most `mostDimensions`; none for one line.
  public var dimensions: [Dimension] = []
  public var goodput = Goodput(firstTokenNanos: 2_000_000_000, perTokenNanos: 100_000_000)
  /// Also keep the size of each request, to price the same work elsewhere.
  public var keepsSizes = false
  /// With `keepsSizes`: what tokenisers of others count in the text of requests that was kept, in their order.
  public var counted: [RequestIdentity: [TokenCounts]] = [:]
  /// When the question is asked, nanoseconds since 1970: the hour that holds it is not over. Nil: now.
  public var now: Int64?

  public init() {}
}

/// Lines of sums over requests, in the order of their labels.
public struct Report: Sendable {
  public struct Line: Sendable {
    /// One for each dimension.
    public var labels: [String]
    /// Of the price of CPU time; `""` where no request had one.
    public var currency: String
    public var figures: ReportFigures
  }

  public var query: ReportQuery
  public var lines: [Line]
  /// Names of models by their numbers in sizes of requests.
  public var models: [Int64: String] = [:]
  /// Requests that retention has cut, which are in no line.
  public var cutRequests: Int64
  /// Where the money of machines went in the hours of the span; empty where none is known.
  public var machines: [MachineSpending]
  /// What the processes that ended in the span used.
  public var processes: ProcessTime
}

/// What the requests of a line add up to.
public struct ReportFigures: Sendable {
  public var totals = Totals()
  /// Not closed yet; in no other figure.
  public var open: Int64 = 0
  /// Their process died; their tokens count, they have no latency.
  public var lost: Int64 = 0
  public var charge: Int64 = 0
  /// Requests that budgets were charged for, and the marginal cost of those.
  public var charged: Int64 = 0
  public var chargedCost: Int64 = 0
  /// The fully loaded cost of those requests that a recorder saw, by currency of their machines.
  public var allocated: [String: Int64] = [:]
  public var allocatedRequests: Int64 = 0
  /// Of those, requests in hours that are not over.
  public var provisionalRequests: Int64 = 0
  /// CPU time of prompts and of answers.
  public var promptCPUNanos: Int64 = 0
  /// UTF-8 bytes of prompts and answers, and the tokens of the requests that say so.
  public var textBytes: Int64 = 0
  public var textTokens: Int64 = 0
  public var goodRequests: Int64 = 0
  public var goodTokens: Int64 = 0
  public var firstToken = Latency()
  public var perToken = Latency()
  public var total = Latency()
  /// With `keepsSizes`, one for each request.
  public var sizes: [RequestSize] = []

  /// Prompt and completion tokens together.
  public var tokens: Int64 { totals.prompt &+ totals.completion }

  /// What budgets were charged less what those requests cost: above zero is over-recovery.
  public var recovery: Int64? { charged > 0 ? charge &- chargedCost : nil }

  /// The marginal cost for a million of so many tokens, floored; nil where there are none or some have no price.
  public func marginalPerMillion(of tokens: Int64) -> Int64? {
    guard tokens > 0, totals.unpriced == 0 else { return nil }
    return Int64(exactly: Int128(totals.marginalPicos) * 1_000_000 / Int128(tokens))
  }
}

/// A distribution of durations in nanoseconds.
public struct Latency: Sendable {
  private var values: [Int64] = []
  private var isSorted = true

  public var count: Int { values.count }

  mutating func add(_ nanos: Int64) {
    values.append(nanos)
    isSorted = false
  }

  mutating func sort() {
    if !isSorted { values.sort() }
    isSorted = true
  }

  /// The smallest value that at least `percent` per cent of all do not exceed (nearest rank); nil where there are none.
  public func percentile(_ percent: Int) -> Int64? {
    guard !values.isEmpty else { return nil }
    let sorted = isSorted ? values : values.sorted()
    return sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
  }
}
