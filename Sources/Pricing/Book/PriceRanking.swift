import Usage

extension PriceBook {
  /// The default list of a comparison on that day: the models that it names and that are there, without those that are
  /// past their retirement.
  public func comparison(at unixNanos: Int64) -> [HostedModel] {
    Self.defaultComparison.compactMap { name in
      hosted.first { NearNames.same($0.id, name) && !$0.isRetired(at: unixNanos) }
    }
  }

  /// The quotes of models for one request, the best first: sound prices before weak and historic ones, and in each
  /// class the cheapest first, unknown totals last, equal ones by name.
  /// - Throws: `overflow`; `currencies` where the models bill in several.
  public static func ranked(
    _ models: [HostedModel], for request: HostedRequest, at unixNanos: Int64
  ) throws(PricingError) -> [HostedQuote] {
    var keyed: [(trust: Int, unknown: Int, picos: Int64, id: [UInt8], quote: HostedQuote)] = []
    for model in models {
      let quote = try model.quote(request, at: unixNanos)
      if let money = quote.money, let first = keyed.first(where: { $0.quote.money != nil })?.quote.money,
        money.currency != first.currency
      {
        throw .currencies(first.currency, money.currency)
      }
      keyed.append(
        (quote.trust.rawValue, quote.money == nil ? 1 : 0, quote.money?.picos ?? 0, Array(model.id.utf8), quote))
    }
    keyed.sort { left, right in
      if left.id != right.id, (left.trust, left.unknown, left.picos) == (right.trust, right.unknown, right.picos) {
        return left.id.lexicographicallyPrecedes(right.id)
      }
      return (left.trust, left.unknown, left.picos) < (right.trust, right.unknown, right.picos)
    }
    return keyed.map(\.quote)
  }
}

extension HostedQuote {
  /// Zero is no price that anybody can rely on.
  public var trust: PriceTrust { Swift.max(marks.trust, money?.isZero == true ? .weak : .sound) }
}

/// The comparison that every talk of hosted prices starts from, kept as history: 1,000 prompt and 1,000 completion
/// tokens at the two reference models.
public struct HistoricComparison: Sendable, Hashable {
  public static let name = "reference"
  public static let tokens = TokenCounts(prompt: 1_000, completion: 1_000)

  /// In the order of `PriceBook.referenceModels`, from the dearer to the cheaper.
  public let quotes: [HostedQuote]
  /// How many times the last costs the first costs, in hundredths, floored; nil where a price is unknown or zero.
  public let ratioHundredths: Int64?

  /// - Throws: `unknownName` where the book has lost one of the rows; `overflow`.
  public init(_ book: PriceBook, at unixNanos: Int64) throws(PricingError) {
    var quotes: [HostedQuote] = []
    for name in PriceBook.referenceModels {
      quotes.append(try book.hostedModel(name).quote(HostedRequest(tokens: Self.tokens), at: unixNanos))
    }
    self.quotes = quotes
    if let first = quotes.first?.money, let last = quotes.last?.money, last.picos > 0 {
      ratioHundredths = Int64(clamping: Int128(first.picos) * 100 / Int128(last.picos))
    } else {
      ratioHundredths = nil
    }
  }
}
