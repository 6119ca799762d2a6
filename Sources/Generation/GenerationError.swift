import Compute
import Tokenization
import Transformers

/// Why a request cannot be served.
public enum GenerationError: Error, CustomStringConvertible, Sendable {
  case model(ModelError)
  case tokenizer(TokenizerError)
  case sampling(SamplingError)
  case system(SystemError)
  case stop(StopError)
  /// The prompt leaves no room for an answer.
  case promptTooLong(tokens: Int, context: Int)
  case emptyPrompt
  /// Weights, context and buffers do not fit into memory. `context` is the longest that would, 0 for none.
  case memory(needed: Int, available: Int, limit: String, context: Int)
  /// A token id of the prompt that the model does not have.
  case unknownToken(TokenID, vocabulary: Int)
  /// As many requests wait as may.
  case tooManyRequests(limit: Int)
  /// More positions than the model was trained on.
  case contextTooLong(asked: Int, trained: Int)
  /// A model and its reference cut the same text into other tokens.
  case differentTokenizers
  /// A calibration text of too few tokens.
  case calibrationTooShort(tokens: Int, needed: Int)
  /// A matrix that error compensation cannot round.
  case compensation(tensor: String, reason: String)
  /// Whoever asked for a calibration has told it to stop.
  case stopped

  public var description: String {
    switch self {
    case .model(let error): error.description
    case .tokenizer(let error): error.description
    case .sampling(let error): error.description
    case .system(let error): error.description
    case .stop(let error): error.description
    case .promptTooLong(let tokens, let context):
      "the prompt has \(tokens) tokens, which leaves no room for an answer in a context of \(context); "
        + "shorten it, or raise -c if the model was trained on more"
    case .differentTokenizers: "the model and its reference cut the text into different tokens; they do not compare"
    case .calibrationTooShort(let tokens, let needed):
      "the calibration text has \(tokens) tokens, fewer than one chunk of \(needed)"
    case .compensation(let tensor, let reason): "'\(tensor)': \(reason)"
    case .stopped: "stopped"
    case .emptyPrompt: "the prompt is empty: there is nothing to continue"
    case .memory(let needed, let available, let limit, let context):
      "this needs \(Self.mebibytes(needed)) MiB, but \(limit) leaves \(Self.mebibytes(available)) MiB; "
        + (context > 0 ? "a context of \(context) would fit: -c \(context)" : "the weights alone do not fit")
    case .unknownToken(let token, let vocabulary):
      "the prompt has token \(token), but the vocabulary has tokens 0 to \(vocabulary - 1)"
    case .tooManyRequests(let limit): "\(limit) requests are waiting already, which is the limit; try again later"
    case .contextTooLong(let asked, let trained):
      "a context of \(asked) was asked for, but the model was trained on \(trained) positions: -c \(trained)"
    }
  }

  private static func mebibytes(_ bytes: Int) -> Int { (bytes >> 20) + (bytes & ((1 << 20) - 1) == 0 ? 0 : 1) }
}
