/// A module of the product and what its files may import. Listed lowest first: a module may only name modules above
/// its own line here.
struct ModuleRule {
  let name: String
  /// Modules of the product.
  let modules: [String]
  /// C libraries, which a file named `...+C.swift` imports and no other, so that C's pointers stay in one place.
  var libraries: [String] = []
  /// Our own kernels, whose declarations (layout codes, sizes) are used throughout the module.
  var kernels = false
  /// Foundation brings ICU: 40 MB and start-up time that a run of a model must not pay.
  var foundation = false
}

enum ImportCheck {
  static let rules = [
    ModuleRule(name: "CKernels", modules: []),
    ModuleRule(name: "Compute", modules: [], kernels: true),
    ModuleRule(name: "Quantization", modules: ["Compute"], kernels: true),
    ModuleRule(name: "ModelFiles", modules: ["Compute", "Quantization"], libraries: ["CSodium", "CJansson"]),
    ModuleRule(name: "Tokenization", modules: ["Compute", "ModelFiles"], libraries: ["CPCRE2"]),
    ModuleRule(name: "Conversion", modules: ["Compute", "Quantization", "ModelFiles", "Tokenization"]),
    ModuleRule(name: "Usage", modules: []),
    ModuleRule(
      name: "Transformers", modules: ["Compute", "Quantization", "ModelFiles", "Usage"], kernels: true),
    ModuleRule(
      name: "Generation",
      modules: ["Compute", "Quantization", "ModelFiles", "Tokenization", "Usage", "Transformers"]),
    // Money never meets tensors here: only Serving composes the two.
    ModuleRule(name: "Pricing", modules: ["Usage"]),
    ModuleRule(name: "Metering", modules: ["Usage", "Pricing"], libraries: ["CSQLite", "CSodium"], foundation: true),
    ModuleRule(name: "Planning", modules: ["Usage", "Pricing", "Metering"], foundation: true),
    ModuleRule(
      name: "Serving",
      modules: [
        "Compute", "Quantization", "ModelFiles", "Tokenization", "Usage", "Transformers", "Generation", "Pricing",
        "Metering", "Planning",
      ], libraries: ["CMicroHTTPD"], foundation: true),
    ModuleRule(
      name: "FarthingCLI",
      modules: [
        "Compute", "Quantization", "ModelFiles", "Tokenization", "Conversion", "Usage", "Transformers", "Generation",
        "Pricing",
        "Metering", "Planning", "Serving",
      ], foundation: true),
  ]

  /// Modules of the toolchain that any file may import.
  static let everywhere: Set = ["Swift", "Glibc", "Synchronization", "FoundationEssentials"]
  static let withFoundation: Set = ["Foundation", "Dispatch"]

  /// The imports of Swift files under `Sources/` that the rules do not grant.
  static func violations(in files: [TextFile]) -> [Violation] {
    files.filter { $0.path.hasSuffix(".swift") }.flatMap { file -> [Violation] in
      guard let rule = rules.first(where: { $0.name == file.module }) else {
        return [Violation(path: file.path, line: 1, reason: "the module \(file.module ?? "?") is not in the list")]
      }
      let lines = codeOnly(file.text).split(separator: "\n", omittingEmptySubsequences: false)
      return lines.enumerated().flatMap { number, line in
        reasons(against: line, in: file, rule).map { Violation(path: file.path, line: number + 1, reason: $0) }
      }
    }
  }

  private static func reasons(against line: Substring, in file: TextFile, _ rule: ModuleRule) -> [String] {
    // Attributes and an access level may stand before `import`, a kind of declaration after it.
    let pattern = /^\s*(?<before>(?:@\w+(?:\([^)]*\))?\s+|\w+\s+)*)import\s+(?:\w+\s+)?(?<module>\w+)/
    guard let match = line.firstMatch(of: pattern) else { return [] }
    var reasons: [String] = []
    if match.before.contains("@") {
      reasons.append("an attribute on an import (\(match.before)) hides or re-exports what the module stands on")
    }
    let module = String(match.module)
    if everywhere.contains(module) || rule.modules.contains(module) { return reasons }
    if rule.kernels, module == "CKernels" { return reasons }
    if rule.libraries.contains(module) {
      if !file.path.hasSuffix("+C.swift") { reasons.append("\(module) is imported outside a file named ...+C.swift") }
      return reasons
    }
    if rule.foundation, withFoundation.contains(module) { return reasons }
    return reasons + ["\(rule.name) must not import \(module)"]
  }

  /// What the kernels include: they allocate nothing, start no thread and do no input or output. <sys/auxv.h> tells what
  /// the processor can do.
  static func includeViolations(in files: [TextFile]) -> [Violation] {
    let forbidden = /^\s*#\s*include\s*<(stdlib|stdio|pthread|threads|unistd|fcntl|signal|sys\/(?!auxv)\w+)\.h>/
    return files.filter { $0.module == "CKernels" }.flatMap { file in
      file.lines.enumerated().compactMap { number, line in
        line.firstMatch(of: forbidden).map {
          Violation(path: file.path, line: number + 1, reason: "kernels must not include <\($0.1).h>")
        }
      }
    }
  }
}
