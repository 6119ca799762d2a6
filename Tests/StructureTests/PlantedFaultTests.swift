import Testing

/// Every check of `StructureTests` is shown a fault that it must find, and its neighbour that it must let pass.
@Suite struct PlantedFaultTests {
  private func file(_ path: String, _ text: String) -> TextFile { TextFile(path: path, text: text) }

  @Test(arguments: [
    ("Sources/Compute/A.swift", "import ModelFiles"),
    ("Sources/Pricing/A.swift", "import Transformers"),
    ("Sources/ModelFiles/A.swift", "import CKernels"),
    ("Sources/Transformers/A.swift", "  public import struct Tokenization.Tokenizer"),
    ("Sources/Generation/A.swift", "internal import Pricing"),
    ("Sources/Tokenization/A.swift", "import Foundation"),
    ("Sources/Compute/A.swift", "@_exported import Glibc"),
    ("Sources/Serving/A.swift", "@preconcurrency import Generation"),
    ("Sources/Tokenization/A.swift", "import CPCRE2"),
    ("Sources/Pricing/A+C.swift", "import CPCRE2"),
    ("Sources/Unheard/A.swift", "let a = 1"),
  ])
  func forbiddenImportIsFound(path: String, text: String) {
    #expect(ImportCheck.violations(in: [file(path, "// Header\n" + text)]).count == 1)
  }

  @Test(arguments: [
    ("Sources/ModelFiles/A.swift", "import Compute"),
    ("Sources/Tokenization/A+C.swift", "import CPCRE2\nimport Glibc"),
    ("Sources/Serving/A.swift", "import Foundation\nimport struct Pricing.Money"),
    (
      "Sources/Compute/A.swift",
      "// import ModelFiles\n/* import Foundation */ let a = \"\"\"\n  import Serving\n  \"\"\""
    ),
  ])
  func grantedImportPasses(path: String, text: String) {
    #expect(ImportCheck.violations(in: [file(path, text)]) == [])
  }

  @Test func rulesPointDown() {
    var below: Set<String> = []
    for rule in ImportCheck.rules {
      #expect(below.isSuperset(of: rule.modules), "\(rule.name)")
      below.insert(rule.name)
    }
  }

  @Test func kernelsThatAllocateAreFound() {
    #expect(ImportCheck.includeViolations(in: [file("Sources/CKernels/a.c", "#include <stdlib.h>\n")]).count == 1)
    #expect(ImportCheck.includeViolations(in: [file("Sources/CKernels/a.c", "#include <sys/mman.h>\n")]).count == 1)
    #expect(ImportCheck.includeViolations(in: [file("Sources/CKernels/a.c", "#include <sys/auxv.h>\n")]) == [])
    #expect(ImportCheck.includeViolations(in: [file("Sources/CKernels/a.c", "#include <stdint.h>\n")]) == [])
  }

  @Test func longFileIsFound() {
    let long = String(repeating: "let a = 1\n", count: 501)
    #expect(LengthCheck.violations(in: [file("Sources/Compute/A.swift", long)]).count == 1)
    #expect(LengthCheck.violations(in: [file("Sources/Compute/A.swift", String(long.dropFirst(10)))]) == [])
    #expect(
      LengthCheck.violations(in: [file("Sources/Compute/A.swift", "// Long because it is a table.\n" + long)]) == [])
    #expect(LengthCheck.violations(in: [file("Sources/Compute/A.swift", "// Long because\n" + long)]).count == 1)
  }

  @Test(arguments: [
    "fatalError(\"no\")", "let a = try! b()", "let a = b as! Int", "let a = b!", "a()!.b", "a[1]!", "let a: Int!",
    "print(\"\\(a!)\")", "exit(1)", "#\"raw\"#.first!",
  ])
  func trapIsFound(line: String) {
    let found = TrapCheck.violations(in: [file("Sources/Compute/A.swift", "\n" + line)])
    #expect(found.count == 1)
    #expect(found.first?.line == 2)
  }

  @Test(arguments: [
    "// fatalError(\"no\")", "let a = \"try! this!\"", "if !a, b != c, !(d) { }", "let a = try? b()", "a!=b",
    "/* a! /* b! */ c! */", "let a = #\"b! \"c! \"#", "let a = b! // Trap: the line above has set it",
    "// Trap: nothing can follow\nfatalError(\"x\")", "\"\"\"\n  a!\n  \"\"\"", "(Int) -> Bool",
  ])
  func harmlessLinePasses(line: String) {
    #expect(TrapCheck.violations(in: [file("Sources/Compute/A.swift", line)]) == [])
  }

  @Test func trapWithoutReasonIsFound() {
    #expect(TrapCheck.violations(in: [file("Sources/Compute/A.swift", "a! // Trap:")]).count == 1)
  }

  @Test func leftoversAreFound() {
    // Put together here, so that this file does not hold what it looks for.
    let path = "let a = \"/" + "tmp/model\""
    #expect(LeftoverCheck.pathViolations(in: [file("Tests/A.swift", path)]).count == 1)
    #expect(LeftoverCheck.pathViolations(in: [file("Tests/A.swift", "a/root/b and $HOME/work/c")]) == [])
    #expect(LeftoverCheck.unfinishedViolations(in: [file("Sources/A.swift", "// TO" + "DO: later")]).count == 1)
    #expect(LeftoverCheck.idleTestViolations(in: [file("Tests/A.swift", "#expect(true)")]).count == 1)
    #expect(LeftoverCheck.idleTestViolations(in: [file("Tests/A.swift", "// #expect(true)")]) == [])
  }

  @Test func strangerAtTheTopIsFound() {
    #expect(LayoutCheck.strangers(among: ["Sources", ".ci", "notes.txt", "README.md"]) == ["notes.txt"])
  }

  @Test func moduleMissingFromTheReadmeIsFound() {
    #expect(LayoutCheck.missing(modules: ["Compute", "Usage"], inReadme: "| `Compute` | threads |") == ["Usage"])
  }
}
