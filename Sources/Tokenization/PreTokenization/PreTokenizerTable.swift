/// How a named kind of byte-level vocabulary treats a text before its merges.
struct PreTokenizerRecipe: Sendable, Equatable {
  /// The patterns of the passes, in the order in which they cut.
  var passes: [String]
  /// The normal form that the text is brought into first.
  var form: NormalForm?
  /// A word that is itself a token becomes that token, whatever the merges say.
  var takesWholeWords = false
  /// The default where a GGUF file has no `add_bos_token`.
  var addsBOS = false
}

/// The patterns that `tokenizer.ggml.pre` names.
///
/// The names are llama.cpp's, whose converter derives them from a model's `tokenizer.json`; the patterns and the normal
/// form are those of that `tokenizer.json`, as the Hugging Face library runs it.
enum PreTokenizerTable {
  /// The recipe of a name, or nil for a name that is not known.
  static func recipe(named name: [UInt8]) -> PreTokenizerRecipe? {
    // Compared as bytes: `String` equality would accept other spellings.
    for (names, recipe) in entries where names.contains(where: { $0.utf8.elementsEqual(name) }) { return recipe }
    return nil
  }

  static let gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let spaces = #"\s*[\r\n]+|\s+(?!\S)|\s+"#
  static let llama3 = contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + spaces
  static let qwen2 = contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + spaces
  private static let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
  private static let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
  private static let lead = #"[^\r\n\p{L}\p{N}]?"#
  static let tekken =
    lead + upper + "*" + lower + "+|" + lead + upper + "+" + lower + #"*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"# + spaces
  static let gpt4o =
    lead + upper + "*" + lower + "+" + contractions + "?|" + lead + upper + "+" + lower + "*" + contractions
    + #"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"# + spaces
  static let digit = #"\p{N}"#
  private static let eastAsian = "[一-龥ࠀ-一가-퟿]+"

  private static let deepseekLetters =
    #"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚ"#
    + "Ḁ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿ"
    + "ﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+"

  private static let entries: [(names: [String], recipe: PreTokenizerRecipe)] = [
    (["gpt-2", "gpt2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de"], PreTokenizerRecipe(passes: [gpt2])),
    (["mpt", "olmo"], PreTokenizerRecipe(passes: [gpt2], form: .nfc)),
    (["smollm", "starcoder", "refact"], PreTokenizerRecipe(passes: [digit, gpt2])),
    (["command-r"], PreTokenizerRecipe(passes: [digit, gpt2], form: .nfc)),
    (
      ["llama-bpe", "llama3", "llama-v3"],
      PreTokenizerRecipe(passes: [llama3], takesWholeWords: true, addsBOS: true)
    ),
    (["qwen2"], PreTokenizerRecipe(passes: [qwen2], form: .nfc)),
  ]
}
