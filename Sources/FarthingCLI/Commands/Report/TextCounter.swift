import Metering
import Pricing
import Tokenization
import Usage

/// Counts stored texts with the tokenisers of hosted models, where a person has them.
struct TextCounter {
  private let tokenizers: [(model: String, tokenizer: Tokenizer)]

  /// Nil where none is given.
  /// - Parameter given: `MODEL=FILE`, of models that are compared.
  init?(_ given: [String], _ models: [HostedModel], _ console: Console) throws(CommandFailure) {
    guard !given.isEmpty else { return nil }
    let book = PriceBook(hosted: models)
    var tokenizers: [(model: String, tokenizer: Tokenizer)] = []
    for text in given {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { throw .usage("option --tokenizer: '\(text)' is not MODEL=FILE") }
      let model: HostedModel
      do { model = try book.hostedModel(parts[0]) } catch {
        throw .usage("option --tokenizer: '\(parts[0])' is none of the models of --against")
      }
      tokenizers.append((model.id, try ModelOption.tokenizer(at: parts[1])))
    }
    self.tokenizers = tokenizers
  }

  func place(of model: HostedModel) -> Int? { tokenizers.firstIndex { $0.model == model.id } }

  /// What each tokeniser counts in each stored text.
  func count(_ ledger: Ledger) throws(CommandFailure) -> [RequestIdentity: [TokenCounts]] {
    let texts = try failing { () throws(LedgerError) in try ledger.texts() }
    guard !texts.isEmpty else { return [:] }
    let key = try failing { () throws(LedgerError) in try TextKey(path: try TextKey.location()) }
    var counted: [RequestIdentity: [TokenCounts]] = [:]
    for stored in texts {
      let text = try failing { () throws(LedgerError) in
        try ledger.text(of: stored.request.description) { () throws(LedgerError) in key }
      }
      // Tokens without a text have none to count.
      guard !text.prompt.isEmpty else { continue }
      counted[stored.request] = try failing { () throws(TokenizerError) in
        var counts: [TokenCounts] = []
        for (_, tokenizer) in tokenizers {
          let prompt = try tokenizer.encode(text.prompt, addSpecial: true, parseSpecial: true).count
          let answer = try tokenizer.encode(text.answer, addSpecial: false, parseSpecial: true).count
          counts.append(TokenCounts(prompt: prompt, completion: answer))
        }
        return counts
      }
    }
    return counted
  }
}
