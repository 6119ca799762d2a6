import Foundation
import Testing

/// `models` with a cache of its own; no test here reaches the network.
@Suite struct ModelsTests {
  private func withCache(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "far thing \(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  private func entries(_ url: URL) -> [String] {
    (try? FileManager.default.subpathsOfDirectory(atPath: url.path)) ?? []
  }

  @Test func listNamesEachModelWithItsFacts() throws {
    try withCache { cache in
      let environment = ["FARTHING_CACHE": cache.path]
      let listed = try BuiltBinary.farthing("models", environment: environment)
      #expect(listed.status == 0 && listed.error == "")
      for text in ["smollm2-135m", "98,362,432", "Apache-2.0", "b179c9523d0e6a0f98a330c7562b682750a6f8c8"] {
        #expect(listed.output.contains(text), "\(text)")
      }
      let outcome = try BuiltBinary.farthing("models", "--json", environment: environment)
      let json = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
      let models = try #require(json["models"] as? [[String: Any]])
      #expect(models.first?["cached"] as? Bool == false)
      #expect(json["cache"] as? String == cache.path)
      let narrow = try BuiltBinary.onTerminal(["models"], columns: 60, environment: environment)
      #expect(narrow.output.split(separator: "\r\n").first?.count ?? 99 <= 60)
    }
  }

  @Test func unknownNameIsOneLine() throws {
    let outcome = try BuiltBinary.farthing("models", "get", "smollm2-153m")
    #expect(outcome.status == 1 && outcome.errorLines.count == 1)
    #expect(outcome.error.contains("did you mean smollm2-135m?"))
  }

  @Test func cacheThatCannotBeWrittenIsNamed() throws {
    for words in [["models", "get", "smollm2-135m"], ["run", "hello"]] {
      let outcome = try BuiltBinary.run(BuiltBinary.path, words, environment: ["FARTHING_CACHE": "/dev/null/cache"])
      #expect(outcome.status == 1 && outcome.output == "")
      #expect(outcome.error.contains("/dev/null/cache") && outcome.error.contains("set FARTHING_CACHE"))
    }
  }

  @Test func wrongFileLeavesNothing() throws {
    try withCache { cache in
      let license = BuiltBinary.root.appending(path: "LICENSE").path
      let outcome = try BuiltBinary.farthing(
        "models", "get", "smollm2-135m", "--file", license, environment: ["FARTHING_CACHE": cache.path])
      #expect(outcome.status == 1 && outcome.errorLines.count == 1 && outcome.error.contains("98362432 bytes"))
      #expect(entries(cache) == [])
    }
  }

  /// With a Python that finds no network and no curl at all: each source is named with its reason.
  @Test func sourcesThatFailAreNamed() throws {
    try withCache { cache in
      let tools = cache.appending(path: "tools")
      try FileManager.default.createDirectory(at: tools, withIntermediateDirectories: true)
      let python = tools.appending(path: "python3")
      try Data("#!/bin/sh\necho no route to the index >&2; exit 1\n".utf8).write(to: python)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: python.path)
      let store = cache.appending(path: "store")
      let outcome = try BuiltBinary.farthing(
        "models", "get", "smollm2-135m", environment: ["FARTHING_CACHE": store.path, "PATH": tools.path])
      #expect(outcome.status == 1 && outcome.output == "")
      for text in ["no route to the index", "curl is not installed", "give its path instead"] {
        #expect(outcome.error.contains(text), "\(outcome.error)")
      }
      #expect(entries(store) == [])
    }
  }
}
