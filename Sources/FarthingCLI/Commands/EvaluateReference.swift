import Compute
import Generation
import ModelFiles
import Serving
import Transformers
import Usage

/// `eval --reference`: a model held against another on the same text.
enum EvaluateReference {
  /// Scores `chunks` chunks (nil for all of the text) and reports.
  static func run(
    _ model: ServedModel, text: [UInt8], path: String, chunkLength: Int, chunks: Int?, _ arguments: Arguments,
    _ console: Console
  ) throws(CommandFailure) {
    let reference = try load(arguments, chunkLength, model, console)
    let evaluation: ReferenceEvaluation
    do {
      evaluation = try ReferenceEvaluation(
        model.engine, reference: reference.engine, text: text, chunkLength: chunkLength)
    } catch {
      throw .failed(error.description)
    }
    let wanted = min(evaluation.available, chunks ?? .max)
    guard wanted > 0 else {
      throw .failed("\(path) has \(evaluation.tokenCount) tokens, fewer than one chunk of \(chunkLength)")
    }
    let progress = ChunkProgress(wanted)
    while evaluation.result.chunks < wanted {
      if Interrupt.requested { throw .interrupted }
      do { try evaluation.scoreNextChunk() } catch { throw .failed(error.description) }
      progress.show(evaluation.result, console)
    }
    console.progress("")
    if arguments[Command.json] {
      try console.json { json in write(evaluation, model, reference, to: &json) }
    } else {
      try print(evaluation, console)
    }
  }

  /// The reference, on the reference path whatever the model's is; its memory comes on top of the model's.
  private static func load(
    _ arguments: Arguments, _ chunkLength: Int, _ model: ServedModel, _ console: Console
  ) throws(CommandFailure) -> ServedModel {
    let path = try ModelOption.path(of: arguments[Evaluate.reference] ?? "", console)
    var options = try EngineOptions.engineOptions(arguments)
    options.context = chunkLength
    options.kvType = nil
    options.product = .reference(try failing { () throws(SystemError) in try OpenBLAS.load() })
    do {
      return try ServedModel(
        path: path, name: path.split(separator: "/").last.map(String.init) ?? path, sha256: nil, options: options)
    } catch {
      throw .failed("the reference: \(error.description)")
    }
  }

  private static func write(
    _ evaluation: ReferenceEvaluation, _ model: ServedModel, _ reference: ServedModel, to json: inout JSONWriter
  ) {
    let (result, divergence) = (evaluation.result, evaluation.divergence)
    let percentiles = divergence.percentiles([0.5, 0.99])
    json.field("perplexity", result.value)
    json.field("standard_error", result.standardError)
    json.field("mean_nll", result.meanNLL)
    json.field("tokens", result.tokens)
    json.field("chunks", result.chunks)
    json.field("kl_mean", divergence.mean)
    json.field("kl_standard_error", divergence.standardError)
    json.field("kl_median", percentiles[0])
    json.field("kl_p99", percentiles[1])
    json.field("top_token_agreement", divergence.agreement)
    json.field("top_token_agreement_standard_error", divergence.agreementError)
    json.field("reference_perplexity", evaluation.referenceResult.value)
    json.field("reference_standard_error", evaluation.referenceResult.standardError)
    json.array("kl_chunk_means") { list in
      for mean in evaluation.chunkMeans { list.value(mean) }
    }
    json.field("model", model.identity.name)
    json.field("quantization", model.identity.quantization)
    json.field("reference", reference.identity.name)
    json.field("isa", model.engine.isa)
  }

  private static func print(_ evaluation: ReferenceEvaluation, _ console: Console) throws(CommandFailure) {
    let (result, divergence) = (evaluation.result, evaluation.divergence)
    let percentiles = divergence.percentiles([0.5, 0.99])
    func line(_ name: String, _ value: Double, _ error: Double?, decimals: Int, unit: String = "")
      throws(CommandFailure)
    {
      let scale = (0..<decimals).reduce(1.0) { scale, _ in scale * 10 }
      func text(_ value: Double) -> String {
        guard abs(value) < 1e12 else { return "\(value)" }
        return FixedPoint.text(Int64((value * scale).rounded()), decimals: decimals)
      }
      let name = name + String(repeating: " ", count: max(0, 22 - name.utf8.count))
      try console.out.line(name + text(value) + (error.map { " +/- " + text($0) } ?? "") + unit)
    }
    try line("perplexity", result.value, result.standardError, decimals: 4)
    let reference = evaluation.referenceResult
    try line("reference", reference.value, reference.standardError, decimals: 4)
    try line("KL divergence, mean", divergence.mean, divergence.standardError, decimals: 6)
    try line("  median", percentiles[0], nil, decimals: 6)
    try line("  99th percentile", percentiles[1], nil, decimals: 6)
    try line(
      "same top token", divergence.agreement * 100, divergence.agreementError.map { $0 * 100 }, decimals: 2, unit: " %")
    try console.out.line("(\(result.tokens) tokens in \(result.chunks) chunks; divergence in nats)")
  }
}
