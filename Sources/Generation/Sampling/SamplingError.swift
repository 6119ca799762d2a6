import Tokenization

/// Why a token could not be chosen, or why the parameters for choosing one are refused.
public enum SamplingError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A parameter outside its range. `allowed` says the range in words.
  case outOfRange(parameter: String, value: Double, allowed: String)
  /// A logit bias for a token that the vocabulary does not have.
  case unknownToken(TokenID, vocabulary: Int)
  /// More tokens with a logit bias than `limit`.
  case tooManyBiases(count: Int, limit: Int)
  /// Every logit at this position is -infinity or not a number: each token is banned, or the model's arithmetic failed.
  case noCandidate(position: Int)

  public var description: String {
    switch self {
    case .outOfRange(let parameter, let value, let allowed):
      "\(parameter) must be \(allowed), found \(value)"
    case .unknownToken(let token, let vocabulary):
      "logit bias for token \(token), but the vocabulary has tokens 0 to \(vocabulary - 1)"
    case .tooManyBiases(let count, let limit):
      "logit bias for \(count) tokens, but at most \(limit) are allowed"
    case .noCandidate(let position):
      "no token can be chosen at position \(position): every logit is -infinity or not a number"
    }
  }
}
