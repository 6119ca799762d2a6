import Usage

/// Something a reader must know about a price before trusting it.
public enum PriceMark: Sendable, Hashable {
  /// The vendor no longer serves it; the price is historic.
  case retired(CivilDate)
  /// Still served, but an end is announced.
  case retires(CivilDate)
  /// A source calls it deprecated.
  case deprecated
  /// Read so many days before the moment of the question.
  case stale(days: Int)
  /// Marked as out of date by whoever wrote the row.
  case outdated
  /// Nobody noted when it was read.
  case undated
  /// In force by an announcement that nobody has confirmed since.
  case announced(CivilDate)
  /// The catalogues that list it state different prices.
  case disputed
  /// The tier above so many prompt tokens.
  case tier(above: Int)
  /// The price of certain hours, in minutes since midnight UTC.
  case hours(start: Int, end: Int)
  /// No source states a price of the batch interface: list prices were taken.
  case noBatchPrice
  /// An allowance that cannot be bought.
  case allowance
  /// A price of nothing: no machine is free, so whatever follows from it leaves something out.
  case zero
}

extension PriceMark: CustomStringConvertible {
  public var description: String {
    switch self {
    case .retired(let date): "historic, retired \(date)"
    case .retires(let date): "retires \(date)"
    case .deprecated: "deprecated"
    case .stale(let days): "stale, read \(days) days ago"
    case .outdated: "out of date"
    case .undated: "undated"
    case .announced(let date): "announced for \(date), not confirmed"
    case .disputed: "sources disagree"
    case .tier(let above): "tier above \(above) prompt tokens"
    case .hours(let start, let end): "hours \(Self.clock(start)) to \(Self.clock(end)) UTC"
    case .noBatchPrice: "no batch price known, list price"
    case .allowance: "free allowance, not for sale"
    case .zero: "a price of zero leaves something out"
    }
  }

  private static func clock(_ minutes: Int) -> String {
    let parts = [minutes / 60, minutes % 60].map { ($0 < 10 ? "0" : "") + String($0) }
    return parts.joined(separator: ":")
  }
}

extension UnknownPrice: CustomStringConvertible {
  public var description: String {
    switch self {
    case .date: "no price is known for this day"
    case .input: "no source states this input price"
    case .cachedInput: "no source states a price for cached tokens"
    case .output: "no source states this output price"
    case .noCompletions: "an embedding model writes no text"
    }
  }
}
