import Usage

/// The API that a verdict is held against.
public struct Counterpart: Sendable, Hashable {
  public enum Reason: String, Sendable, Hashable {
    /// A person said so.
    case declared = "declared equivalent"
    case sameModel = "the same open model, hosted"
    case nearest = "the nearest open model that is hosted"
  }

  public let expectation: HostedExpectation
  public let reason: Reason

  /// The cheapest of the models that may be compared, sound prices before weak ones; nil where none has a known price.
  /// - Parameters:
  ///   - declared: what a person declared equivalent; where there is any, nothing else is looked at.
  ///   - name: of the own model.
  public init?(
    for workload: Workload, of name: String?, declared: [HostedModel], in book: PriceBook, tokens: HostedTokens,
    batch: Bool, on day: CivilDate
  ) throws(PricingError) {
    var models = declared
    var reason = Reason.declared
    if declared.isEmpty, let name {
      models = OpenModels.counterparts(of: name, in: book, on: day)
      let same = models.contains { NearNames.same($0.shortName, name) || NearNames.same($0.name, name) }
      reason = same ? .sameModel : .nearest
    }
    var best: HostedExpectation?
    for model in models where model.retires.map({ day < $0 }) ?? true {
      let next = try model.expectation(for: workload, tokens: tokens, batch: batch, on: day)
      guard let cost = next.perRequest, next.trust != .historic else { continue }
      guard let known = best, let least = known.perRequest else {
        best = next
        continue
      }
      if (next.trust.rawValue, cost) < (known.trust.rawValue, least) { best = next }
    }
    guard let best else { return nil }
    expectation = best
    self.reason = reason
  }
}
