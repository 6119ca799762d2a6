import HostileFiles
import Testing

@testable import ModelFiles

@Suite struct FolderConfigTests {
  private func changed(_ change: (inout FolderBuilder) -> Void) throws -> ModelFileError {
    var folder = FolderBuilder()
    change(&folder)
    return try #require(refusal(of: folder))
  }

  @Test func bothSpellingsSayTheSame() throws {
    let scaling =
      #""rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"#
      + #""original_max_position_embeddings":32"#
    var (four, five) = (FolderBuilder(), FolderBuilder())
    four.set("rope_theta", "500000.0")
    four.set("rope_scaling", "{\(scaling)}")
    four.set("torch_dtype", #""bfloat16""#)
    five.set("rope_theta", nil)
    five.set("rope_parameters", #"{"rope_theta":500000.0,\#(scaling)}"#)
    five.set("dtype", #""bfloat16""#)
    let (old, new) = (try open(four), try open(five))
    #expect(old.metadata.keys == new.metadata.keys)
    #expect(try new.metadata.float("llama.rope.freq_base") == 500_000)
    #expect(try rows(old, "rope_freqs.weight") == rows(new, "rope_freqs.weight"))
    #expect(try new.loadable("rope_freqs.weight").columns == 2)
    // The oldest spelling names the type "type".
    four.set("rope_scaling", #"{"type":"linear","factor":4.0}"#)
    #expect(try open(four).metadata.string("llama.rope.scaling.type") == "linear")
    #expect(try open(four).metadata.float("llama.rope.scaling.factor") == 4)
  }

  @Test func rowsThatRopeTurnsAreInterleaved() throws {
    let builder = FolderBuilder()
    let file = try open(builder)
    let source = builder.tensors[2].bytes
    let found = try rows(file, "blk.0.attn_q.weight")
    // Two heads of four rows: 0 2 1 3 of each.
    for (row, place) in [0, 2, 1, 3, 4, 6, 5, 7].enumerated() {
      #expect(found[row] == Array(source[place * 16..<place * 16 + 16]))
    }
    #expect(try rows(file, "blk.0.attn_v.weight").flatMap(\.self) == builder.tensors[4].bytes)
  }

  @Test func vectorsAreF32() throws {
    let file = try open(FolderBuilder())
    let norm = try file.loadable("output_norm.weight")
    #expect(norm.type == .f32 && norm.columns == 8 && norm.rows == 1)
    let bytes = FolderBuilder().tensors[10].bytes
    let values = try rows(file, "output_norm.weight")[0]
    #expect(Array(values[4..<8]) == [0, 0] + Array(bytes[2..<4]))
  }

  @Test func whatIsMissingIsNamed() throws {
    for name in ["model.layers.0.mlp.up_proj.weight", "model.embed_tokens.weight", "model.norm.weight"] {
      let error = try changed { $0.tensors.removeAll { $0.name == name } }
      #expect(error.kind == .missing && error.key == name)
    }
    let untied = try changed { $0.set("tie_word_embeddings", "false") }
    #expect(untied.kind == .missing && untied.key == "lm_head.weight")
    for key in [
      "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size", "architectures",
    ] {
      let error = try changed { $0.set(key, nil) }
      #expect(error.kind == .missing && error.key == "$." + key, "\(error)")
    }
    let empty = try #require(refusal(of: [:] as [String: [UInt8]]))
    #expect(empty.kind == .missing && empty.expected.contains("config.json"))
    var folder = FolderBuilder().contents
    folder["model.safetensors"] = nil
    #expect(try #require(refusal(of: folder)).expected.contains("model.safetensors.index.json"))
  }

  @Test(arguments: [
    ("architectures", #"["FalconForCausalLM"]"#, "FalconForCausalLM"), ("architectures", "[]", "no such key"),
    ("architectures", #""LlamaForCausalLM""#, "array"), ("hidden_size", "0", "1 to"), ("hidden_size", "-8", "1 to"),
    ("hidden_size", "8.5", "integer"), ("hidden_size", "16", "shape"), ("num_attention_heads", "99999999", "1 to"),
    ("head_dim", "3", "even"), ("num_hidden_layers", "1000000", "1 to"), ("num_hidden_layers", "2", "model.layers.1."),
    ("vocab_size", "6", "[6, 8]"), ("hidden_act", #""gelu""#, "gelu"), ("rope_theta", "0", "number from"),
    ("rope_scaling", #"{"rope_type":"yarn","factor":4.0}"#, "yarn"), ("rope_scaling", "[]", "object"),
    ("rope_scaling", #"{"rope_type":"linear"}"#, "factor"), ("quantization_config", "{}", "quantised"),
    ("use_sliding_window", "true", "use_sliding_window"), ("partial_rotary_factor", "0.5", "partial_rotary_factor"),
    ("tie_word_embeddings", "1", "true or false"), ("text_config", "[]", "object"), ("rms_norm_eps", "2", "number"),
  ])
  func configurationsThatAreRefused(key: String, value: String, says: String) throws {
    let error = try changed { $0.set(key, value) }
    #expect(error.description.contains(says), "\(error)")
  }

  @Test func tensorsThatDoNotBelong() throws {
    let extra = try changed {
      $0.tensors.append(FolderBuilder.Tensor("model.layers.1.mlp.up_proj.weight", "BF16", [1], bytes: [0, 0]))
    }
    #expect(extra.kind == .unsupported && extra.key == "model.layers.1.mlp.up_proj.weight")
    let type = try changed {
      $0.tensors[0] = FolderBuilder.Tensor(
        "model.embed_tokens.weight", "I16", [5, 8], bytes: [UInt8](repeating: 0, count: 80))
    }
    #expect(type.kind == .unsupported && type.found == "I16")
    // Buffers of old files, and the head of a tied model, are passed over.
    var folder = FolderBuilder()
    folder.tensors.append(
      FolderBuilder.Tensor("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", [1], bytes: [0, 0, 0, 0]))
    folder.tensors.append(FolderBuilder.Tensor("lm_head.weight", "BF16", [1], bytes: [0, 0]))
    #expect(try open(folder).tensors.count == 11)
  }

  @Test func partsOfAModelThatSees() throws {
    var folder = FolderBuilder()
    folder.tensors = folder.tensors.map {
      FolderBuilder.Tensor("language_model." + $0.name, $0.type, $0.shape, bytes: $0.bytes)
    }
    folder.tensors.append(FolderBuilder.Tensor("vision_tower.x", "BF16", [1], bytes: [0, 0]))
    #expect(try open(folder).tensors.count == 11)
  }

  @Test(arguments: [
    (96_000, "96K"), (4_196_608, "4.2M"), (134_515_008, "135M"), (1_700_000_000, "1.7B"), (9_960_000, "10M"),
    (999, "1.0K"),
  ])
  func sizesAsNamesHaveThem(parameters: Int, label: String) {
    #expect(HuggingFaceConfig.sizeLabel(parameters) == label)
  }
}
