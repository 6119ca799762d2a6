import Compute
import Generation
import HostileFiles
import ModelFiles
import Tokenization
import Usage

/// Takes the bytes of a model file all the way: what opens must load, tokenise, render and generate, or be refused.
public enum ModelExercise {
  public enum Outcome {
    case refused(String)
    case ran(GenerationResult)

    public var isRefused: Bool { if case .refused = self { true } else { false } }
  }

  /// Memory that a model may take here. A file that asks for more is refused before any of it is taken.
  public static let memoryBytes = 16 << 20

  private static let text = Array("hello ab <s> \u{E9}\u{FE0F}\n11".utf8) + [0xFF]

  /// - Parameters:
  ///   - parts: the bytes of the file, or of the parts of a split one.
  ///   - context: positions, as `-c` gives them; nil for what is admitted.
  ///   - text: also use the tokeniser in every way, and render and generate from the chat template.
  public static func run(
    _ parts: [[UInt8]], context: Int? = nil, kernels: Kernels = .best, text: Bool = false
  ) -> Outcome {
    do {
      let first = parts.count == 1 ? "model.gguf" : partName(1, of: parts.count)
      let file = try ModelFile(first: MappedFile(copying: parts[0], path: first)) { (path) throws(ModelFileError) in
        let number = (1...max(parts.count, 2)).first { path.hasSuffix(partName($0, of: parts.count)) } ?? 1
        return MappedFile(copying: parts[min(number, parts.count) - 1], path: path)
      }
      var options = Engine.Options(threads: 1)
      options.batch = 4
      options.context = context
      options.kernels = kernels
      options.memory = (memoryBytes, "the test")
      let engine = try Engine(file, options)
      return .ran(try generate(engine, prompt: try prompt(engine.tokenizer, text)))
    } catch let error as any CustomStringConvertible {
      return .refused(error.description)
    } catch {
      return .refused("\(error)")
    }
  }

  private static func partName(_ number: Int, of count: Int) -> String {
    func digits(_ number: Int) -> String {
      String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
    }
    return "model-\(digits(number))-of-\(digits(count)).gguf"
  }

  private static func prompt(_ tokenizer: Tokenizer, _ isThorough: Bool) throws -> [TokenID] {
    var prompt = try tokenizer.encode(text, parseSpecial: true)
    guard isThorough else { return prompt }
    try TokenizerExercise.run(tokenizer)
    if let source = tokenizer.chatTemplate, let template = try? ChatTemplate(source: source) {
      let rendered = try? template.render(
        [ChatMessage(role: "user", content: "he11o")], addGenerationPrompt: true, bosToken: "<s>", eosToken: "</s>")
      prompt += try tokenizer.encodeChat(Array((rendered ?? "").utf8))
    }
    return prompt
  }

  private static func generate(_ engine: Engine, prompt: [TokenID]) throws -> GenerationResult {
    var request = GenerationRequest(prompt: Array(prompt.prefix(max(engine.context - 1, 0))))
    request.tokenLimit = 2
    request.ignoreEnd = true
    request.sampling.seed = 1
    let observer = Silent()
    let session = Session(engine)
    let sampled = try Generator(session).run(request, observer: observer)
    request.sampling.temperature = 0
    request.sampling.repeatPenalty = 1.1
    _ = try Generator(session).run(request, observer: observer)
    return sampled
  }

  private final class Silent: GenerationObserver {
    let isCancelled = false
    func prefilled(_ done: Int, of total: Int) {}
    func received(_ text: [UInt8]) {}
  }
}
