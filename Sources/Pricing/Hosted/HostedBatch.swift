import Usage

extension HostedModel {
  /// What many requests would have cost together, each priced by itself: tiers make the sum differ from the price of the
  /// sum. Through the vendor's batch interface where its prices are known, else at list prices, which a mark says.
  /// - Throws: `overflow`.
  public func quote(batchOf requests: [TokenCounts], at unixNanos: Int64) throws(PricingError) -> HostedQuote {
    let batch = try sum(requests, batch: true, at: unixNanos)
    if case .known = batch.total { return batch }
    var list = try sum(requests, batch: false, at: unixNanos)
    list.marks.append(.noBatchPrice)
    return list
  }

  private func sum(_ requests: [TokenCounts], batch: Bool, at unixNanos: Int64) throws(PricingError) -> HostedQuote {
    var amounts: [Money] = []
    var marks: [PriceMark] = []
    // An empty batch still has prices to show.
    var last = try quote(HostedRequest(tokens: TokenCounts(), batch: batch), at: unixNanos)
    marks = last.marks
    for tokens in requests {
      // A vendor's cache is not ours: nothing is assumed to be in it.
      let tokens = TokenCounts(prompt: tokens.prompt, completion: tokens.completion)
      last = try quote(HostedRequest(tokens: tokens, batch: batch), at: unixNanos)
      for mark in last.marks where !marks.contains(mark) { marks.append(mark) }
      guard case .known(let money) = last.total else {
        last.marks = marks
        return last
      }
      amounts.append(money)
    }
    return HostedQuote(
      model: self, prices: last.prices, total: .known(try Money.sum(amounts, currency: currency)),
      validFrom: last.validFrom, marks: marks, basis: last.basis)
  }
}
