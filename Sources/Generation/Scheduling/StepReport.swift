/// What one step computed, and for whom: the one place from which a step's cost is shared out.
public struct StepReport: Sendable {
  public struct Share: Sendable, Hashable {
    public let request: Int
    /// Rows of the prompt (or of a text that is computed again).
    public let promptRows: Int
    /// Rows that a token was chosen from, guesses not included.
    public let decodeRows: Int
    /// Rows of guesses.
    public let draftRows: Int
    /// Positions that the request's attention looked at in its last row.
    public let context: Int

    public init(request: Int, promptRows: Int, decodeRows: Int, draftRows: Int, context: Int) {
      self.request = request
      self.promptRows = promptRows
      self.decodeRows = decodeRows
      self.draftRows = draftRows
      self.context = context
    }
  }

  /// Steps before this one.
  public var index = 0
  /// Wall time of the step.
  public var nanos: Int64 = 0
  /// In the order in which the requests arrived. The array keeps its memory from step to step.
  public var shares: [Share] = []
  /// Tokens that were chosen.
  public var tokens = 0

  /// Rows of the pass.
  public var rows: Int { shares.reduce(0) { $0 + $1.promptRows + $1.decodeRows + $1.draftRows } }
}
