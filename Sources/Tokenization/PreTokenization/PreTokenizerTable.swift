/// How a named kind of byte-level vocabulary treats a text before its merges.
struct PreTokenizerRecipe: Sendable, Equatable {
  /// The passes in the order in which they cut.
  var passes: [PreTokenizer.Rule]
  /// The normal form that the text is brought into first.
  var form: NormalForm?
  /// A word that is itself a token becomes that token, whatever the merges say.
  var takesWholeWords = false
  /// The default where a GGUF file has no `add_bos_token`.
  var addsBOS = false
}

/// The pre-tokenisers that `tokenizer.ggml.pre` names.
///
/// The names are llama.cpp's, whose converter gives them to a model by its `tokenizer.json`; patterns and normal form are
/// those of that `tokenizer.json`, as the Hugging Face library runs it. Not here, and so refused by name: kinds that
/// need more than patterns (kimi-k2, afmoe, superbpe, chameleon, tiny_aya, cohere2moe, laguna, youtu), and `default`,
/// which stands for a guess.
enum PreTokenizerTable {
  struct Entry: Sendable {
    let names: [String]
    let recipe: PreTokenizerRecipe
  }

  /// The recipe of a name, or nil for a name that is not known.
  static func recipe(named name: [UInt8]) -> PreTokenizerRecipe? {
    // Compared as bytes: `String` equality would accept other spellings.
    entries.first { $0.names.contains { $0.utf8.elementsEqual(name) } }?.recipe
  }

  /// The name of the first recipe that cuts like this, or nil.
  static func name(passes: [PreTokenizer.Rule], form: NormalForm?) -> String? {
    entries.first { $0.recipe.passes == passes && $0.recipe.form == form }?.names.first
  }

  /// The pattern with these bytes, if some recipe has it, so that it is known to be safe on every text.
  static func pattern(_ bytes: [UInt8]) -> String? {
    for entry in entries {
      for case .pattern(let pattern) in entry.recipe.passes where pattern.utf8.elementsEqual(bytes) { return pattern }
    }
    return nil
  }

  private static func recipe(
    _ patterns: [String], _ form: NormalForm? = nil, takesWholeWords: Bool = false, addsBOS: Bool = false
  ) -> PreTokenizerRecipe {
    PreTokenizerRecipe(
      passes: patterns.map { .pattern($0) }, form: form, takesWholeWords: takesWholeWords, addsBOS: addsBOS)
  }

  /// The first entry of those that cut alike is the one whose name an imported `tokenizer.json` gets.
  static let entries: [Entry] = [
    Entry(
      names: [
        "gpt-2", "gpt2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en", "jina-v2-code",
        "roberta-bpe", "gigachat", "a.x-4.0", "mellum", "modern-bert", "exaone4", "jais", "trillion",
        "granite-docling",
      ], recipe: recipe([PreTokenizerPatterns.gpt2])),
    Entry(names: ["mpt", "olmo"], recipe: recipe([PreTokenizerPatterns.gpt2], .nfc)),
    Entry(
      names: ["smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"],
      recipe: recipe([PreTokenizerPatterns.digit, PreTokenizerPatterns.gpt2])),
    Entry(names: ["command-r"], recipe: recipe([PreTokenizerPatterns.digit, PreTokenizerPatterns.gpt2], .nfc)),
    Entry(
      names: [
        "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano",
      ],
      recipe: recipe([PreTokenizerPatterns.llama3], takesWholeWords: true, addsBOS: true)),
    Entry(names: ["glm4", "glm5"], recipe: recipe([PreTokenizerPatterns.llama3], takesWholeWords: true)),
    Entry(names: ["dbrx", "smaug-bpe", "chatglm-bpe"], recipe: recipe([PreTokenizerPatterns.llama3])),
    Entry(names: ["qwen2", "deepseek-r1-qwen", "f2llmv2"], recipe: recipe([PreTokenizerPatterns.qwen2], .nfc)),
    Entry(
      names: ["stablelm2", "hunyuan", "solar-open", "megrez", "kormo", "grok-2"],
      recipe: recipe([PreTokenizerPatterns.qwen2])),
    Entry(names: ["qwen35"], recipe: recipe([PreTokenizerPatterns.qwen35])),
    Entry(names: ["deepseek-llm"], recipe: recipe(PreTokenizerPatterns.deepseekLLM)),
    Entry(names: ["deepseek-coder"], recipe: recipe(PreTokenizerPatterns.deepseekCoder)),
    Entry(
      names: ["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"], recipe: recipe(PreTokenizerPatterns.deepseekV3)),
    Entry(
      names: ["falcon"],
      recipe: PreTokenizerRecipe(passes: [
        .pattern(PreTokenizerPatterns.punctuation), .pattern(PreTokenizerPatterns.gpt2), .alphabetDigits,
        .pattern(PreTokenizerPatterns.threeASCIIDigits),
      ])),
    Entry(
      names: ["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], recipe: recipe([PreTokenizerPatterns.gpt4o])),
    Entry(names: ["granite-embed-multi-97m"], recipe: recipe([PreTokenizerPatterns.gpt4o], takesWholeWords: true)),
    Entry(names: ["tekken"], recipe: recipe([PreTokenizerPatterns.tekken], takesWholeWords: true, addsBOS: true)),
    Entry(names: ["poro-chat", "bloom", "gpt3-finnish"], recipe: recipe([PreTokenizerPatterns.bloom])),
    Entry(names: ["viking"], recipe: recipe([PreTokenizerPatterns.bloom, PreTokenizerPatterns.digit])),
    Entry(names: ["jais-2"], recipe: recipe([PreTokenizerPatterns.jais2])),
    Entry(
      names: ["bailingmoe", "bailingmoe2", "llada-moe"], recipe: recipe([PreTokenizerPatterns.bailing])),
    Entry(names: ["seed-coder"], recipe: recipe([PreTokenizerPatterns.seedCoder])),
    Entry(names: ["exaone-moe"], recipe: recipe([PreTokenizerPatterns.exaoneMoE])),
    Entry(names: ["ufakzeka"], recipe: recipe([PreTokenizerPatterns.qwen2WithoutContractions])),
    Entry(
      names: ["minicpm5"],
      recipe: recipe([PreTokenizerPatterns.threeDigits, PreTokenizerPatterns.minicpm5], takesWholeWords: true)),
    Entry(names: ["spark2_5"], recipe: recipe(PreTokenizerPatterns.spark)),
  ]
}
