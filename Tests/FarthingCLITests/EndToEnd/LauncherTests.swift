import Foundation
import Testing

/// The script at the root. These run only under it (`./farthing test`): it has then built its binary, so that they
/// build nothing.
@Suite(.enabled(if: Program.givenBinary != nil)) struct LauncherTests {
  private static let launcher = Program.root.appending(path: "farthing").path

  @Test func runsTheBinaryFromAnywhere() throws {
    let version = try Program.farthing("--version").output
    #expect(try Program.run(Self.launcher, ["--version"]).output == version)
    #expect(try Program.shell("cd / && '\(Self.launcher)' --version").output == version)
  }

  @Test func runsThroughALinkInAFolderWithSpaces() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "far thing \(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let link = folder.appending(path: "a link")
    try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: Self.launcher)
    let outcome = try Program.run(link.path, ["--version"])
    #expect(outcome.status == 0 && outcome.output.hasPrefix("farthing ") && outcome.error == "")
  }

  @Test func handsWordsAndStatusThrough() throws {
    let outcome = try Program.run(Self.launcher, ["inspect", "a file with  spaces"])
    #expect(outcome.status == 1)
    #expect(outcome.error.contains("a file with  spaces"))
  }

  /// What it costs each time: two scripts' worth of processes, no look at the toolchain.
  @Test func addsLittleTime() throws {
    func milliseconds(_ path: String) throws -> Double {
      let times = try (0..<9).map { _ in
        let start = ContinuousClock.now
        _ = try Program.run(path, ["--version"])
        return (ContinuousClock.now - start) / .milliseconds(1)
      }
      return times.sorted()[0]
    }
    let added = try milliseconds(Self.launcher) - milliseconds(Program.binary)
    #expect(added < 30, "\(added) ms")
  }
}
