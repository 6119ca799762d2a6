import HostileFiles
import Testing

@testable import ModelFiles

@Suite struct SafetensorsHostileTests {
  @Test func theSmallModelIsRead() throws {
    let file = try open(FolderBuilder())
    #expect(file.isFolder && file.tensors.count == 11)
  }

  @Test func filesThatAreTooShort() {
    for count in 0..<8 {
      var folder = FolderBuilder()
      folder.files["model.safetensors"] = [UInt8](repeating: 0, count: count)
      #expect(refusal(of: folder)?.kind == .truncated)
    }
  }

  @Test func everyCutIsRefused() throws {
    let whole = try #require(FolderBuilder().contents["model.safetensors"])
    for count in 0..<whole.count {
      var folder = FolderBuilder()
      folder.files["model.safetensors"] = Array(whole.prefix(count))
      #expect(refusal(of: folder) != nil, "cut to \(count) bytes")
    }
    var folder = FolderBuilder()
    folder.files["model.safetensors"] = whole + [0]
    #expect(refusal(of: folder)?.kind == .malformed)
  }

  @Test func lengthsOfTheHeader() throws {
    let whole = try #require(FolderBuilder().contents["model.safetensors"])
    for (bytes, kind) in [
      ([255, 255, 255, 255, 255, 255, 255, 255], ModelFileError.Kind.limit),
      ([0, 0, 0, 0, 0, 0, 0, 128], .limit), ([1, 225, 245, 5, 0, 0, 0, 0], .limit),
      ([0, 225, 245, 5, 0, 0, 0, 0], .truncated),
      ([0, 0, 0, 0, 0, 0, 0, 0], .malformed), ([1, 0, 0, 0, 0, 0, 0, 0], .malformed),
    ] as [([UInt8], ModelFileError.Kind)] {
      var folder = FolderBuilder()
      folder.files["model.safetensors"] = bytes + whole.dropFirst(8)
      #expect(refusal(of: folder)?.kind == kind, "\(bytes)")
    }
  }

  @Test(arguments: [
    ("[]", "JSON object"), ("{", "JSON"), (#"{"x":1}"#, "object"), (#"{"x":{}}"#, "dtype"),
    (#"{"x":{"dtype":"U8"}}"#, "shape"), (#"{"x":{"dtype":"U8","shape":[4]}}"#, "data_offsets"),
    (#"{"x":{"dtype":"Q4","shape":[4],"data_offsets":[0,4]}}"#, "Q4"),
    (#"{"x":{"dtype":3,"shape":[4],"data_offsets":[0,4]}}"#, "string"),
    (#"{"x":{"dtype":"U8","shape":4,"data_offsets":[0,4]}}"#, "array"),
    (#"{"x":{"dtype":"U8","shape":["4"],"data_offsets":[0,4]}}"#, "integer"),
    (#"{"x":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}}"#, "extent -4"),
    (#"{"x":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}}"#, "integer"),
    (#"{"x":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#, "2^63"),
    (#"{"x":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}}"#, "2^63"),
    (#"{"x":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,4]}}"#, "JSON"),
    (#"{"x":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,4]}}"#, "8 dimensions"),
    (#"{"x":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}}"#, "in order"),
    (#"{"x":{"dtype":"U8","shape":[4],"data_offsets":[-4,0]}}"#, "in order"),
    (#"{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}}"#, "two"),
    (#"{"x":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#, "8 bytes"),
    (#"{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,9223372036854775807]}}"#, "9223372036854775807 bytes"),
    (#"{"x":{"dtype":"U8","shape":[3],"data_offsets":[0,4]}}"#, "3 bytes"),
    (#"{"x":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}}"#, "a gap"),
    (#"{"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#, "end of the file"),
    (
      #"{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#,
      "JSON"
    ),
    (
      #"{"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"y":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
      "another tensor"
    ),
    (#"{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"y":null}"#, "missing"),
  ])
  func headersThatNoSoundFileHas(header: String, says: String) throws {
    let error = try #require(refusal(ofHeader: header))
    #expect(error.description.contains(says), "\(error)")
    #expect(error.path == "folder/model.safetensors")
  }

  @Test func deepAndLongHeaders() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(refusal(ofHeader: #"{"x":"# + deep)?.kind == .malformed)
    let name = String(repeating: "n", count: 1_025)
    #expect(refusal(ofHeader: #"{"\#(name)":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#)?.kind == .limit)
  }

  @Test func randomDamageNeverTraps() throws {
    let whole = try #require(FolderBuilder().contents["model.safetensors"])
    let config = try #require(FolderBuilder().contents["config.json"])
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<3_000 {
      var folder = FolderBuilder()
      var (bytes, text) = (whole, config)
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        bytes[Int.random(in: 0..<1_400, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
      if Bool.random(using: &generator) {
        text[Int.random(in: 0..<text.count, using: &generator)] = UInt8.random(in: 32..<127, using: &generator)
      }
      (folder.files["model.safetensors"], folder.files["config.json"]) = (bytes, text)
      guard let file = try? open(folder) else { continue }
      for tensor in file.tensors { _ = try rows(file, tensor.name) }
    }
  }

  // MARK: Several files

  /// The small model in two files, with an index.
  private func sharded() -> FolderBuilder {
    var folder = FolderBuilder()
    let halves = [Array(folder.tensors.prefix(4)), Array(folder.tensors.dropFirst(4))]
    var map: [String] = []
    for (number, half) in halves.enumerated() {
      let name = "model-0000\(number + 1)-of-00002.safetensors"
      folder.files[name] = FolderBuilder.safetensors(half)
      map += half.map { #""\#($0.name)":"\#(name)""# }
    }
    folder.files["model.safetensors.index.json"] = Array(#"{"weight_map":{\#(map.joined(separator: ","))}}"#.utf8)
    return folder
  }

  private func contents(_ folder: FolderBuilder) -> [String: [UInt8]] {
    folder.contents.filter { $0.key != "model.safetensors" }
  }

  @Test func shardsGiveTheSameModel() throws {
    let (one, two) = (try open(FolderBuilder()), try open(contents(sharded())))
    #expect(one.tensors.map(\.name) == two.tensors.map(\.name))
    for tensor in one.tensors { #expect(try rows(one, tensor.name) == rows(two, tensor.name)) }
  }

  @Test func indexesThatLie() throws {
    var folder = sharded()
    folder.files["model-00002-of-00002.safetensors"] = nil
    let missing = try #require(refusal(of: contents(folder)))
    #expect(missing.kind == .missing && missing.expected.contains("model-00002-of-00002.safetensors"))
    for (name, says) in [
      ("../other", "this folder"), ("..", "this folder"), ("", "this folder"), ("/etc/passwd", "this folder"),
    ] {
      folder = sharded()
      folder.files["model.safetensors.index.json"] = Array(#"{"weight_map":{"x":"\#(name)"}}"#.utf8)
      #expect(try #require(refusal(of: contents(folder))).description.contains(says))
    }
    folder = sharded()
    folder.files["model-00002-of-00002.safetensors"] = folder.files["model-00001-of-00002.safetensors"]
    #expect(try #require(refusal(of: contents(folder))).description.contains("index.json promises"))
    for text in ["[]", #"{"weight_map":[]}"#, #"{"weight_map":{"x":1}}"#, "{}", #"{"weight_map":{}}"#] {
      folder.files["model.safetensors.index.json"] = Array(text.utf8)
      #expect(refusal(of: contents(folder)) != nil, "\(text)")
    }
  }

  @Test func aTensorInTwoFiles() throws {
    var folder = sharded()
    folder.files["model-00002-of-00002.safetensors"] = FolderBuilder.safetensors(Array(folder.tensors.dropFirst(3)))
    let error = try #require(refusal(of: contents(folder)))
    #expect(error.description.contains("twice") && error.key == "model.layers.0.self_attn.k_proj.weight")
  }
}
