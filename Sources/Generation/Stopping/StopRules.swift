import Tokenization
import Usage

/// What ends a completion.
public struct StopRules: Sendable {
  public static let maximumStopTokens = 4_096

  /// The model's own end tokens. Empty to ignore them.
  public let endTokens: Set<TokenID>
  /// Tokens that the request named.
  public let stopTokens: Set<TokenID>
  public let stopStrings: StopStrings
  /// How many tokens the completion may have; nil: as many as the context takes.
  public let tokenLimit: Int?
  /// How many tokens prompt and completion may have together.
  public let contextLength: Int

  /// - Throws: `StopError` for a negative limit or too many tokens.
  public init(
    endTokens: [TokenID], stopTokens: [TokenID] = [], stopStrings: StopStrings, tokenLimit: Int? = nil,
    contextLength: Int
  ) throws(StopError) {
    if let tokenLimit, tokenLimit < 0 { throw .negativeTokenLimit(tokenLimit) }
    guard stopTokens.count <= Self.maximumStopTokens else {
      throw .tooManyTokens(count: stopTokens.count, limit: Self.maximumStopTokens)
    }
    self.endTokens = Set(endTokens)
    self.stopTokens = Set(stopTokens)
    self.stopStrings = stopStrings
    self.tokenLimit = tokenLimit
    self.contextLength = contextLength
  }
}

/// Watches one completion, token by token, and says when it ends and which text may be shown.
///
/// For each token, in this order: `accept` it; if that ends the completion, the token has no text. Else hand the text
/// that the detokeniser makes of it to `show`. When the completion ends by a token or by anything outside (a
/// cancellation, an error), `finish` gives the text that was held back. A stop string or token on the last permitted
/// token counts as that and not as the limit.
public struct StopMonitor: Sendable {
  private let rules: StopRules
  private let promptTokens: Int
  private var filter: StopStringFilter
  /// Tokens accepted so far, an end token included.
  public private(set) var completionTokens = 0

  public init(_ rules: StopRules, promptTokens: Int) {
    self.rules = rules
    self.promptTokens = promptTokens
    filter = StopStringFilter(rules.stopStrings)
  }

  /// The limit that is reached, if one is. To be asked once before the first token: a limit may leave room for none.
  public var limitReached: FinishReason? {
    if let limit = rules.tokenLimit, completionTokens >= limit { return .tokenLimit }
    return completionTokens >= rules.contextLength - promptTokens ? .contextFull : nil
  }

  /// Counts a token. Returns why it ends the completion, if it is an end or stop token.
  public mutating func accept(_ token: TokenID) -> FinishReason? {
    completionTokens += 1
    if rules.stopTokens.contains(token) { return .stopToken(token) }
    if rules.endTokens.contains(token) { return .endToken(token) }
    return nil
  }

  /// Takes the text of the accepted token, perhaps empty, and appends to `output` what may be shown.
  /// - Returns: why the completion ends, if it does: a stop string is complete, or a limit is reached. Nothing is held
  ///   back in the first case; in the second `finish` has the rest.
  public mutating func show(_ text: [UInt8], to output: inout [UInt8]) -> FinishReason? {
    if filter.append(text, to: &output), let match = filter.match {
      return .stopString(rules.stopStrings.strings[match])
    }
    return limitReached
  }

  /// Appends to `output` the text that was held back; `text` is what the detokeniser held back itself.
  /// - Returns: a stop string that this last text completes.
  @discardableResult
  public mutating func finish(_ text: [UInt8] = [], to output: inout [UInt8]) -> FinishReason? {
    if filter.append(text, to: &output), let match = filter.match {
      return .stopString(rules.stopStrings.strings[match])
    }
    filter.finish(to: &output)
    return nil
  }
}
