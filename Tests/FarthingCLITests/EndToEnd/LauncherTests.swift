import Foundation
import Testing

/// The script at the root, in a tree of its own and with stand-ins for the tools that it calls: it builds and installs
/// nothing here.
@Suite struct LauncherTests {
  @Test func buildsWhenSourcesAreNewerAndOnlyThen() throws {
    let sandbox = try Sandbox()
    let first = try sandbox.launch("a  b", "", "$HOME")
    #expect(first.output == "binary [a  b] [] [$HOME]\n")
    // What building has to say goes to standard error, and is one line when all goes well.
    #expect(first.errorLines.count == 1 && first.error.contains("building"), "\(first.error)")
    #expect(sandbox.builds == 1)

    let second = try sandbox.launch("x")
    #expect(second.output == "binary [x]\n" && second.error == "" && sandbox.builds == 1)

    try sandbox.write("Sources/Module/b.swift", "let b = 2")
    #expect(try sandbox.launch("x").status == 0 && sandbox.builds == 2)
    try FileManager.default.removeItem(at: sandbox.root.appending(path: "Sources/Module/b.swift"))
    #expect(try sandbox.launch("x").status == 0 && sandbox.builds == 3)
    // Older by its own date, but new here, as a file that was moved in.
    try sandbox.shell("touch -d 2001-01-01 old.swift && mv old.swift Sources/Module/")
    #expect(try sandbox.launch("x").status == 0 && sandbox.builds == 4)
  }

  @Test func runsFromAnywhereAndThroughALink() throws {
    let sandbox = try Sandbox()
    _ = try sandbox.launch("x")
    let outcome = try sandbox.shell("ln -s farthing 'a link' && cd / && \"$OLDPWD/a link\" x")
    #expect(outcome.output == "binary [x]\n")
  }

  @Test func helpNamesTheLaunchersOwnCommands() throws {
    let sandbox = try Sandbox()
    for words in [[], ["help"], ["--help"]] {
      let outcome = try sandbox.launch(words)
      #expect(outcome.output.hasPrefix("binary") && outcome.output.contains("test [ARGS]"))
    }
    #expect(try sandbox.launch("help", "run").output == "binary [help] [run]\n")
  }

  @Test func theBinarysStatusIsTheLaunchers() throws {
    let sandbox = try Sandbox()
    #expect(try sandbox.launch("fail").status == 7)
  }

  @Test func failedBuildIsShownWholeAndRunsNothing() throws {
    let sandbox = try Sandbox()
    _ = try sandbox.launch("x")
    try sandbox.write("Sources/Module/b.swift", "let b = 2")
    let outcome = try sandbox.launch(environment: ["BROKEN": "1"])
    #expect(outcome.status == 1 && outcome.output == "")
    #expect(outcome.error.contains("line 1 of the log") && outcome.error.contains("the build failed"))
    // And the next launch tries again.
    #expect(try sandbox.launch("x").output == "binary [x]\n")
  }

  @Test func twoAtOnceBuildOnce() throws {
    let sandbox = try Sandbox()
    // Each into a file of its own: in one pipe their words could come mixed.
    let outcome = try sandbox.shell(
      "./farthing x >one & ./farthing x >two & wait; cat one two", environment: ["SLOW": "1"])
    #expect(outcome.output == "binary [x]\nbinary [x]\n")
    #expect(outcome.error.contains("waiting for another build"))
    #expect(sandbox.builds == 1)
  }

  @Test(arguments: ["6.1.2", "5.10"])
  func oldSwiftIsRefused(version: String) throws {
    let outcome = try Sandbox().launch(environment: ["SWIFT_VERSION": version])
    #expect(outcome.status == 1)
    #expect(outcome.error.contains("Swift 6.2 or later") && outcome.error.contains(version))
    #expect(outcome.error.contains("swift.org/install"))
  }

  @Test func withoutSwiftABinaryThatIsThereIsRun() throws {
    let sandbox = try Sandbox()
    _ = try sandbox.launch("x")
    try sandbox.write("Sources/Module/b.swift", "let b = 2")
    try sandbox.removeTool("swift")
    let outcome = try sandbox.launch("x")
    #expect(outcome.output == "binary [x]\n")
    #expect(outcome.error.contains("no Swift"))
    try FileManager.default.removeItem(at: sandbox.root.appending(path: ".build"))
    let bare = try sandbox.launch("x")
    #expect(bare.status == 1 && bare.error.contains("swift.org/install"))
  }

  @Test func missingPackagesAreNamedThenInstalled() throws {
    let sandbox = try Sandbox()
    try sandbox.tool("pkg-config", "[ \"$2\" != jansson ]")
    let outcome = try sandbox.launch("x")
    #expect(outcome.status == 0 && outcome.output == "binary [x]\n", "\(outcome.error)")
    let installing = try #require(outcome.errorLines.first { $0.contains("installing system packages") })
    #expect(installing.contains("libjansson-dev") && !installing.contains("libpcre2-dev"))
    let calls = sandbox.log.split(separator: "\n").filter { $0.hasPrefix("apt-get") }
    #expect(calls.first == "apt-get update")
    #expect(calls.last?.contains("install") == true && calls.last?.contains("libjansson-dev") == true)
  }

  @Test func whatCannotBeInstalledIsGivenAsACommand() throws {
    let sandbox = try Sandbox()
    try sandbox.tool("pkg-config", "[ \"$2\" != jansson ]")
    try sandbox.tool("apt-get", "echo no network >&2; exit 100")
    let outcome = try sandbox.launch("x")
    #expect(outcome.status == 1 && sandbox.builds == 0)
    #expect(outcome.error.contains("no network"))
    #expect(outcome.error.contains("apt-get install --yes --no-install-recommends"))
  }

  /// What a launch costs when there is nothing to do: the time above that of the binary itself.
  @Test func addsLittleTime() throws {
    let sandbox = try Sandbox()
    _ = try sandbox.launch("x")
    func fastest(_ path: String) throws -> Duration {
      try (0..<9).map { _ in
        let start = ContinuousClock.now
        _ = try BuiltBinary.run(path, ["x"])
        return ContinuousClock.now - start
      }.min() ?? .seconds(1)
    }
    let added =
      try fastest(sandbox.root.appending(path: "farthing").path)
      - fastest(sandbox.root.appending(path: ".build/launcher/farthing").path)
    #expect(added < .milliseconds(30))
  }
}

/// A copy of the launcher in a folder with a space in its name, beside a source file; `swift` there makes a binary that
/// says what it was given, and `apt-get` only takes notes.
private final class Sandbox {
  let root = FileManager.default.temporaryDirectory.appending(path: "far thing \(UUID().uuidString)")
  private var tools: URL { root.appending(path: ".tools") }
  private var logFile: URL { root.appending(path: ".log") }

  var log: String { (try? String(contentsOf: logFile, encoding: .utf8)) ?? "" }
  var builds: Int { log.split(separator: "\n").count { $0.hasPrefix("swift build") } }

  init() throws {
    try write("Package.swift", "")
    try write("Sources/Module/a.swift", "let a = 1")
    try FileManager.default.copyItem(
      at: BuiltBinary.root.appending(path: "farthing"), to: root.appending(path: "farthing"))
    // Only these, so that a tool that is taken away cannot be found elsewhere.
    let needed = """
      awk basename bash cat chmod cp cut dirname env find flock grep ldconfig ldd ln mkdir mktemp mv readlink \
      rm sed sh sleep sort tail tee touch uname xargs
      """
    try FileManager.default.createDirectory(at: tools, withIntermediateDirectories: true)
    for name in needed.split(separator: " ") {
      for folder in ["/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"] {
        guard FileManager.default.fileExists(atPath: folder + name) else { continue }
        try FileManager.default.createSymbolicLink(
          atPath: tools.appending(path: String(name)).path, withDestinationPath: folder + name)
        break
      }
    }
    try tool("pkg-config", "true")
    try tool("python3", "true")
    try tool("curl", "true")
    try tool("sudo", "exec \"$@\"")
    try tool("apt-get", "true")
    try tool(
      "swift",
      """
      [ "$1" = --version ] && { echo "Swift version ${SWIFT_VERSION:-6.2} (stand-in)"; exit; }
      echo "line 1 of the log"
      [ -n "$SLOW" ] && sleep 0.3
      [ -n "$BROKEN" ] && exit 1
      cd "$3" && mkdir -p .build/release
      cat > .build/release/farthing <<'END'
      #!/bin/bash
      printf binary; [ $# -eq 0 ] || printf ' [%s]' "$@"; echo
      [ "$1" != fail ] || exit 7
      END
      chmod +x .build/release/farthing
      """)
  }

  deinit {
    try? FileManager.default.removeItem(at: root)
  }

  func write(_ path: String, _ text: String) throws {
    let url = root.appending(path: path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  /// A stand-in that notes how it was called and then does as `script` says.
  func tool(_ name: String, _ script: String) throws {
    try write(".tools/" + name, "#!/bin/bash\necho \"\(name) $*\" >> '\(logFile.path)'\n" + script + "\n")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: tools.appending(path: name).path)
  }

  func removeTool(_ name: String) throws {
    try FileManager.default.removeItem(at: tools.appending(path: name))
  }

  func launch(_ words: String..., environment: [String: String] = [:]) throws -> Outcome {
    try launch(words, environment: environment)
  }

  func launch(_ words: [String], environment: [String: String] = [:]) throws -> Outcome {
    try BuiltBinary.run(root.appending(path: "farthing").path, words, environment: own(environment))
  }

  @discardableResult
  func shell(_ script: String, environment: [String: String] = [:]) throws -> Outcome {
    try BuiltBinary.run("/bin/bash", ["-c", "cd '\(root.path)'; " + script], environment: own(environment))
  }

  private func own(_ environment: [String: String]) -> [String: String] {
    environment.merging(["PATH": tools.path]) { given, _ in given }
  }
}
