/// What a `tokenizer.json` says should happen to a text before its merges and to the tokens after: read from its
/// `normalizer`, `pre_tokenizer`, `post_processor` and `decoder`. Only what is known to be done exactly is accepted.
struct TokenizerJSONPipeline {
  /// Deeper nests of sequences than this are refused.
  private static let maximumDepth = 8

  var form: NormalForm?
  /// The normaliser puts a space before each stretch.
  var prependsSpace = false
  /// The normaliser writes U+2581 for a space.
  var marksSpaces = false
  /// The passes of the pre-tokeniser, if it is of the byte-level kind.
  var rules: [PreTokenizer.Rule] = []
  var isByteLevel = false
  /// The byte-level pre-tokeniser puts a space before a stretch that has none.
  var addsPrefixSpace = false
  /// The pre-tokeniser writes U+2581 for a space, and may put one before.
  var metaspace: (prefix: TextModel.SpacePrefix, splits: Bool)?
  /// Some pass would cut at a space, which does nothing where spaces are written as U+2581.
  private var cutsAtPlainSpace = false
  /// Tokens that are put before and after a text; nil where nothing says.
  var before: [TokenID]?
  var after: [TokenID]?

  init(_ root: JSONValue) throws(TokenizerError) {
    if let normalizer = root["normalizer"] { try readNormalizer(normalizer, depth: 0) }
    if let preTokenizer = root["pre_tokenizer"] { try readPreTokenizer(preTokenizer, depth: 0) }
    if let processor = root["post_processor"] { try readPostProcessor(processor, depth: 0) }
    if let decoder = root["decoder"] { try readDecoder(decoder, depth: 0) }
    if isByteLevel {
      guard !prependsSpace, !marksSpaces, metaspace == nil, !cutsAtPlainSpace else {
        throw root.unsupported("a pre-tokeniser that works on bytes together with parts that mark spaces")
      }
    } else if !marksSpaces, metaspace == nil {
      throw TokenizerError(
        .unsupported, at: "$.pre_tokenizer", "neither of the byte-level kind nor one that marks spaces")
    }
  }

  private static func nested(_ value: JSONValue, _ key: String, _ depth: Int) throws(TokenizerError) -> [JSONValue] {
    guard depth < maximumDepth else {
      throw TokenizerError(.limitExceeded, at: value.path, "more than \(maximumDepth) levels of sequences")
    }
    return try value.required(key).elements()
  }

  private mutating func readNormalizer(_ value: JSONValue, depth: Int) throws(TokenizerError) {
    switch try value.type() {
    case "Sequence":
      for part in try Self.nested(value, "normalizers", depth) { try readNormalizer(part, depth: depth + 1) }
    case "NFC": try setForm(.nfc, value)
    case "NFKC": try setForm(.nfkc, value)
    case "Prepend":
      guard try value.required("prepend").bytes() == SpaceMark.bytes, !prependsSpace else {
        throw value.unsupported("a text to prepend other than one U+2581")
      }
      prependsSpace = true
    case "Replace":
      guard let pattern = try value.required("pattern")["String"], try pattern.bytes() == [0x20],
        try value.required("content").bytes() == SpaceMark.bytes
      else { throw value.unsupported("a replacement other than of spaces by U+2581") }
      marksSpaces = true
    case let type: throw value.unsupported("the normaliser '\(type)' is not known")
    }
  }

  private mutating func setForm(_ form: NormalForm, _ value: JSONValue) throws(TokenizerError) {
    guard self.form == nil, !prependsSpace, !marksSpaces else {
      throw value.unsupported("a normal form after another step of the normaliser")
    }
    self.form = form
  }

  private mutating func readPreTokenizer(_ value: JSONValue, depth: Int) throws(TokenizerError) {
    switch try value.type() {
    case "Sequence":
      for part in try Self.nested(value, "pretokenizers", depth) { try readPreTokenizer(part, depth: depth + 1) }
    case "ByteLevel":
      guard !isByteLevel else { throw value.unsupported("a second step to bytes") }
      isByteLevel = true
      addsPrefixSpace = try value.bool("add_prefix_space", default: true)
      guard !addsPrefixSpace || rules.isEmpty else {
        throw value.unsupported("a space put before pieces of the text, not before the text")
      }
      if try value.bool("use_regex", default: true) { rules.append(.pattern(PreTokenizerPatterns.gpt2)) }
    case "Split": try readSplit(value)
    case "Digits":
      let individual = try value.bool("individual_digits", default: false)
      switch (isByteLevel, individual) {
      case (false, true): rules.append(.pattern(PreTokenizerPatterns.digit))
      case (false, false): rules.append(.pattern(PreTokenizerPatterns.digits))
      case (true, false): rules.append(.alphabetDigits)
      case (true, true): throw value.unsupported("single digits after the step to bytes")
      }
    case "Punctuation":
      let behavior = try value["behavior"]?.text()
      guard !isByteLevel, behavior == "Contiguous" else {
        throw value.unsupported("punctuation that is cut otherwise than in runs of characters")
      }
      rules.append(.pattern(PreTokenizerPatterns.punctuation))
    case "Metaspace": try readMetaspace(value)
    case let type: throw value.unsupported("the pre-tokeniser '\(type)' is not known")
    }
  }

  private mutating func readSplit(_ value: JSONValue) throws(TokenizerError) {
    let behavior = try value.required("behavior").text()
    let inverts = try value.bool("invert", default: false)
    let pattern = try value.required("pattern")
    let expression = pattern["Regex"]
    let text = if let expression { try expression.bytes() } else { try pattern.required("String").bytes() }
    if text == [0x20] {
      cutsAtPlainSpace = true
      return
    }
    guard expression != nil, let known = PreTokenizerTable.pattern(text) else {
      throw value.unsupported(
        "the pattern \(String(decoding: text.prefix(400), as: UTF8.self).debugDescription) is not known")
    }
    // To keep the matches and remove the rest is to isolate them, where nothing is left over.
    let isolates = behavior == "Isolated" && !inverts
    let keeps = behavior == "Removed" && inverts && PreTokenizerPatterns.covers(known)
    guard isolates || keeps else { throw value.unsupported("the behaviour '\(behavior)' is not known here") }
    guard !isByteLevel || known == PreTokenizerPatterns.threeASCIIDigits else {
      throw value.unsupported("a pattern after the step to bytes")
    }
    rules.append(.pattern(known))
  }

  private mutating func readMetaspace(_ value: JSONValue) throws(TokenizerError) {
    guard metaspace == nil, rules.isEmpty, try value.required("replacement").bytes() == SpaceMark.bytes else {
      throw value.unsupported("a mark for spaces other than U+2581, or after other steps")
    }
    let scheme: String
    if let named = value["prepend_scheme"] {
      scheme = try named.text()
    } else {
      scheme = try value.bool("add_prefix_space", default: true) ? "always" : "never"
    }
    let prefix: TextModel.SpacePrefix
    switch scheme {
    case "always": prefix = .everyStretchWithout
    case "first": prefix = .textWithout
    case "never": prefix = .none
    default: throw value.unsupported("the scheme '\(scheme)' is not known")
    }
    metaspace = (prefix, try value.bool("split", default: true))
  }
}

// What is put around a text, and how tokens become text again.
extension TokenizerJSONPipeline {
  private mutating func readPostProcessor(_ value: JSONValue, depth: Int) throws(TokenizerError) {
    switch try value.type() {
    case "Sequence":
      for part in try Self.nested(value, "processors", depth) { try readPostProcessor(part, depth: depth + 1) }
    case "ByteLevel": break
    case "TemplateProcessing": try readTemplate(value)
    case "RobertaProcessing", "BertProcessing":
      before = [try Self.namedToken(value.required("cls"))] + (before ?? [])
      after = (after ?? []) + [try Self.namedToken(value.required("sep"))]
    case let type: throw value.unsupported("the post-processor '\(type)' is not known")
    }
  }

  /// A token written as `["<s>", 0]`.
  private static func namedToken(_ value: JSONValue) throws(TokenizerError) -> TokenID {
    let parts = try value.elements()
    guard parts.count == 2 else { throw value.wrongType("a token's text and its id") }
    return try id(parts[1])
  }

  private static func id(_ value: JSONValue) throws(TokenizerError) -> TokenID {
    guard let id = TokenID(exactly: try value.integer()), id >= 0 else { throw value.wrongType("a token id") }
    return id
  }

  private mutating func readTemplate(_ value: JSONValue) throws(TokenizerError) {
    let known = value["special_tokens"]
    var (first, last): ([TokenID], [TokenID]) = ([], [])
    var isAfter = false
    for part in try value.required("single").elements() {
      if let sequence = part["Sequence"] {
        guard try sequence.required("id").text() == "A", !isAfter else {
          throw part.unsupported("a text that is repeated")
        }
        isAfter = true
        continue
      }
      let name = try part.required("SpecialToken").required("id").text()
      guard let token = known?[name] else {
        throw TokenizerError(.malformed, at: part.path, "the token '\(name)' is not among special_tokens")
      }
      var ids: [TokenID] = []
      for id in try token.required("ids").elements() { ids.append(try Self.id(id)) }
      if isAfter { last += ids } else { first += ids }
    }
    guard isAfter else { throw value.unsupported("a template without the text") }
    before = first + (before ?? [])
    after = (after ?? []) + last
  }

  /// Accepts the decoders that put back what the steps above have changed, and nothing else.
  private func readDecoder(_ value: JSONValue, depth: Int) throws(TokenizerError) {
    switch try value.type() {
    case "Sequence":
      for part in try Self.nested(value, "decoders", depth) { try readDecoder(part, depth: depth + 1) }
    case "ByteLevel":
      guard isByteLevel else { throw value.unsupported("a decoder of bytes for a text in characters") }
    case "Metaspace", "ByteFallback", "Fuse": break
    case "Replace":
      guard let pattern = try value.required("pattern")["String"], try pattern.bytes() == SpaceMark.bytes,
        try value.required("content").bytes() == [0x20]
      else { throw value.unsupported("a replacement other than of U+2581 by a space") }
    case "Strip":
      guard try value.required("content").bytes() == [0x20], try value["stop"]?.integer() ?? 0 == 0 else {
        throw value.unsupported("anything taken off but spaces at the beginning")
      }
    case let type: throw value.unsupported("the decoder '\(type)' is not known")
    }
  }
}
