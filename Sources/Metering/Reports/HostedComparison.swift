import Pricing
import Usage

/// How a hosted model's tokens are found from ours. Of the ways that are open for a request the first one counts: its text
/// was counted with that tokeniser, or our model has the same one; a ratio; the same count, which is an assumption.
public struct HostedCounting: Sendable {
  public let model: HostedModel
  /// Its place in `ReportQuery.counted`; nil where its tokeniser is not at hand.
  public let place: Int?
  /// Its tokens for each of ours, in millionths; nil where nobody knows.
  public var ratio: Int64?

  public init(_ model: HostedModel, place: Int? = nil, ratio: Int64? = nil) {
    self.model = model
    self.place = place
    self.ratio = ratio
  }
}

/// What a hosted model would have charged for a line of a report.
public struct HostedFigure: Sendable {
  /// Nil where it has no price for one of the requests, or the sum leaves 64 bits.
  public var amount: Money?
  /// On what basis the tokens of how many requests are.
  public var bases: [TokenBasis: Int64] = [:]
}

extension Report {
  /// What a hosted model would have charged for these requests, each by its own size and minute.
  /// - Parameter day: whose list prices hold, nanoseconds since 1970; nil for the day of each request.
  public func hosted(_ counting: HostedCounting, for figures: ReportFigures, day: Int64? = nil) -> HostedFigure {
    var figure = HostedFigure()
    var total: Int128? = 0
    let same = Set(models.filter { OpenModels.isSame(counting.model, as: $0.value) }.keys)
    for size in figures.sizes {
      let request = Self.request(of: size, counting, isSame: same.contains(size.model))
      figure.bases[request.basis, default: 0] += 1
      let minute = day.map { $0 / RequestSize.minuteNanos + size.minute % 1440 } ?? size.minute
      let money = counting.model.money(request, at: minute * RequestSize.minuteNanos)
      total = total.flatMap { sum in money.map { sum + Int128($0.picos) } }
    }
    figure.amount = total.flatMap { Int64(exactly: $0) }.map { Money(picos: $0, currency: counting.model.currency) }
    return figure
  }

  /// What the requests whose text was counted have in their tokens for each of ours, in millionths, and how many they are;
  /// nil where there are none.
  public func ratio(at place: Int) -> (millionths: Int64, requests: Int64)? {
    var (ours, theirs, requests): (Int128, Int128, Int64) = (0, 0, 0)
    for line in lines {
      for size in line.figures.sizes {
        guard let counted = size.counted(at: place) else { continue }
        ours += Int128(size.tokens.prompt) + Int128(size.tokens.completion)
        theirs += Int128(counted.prompt) + Int128(counted.completion)
        requests += 1
      }
    }
    guard ours > 0, let millionths = Int64(exactly: theirs * 1_000_000 / ours) else { return nil }
    return (millionths, requests)
  }

  /// - Parameter isSame: the hosted model is the one that answered.
  private static func request(of size: RequestSize, _ counting: HostedCounting, isSame: Bool) -> HostedRequest {
    func scaled(_ tokens: Int, _ ratio: Int128, over divisor: Int128) -> Int {
      Int(clamping: (Int128(tokens) * ratio + divisor / 2) / divisor)
    }
    let own = size.tokens
    if var counted = counting.place.flatMap({ size.counted(at: $0) }) {
      // Of the tokens that our cache held theirs would have held as large a part.
      counted.cached = own.prompt > 0 ? scaled(own.cached, Int128(counted.prompt), over: Int128(own.prompt)) : 0
      return HostedRequest(tokens: counted, basis: .counted)
    }
    if isSame { return HostedRequest(tokens: own, basis: .counted) }
    guard let ratio = counting.ratio else { return HostedRequest(tokens: own, basis: .sameCount) }
    let theirs = [own.prompt, own.cached, own.completion].map { scaled($0, Int128(ratio), over: 1_000_000) }
    return HostedRequest(
      tokens: TokenCounts(prompt: theirs[0], cached: theirs[1], completion: theirs[2]), basis: .ratio)
  }
}

/// What a hosted price of one request depends on.
public struct RequestSize: Sendable {
  public let tokens: TokenCounts
  /// The minute of UTC in which it arrived, in minutes since 1970: list prices change at minutes.
  public let minute: Int64
  /// Which model answered it: see `Report.models`.
  public let model: Int64
  /// What tokenisers of others count in its text; empty where it was not kept.
  public let counted: [TokenCounts]

  static let minuteNanos: Int64 = 60_000_000_000

  func counted(at place: Int) -> TokenCounts? { counted.indices.contains(place) ? counted[place] : nil }
}
