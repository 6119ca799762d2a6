import Usage

/// What became of the entries of a file of prices that somebody else keeps: every one is accepted, refused or ignored.
public struct PriceImport: Sendable, Hashable {
  /// An entry that is not part of the book, and why.
  public struct Left: Sendable, Hashable {
    public let key: String
    public let reason: String
  }

  public var hosted: [HostedModel]
  /// Entries, not rows: an entry with tiers is one.
  public var accepted: Int
  /// Could be prices of text models, but cannot be trusted or cannot be held.
  public var refused: [Left]
  /// Are no prices of text tokens.
  public var ignored: [Left]

  public var entries: Int { accepted + refused.count + ignored.count }

  /// How many entries have each reason, the most frequent first.
  public static func counts(_ left: [Left]) -> [(reason: String, count: Int)] {
    var counts: [(reason: String, count: Int)] = []
    var place: [String: Int] = [:]
    for entry in left {
      if let index = place[entry.reason] {
        counts[index].count += 1
      } else {
        place[entry.reason] = counts.count
        counts.append((entry.reason, 1))
      }
    }
    return counts.sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
  }
}

/// What a file that somebody wants to import holds.
public enum PriceFile: Sendable {
  /// A book as `PriceDocument` writes it, whole.
  case book(PriceBook)
  /// Somebody else's map of prices, entry by entry.
  case map(PriceImport)

  /// - Throws: `table`.
  public init(_ bytes: [UInt8], file: String, readOn: CivilDate, source: String) throws(PricingError) {
    let first = bytes.first { ![0xEF, 0xBB, 0xBF, 0x20, 0x0A, 0x0D, 0x09].contains($0) }
    guard first == UInt8(ascii: "{") else {
      self = .book(try PriceDocument.read(bytes, file: file))
      return
    }
    let json = try JSONText(bytes, file: file)
    if PublicPriceMap.recognises(json) {
      self = .map(try PublicPriceMap.read(json, file: file, readOn: readOn, source: source))
    } else {
      self = .book(try PriceDocument.read(json, file: file))
    }
  }

  /// The rows that it has to give.
  public var book: PriceBook {
    switch self {
    case .book(let book): book
    case .map(let result): PriceBook(hosted: result.hosted)
    }
  }
}

/// Reads the map of prices in the `litellm` package (`model_prices_and_context_window.json`): an object with one member
/// per model, prices in dollars per token.
///
/// What the map does not say stays unknown. It has no read date of its own and no history; one catalogue alone lists
/// each row, so every row is marked as having a single source.
public enum PublicPriceMap {
  /// Whether the text looks like the map: an object whose members are objects that name a provider.
  static func recognises(_ json: JSONText) -> Bool {
    guard let members = json.members, json["schema"] == nil else { return false }
    return members.contains { $0.value["litellm_provider"] != nil }
  }

  /// - Parameters:
  ///   - readOn: the day on which the file was taken from its publisher.
  ///   - source: what the rows name as their source, before the entry's key.
  /// - Throws: `table` where the text is not such a map at all; single entries are refused in the result.
  public static func read(
    _ bytes: [UInt8], file: String, readOn: CivilDate, source: String
  ) throws(PricingError) -> PriceImport {
    try read(JSONText(bytes, file: file), file: file, readOn: readOn, source: source)
  }

  static func read(
    _ json: JSONText, file: String, readOn: CivilDate, source: String
  ) throws(PricingError) -> PriceImport {
    guard recognises(json), let members = json.members else {
      throw .table(file: file, line: 1, column: "", reason: "not a map of model prices")
    }
    var result = PriceImport(hosted: [], accepted: 0, refused: [], ignored: [])
    var known: [[UInt8]: Int] = [:]
    for member in members {
      switch entry(member.key, member.value, readOn: readOn, source: source) {
      case .ignored(let reason): result.ignored.append(.init(key: member.key, reason: reason))
      case .refused(let reason): result.refused.append(.init(key: member.key, reason: reason))
      case .accepted(let model):
        let id = Array(model.id.utf8)
        if let index = known[id] {
          if result.hosted[index].prices == model.prices {
            result.ignored.append(.init(key: member.key, reason: "another spelling of an entry that is there"))
          } else {
            result.refused.append(.init(key: member.key, reason: "another entry states other prices for this model"))
          }
          continue
        }
        known[id] = result.hosted.count
        result.hosted.append(model)
        result.accepted += 1
      }
    }
    return result
  }

  private enum Outcome {
    case accepted(HostedModel)
    case refused(String)
    case ignored(String)
  }

  private static func entry(_ key: String, _ json: JSONText, readOn: CivilDate, source: String) -> Outcome {
    guard key != "sample_spec", json.members != nil else { return .ignored("an explanation, not a model") }
    guard let provider = json["litellm_provider"]?.string else { return .ignored("no provider: not a model") }
    guard let modeText = json["mode"]?.string else { return .ignored("no mode is stated") }
    let mode: HostedModel.Mode
    switch modeText {
    case "chat", "completion", "responses": mode = .chat
    case "embedding": mode = .embedding
    default: return .ignored("mode \(modeText.prefix(40)): not billed by tokens of text")
    }
    do {
      let price = try EntryPrices(json, mode: mode)
      let model = HostedModel(
        provider: providerName(provider), name: name(key, provider: provider), mode: mode, currency: .usd,
        contextWindow: context(json), retires: try date(json["deprecation_date"]), deprecated: nil, singleSource: true,
        readOn: readOn, source: "\(source): \(key)", prices: [price.price], statements: [])
      return .accepted(model)
    } catch {
      return .refused(error.reason)
    }
  }

  /// The provider as this book spells it.
  private static func providerName(_ provider: String) -> String {
    switch provider {
    case "gemini": "google"
    case "together_ai": "together"
    case "fireworks_ai": "fireworks"
    default: provider
    }
  }

  /// The key without the provider that it repeats.
  private static func name(_ key: String, provider: String) -> String {
    let prefix = provider + "/"
    guard key.utf8.starts(with: prefix.utf8), key.utf8.count > prefix.utf8.count else { return key }
    return String(decoding: key.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
  }

  private static func context(_ json: JSONText) -> Int? {
    guard let text = json["max_input_tokens"]?.number, let value = try? ExactDecimal(text), value.scale == 0,
      value.coefficient > 0, value.coefficient <= 1_000_000_000
    else { return nil }
    return Int(value.coefficient)
  }

  private static func date(_ json: JSONText?) throws(EntryPrices.Refusal) -> CivilDate? {
    guard let text = json?.string else { return nil }
    guard let date = CivilDate(text) else { throw EntryPrices.Refusal("the date of its retirement is no date") }
    return date
  }
}

/// The prices of one entry of the map.
private struct EntryPrices {
  struct Refusal: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  let price: HostedPrice

  init(_ json: JSONText, mode: HostedModel.Mode) throws(Refusal) {
    guard json["off_peak_pricing"] == nil else {
      throw Refusal("the price depends on the day of the week, which this book cannot hold")
    }
    if let fee = try Self.rate(json["input_cost_per_request"]), fee.picos > 0 {
      throw Refusal("a price per request beside the price per token")
    }
    var base = try Self.prices(json, suffix: "")
    var tiers = try Self.suffixedTiers(json)
    if let stated = json["tiered_pricing"] {
      let (first, others) = try Self.rangedTiers(stated)
      // Some entries repeat the first range as their plain prices.
      guard tiers.isEmpty, base == TokenPrices() || base == first else {
        throw Refusal("two ways of stating tiers that differ")
      }
      (base, tiers) = (first, others)
    }
    base.batchInput = try Self.rate(json["input_cost_per_token_batches"])
    base.batchOutput = try Self.rate(json["output_cost_per_token_batches"])
    if mode == .embedding {
      base.output = nil
      base.batchOutput = nil
      tiers = tiers.map { PriceTier(above: $0.above, prices: TokenPrices(input: $0.prices.input)) }
    }
    guard let input = base.input else { throw Refusal("no price per token of the prompt") }
    guard input.picos > 0 else { throw Refusal("a price of zero for the prompt") }
    if mode == .chat {
      guard let output = base.output else { throw Refusal("no price per token of the answer") }
      guard output.picos > 0 else { throw Refusal("a price of zero for the answer") }
    }
    // A cached or batch price of zero is how the map says that it does not know.
    for path in [\TokenPrices.cachedInput, \.batchInput, \.batchOutput] where base[keyPath: path]?.picos == 0 {
      base[keyPath: path] = nil
    }
    price = HostedPrice(from: nil, until: nil, status: .stated, base: base, tiers: tiers, hours: [])
  }

  private static func prices(_ json: JSONText, suffix: String) throws(Refusal) -> TokenPrices {
    TokenPrices(
      input: try rate(json["input_cost_per_token" + suffix]),
      cachedInput: try rate(json["cache_read_input_token_cost" + suffix]),
      output: try rate(json["output_cost_per_token" + suffix]))
  }

  /// Keys such as `input_cost_per_token_above_200k_tokens`.
  private static func suffixedTiers(_ json: JSONText) throws(Refusal) -> [PriceTier] {
    var thresholds: Set<Int> = []
    for member in json.members ?? [] {
      for start in ["input_cost_per_token_above_", "output_cost_per_token_above_"]
      where member.key.hasPrefix(start) && member.key.hasSuffix("k_tokens") {
        let digits = member.key.dropFirst(start.utf8.count).dropLast("k_tokens".utf8.count)
        guard let thousands = Int(digits), (1...1_000_000).contains(thousands) else { continue }
        thresholds.insert(thousands)
      }
    }
    var tiers: [PriceTier] = []
    for thousands in thresholds.sorted() {
      var prices = try prices(json, suffix: "_above_\(thousands)k_tokens")
      for path in [\TokenPrices.input, \.output] where prices[keyPath: path]?.picos == 0 {
        prices[keyPath: path] = nil
      }
      tiers.append(PriceTier(above: thousands * 1000, prices: prices))
    }
    return tiers
  }

  /// A list of ranges of prompt tokens, the first from zero.
  private static func rangedTiers(_ json: JSONText) throws(Refusal) -> (TokenPrices, [PriceTier]) {
    var base: TokenPrices?
    var tiers: [PriceTier] = []
    for element in json.elements ?? [] {
      guard let text = element["range"]?.elements?.first?.number, let start = try? ExactDecimal(text), start.scale == 0,
        (0...1_000_000_000).contains(start.coefficient)
      else { throw Refusal("tiers without a readable range") }
      let prices = try prices(element, suffix: "")
      if start.coefficient == 0 {
        guard base == nil else { throw Refusal("two tiers begin at zero") }
        base = prices
      } else {
        tiers.append(PriceTier(above: Int(start.coefficient), prices: prices))
      }
    }
    tiers.sort { $0.above < $1.above }
    guard let base else { throw Refusal("no tier begins at zero") }
    guard Set(tiers.map(\.above)).count == tiers.count else { throw Refusal("two tiers begin at the same size") }
    return (base, tiers)
  }

  private static func rate(_ json: JSONText?) throws(Refusal) -> Rate? {
    guard let json else { return nil }
    guard let text = json.number else { throw Refusal("a price that is not a number") }
    do {
      return try Rate(text, per: 1, of: .token)
    } catch .negative {
      throw Refusal("a price below zero")
    } catch {
      throw Refusal("a price with more digits than can be held exactly")
    }
  }
}
