import Compute
import Generation
import Pricing
import Serving
import Tokenization

/// The options of `run`, spelled as people who use llama.cpp spell them, and what they mean together.
enum RunOptions {
  static let tokens = Option<Int?>.integer(
    "--n-predict", "-n", in: -1...1 << 30, help: "tokens of the answer at most; -1 for as many as fit (default 512)")
  static let file = Option.text("--file", "-f", value: "FILE", help: "read the prompt from FILE; - is standard input")
  static let system = Option.text("--system", "-sys", value: "TEXT", help: "system message of the conversation")
  static let template = Option.text(
    "--chat-template", value: "FILE", help: "a Jinja template to use instead of the model's own")
  static let raw = Option.flag("--raw", help: "continue the text as it is, without a chat template")

  static let temperature = Option<Double>.decimal(
    "--temp", in: 0...100, default: 0.8, help: "temperature; 0 always takes the likeliest token")
  static let topK = Option<Int>.integer(
    "--top-k", in: 0...1 << 24, default: 40, help: "keep the K likeliest tokens; 0 for all")
  static let topP = Option<Double>.decimal(
    "--top-p", in: 0...1, default: 0.95, help: "keep the likeliest tokens that reach this share together")
  static let minP = Option<Double>.decimal(
    "--min-p", in: 0...1, default: 0.05, help: "keep tokens at least this likely relative to the likeliest")
  static let seed = Option<Int?>.integer("--seed", "-s", in: 0...Int.max, help: "same seed, same answer")
  static let repeatPenalty = Option<Double>.decimal(
    "--repeat-penalty", in: 0.01...100, default: 1, help: "divides the logits of recent tokens; 1 for none")
  static let repeatLast = Option<Int>.integer(
    "--repeat-last-n", in: 0...65_536, default: 64, help: "how many tokens are recent")
  static let presence = Option<Double>.decimal(
    "--presence-penalty", in: -100...100, default: 0, help: "subtracted from the logits of recent tokens")
  static let frequency = Option<Double>.decimal(
    "--frequency-penalty", in: -100...100, default: 0, help: "subtracted once for each time a token is recent")
  static let bias = Option<[String]>.list(
    "--logit-bias", "-l", value: "ID(+|-)X", help: "adds to a token's logit; ID-inf bans it")
  static let stop = Option<[String]>.list("--stop", "-r", value: "TEXT", help: "end the answer before TEXT")
  static let ignoreEnd = Option.flag("--ignore-eos", help: "go on after the model's own end tokens")
  static let speculation = Option<SpeculationMode>.choice(
    "--speculation", value: "HOW", default: .automatic,
    help: "guess tokens from the text so far and check them together; the answer stays the same")
  static let promptCache = Option.text(
    "--prompt-cache", value: "FILE", help: "keep what prompts computed in FILE, so that the next run begins there")
  static let tag = Option<[String]>.list("--tag", value: "K=V", help: "recorded with the request")

  static let vm = Option.text("--vm", value: "TYPE", help: "price of this machine: a type known to `vms`")
  static let usdPerHour = Option.text("--usd-per-hour", value: "X", help: "price of this machine in dollars an hour")
  static let against = Option.text(
    "--against", value: "A,B", help: "hosted models to compare with, or none (default: a sensible list)")

  static let sampling: [any DeclaredOption] = [
    temperature, topK, topP, minP, seed, repeatPenalty, repeatLast, presence, frequency, bias, stop, ignoreEnd,
  ]
  static let machine: [any DeclaredOption] = [vm, usdPerHour]
  static let prices: [any DeclaredOption] = [vm, usdPerHour, against]

  /// Nil for as many as fit.
  static func tokenLimit(_ arguments: Arguments) -> Int? {
    guard let limit = arguments[tokens] else { return 512 }
    return limit < 0 ? nil : limit
  }

  static func readTemplate(_ arguments: Arguments) throws(CommandFailure) -> ChatTemplate? {
    guard let path = arguments[template] else { return nil }
    let bytes = try System.readAll(path)
    do { return try ChatTemplate(bytes: bytes) } catch { throw .failed("\(path): \(error)") }
  }

  static func samplingParameters(_ arguments: Arguments) throws(CommandFailure) -> SamplingParameters {
    var parameters = SamplingParameters()
    parameters.temperature = Float(arguments[temperature])
    parameters.topK = arguments[topK]
    parameters.topP = Float(arguments[topP])
    parameters.minP = Float(arguments[minP])
    parameters.repeatPenalty = Float(arguments[repeatPenalty])
    parameters.penaltyWindow = arguments[repeatLast]
    parameters.presencePenalty = Float(arguments[presence])
    parameters.frequencyPenalty = Float(arguments[frequency])
    parameters.seed = arguments[seed].map { UInt64($0) }
    for text in arguments[bias] { parameters.logitBias.append(try logitBias(text)) }
    return parameters
  }

  /// `15043+1.5`, `15043-inf`
  static func logitBias(_ text: String) throws(CommandFailure) -> LogitBias {
    let digits = text.prefix { $0.isNumber }
    let sign = text.dropFirst(digits.count)
    guard let token = Int32(digits), let first = sign.first, first == "+" || first == "-", let value = Float(sign),
      !value.isNaN
    else { throw .usage("option --logit-bias: '\(text)' is not a token id followed by a signed number") }
    return LogitBias(token: token, bias: value)
  }

  static func pricing(_ arguments: Arguments) throws(CommandFailure) -> ReceiptPricing {
    let choice = PriceChoice(
      usdPerHour: arguments[usdPerHour], vm: arguments[vm], environmentVM: System.environment("FARTHING_VM"),
      against: arguments[against], localVCPUs: Host().processors)
    let own = try PriceCommands.ownPrices()
    do { return try ReceiptPricing(choice, at: Clock.unixNanos(), own: own) } catch { throw .usage("\(error)") }
  }

  /// Of the machine alone; nil where nobody said.
  static func machinePrice(_ arguments: Arguments) throws(CommandFailure) -> HourlyPrice? {
    let choice = PriceChoice(
      usdPerHour: arguments[usdPerHour], vm: arguments[vm], environmentVM: System.environment("FARTHING_VM"),
      against: "none", localVCPUs: Host().processors)
    let own = try PriceCommands.ownPrices()
    do { return try ReceiptPricing(choice, at: Clock.unixNanos(), own: own).machine } catch { throw .usage("\(error)") }
  }

  static func tags(_ arguments: Arguments) throws(CommandFailure) -> [(key: String, value: String)] {
    var tags: [(key: String, value: String)] = []
    for text in arguments[tag] {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty else { throw .usage("option --tag: '\(text)' is not KEY=VALUE") }
      tags.append((String(parts[0]), String(parts[1])))
    }
    return tags
  }
}

/// Options that every command which computes with a model shares.
enum EngineOptions {
  static let threads = Option<Int?>.integer(
    "--threads", "-t", in: 1...1024, help: "threads that compute (default: what this process may use)")
  static let batchThreads = Option<Int?>.integer(
    "--threads-batch", "-tb", in: 1...1024, help: "threads for the prompt (default: as -t)")
  static let context = Option<Int?>.integer(
    "--ctx-size", "-c", in: 1...1 << 30,
    help: "positions of prompt and answer together (default: as trained, or what memory admits)")
  static let batch = Option<Int>.integer(
    "--batch-size", "-b", in: 1...8192, default: 128, help: "tokens of the prompt computed at once")
  static let keyType = Option<KVType>.choice(
    "--cache-type-k", "-ctk", value: "TYPE", default: .f16, help: "how keys are kept; values alike unless given")
  static let valueType = Option<KVType>.choice(
    "--cache-type-v", "-ctv", value: "TYPE", default: .f16, help: "how values are kept; keys alike unless given")
  enum Product: String, CaseIterable, Sendable { case integer, reference }
  static let product = Option<Product>.choice(
    "--matmul", value: "HOW", default: .integer,
    help: "packed weights and 8-bit activations, or everything in F32 through OpenBLAS")

  static let isa = Option.text(
    "--isa", value: "NAME",
    help: "instruction set of the kernels (default: FARTHING_ISA, or the fastest here): "
      + Kernels.all.map(\.name).joined(separator: ", "))

  static let all: [any DeclaredOption] = [threads, batchThreads, context, batch, keyType, valueType, product, isa]

  /// The kernels that the command line or the environment asks for.
  static func kernels(_ arguments: Arguments) throws(CommandFailure) -> Kernels {
    guard let name = arguments[isa] ?? System.environment("FARTHING_ISA"), !name.isEmpty else { return .best }
    guard let kernels = Kernels.named(name) else {
      let names = Kernels.all.map(\.name).joined(separator: ", ")
      throw .usage("instruction set '\(name)' is unknown or does not run here; there are: \(names)")
    }
    return kernels
  }

  static func engineOptions(_ arguments: Arguments) throws(CommandFailure) -> Engine.Options {
    let host = Host()
    var options = Engine.Options(threads: arguments[threads] ?? host.cpuAllowance().threads)
    options.batchThreads = arguments[batchThreads]
    options.context = arguments[context]
    options.batch = arguments[batch]
    options.kernels = try kernels(arguments)
    // One of the two alone means both.
    let types = [keyType, valueType].filter { arguments.has($0) }.map { arguments[$0] }
    guard types.allSatisfy({ $0 == types[0] }) else {
      throw .usage("--cache-type-k and --cache-type-v must be the same type")
    }
    options.kvType = types.first
    if arguments[product] == .reference {
      options.product = .reference(try failing { () throws(SystemError) in try OpenBLAS.load() })
    }
    let memory = host.memoryAllowance()
    if let available = memory.availableBytes {
      options.memory = (available, memory.bound == .machine ? "this machine" : "the control group's limit")
    }
    return options
  }
}
