import ModelFiles
import Pricing
import Tokenization
import Usage

/// Runs and scores one level, each time in a process of its own: memory is then that level's alone, and what is measured
/// is what a person gets who runs it.
struct LevelMeasurement {
  /// Tokens of the answer whose speed is measured.
  static let answerTokens = 64

  let model: String
  let text: String
  let context: Int
  let chunks: Int?
  let threads: Int
  let repetitions: Int
  let promptTokens: Int
  private let prompt: String

  init(
    model: String, text: String, context: Int, chunks: Int?, threads: Int, repetitions: Int, tokenizer: Tokenizer
  ) throws(CommandFailure) {
    (self.model, self.text, self.context, self.chunks) = (model, text, context, chunks)
    (self.threads, self.repetitions) = (threads, repetitions)
    // The beginning of the text, some 256 tokens of it.
    let bytes = try System.readAll(text)
    let ids = try failing { () throws(TokenizerError) in
      try tokenizer.encode(Array(bytes.prefix(4_096)), addSpecial: false, parseSpecial: false)
    }
    guard ids.count > 1 else { throw .failed("\(text) is too short to measure anything on") }
    prompt = String(decoding: tokenizer.decode(Array(ids.prefix(256)), special: false), as: UTF8.self)
    promptTokens = min(256, ids.count)
  }

  func measure(_ figures: inout LevelFigures, _ comparison: inout Comparison) throws(CommandFailure) {
    try score(&figures, &comparison)
    var (prefill, decode): ([Double], [Double]) = ([], [])
    for _ in 0..<repetitions {
      let result = try run([
        "run", "-m", figures.path, "--raw", "-n", String(Self.answerTokens), "--ignore-eos", "--temp", "0", "-t",
        String(threads), "--against", "none", "--json", "--", prompt,
      ])
      let timings = try field(result, "timings")
      prefill.append(try number(timings, "prefill_tokens_per_second"))
      decode.append(try number(timings, "decode_tokens_per_second"))
      figures.residentBytes = max(figures.residentBytes, Int(try number(field(result, "memory"), "peak_rss_bytes")))
    }
    figures.prefill = LevelFigures.Speed(prefill)
    figures.decode = LevelFigures.Speed(decode)
    guard let rate = comparison.rate else { return }
    figures.inputPerMillion = try money(rate, figures.prefill.median)
    figures.outputPerMillion = try money(rate, figures.decode.median)
  }

  private func score(_ figures: inout LevelFigures, _ comparison: inout Comparison) throws(CommandFailure) {
    var words = [
      "eval", "-m", figures.path, "--reference", model, "-f", text, "-c", String(context), "-t", String(threads),
      "--json",
    ]
    if let chunks { words += ["--chunks", String(chunks)] }
    let result = try run(words)
    figures.perplexity = try number(result, "perplexity")
    figures.perplexityError = result["standard_error"]?.node.real
    figures.klMean = result["kl_mean"]?.node.real
    figures.klError = result["kl_standard_error"]?.node.real
    figures.klP99 = result["kl_p99"]?.node.real
    figures.agreement = result["top_token_agreement"]?.node.real
    comparison.chunks = Int(try number(result, "chunks"))
    comparison.scoredTokens = Int(try number(result, "tokens"))
    comparison.isa = (try? result["isa"]?.text()) ?? ""
  }

  /// What the machine's time for a million tokens costs.
  private func money(_ rate: Rate, _ tokensPerSecond: Double) throws(CommandFailure) -> Money? {
    guard tokensPerSecond > 0, let nanos = Int64(exactly: (1e15 / tokensPerSecond).rounded()) else { return nil }
    return try failing { () throws(PricingError) in try rate.cost(of: nanos) }
  }

  /// Runs this program; returns the object that it prints.
  private func run(_ words: [String]) throws(CommandFailure) -> JSONTree<ModelFileError> {
    let (status, output) = try System.runSelf(words)
    if status == 130 { throw .interrupted }
    // The program has said why on standard error.
    guard status == 0 else { throw .failed("farthing \(words[0]) on \(words[2]) ended with status \(status)") }
    return try failing { () throws(ModelFileError) in JSONTree(try JSONText(output, name: "farthing \(words[0])")) }
  }

  private func field(
    _ tree: JSONTree<ModelFileError>, _ key: String
  ) throws(CommandFailure) -> JSONTree<ModelFileError> {
    try failing { () throws(ModelFileError) in try tree.required(key) }
  }

  private func number(_ tree: JSONTree<ModelFileError>, _ key: String) throws(CommandFailure) -> Double {
    guard let value = try field(tree, key).node.real else { throw .failed("'\(key)' is no number") }
    return value
  }
}
