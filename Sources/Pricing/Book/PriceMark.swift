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
  /// Asked for a day before the one on which it was read, and no source says since when it holds.
  case unproven(CivilDate)
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

/// How far a price may be trusted, the best first.
public enum PriceTrust: Int, Sendable, Hashable, Comparable {
  /// Dated and current.
  case sound
  /// Undated, stale, free of charge or not confirmed: shown with its marks, never ranked first, and no verdict rests on
  /// it alone.
  case weak
  /// Past its retirement: for comparisons with the past only.
  case historic

  public static func < (left: PriceTrust, right: PriceTrust) -> Bool { left.rawValue < right.rawValue }
}

extension PriceMark {
  /// What a price with this mark can still be trusted for.
  public var trust: PriceTrust {
    switch self {
    case .retired: .historic
    case .stale, .outdated, .undated, .unproven, .announced, .allowance, .zero: .weak
    case .retires, .deprecated, .disputed, .tier, .hours, .noBatchPrice: .sound
    }
  }
}

extension Sequence<PriceMark> {
  /// The worst of the marks decides.
  public var trust: PriceTrust { reduce(.sound) { Swift.max($0, $1.trust) } }
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
    case .unproven(let date): "read on \(date), validity on this day unknown"
    case .announced(let date): "announced for \(date), not confirmed"
    case .disputed: "sources disagree"
    case .tier(let above): "tier above \(above) prompt tokens"
    case .hours(let start, let end): "hours \(Self.clock(start)) to \(Self.clock(end)) UTC"
    case .noBatchPrice: "no batch price known, list price"
    case .allowance: "free allowance, not for sale"
    case .zero: "a price of zero leaves something out"
    }
  }

  static func clock(_ minutes: Int) -> String {
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
