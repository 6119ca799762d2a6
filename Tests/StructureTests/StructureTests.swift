import Foundation
import Testing

/// The rules of the architecture and of the house, held against the working tree. `PlantedFaultTests` shows that each
/// of the checks can fail.
@Suite struct StructureTests {
  static let code: Set = ["swift", "c", "h"]
  static let text: Set = ["swift", "c", "h", "md", "sh", "py", "modulemap"]
  static let everything = ["Sources", "Tests", "Benchmarks", "Package.swift", "README.md", "farthing", ".ci/run"]

  @Test func modulesImportOnlyWhatTheArchitectureGrants() throws {
    let files = try Repository.files(in: ["Sources"], extensions: Self.code)
    #expect(files.count > 10)
    expectNone(ImportCheck.violations(in: files))
    expectNone(ImportCheck.includeViolations(in: files))
  }

  @Test func everyModuleIsInTheList() throws {
    let folders = try Repository.folders(in: "Sources").filter { $0 != "SystemLibraries" }
    #expect(Set(folders).subtracting(ImportCheck.rules.map(\.name)) == [])
  }

  @Test func filesAreShort() throws {
    expectNone(
      LengthCheck.violations(
        in: try Repository.files(in: ["Sources", "Tests", "Benchmarks"], extensions: ["swift", "c", "h", "py", "sh"])))
  }

  @Test func nothingTrapsOnDataFromOutside() throws {
    expectNone(TrapCheck.violations(in: try Repository.files(in: ["Sources"], extensions: Self.code)))
  }

  @Test func noPathOfOneMachine() throws {
    expectNone(
      LeftoverCheck.pathViolations(in: try Repository.files(in: Self.everything, extensions: Self.text)))
  }

  @Test func nothingIsLeftToDo() throws {
    expectNone(
      LeftoverCheck.unfinishedViolations(in: try Repository.files(in: ["Sources"], extensions: Self.code)))
  }

  @Test func everyTestCanFail() throws {
    expectNone(LeftoverCheck.idleTestViolations(in: try Repository.files(in: ["Tests"], extensions: ["swift"])))
  }

  @Test func topLevelHoldsOnlyWhatTheLayoutNames() throws {
    #expect(LayoutCheck.strangers(among: try Repository.topLevelEntries()) == [])
  }

  @Test func readmeNamesEveryModule() throws {
    let readme = try String(contentsOf: Repository.root.appending(path: "README.md"), encoding: .utf8)
    let modules = try Repository.folders(in: "Sources").filter { $0 != "SystemLibraries" }
    #expect(LayoutCheck.missing(modules: modules, inReadme: readme) == [])
  }

  private func expectNone(_ violations: [Violation], sourceLocation: SourceLocation = #_sourceLocation) {
    let message = violations.map(\.description).joined(separator: "\n")
    #expect(violations.isEmpty, "\(message)", sourceLocation: sourceLocation)
  }
}
