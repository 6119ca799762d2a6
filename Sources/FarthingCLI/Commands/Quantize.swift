import Compute
import Conversion
import ModelFiles
import Quantization
import Usage

/// `quantize IN OUT --type T`: a model in another type, as a GGUF file.
enum Quantize {
  private static let type = Option.text(
    "--type", value: "TYPE", help: "the level of the new file: " + QuantizationLevel.names)
  private static let overrides = Option.list(
    "--tensor-type", value: "REGEX=TYPE",
    help: "the type of tensors in whose name REGEX is found; the first that fits counts")
  private static let pure = Option.flag("--pure", help: "give every matrix the level's own type, without exceptions")
  private static let requantize = Option.flag(
    "--allow-requantize", help: "take a model that is quantised already, though rounding twice loses more")

  static let command = Command(
    name: "quantize", summary: "write a model in another type, as a GGUF file",
    operands: .init(name: "IN OUT", count: 2...2),
    about: """
      IN is a Hugging Face folder (config.json, *.safetensors, tokenizer.json), a GGUF file or a model known by name; \
      OUT is a GGUF file, which appears when it is whole. Rows that are not whole blocks of a type take its neighbour with \
      smaller blocks, which is said. The levels and their mixes take the same bytes as llama.cpp's of the same name.
      """,
    options: [
      type, overrides, pure, requantize, EngineOptions.threads,
    ] + QuantizeMethod.options,
    run: { (arguments, console) throws(CommandFailure) in
      let level = try level(arguments)
      let patterns = try overrides(arguments)
      let path = try ModelOption.path(of: arguments.operands[0], console)
      let file = try failing { () throws(ModelFileError) in try ModelFile(path: path) }
      let start = Clock.nowNanos()
      let request = try QuantizeMethod.Request(arguments)
      let plan = try failing { () throws(ConversionError) in
        try ConversionPlan(
          file, level: level, overrides: patterns, isPure: arguments[pure], hasImportance: request.importance != nil,
          allowRequantize: arguments[requantize])
      }
      note(plan, console)
      let writer = LevelWriter(
        file: file, plan: plan, request: request,
        threads: arguments[EngineOptions.threads] ?? Host().cpuAllowance().threads, console: console)
      let outcome = try writer.write(to: arguments.operands[1])
      let result = QuantizeResult(
        path: arguments.operands[1], level: level, method: outcome.method, fileBytes: outcome.fileBytes,
        tensors: outcome.tensors, nanos: Clock.nowNanos() - start)
      if arguments[Command.json] {
        try console.json { json in result.write(to: &json) }
      } else {
        try result.print(to: console)
      }
    })

  private static func level(_ arguments: Arguments) throws(CommandFailure) -> QuantizationLevel {
    guard let name = arguments[type] else {
      throw .usage("a type is missing; give one with --type: \(QuantizationLevel.names)")
    }
    guard let level = QuantizationLevel.named(name) else {
      throw .usage("option --type: '\(name)' is not one of \(QuantizationLevel.names)")
    }
    return level
  }

  private static func overrides(_ arguments: Arguments) throws(CommandFailure) -> [ConversionPlan.Override] {
    var result: [ConversionPlan.Override] = []
    for text in arguments[overrides] {
      guard let sign = text.lastIndex(of: "="), sign > text.startIndex else {
        throw .usage("option --tensor-type: '\(text)' is not REGEX=TYPE")
      }
      let name = text[text.index(after: sign)...].uppercased()
      guard let type = Converter.types.first(where: { $0.name == name }) else {
        let known = Converter.types.map(\.name).joined(separator: " ")
        throw .usage("option --tensor-type: '\(name)' is not one of \(known)")
      }
      do { result.append(try ConversionPlan.Override(pattern: String(text[..<sign]), type: type)) } catch {
        throw .usage("option --tensor-type: \(error)")
      }
    }
    return result
  }

  /// Says what the person may not expect of a plan.
  private static func note(_ plan: ConversionPlan, _ console: Console) {
    // One line for all tensors that go the same way: a large model may have hundreds.
    var lines: [(text: String, names: [String])] = []
    for item in plan.items {
      guard let wanted = item.unfitting else { continue }
      let text =
        "rows of \(item.tensor.columns) are not whole blocks of \(wanted.name) (\(wanted.elementsPerBlock)), so "
        + "\(item.type.name) is taken"
      if let line = lines.firstIndex(where: { $0.text == text }) {
        lines[line].names.append(item.tensor.name)
      } else {
        lines.append((text, [item.tensor.name]))
      }
    }
    for line in lines {
      let others = line.names.count > 1 ? " and \(line.names.count - 1) more" : ""
      console.note("\(line.names[0])\(others): \(line.text)")
    }
    let twice = plan.items.filter { $0.tensor.type.isQuantized && !$0.isCopied }
    if let first = twice.first {
      console.note(
        "\(twice.count) tensors are quantised already (\(first.tensor.name) is \(first.tensor.type.name)): "
          + "rounding them again loses more than rounding the original once")
    }
  }
}
