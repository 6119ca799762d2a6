import Generation
import ModelFiles
import Tokenization
import Usage

/// Lines of an output file, in the form of OpenAI's batch output.
///
/// `id` is "batch_req_", the number of the input line and 16 digits of a checksum of that line: by it a run that was broken
/// off knows what is done, and that the output belongs to this input.
public struct BatchOutput: Sendable {
  private let model: String
  private let fingerprint: String

  public init(model: ModelIdentity, isa: String) {
    self.model = model.name
    fingerprint = "farthing \(model.quantization) \(isa)"
  }

  /// - Parameter number: of the line in the input, from 1.
  public static func id(number: Int, line: [UInt8]) -> String {
    var hash = SHA256()
    hash.update(line[...])
    return "batch_req_\(number)_" + hash.finish().description.prefix(16)
  }

  /// The number of the input line that an output line answers, if `id` is one that this program wrote.
  public static func number(ofID id: String) -> Int? {
    let parts = id.split(separator: "_", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "batch", parts[1] == "req", parts[3].utf8.count == 16 else { return nil }
    return Int(parts[2])
  }

  public func answer(
    id: String, _ line: BatchLine, _ result: GenerationResult, createdAtUnixNanos: Int64
  ) -> [UInt8] {
    if case .failed(let message) = result.finish {
      return failure(id: id, customID: line.customID, status: 500, type: "server_error", code: nil, message: message)
    }
    return object(id: id, customID: line.customID) { json in
      response(id: id, status: 200, &json) { json in
        json.object("body") { body in
          write(id: id, line.kind, result, createdAtUnixNanos / 1_000_000_000, &body)
        }
      }
      json.null("error")
    }
  }

  /// A line that cannot be answered: with a status of 400 where it was a request, with `error` where it was none.
  public func refusal(id: String, _ error: BatchLineError) -> [UInt8] {
    if error.customID != nil {
      return failure(
        id: id, customID: error.customID, status: 400, type: "invalid_request_error", code: error.code,
        message: error.message)
    }
    return object(id: id, customID: nil) { json in
      json.null("response")
      json.object("error") { json in
        json.field("code", error.code)
        json.field("message", error.message)
      }
    }
  }

  private func failure(
    id: String, customID: String?, status: Int, type: String, code: String?, message: String
  ) -> [UInt8] {
    object(id: id, customID: customID) { json in
      response(id: id, status: status, &json) { json in
        json.object("body") { json in
          json.object("error") { json in
            json.field("message", message)
            json.field("type", type)
            json.null("param")
            json.field("code", code)
          }
        }
      }
      json.null("error")
    }
  }

  private func object(id: String, customID: String?, _ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field("id", id)
      json.field("custom_id", customID)
      body(&json)
    }
    return json.bytes + [UInt8(ascii: "\n")]
  }

  private func response(id: String, status: Int, _ json: inout JSONWriter, _ body: (inout JSONWriter) -> Void) {
    json.object("response") { json in
      json.field("status_code", status)
      json.field("request_id", id)
      body(&json)
    }
  }

  private func write(
    id: String, _ kind: BatchLine.Kind, _ result: GenerationResult, _ created: Int64, _ json: inout JSONWriter
  ) {
    let isChat = kind == .chat
    json.field("id", (isChat ? "chatcmpl-" : "cmpl-") + id)
    json.field("object", isChat ? "chat.completion" : "text_completion")
    json.field("created", created)
    json.field("model", model)
    json.array("choices") { json in
      json.object { json in
        json.field("index", 0)
        if isChat {
          json.object("message") { json in
            json.field("role", "assistant")
            json.field("content", utf8: result.text)
            json.null("refusal")
          }
        } else {
          json.field("text", utf8: result.text)
        }
        json.null("logprobs")
        json.field("finish_reason", result.finish.name)
      }
    }
    writeUsage(result, &json)
    json.field("system_fingerprint", fingerprint)
  }

  private func writeUsage(_ result: GenerationResult, _ json: inout JSONWriter) {
    json.object("usage") { json in
      json.field("prompt_tokens", result.counts.prompt)
      json.field("completion_tokens", result.counts.completion)
      json.field("total_tokens", result.counts.total)
      json.object("prompt_tokens_details") { json in json.field("cached_tokens", result.counts.cached) }
    }
    // Beyond OpenAI's form: what the request took.
    json.object("farthing") { json in
      json.field("stopped_by", result.finish.stoppedBy)
      json.field("draft_accepted_tokens", result.counts.draftAccepted)
      json.field("draft_rejected_tokens", result.counts.draftRejected)
      json.field("queue_ms", result.timings.queueNanos, decimals: 6)
      json.field("prefill_ms", result.timings.prefillNanos, decimals: 6)
      json.field("ttft_ms", result.timings.firstTokenNanos, decimals: 6)
      json.field("decode_ms", result.timings.decodeNanos, decimals: 6)
      json.field("total_ms", result.timings.totalNanos, decimals: 6)
      json.field("kv_bytes", result.kvBytes)
    }
  }
}
