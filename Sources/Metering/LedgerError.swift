/// What can go wrong with a ledger.
public enum LedgerError: Error, Sendable, Equatable {
  /// A system call failed on a file of the ledger.
  case system(call: String, path: String, reason: String)
  /// The disk is full or read-only, or this user may not write: no metered work can begin.
  case unwritable(path: String, reason: String)
  /// It is there, but this user or this disk does not let it be read.
  case unreadable(path: String, reason: String)
  /// The key of stored text is missing, is no key, or is not kept from others.
  case textKey(path: String, reason: String)
  /// A text was sealed with another key than this one.
  case wrongKey(path: String, request: String)
  /// A stored text is not what was sealed, or not this request's.
  case tamperedText(request: String)
  /// Another process kept the ledger locked for longer than anybody should.
  case busy(path: String)
  /// SQLite refused a statement for another reason.
  case database(path: String, statement: String, code: Int32, reason: String)
  /// The file is there but is no ledger.
  case notALedger(path: String)
  /// A newer version of the program wrote it.
  case newer(path: String, schema: Int64, supported: Int64)
  /// SQLite's own check, or the ledger's, found damage.
  case corrupt(path: String, detail: String)
  /// An event that this version cannot read.
  case unreadableEvent(String)
  /// An amount or a count left 64 bits.
  case overflow(String)
  /// A person asked for something that is not there or makes no sense.
  case invalid(String)
  /// Caps on spending leave no room for this request.
  case overBudget(String)
  /// A cap applies, but nobody said what a token of this model is charged.
  case noTariff(model: String, cap: String)
}

extension LedgerError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .system(let call, let path, let reason): "\(path): \(reason) (\(call))"
    case .unwritable(let path, let reason):
      "the ledger \(path) cannot be written: \(reason); nothing is run unmetered unless --no-ledger says so"
    case .unreadable(let path, let reason): "the ledger \(path) cannot be read: \(reason)"
    case .textKey(let path, let reason): "the key of stored text \(path): \(reason)"
    case .wrongKey(let path, let request): "the text of the request \(request) was sealed with another key than \(path)"
    case .tamperedText(let request):
      "the stored text of the request \(request) has been changed, or is another request's"
    case .busy(let path): "the ledger \(path) is locked by another process"
    case .database(let path, let statement, let code, let reason):
      "the ledger \(path): \(reason) (\(statement), SQLite code \(code))"
    case .notALedger(let path): "\(path) is not a ledger of Farthing"
    case .newer(let path, let schema, let supported):
      "the ledger \(path) was written by a newer version of Farthing (schema \(schema), this one knows \(supported))"
    case .corrupt(let path, let detail): "the ledger \(path) is damaged: \(detail)"
    case .unreadableEvent(let detail): "an event of the ledger cannot be read: \(detail)"
    case .overflow(let detail): "a number is too large for the ledger: \(detail)"
    case .invalid(let detail): detail
    case .overBudget(let detail): detail
    case .noTariff(let model, let cap):
      "the cap '\(cap)' applies, but no tariff is posted for the model '\(model)' (see `farthing help budget tariff`)"
    }
  }
}
