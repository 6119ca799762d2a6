import Foundation
import HostileFiles
import ModelFiles
import NumericsSupport
import Testing

/// What the program holds in memory at most, by the kernel's own count.
@Suite(.serialized) struct MemoryTests {
  private static let mega = 1_000_000

  /// Runs `farthing` and looks at VmHWM until it ends.
  private func peak(
    _ words: [String], environment: [String: String] = [:]
  ) throws -> (outcome: Outcome, seenBytes: Int) {
    let environment = environment.merging(["F": BuiltBinary.path]) { given, _ in given }
    // The last look may miss what comes in the last moments; what the program says of itself has it.
    let script = """
      "$F" "$@" >"$O" & child=$!
      while status=$(grep VmHWM /proc/$child/status 2>/dev/null); do seen=$status; sleep 0.01; done
      wait $child || exit $?
      echo $seen
      """
    let file = FileManager.default.temporaryDirectory.appending(path: "farthing-" + UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: file) }
    let outcome = try BuiltBinary.run(
      "/bin/bash", ["-c", script, "farthing"] + words,
      environment: environment.merging(["O": file.path]) { given, _ in given })
    let kilobytes = outcome.output.split(separator: " ").compactMap { Int($0) }.first
    let output = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    let child = Outcome(status: outcome.status, output: output, error: outcome.error)
    return (child, try #require(kilobytes, "\(outcome)") * 1024)
  }

  private func memory(_ outcome: Outcome) throws -> (weights: Int, kv: Int, peak: Int) {
    let memory = try #require(try json(outcome)["memory"] as? [String: Int])
    return (
      try #require(memory["weights_bytes"]), try #require(memory["kv_bytes"]), try #require(memory["peak_rss_bytes"])
    )
  }

  @Test func aShortRunHoldsLittleMoreThanTheFile() throws {
    let path = try SmolLM2.path()
    let size = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    let (outcome, seen) = try peak(["run", "-m", path, "-n", "16", "--temp", "0", "--json", "Name three colours."])
    let said = try memory(outcome).peak
    print(
      "SmolLM2: peak of a short run \(said / Self.mega) MB, seen \(seen / Self.mega) MB, file \(size / Self.mega) MB")
    #expect(max(said, seen) < size + 60 * Self.mega)
    // What it says of itself is what the kernel says.
    #expect(seen > said / 2 && seen < said + 2 * Self.mega)
  }

  /// The very first run: a cache that is empty, a fetch, and the answer, in one process.
  @Test func soDoesTheFirstRunWithItsFetch() throws {
    let cached = try SmolLM2.path()
    let size = try #require(try FileManager.default.attributesOfItem(atPath: cached)[.size] as? Int)
    let model = try #require(ModelCatalogue.find("smollm2-135m"))
    let folder = FileManager.default.temporaryDirectory.appending(path: "farthing-" + UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    // A mirror of Hugging Face on this disk.
    for source in model.sources {
      guard case .huggingFace(let repository, let revision, let file) = source else { continue }
      let place = folder.appending(path: "hub/\(repository)/resolve/\(revision)")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(
        atPath: place.appending(path: file).path, withDestinationPath: cached)
    }
    let (outcome, seen) = try peak(
      ["run", "-n", "16", "--temp", "0", "--json", "Name three colours."],
      environment: [
        "FARTHING_CACHE": folder.appending(path: "cache").path, "FARTHING_MODEL_SOURCES": "huggingface",
        "HF_ENDPOINT": "file://" + folder.appending(path: "hub").path,
      ])
    #expect(outcome.error.contains("fetching smollm2-135m"), "\(outcome.error)")
    let said = try memory(outcome).peak
    print("SmolLM2: peak of the first run \(said / Self.mega) MB, seen \(seen / Self.mega) MB")
    #expect(max(said, seen) < size + 60 * Self.mega)
    #expect(try json(outcome)["model_sha256"] as? String == model.sha256.description)
  }

  /// A vocabulary of Gemma's size, nearly all of it control tokens, whose table is the largest there is.
  @Test func aLargeVocabularyTakesLittle() throws {
    let count = 262_144
    var file = GGUFBuilder.model("qwen2")
    let plain = ["a", "b", "ab"]
    let control = (plain.count..<count).map { "<|\($0)|>" }
    file.set("tokenizer.ggml.tokens", .strings(plain + control))
    file.set("tokenizer.ggml.token_type", .int32s(plain.map { _ in 1 } + control.map { _ in 3 }))
    file.set("tokenizer.ggml.merges", .strings(["a b"]))
    let rows = file.tensors.firstIndex { $0.name.elementsEqual("token_embd.weight".utf8) }
    let embedding = try #require(rows)
    let blockBytes = 34
    file.tensors[embedding] = .weights("token_embd.weight", [32, 0], .q8_0)
    file.tensors[embedding].dimensions = [32, UInt64(count)]
    file.tensors[embedding].data = [UInt8](repeating: 0, count: count * blockBytes)
    let path = FileManager.default.temporaryDirectory.appending(path: "farthing-" + UUID().uuidString + ".gguf")
    defer { try? FileManager.default.removeItem(at: path) }
    try Data(file.bytes).write(to: path)
    let (outcome, seen) = try peak(
      ["run", "-m", path.path, "-n", "16", "--ignore-eos", "--temp", "0", "--raw", "--json", "ab"])
    let (weights, kv, said) = try memory(outcome)
    let beyond = max(said, seen) - weights - kv
    print("a vocabulary of \(count) tokens: \(beyond / Self.mega) MB beyond weights and cache")
    #expect(beyond < 40 * Self.mega)
  }

  /// A text of more than a megabyte, of which little is scored: its tokens are all made.
  @Test func evalHoldsLittleBeyondWeightsAndCache() throws {
    let text = FileManager.default.temporaryDirectory.appending(path: "farthing-" + UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: text) }
    let part = try SmolLM2Text.text(chunks: 40)
    var long = Data()
    while long.count < 1_300_000 { long += part }
    try long.write(to: text)
    let (outcome, seen) = try peak(
      ["eval", "-m", try SmolLM2.path(), "-f", text.path, "-c", "512", "--chunks", "2", "--json"])
    let (weights, kv, said) = try memory(outcome)
    #expect(weights > 90 * Self.mega && kv > 10 * Self.mega)
    let beyond = max(said, seen) - weights - kv
    print("SmolLM2: eval holds \(beyond / Self.mega) MB beyond weights and cache")
    #expect(beyond < 64 * Self.mega)
  }
}

/// The text that the reference was made from, as far as its tokens are in the fixtures.
enum SmolLM2Text {
  static func text(chunks: Int) throws -> Data {
    let ids = try SmolLM2Reference.text().prefix(chunks * SmolLM2Reference.chunkLength + 20)
    let words = ids.map { "\($0)" }.joined(separator: " ")
    let outcome = try BuiltBinary.farthing("detokenize", "-m", try SmolLM2.path(), input: Array(words.utf8))
    try #require(outcome.status == 0, "\(outcome.error)")
    return Data(outcome.output.utf8)
  }
}
