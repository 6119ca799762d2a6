/// Why a request ended, with the detail of what ended it.
public enum FinishReason: Sendable, Hashable {
  /// The model chose an end token of its own.
  case endToken(Int32)
  /// The model chose a token that the request had named.
  case stopToken(Int32)
  /// The text contained a stop string of the request; its UTF-8 bytes.
  case stopString([UInt8])
  /// The request's limit of completion tokens was reached.
  case tokenLimit
  /// The context is full.
  case contextFull
  /// A cap on spending was reached.
  case budget
  /// A person or a signal interrupted the run.
  case interrupted
  /// The client went away.
  case disconnected
  /// It failed; the message is for people.
  case failed(String)

  /// The reason as the usual APIs name it: `stop`, `length`, `cancelled` or `error`.
  public var name: String {
    switch self {
    case .endToken, .stopToken, .stopString: "stop"
    case .tokenLimit, .contextFull, .budget: "length"
    case .interrupted, .disconnected: "cancelled"
    case .failed: "error"
    }
  }

  /// What exactly ended it, as one word for programs.
  public var stoppedBy: String {
    switch self {
    case .endToken: "end_token"
    case .stopToken: "stop_token"
    case .stopString: "stop_string"
    case .tokenLimit: "token_limit"
    case .contextFull: "context"
    case .budget: "budget"
    case .interrupted: "interrupt"
    case .disconnected: "disconnect"
    case .failed: "error"
    }
  }
}
