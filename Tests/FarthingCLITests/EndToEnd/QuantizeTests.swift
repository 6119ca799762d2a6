import Foundation
import Testing

/// `quantize` as people run it, and what it leaves when it is stopped.
@Suite struct QuantizeTests {
  private let folder: URL
  private static let model = BuiltBinary.root.appending(path: "weights/gutenberg-4m").path

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "farthing-quantize-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func path(_ name: String) -> String { folder.appending(path: name).path }

  private var contents: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  }

  private func clean() { try? FileManager.default.removeItem(at: folder) }

  private func json(_ outcome: Outcome) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
  }

  @Test func aFolderBecomesAFileThatRuns() throws {
    defer { clean() }
    let done = try json(try BuiltBinary.farthing("quantize", Self.model, path("m.gguf"), "--type", "q8_0", "--json"))
    #expect(done["parameters"] as? Int == 4_196_608 && done["type"] as? String == "Q8_0")
    let size = try FileManager.default.attributesOfItem(atPath: path("m.gguf"))[.size] as? Int
    #expect(done["bytes"] as? Int == size)
    let tensors = try #require(done["tensors"] as? [[String: Any]])
    #expect(tensors.count == 38)
    #expect(contents == ["m.gguf"])
    let run = try json(
      try BuiltBinary.farthing(
        "run", "-m", path("m.gguf"), "--raw", "-n", "4", "--temp", "0", "--json", "It is a truth"))
    let direct = try json(
      try BuiltBinary.farthing("run", "-m", Self.model, "--raw", "-n", "4", "--temp", "0", "--json", "It is a truth"))
    #expect(run["prompt_tokens"] as? Int == direct["prompt_tokens"] as? Int)
    #expect((run["token_ids"] as? [Int])?.count == 4 && (direct["token_ids"] as? [Int])?.count == 4)
    let shown = try json(try BuiltBinary.farthing("inspect", Self.model, "--json"))
    #expect((shown["metadata"] as? [String: Any])?["tokenizer.ggml.pre"] as? String == "gpt-2")
  }

  @Test func peopleSeeATable() throws {
    defer { clean() }
    let done = try BuiltBinary.farthing(
      "quantize", Self.model, path("m.gguf"), "--type", "F16", "--tensor-type", "ffn_down=Q8_0")
    #expect(done.status == 0 && done.error.isEmpty)
    #expect(done.output.contains("relative RMSE") && done.output.contains("bits per weight"))
    let line = try #require(done.output.split(separator: "\n").first { $0.contains("blk.0.ffn_down") })
    #expect(line.contains("BF16") && line.contains("Q8_0"))
  }

  @Test func badCommandLinesSayWhy() throws {
    defer { clean() }
    for (words, says) in [
      (["--type", "Q9"], "Q4_K_M"), ([], "--type"), (["--type", "F16", "--tensor-type", "x"], "REGEX=TYPE"),
      (["--type", "F16", "--tensor-type", "(=F16"], "regular expression"),
    ] {
      let outcome = try BuiltBinary.run(BuiltBinary.path, ["quantize", Self.model, path("m.gguf")] + words)
      #expect(outcome.status == 2 && outcome.errorLines.count == 1 && outcome.error.contains(says), "\(outcome.error)")
    }
    let absent = try BuiltBinary.farthing("quantize", path("absent"), path("m.gguf"), "--type", "F16")
    #expect(absent.status == 1 && absent.errorLines.count == 1)
    #expect(contents.isEmpty)
  }

  /// As on a disk that fills up half way: with a limit on the bytes of a file.
  @Test(arguments: ["F32 --method auto", "Q8_0 --method search", "Q8_0 --method compensate --calibration-tokens 256"])
  func aFileThatMayNotGrowLeavesNothing(type: String) throws {
    defer { clean() }
    let outcome = try BuiltBinary.shell(
      "ulimit -f 1000; exec $F quantize '\(Self.model)' '\(path("m.gguf"))' --type \(type)")
    #expect(outcome.status == 1 && outcome.errorLines.count == 1, "\(outcome.error)")
    #expect(outcome.error.contains("File too large"), "\(outcome.error)")
    #expect(contents.isEmpty)
  }

  /// The input stays whole, whatever path leads to it.
  @Test func theOutputIsNotTheInput() throws {
    defer { clean() }
    let made = try BuiltBinary.farthing("quantize", Self.model, path("in.gguf"), "--type", "F16")
    try #require(made.status == 0, "\(made.error)")
    let before = try Data(contentsOf: URL(filePath: path("in.gguf")))
    try FileManager.default.createSymbolicLink(atPath: path("soft.gguf"), withDestinationPath: path("in.gguf"))
    try FileManager.default.linkItem(atPath: path("in.gguf"), toPath: path("hard.gguf"))
    for (method, output) in [("search", "in"), ("search", "soft"), ("compensate", "hard"), ("auto", "soft")] {
      let outcome = try BuiltBinary.farthing(
        "quantize", path("in.gguf"), path(output + ".gguf"), "--type", "Q4_0", "--method", method,
        "--calibration-tokens", "256")
      #expect(outcome.status == 1 && outcome.error.contains("the output is the input"), "\(outcome.error)")
    }
    #expect(try Data(contentsOf: URL(filePath: path("in.gguf"))) == before)
    #expect(contents == ["hard.gguf", "in.gguf", "soft.gguf"])
  }

  @Test func whatIsReadOnlyStays() throws {
    defer { clean() }
    try Data("mine".utf8).write(to: URL(filePath: path("m.gguf")))
    try FileManager.default.setAttributes([.posixPermissions: 0o444], ofItemAtPath: path("m.gguf"))
    for method in ["search", "compensate"] {
      let outcome = try BuiltBinary.farthing(
        "quantize", Self.model, path("m.gguf"), "--type", "Q4_0", "--method", method, "--calibration-tokens", "256")
      #expect(outcome.status == 1 && outcome.error.contains("read-only"), "\(outcome.error)")
    }
    #expect(try String(contentsOfFile: path("m.gguf"), encoding: .utf8) == "mine" && contents == ["m.gguf"])
  }

  // MARK: Stopped half way

  /// A folder whose matrices are so large that converting them takes a while, and which takes no room on the disk.
  private func largeModel() throws -> String {
    let model = folder.appending(path: "large")
    try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
    let (hidden, wide) = (64, 1 << 20)
    let config =
      #"{"architectures":["LlamaForCausalLM"],"hidden_size":64,"num_hidden_layers":1,"num_attention_heads":1,"#
      + #""intermediate_size":1048576,"vocab_size":4096,"max_position_embeddings":64,"tie_word_embeddings":true}"#
    try Data(config.utf8).write(to: model.appending(path: "config.json"))
    for name in ["tokenizer.json", "tokenizer_config.json"] {
      try FileManager.default.copyItem(atPath: Self.model + "/" + name, toPath: model.appending(path: name).path)
    }
    let layer = "model.layers.0."
    var (members, place): ([String], Int) = ([], 0)
    for (name, shape) in [
      ("model.embed_tokens", [4096, hidden]), (layer + "input_layernorm", [hidden]),
      (layer + "post_attention_layernorm", [hidden]), (layer + "self_attn.q_proj", [hidden, hidden]),
      (layer + "self_attn.k_proj", [hidden, hidden]), (layer + "self_attn.v_proj", [hidden, hidden]),
      (layer + "self_attn.o_proj", [hidden, hidden]), (layer + "mlp.gate_proj", [wide, hidden]),
      (layer + "mlp.up_proj", [wide, hidden]), (layer + "mlp.down_proj", [hidden, wide]), ("model.norm", [hidden]),
    ] {
      let end = place + 2 * shape.reduce(1, *)
      members.append(#""\#(name).weight":{"dtype":"BF16","shape":\#(shape),"data_offsets":[\#(place),\#(end)]}"#)
      place = end
    }
    let header = Array("{\(members.joined(separator: ","))}".utf8)
    let path = model.appending(path: "model.safetensors")
    try Data((0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header).write(to: path)
    let file = try FileHandle(forWritingTo: path)
    try file.truncate(atOffset: UInt64(8 + header.count + place))
    try file.close()
    return model.path
  }

  /// Starts a conversion, sends it a signal as soon as it has begun to write, and returns its exit status. Signals that
  /// the test runner ignores would stay ignored: `env` puts them back.
  private func stop(_ model: String, with signal: String) throws -> Int32 {
    let outcome = try BuiltBinary.shell(
      """
      env --default-signal $F quantize '\(model)' '\(path("m.gguf"))' --type Q8_0 &
      pid=$!
      while kill -0 $pid 2>/dev/null; do
        for file in '\(folder.path)'/m.gguf.farthing-partial-*; do
          [ -s "$file" ] && kill -\(signal) $pid && break 2
        done
      done
      wait $pid
      exit $?
      """)
    return outcome.status
  }

  @Test(arguments: ["TERM", "HUP"]) func aSignalLeavesNoHalfFile(signal: String) throws {
    defer { clean() }
    let model = try largeModel()
    let status = try stop(model, with: signal)
    #expect(status == 130)
    #expect(contents == ["large"])
  }

  @Test func whatAKilledOneLeftGoesNextTime() throws {
    defer { clean() }
    let model = try largeModel()
    #expect(try stop(model, with: "KILL") == 137)
    #expect(contents.count == 2 && contents[1].hasPrefix("m.gguf.farthing-partial-"))
    let next = try BuiltBinary.farthing("quantize", Self.model, path("m.gguf"), "--type", "F16")
    #expect(next.status == 0)
    #expect(contents == ["large", "m.gguf"])
  }
}
