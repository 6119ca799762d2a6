/// The patterns of the pre-tokenisers, byte for byte as models' `tokenizer.json` files have them: an imported file's
/// pattern is recognised by these texts.
enum PreTokenizerPatterns {
  static let gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let lead = #"[^\r\n\p{L}\p{N}]?"#
  private static let spaces = #"\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let signs = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|"#

  static let llama3 = contractions + "|" + lead + #"\p{L}+|\p{N}{1,3}"# + signs + spaces
  static let qwen2 = contractions + "|" + lead + #"\p{L}+|\p{N}"# + signs + spaces
  static let qwen2WithoutContractions = lead + #"\p{L}+|\p{N}"# + signs + spaces
  static let minicpm5 = contractions + "|" + lead + #"\p{L}+|\p{N}+"# + signs + spaces
  static let qwen35 =
    contractions + "|" + lead + #"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"# + spaces
  static let seedCoder =
    contractions + "|[^\r\n" + #"\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}"# + "\r\n" + #"]+|\s*["# + "\r\n"
    + #"]+|\s+(?!\S)|\s+"#
  static let jais2 =
    contractions + "|" + lead + #"\p{L}+|\p{N}{1,3}"# + signs + #"\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|"#
    + #"\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}"#
  static let bailing =
    #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|"#
    + #"\s+(?!\S)|\s+"#
  static let exaoneMoE =
    contractions + "|" + lead + #"(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|"#
    + #"\s*[\r\n]|\s+(?!\S)|\s+"#

  private static let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
  private static let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
  private static let signsWithSlash = #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|"#
  static let tekken =
    lead + upper + "*" + lower + "+|" + lead + upper + "+" + lower + #"*|\p{N}"# + signsWithSlash + spaces
  static let gpt4o =
    lead + upper + "*" + lower + "+" + contractions + "?|" + lead + upper + "+" + lower + "*" + contractions
    + #"?|\p{N}{1,3}"# + signsWithSlash + spaces

  static let digit = #"\p{N}"#
  static let digits = #"\p{N}+"#
  static let threeASCIIDigits = "[0-9][0-9][0-9]"
  static let threeDigits = #"\p{N}{1,3}"#
  /// The brackets within brackets are Oniguruma's union; PCRE2 gets them spelt out.
  static let bloom = #" ?[^(\s|[.,!?…。，、।۔،])]+"#

  private static let eastAsian = "[一-龥ࠀ-一가-퟿]+"
  /// Latin, Greek, Cyrillic, Armenian, Georgian, Cherokee and a few more, by name.
  private static let casedLetters =
    #"\s?["#
    + "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅ"
    + "ὐ-ὗὙὛὝὟ-\u{1F7D}ᾀ-ᾴᾶ-ᾼ\u{1FBE}ῂ-ῄῆ-ῌῐ-\u{1FD3}ῖ-\u{1FDB}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u{2126}ℨ"
    + "\u{212A}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
    + "]+"
  static let trailingSpace = #"\s+$"#
  static let deepseekLLM = [
    "[\r\n]", casedLetters, #"\s?[!-/:-~！-／：-～‘-‟　-。]+"#, trailingSpace, eastAsian, digit,
  ]
  static let deepseekCoder = ["[\r\n]", #"\s?\p{L}+"#, #"\s?\p{P}+"#, eastAsian, digit]
  private static let asciiThenLetters =
    ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^"## + "\r\n" + #"\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"#
    + #" ?[\p{P}\p{S}]+"#
  private static let chineseAndKana = "[一-龥぀-ゟ゠-ヿ]+"
  static let deepseekV3 = [
    threeDigits, chineseAndKana, asciiThenLetters + "[\r\n]*" + #"|\s*["# + "\r\n" + #"]+|\s+(?!\S)|\s+"#,
  ]
  static let spark = [threeDigits, chineseAndKana, asciiThenLetters + "|[\r\n]" + #"|\s+(?!\S)|\s+"#, digit]

  /// What the library's `Punctuation` splits at, in runs: ASCII punctuation, and category P as its table of Unicode 8
  /// has it (two characters have left the category since, and 104 have come).
  static let punctuation = "<punctuation of Unicode 8>"

  /// Whether every text is a row of matches of this pattern, with nothing between them.
  static func covers(_ pattern: String) -> Bool {
    [gpt2, llama3, qwen2, qwen2WithoutContractions, qwen35, minicpm5, gpt4o, tekken].contains {
      $0.utf8.elementsEqual(pattern.utf8)
    }
  }

  /// What PCRE2 is given for a pattern: the same cuts, in its own syntax and in linear time.
  static func compilable(_ pattern: String) -> String {
    switch pattern {
    case bloom: return #" ?[^(\s|.,!?…。，、।۔،)]+"#
    // Tried at each space of a run, `\s+$` would read the rest of it every time.
    case trailingSpace: return #"(?<!\s)\s++\z"#
    // Letters with their marks, and single spaces between them, without a group within a group.
    case exaoneMoE:
      return contractions + "|" + lead + #"\p{L}[\p{L}\p{M}]*+(?: \p{L}[\p{L}\p{M}]*+)*+|\p{N}|"#
        + #" ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"#
    case punctuation: return punctuationOfUnicode8
    default: return pattern
    }
  }

  /// ASCII punctuation and the categories P of Unicode 8, as the library's own table has them.
  private static let punctuationOfUnicode8 =
    #"[\x{21}-\x{2F}\x{3A}-\x{40}\x{5B}-\x{60}\x{7B}-\x{7E}\x{A1}\x{A7}\x{AB}\x{B6}-\x{B7}\x{BB}\x{BF}"#
    + #"\x{37E}\x{387}\x{55A}-\x{55F}\x{589}-\x{58A}\x{5BE}\x{5C0}\x{5C3}\x{5C6}\x{5F3}-\x{5F4}"#
    + #"\x{609}-\x{60A}\x{60C}-\x{60D}\x{61B}\x{61E}-\x{61F}\x{66A}-\x{66D}\x{6D4}\x{700}-\x{70D}"#
    + #"\x{7F7}-\x{7F9}\x{830}-\x{83E}\x{85E}\x{964}-\x{965}\x{970}\x{AF0}\x{DF4}\x{E4F}\x{E5A}-\x{E5B}"#
    + #"\x{F04}-\x{F12}\x{F14}\x{F3A}-\x{F3D}\x{F85}\x{FD0}-\x{FD4}\x{FD9}-\x{FDA}\x{104A}-\x{104F}"#
    + #"\x{10FB}\x{1360}-\x{1368}\x{1400}\x{166D}-\x{166E}\x{169B}-\x{169C}\x{16EB}-\x{16ED}"#
    + #"\x{1735}-\x{1736}\x{17D4}-\x{17D6}\x{17D8}-\x{17DA}\x{1800}-\x{180A}\x{1944}-\x{1945}"#
    + #"\x{1A1E}-\x{1A1F}\x{1AA0}-\x{1AA6}\x{1AA8}-\x{1AAD}\x{1B5A}-\x{1B60}\x{1BFC}-\x{1BFF}"#
    + #"\x{1C3B}-\x{1C3F}\x{1C7E}-\x{1C7F}\x{1CC0}-\x{1CC7}\x{1CD3}\x{2010}-\x{2027}\x{2030}-\x{2043}"#
    + #"\x{2045}-\x{2051}\x{2053}-\x{205E}\x{207D}-\x{207E}\x{208D}-\x{208E}\x{2308}-\x{230B}"#
    + #"\x{2329}-\x{232A}\x{2768}-\x{2775}\x{27C5}-\x{27C6}\x{27E6}-\x{27EF}\x{2983}-\x{2998}"#
    + #"\x{29D8}-\x{29DB}\x{29FC}-\x{29FD}\x{2CF9}-\x{2CFC}\x{2CFE}-\x{2CFF}\x{2D70}\x{2E00}-\x{2E2E}"#
    + #"\x{2E30}-\x{2E42}\x{3001}-\x{3003}\x{3008}-\x{3011}\x{3014}-\x{301F}\x{3030}\x{303D}\x{30A0}"#
    + #"\x{30FB}\x{A4FE}-\x{A4FF}\x{A60D}-\x{A60F}\x{A673}\x{A67E}\x{A6F2}-\x{A6F7}\x{A874}-\x{A877}"#
    + #"\x{A8CE}-\x{A8CF}\x{A8F8}-\x{A8FA}\x{A8FC}\x{A92E}-\x{A92F}\x{A95F}\x{A9C1}-\x{A9CD}"#
    + #"\x{A9DE}-\x{A9DF}\x{AA5C}-\x{AA5F}\x{AADE}-\x{AADF}\x{AAF0}-\x{AAF1}\x{ABEB}\x{FD3E}-\x{FD3F}"#
    + #"\x{FE10}-\x{FE19}\x{FE30}-\x{FE52}\x{FE54}-\x{FE61}\x{FE63}\x{FE68}\x{FE6A}-\x{FE6B}"#
    + #"\x{FF01}-\x{FF03}\x{FF05}-\x{FF0A}\x{FF0C}-\x{FF0F}\x{FF1A}-\x{FF1B}\x{FF1F}-\x{FF20}"#
    + #"\x{FF3B}-\x{FF3D}\x{FF3F}\x{FF5B}\x{FF5D}\x{FF5F}-\x{FF65}\x{10100}-\x{10102}\x{1039F}\x{103D0}"#
    + #"\x{1056F}\x{10857}\x{1091F}\x{1093F}\x{10A50}-\x{10A58}\x{10A7F}\x{10AF0}-\x{10AF6}"#
    + #"\x{10B39}-\x{10B3F}\x{10B99}-\x{10B9C}\x{11047}-\x{1104D}\x{110BB}-\x{110BC}\x{110BE}-\x{110C1}"#
    + #"\x{11140}-\x{11143}\x{11174}-\x{11175}\x{111C5}-\x{111C9}\x{111CD}\x{111DB}\x{111DD}-\x{111DF}"#
    + #"\x{11238}-\x{1123D}\x{112A9}\x{114C6}\x{115C1}-\x{115D7}\x{11641}-\x{11643}\x{1173C}-\x{1173E}"#
    + #"\x{12470}-\x{12474}\x{16A6E}-\x{16A6F}\x{16AF5}\x{16B37}-\x{16B3B}\x{16B44}\x{1BC9F}"#
    + #"\x{1DA87}-\x{1DA8B}]+"#
}
