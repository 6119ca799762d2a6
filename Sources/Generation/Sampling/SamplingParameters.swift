import Tokenization

/// What is added to the logit of one token before anything else happens to it.
public struct LogitBias: Sendable, Hashable {
  public var token: TokenID
  /// Finite, or -infinity: the token is never chosen.
  public var bias: Float

  public init(token: TokenID, bias: Float) {
    self.token = token
    self.bias = bias
  }
}

/// How the next token is chosen among the logits. The order in which the parameters act is written at `Sampler`.
///
/// The defaults are llama.cpp's, so that a command line that is moved over behaves alike.
public struct SamplingParameters: Sendable, Hashable {
  /// Divides the logits: below 1 sharper, above 1 flatter. 0 or less: the most likely token, without chance.
  public var temperature: Float = 0.8
  /// Only the `topK` largest logits stay. 0: all of them.
  public var topK: Int = 40
  /// Only the most likely tokens stay that together reach this probability, 0...1. 1: all of them; 0: one.
  public var topP: Float = 0.95
  /// Only tokens stay that are at least this times as likely as the most likely one, 0...1. 0: all of them.
  public var minP: Float = 0.05
  /// Tokens in the window: a positive logit is divided by it, a negative one multiplied. 1: nothing happens.
  public var repeatPenalty: Float = 1
  /// Subtracted once from the logit of each token in the window.
  public var presencePenalty: Float = 0
  /// Subtracted from a token's logit once for each time that it stands in the window.
  public var frequencyPenalty: Float = 0
  /// How many of the latest tokens, prompt included, the three penalties look at.
  public var penaltyWindow: Int = 64
  /// Biases of several entries for one token add up.
  public var logitBias: [LogitBias] = []
  /// The same seed gives the same tokens. nil: a seed is drawn when the sampler is made.
  public var seed: UInt64?

  public init() {}

  /// The most likely token, always.
  public static let greedy = {
    var parameters = SamplingParameters()
    parameters.temperature = 0
    return parameters
  }()

  public static let maximumWindow = 65_536
  public static let maximumBiases = 4_096

  var hasPenalties: Bool {
    penaltyWindow > 0 && (repeatPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0)
  }

  /// Checks every parameter against its range.
  public func validate() throws(SamplingError) {
    try require("temperature", temperature, temperature.isFinite, "a finite number")
    try require("top-k", Float(topK), topK >= 0, "0 (off) or more")
    try require("top-p", topP, (0...1).contains(topP), "between 0 and 1")
    try require("min-p", minP, (0...1).contains(minP), "between 0 and 1")
    try require("repeat penalty", repeatPenalty, repeatPenalty.isFinite && repeatPenalty > 0, "finite and above 0")
    try require("presence penalty", presencePenalty, presencePenalty.isFinite, "a finite number")
    try require("frequency penalty", frequencyPenalty, frequencyPenalty.isFinite, "a finite number")
    try require(
      "penalty window", Float(penaltyWindow), (0...Self.maximumWindow).contains(penaltyWindow),
      "between 0 and \(Self.maximumWindow)")
    guard logitBias.count <= Self.maximumBiases else {
      throw .tooManyBiases(count: logitBias.count, limit: Self.maximumBiases)
    }
    for entry in logitBias {
      try require("logit bias", entry.bias, entry.bias < .infinity, "finite or -infinity")
    }
  }

  private func require(
    _ parameter: String, _ value: Float, _ holds: Bool, _ allowed: @autoclosure () -> String
  ) throws(SamplingError) {
    guard holds else { throw .outOfRange(parameter: parameter, value: Double(value), allowed: allowed()) }
  }
}
