import Pricing
import Usage

/// A receipt for programs: one JSON object.
///
/// Amounts are decimal text, exact to the pico-unit, beside the same amount as a whole number of pico-units. Times are
/// milliseconds with six decimals, exact to the nanosecond. What is undefined or unknown is null, never zero.
public enum ReceiptJSON {
  /// What the request produced.
  public struct Answer: Sendable {
    public var ids: [Int32]
    /// The text as the detokeniser gave it: UTF-8, unless the model wrote something else.
    public var text: [UInt8]

    public init(ids: [Int32], text: [UInt8]) {
      self.ids = ids
      self.text = text
    }
  }

  public static func encode(_ receipt: Receipt, answer: Answer, pretty: Bool = false) -> [UInt8] {
    var json = JSONWriter(pretty: pretty)
    json.object { write(receipt, answer: answer, into: &$0) }
    return json.bytes
  }

  /// Writes the members into an object that the caller has opened, so that others can stand beside them.
  public static func write(_ receipt: Receipt, answer: Answer, into json: inout JSONWriter) {
    writeTokens(receipt.usage.tokens, into: &json)
    json.array("token_ids") { json in
      for id in answer.ids { json.value(id) }
    }
    writeText(answer.text, into: &json)
    let finish = receipt.usage.finish
    json.field("finish_reason", finish.name)
    json.field("stopped_by", finish.stoppedBy)
    if case .failed(let message) = finish { json.field("error", message) }
    writeRest(receipt, into: &json)
  }

  /// Writes the members of a batch: those of `write` but for the answer, which stands in the output file.
  public static func writeBatch(_ receipt: Receipt, into json: inout JSONWriter) {
    writeTokens(receipt.usage.tokens, into: &json)
    writeRest(receipt, into: &json)
  }

  private static func writeTokens(_ tokens: TokenCounts, into json: inout JSONWriter) {
    json.field("prompt_tokens", tokens.prompt)
    json.field("cached_tokens", tokens.cached)
    json.field("completion_tokens", tokens.completion)
    json.field("draft_accepted_tokens", tokens.draftAccepted)
    json.field("draft_rejected_tokens", tokens.draftRejected)
  }

  private static func writeRest(_ receipt: Receipt, into json: inout JSONWriter) {
    let usage = receipt.usage
    writeTimings(usage, into: &json)
    writeResources(usage, into: &json)
    json.field("threads", usage.execution.threads)
    json.field("isa", usage.execution.isa)
    json.field("model", usage.model.name)
    json.field("model_sha256", usage.model.sha256)
    json.field("quantization", usage.model.quantization)
    json.field("started_at", UTCTime.text(unixNanos: usage.startedAtUnixNanos))
    json.field("prompt_bytes", usage.text.promptBytes)
    json.field("answer_bytes", usage.text.answerBytes)
    write(receipt.cost, into: &json)
    json.array("hosted") { json in
      for quote in receipt.hosted { write(quote, into: &json) }
    }
    write(receipt.ledger, into: &json)
  }

  private static func write(_ entry: LedgerEntry?, into json: inout JSONWriter) {
    guard let entry else { return json.null("ledger") }
    json.object("ledger") { json in
      json.field("request", entry.request)
      json.object("day") { json in
        json.field("date", entry.day.description)
        json.field("requests", entry.requests)
        json.field("unpriced_requests", entry.unpriced)
        json.field("prompt_tokens", entry.promptTokens)
        json.field("cached_tokens", entry.cachedTokens)
        json.field("completion_tokens", entry.completionTokens)
        json.array("marginal") { json in
          for amount in entry.amounts { json.object { write(amount, into: &$0) } }
        }
      }
    }
  }

  /// JSON text must be UTF-8: bytes that are not are replaced in `text`, and then stand whole in `text_base64`.
  private static func writeText(_ text: [UInt8], into json: inout JSONWriter) {
    json.field("text", utf8: text)
    let valid = String(validating: text, as: UTF8.self) != nil
    json.field("text_is_utf8", valid)
    if !valid { json.field("text_base64", Base64.text(text)) }
  }

  private static func writeTimings(_ usage: UsageRecord, into json: inout JSONWriter) {
    let timings = usage.timings
    json.object("timings") { json in
      json.field("queue_ms", timings.queueNanos, decimals: 6)
      json.field("load_ms", timings.loadNanos, decimals: 6)
      json.field("prefill_ms", timings.prefillNanos, decimals: 6)
      json.field("ttft_ms", timings.firstTokenNanos, decimals: 6)
      json.field("decode_ms", timings.decodeNanos, decimals: 6)
      json.field("total_ms", timings.totalNanos, decimals: 6)
      json.field("run_ms", usage.runNanos, decimals: 6)
      json.field("time_per_output_token_ms", usage.nanosPerOutputToken, decimals: 6)
      json.field("prefill_tokens_per_second", usage.prefillSpeed?.milliPerSecond, decimals: 3)
      json.field("decode_tokens_per_second", usage.decodeSpeed?.milliPerSecond, decimals: 3)
    }
  }

  private static func writeResources(_ usage: UsageRecord, into json: inout JSONWriter) {
    json.field("cpu_seconds", usage.cpu.processNanos, decimals: 9)
    json.object("cpu") { json in
      json.field("process_seconds", usage.cpu.processNanos, decimals: 9)
      json.field("request_seconds", usage.cpu.requestNanos, decimals: 9)
      json.field("thread_seconds", usage.cpu.threadNanos, decimals: 9)
    }
    json.object("memory") { json in
      json.field("weights_bytes", usage.memory.weightBytes)
      json.field("kv_bytes", usage.memory.kvBytes)
      json.field("peak_rss_bytes", usage.memory.peakResidentBytes)
    }
  }

  // MARK: Money

  private static func write(_ cost: Receipt.CostHere, into json: inout JSONWriter) {
    json.object("cost") { json in
      switch cost {
      case .noPrice:
        json.null("price")
        json.field("note", Receipt.noPriceAdvice)
        json.null("allocated")
        json.null("marginal")
      case .failed(let error):
        json.null("price")
        json.field("note", error.description)
        json.null("allocated")
        json.null("marginal")
      case .known(let cost):
        write(cost.price, into: &json)
        write(cost.allocated, into: &json)
        json.object("marginal") { write(cost.marginal, into: &$0) }
      }
    }
  }

  private static func write(_ price: HourlyPrice, into json: inout JSONWriter) {
    json.object("price") { json in
      json.field("machine", price.machine?.id)
      json.field("kind", price.kind.rawValue)
      json.field("currency", price.hourly.currency.description)
      json.field("per_hour", price.hourly.decimalText(per: Rate.nanosPerHour))
      json.field("saturated_per_hour", price.saturated?.decimalText(per: Rate.nanosPerHour))
      json.field("vcpus", price.vcpus.description)
      json.field("read_on", price.kind == .given ? nil : price.machine?.readOn?.description)
      json.field("source", price.kind == .given ? "given on the command line" : price.machine?.source)
      write(price.marks, into: &json)
    }
  }

  private static func write(_ allocated: AllocatedCost?, into json: inout JSONWriter) {
    guard let allocated else { return json.null("allocated") }
    json.object("allocated") { json in
      write(allocated.whole, into: &json)
      json.object("parts") { json in
        let parts = [
          ("request", allocated.request, allocated.requestNanos), ("load", allocated.load, allocated.loadNanos),
          ("rest", allocated.rest, allocated.restNanos),
        ]
        for (name, money, nanos) in parts {
          json.object(name) { json in
            write(money, into: &json)
            json.field("ms", nanos, decimals: 6)
          }
        }
      }
    }
  }

  private static func write(_ figure: CostFigure, into json: inout JSONWriter) {
    write(figure.total, into: &json)
    write("input", figure.input, into: &json)
    write("output", figure.output, into: &json)
    write("input_per_million", figure.inputPerMillion, into: &json)
    write("output_per_million", figure.outputPerMillion, into: &json)
  }

  private static func write(_ name: String, _ money: Money?, into json: inout JSONWriter) {
    guard let money else { return json.null(name) }
    json.object(name) { write(money, into: &$0) }
  }

  private static func write(_ money: Money, into json: inout JSONWriter) {
    json.field("amount", money.decimalText)
    json.field("currency", money.currency.description)
    json.field("pico", money.picos)
  }

  private static func write(_ quote: HostedQuote, into json: inout JSONWriter) {
    json.object { json in
      json.field("model", quote.model.name)
      json.field("provider", quote.model.provider)
      switch quote.total {
      case .known(let money):
        write(money, into: &json)
      case .unknown(let reason):
        json.null("amount")
        json.field("currency", quote.model.currency.description)
        json.null("pico")
        json.field("unknown", reason.description)
      }
      json.field("input_per_million", quote.prices.input?.decimalText(per: 1_000_000))
      json.field("cached_input_per_million", quote.prices.cachedInput?.decimalText(per: 1_000_000))
      json.field("output_per_million", quote.prices.output?.decimalText(per: 1_000_000))
      json.field("token_basis", quote.basis.rawValue)
      json.field("read_on", quote.model.readOn?.description)
      json.field("valid_from", quote.validFrom?.description)
      json.field("retires", quote.model.retires?.description)
      json.field("historic", quote.isHistoric)
      write(quote.marks, into: &json)
      json.field("source", quote.model.source)
    }
  }

  private static func write(_ marks: [PriceMark], into json: inout JSONWriter) {
    json.array("marks") { json in
      for mark in marks { json.value(mark.description) }
    }
  }
}
