extension Jinja {
  struct Token: Sendable {
    enum Kind: UInt8, Sendable {
      case data, variableBegin, variableEnd, blockBegin, blockEnd
      case name, string, integer, float
      case add, sub, div, floordiv, mul, mod, pow, tilde
      case lbracket, rbracket, lparen, rparen, lbrace, rbrace
      case eq, ne, gt, gteq, lt, lteq, assign, dot, colon, pipe, comma
      case end
    }

    let kind: Kind
    /// The bytes of the source that the token covers; of `data`, what is left after whitespace control.
    let start: SourceOffset
    let end: SourceOffset

    var range: Range<Int> { Int(start)..<Int(end) }
  }

  /// Cuts a source into tokens. Comments and raw markers are gone afterwards; raw text is `data`.
  struct Lexer {
    let source: [UInt8]
    let lines: LineIndex
    private var at = 0
    private var tokens: [Token] = []
    /// The closing brackets that are due inside the current tag. A tag ends only where none is.
    private var open: [Token.Kind] = []

    /// Makes line ends uniform and drops one newline at the end, as Jinja does by default.
    init(_ text: some Sequence<UInt8>) {
      var source: [UInt8] = []
      source.reserveCapacity(text.underestimatedCount)
      var afterReturn = false
      for byte in text {
        if byte == 0x0A && afterReturn {
          afterReturn = false
          continue
        }
        afterReturn = byte == 0x0D
        source.append(afterReturn ? 0x0A : byte)
      }
      if source.last == 0x0A { source.removeLast() }
      self.source = source
      lines = LineIndex(source: source)
    }

    /// - Throws: `.syntax` where the text is no template.
    mutating func tokenize() throws(TemplateError) -> [Token] {
      while at < source.count { try text() }
      add(.end, from: source.count)
      return tokens
    }

    private func failure(_ message: String, at offset: Int) -> TemplateError {
      lines.error(.syntax, at: SourceOffset(offset), message)
    }

    private mutating func add(_ kind: Token.Kind, from start: Int) {
      tokens.append(Token(kind: kind, start: SourceOffset(start), end: SourceOffset(max(start, at))))
    }

    private func byte(_ offset: Int) -> UInt8? { offset < source.count ? source[offset] : nil }

    // MARK: Text between tags

    private mutating func text() throws(TemplateError) {
      let start = at
      var opener = start
      while true {
        guard opener + 1 < source.count else {
          addData(start..<source.count)
          at = source.count
          return
        }
        let second = source[opener + 1]
        if source[opener] == 0x7B && (second == 0x7B || second == 0x25 || second == 0x23) { break }
        opener += 1
      }
      let second = source[opener + 1]
      addData(trimmed(start..<opener, sign: byte(opener + 2), lstrip: second != 0x7B))
      at = opener + 2
      if let sign = byte(at), sign == 0x2D || sign == 0x2B { at += 1 }
      switch second {
      case 0x7B:
        add(.variableBegin, from: opener)
        try tag(.variableEnd, from: opener)
      case 0x23: try comment(from: opener)
      default:
        if let body = wordTag("raw", after: at, plusBeforeEnd: false, trim: false) {
          at = body
          try raw(from: opener)
        } else {
          add(.blockBegin, from: opener)
          try tag(.blockEnd, from: opener)
        }
      }
    }

    private mutating func addData(_ range: Range<Int>) {
      guard !range.isEmpty else { return }
      tokens.append(Token(kind: .data, start: SourceOffset(range.lowerBound), end: SourceOffset(range.upperBound)))
    }

    /// Text before a tag: with `-` all white space at its end goes; without `+`, blanks before a block tag that
    /// stands first on its line go (`lstrip_blocks`).
    private func trimmed(_ range: Range<Int>, sign: UInt8?, lstrip: Bool) -> Range<Int> {
      if sign == 0x2D { return range.lowerBound..<UTF8Text.trimEnd(source, range) }
      guard lstrip, sign != 0x2B else { return range }
      let lineStart: Int
      if let newline = source[range].lastIndex(of: 0x0A) {
        lineStart = newline + 1
      } else if range.lowerBound == 0 || source[range.lowerBound - 1] == 0x0A {
        lineStart = range.lowerBound
      } else {
        return range
      }
      let isBlank = UTF8Text.trimEnd(source, lineStart..<range.upperBound) == lineStart
      return isBlank ? range.lowerBound..<lineStart : range
    }

    /// The end of a tag at `offset`: the offset after it and the white space that it takes along, or nil.
    private func tagEnd(_ closer: UInt8, at offset: Int, plus: Bool, trim: Bool) -> Int? {
      var end = offset
      let sign = byte(end)
      if sign == 0x2D || (plus && sign == 0x2B) { end += 1 }
      guard byte(end) == closer, byte(end + 1) == 0x7D else { return nil }
      end += 2
      if sign == 0x2D { return UTF8Text.trimStart(source, end..<source.count) }
      if trim && sign != 0x2B && byte(end) == 0x0A { end += 1 }
      return end
    }

    private mutating func comment(from opener: Int) throws(TemplateError) {
      var end = at
      while end < source.count {
        // The sign belongs to the end only directly before it, so each position is tried as it stands.
        if let after = tagEnd(0x23, at: end, plus: true, trim: true) {
          at = after
          return
        }
        end += 1
      }
      throw failure("a comment that does not end", at: opener)
    }

    /// The offset after `word %}` when that is what follows `offset`.
    private func wordTag(_ word: StaticString, after offset: Int, plusBeforeEnd: Bool, trim: Bool) -> Int? {
      var end = UTF8Text.trimStart(source, offset..<source.count)
      for scalar in "\(word)".utf8 {
        guard byte(end) == scalar else { return nil }
        end += 1
      }
      return tagEnd(
        0x25, at: UTF8Text.trimStart(source, end..<source.count), plus: plusBeforeEnd, trim: trim)
    }

    private mutating func raw(from opener: Int) throws(TemplateError) {
      let start = at
      var end = start
      while end + 1 < source.count {
        if source[end] == 0x7B && source[end + 1] == 0x25 {
          let sign = byte(end + 2)
          let signed = sign == 0x2D || sign == 0x2B
          if let after = wordTag("endraw", after: end + (signed ? 3 : 2), plusBeforeEnd: true, trim: true) {
            addData(trimmed(start..<end, sign: sign, lstrip: true))
            at = after
            return
          }
        }
        end += 1
      }
      throw failure("a raw block that does not end", at: opener)
    }

    // MARK: Inside tags

    private mutating func tag(_ end: Token.Kind, from opener: Int) throws(TemplateError) {
      open.removeAll(keepingCapacity: true)
      let isBlock = end == .blockEnd
      while true {
        if open.isEmpty, let after = tagEnd(isBlock ? 0x25 : 0x7D, at: at, plus: isBlock, trim: isBlock) {
          let start = at
          at = after
          add(end, from: start)
          return
        }
        guard at < source.count else { throw failure("a tag that does not end", at: opener) }
        let afterSpace = UTF8Text.trimStart(source, at..<source.count)
        if afterSpace > at {
          at = afterSpace
          continue
        }
        try token()
      }
    }

    private mutating func token() throws(TemplateError) {
      let start = at
      let first = source[start]
      if isDigit(first) {
        number()
      } else if first == 0x27 || first == 0x22 {
        try string(quote: first)
      } else if let end = nameEnd(from: start) {
        at = end
        add(.name, from: start)
      } else {
        try symbol()
      }
    }

    private func isDigit(_ byte: UInt8?) -> Bool { byte.map { $0 &- 0x30 < 10 } ?? false }

    private func isDigit(_ byte: UInt8?, radix: UInt8) -> Bool {
      guard let byte else { return false }
      if radix <= 10 { return byte &- 0x30 < radix }
      return isDigit(byte) || (byte | 0x20) &- 0x61 < 6
    }

    /// The end of digits with single underscores between them.
    private func digitsEnd(from start: Int, radix: UInt8 = 10) -> Int {
      var end = start
      while true {
        if isDigit(byte(end), radix: radix) {
          end += 1
        } else if byte(end) == 0x5F && isDigit(byte(end + 1), radix: radix) {
          end += 2
        } else {
          return end
        }
      }
    }

    private mutating func number() {
      let start = at
      // A number after a dot is an index (`x.1.5` has two), so it never takes a fraction.
      let afterDot = start > 0 && source[start - 1] == 0x2E
      if !afterDot {
        var end = digitsEnd(from: start)
        let whole = end
        if byte(end) == 0x2E && isDigit(byte(end + 1)) { end = digitsEnd(from: end + 1) }
        if let mark = byte(end), mark | 0x20 == 0x65 {
          let signed = byte(end + 1) == 0x2B || byte(end + 1) == 0x2D
          let digits = end + (signed ? 2 : 1)
          if isDigit(byte(digits)) { end = digitsEnd(from: digits) }
        }
        if end > whole {
          at = end
          add(.float, from: start)
          return
        }
      }
      at = integerEnd(from: start)
      add(.integer, from: start)
    }

    private func integerEnd(from start: Int) -> Int {
      guard source[start] == 0x30 else { return digitsEnd(from: start) }
      let radix: UInt8? =
        switch byte(start + 1).map({ $0 | 0x20 }) {
        case 0x78: 16
        case 0x6F: 8
        case 0x62: 2
        default: nil
        }
      if let radix {
        let first = start + (byte(start + 2) == 0x5F ? 3 : 2)
        if isDigit(byte(first), radix: radix) { return digitsEnd(from: first, radix: radix) }
      }
      return digitsEnd(from: start, radix: 1)
    }

    private mutating func string(quote: UInt8) throws(TemplateError) {
      let start = at
      var end = at + 1
      while end < source.count {
        if source[end] == quote {
          at = end + 1
          add(.string, from: start)
          return
        }
        end += source[end] == 0x5C ? 2 : 1
      }
      throw failure("a string that does not end", at: start)
    }

    private func nameEnd(from start: Int) -> Int? {
      var end = start
      while end < source.count {
        let byte = source[end]
        if byte == 0x5F || (byte | 0x20) &- 0x61 < 26 || (end > start && isDigit(byte)) {
          end += 1
          continue
        }
        guard byte >= 0x80 else { break }
        let (scalar, length) = UTF8Text.decode(source, at: end)
        let isPart = end > start ? scalar.properties.isXIDContinue : scalar.properties.isXIDStart
        guard isPart else { break }
        end += length
      }
      return end > start ? end : nil
    }

    private mutating func symbol() throws(TemplateError) {
      let start = at
      let second = byte(start + 1)
      let kind: Token.Kind?
      var length = 1
      func pick(_ next: UInt8, _ double: Token.Kind, _ single: Token.Kind?) -> Token.Kind? {
        guard second == next else { return single }
        length = 2
        return double
      }
      switch source[start] {
      case UInt8(ascii: "+"): kind = .add
      case UInt8(ascii: "-"): kind = .sub
      case UInt8(ascii: "/"): kind = pick(UInt8(ascii: "/"), .floordiv, .div)
      case UInt8(ascii: "*"): kind = pick(UInt8(ascii: "*"), .pow, .mul)
      case UInt8(ascii: "%"): kind = .mod
      case UInt8(ascii: "~"): kind = .tilde
      case UInt8(ascii: "["): kind = .lbracket
      case UInt8(ascii: "]"): kind = .rbracket
      case UInt8(ascii: "("): kind = .lparen
      case UInt8(ascii: ")"): kind = .rparen
      case UInt8(ascii: "{"): kind = .lbrace
      case UInt8(ascii: "}"): kind = .rbrace
      case UInt8(ascii: "="): kind = pick(UInt8(ascii: "="), .eq, .assign)
      case UInt8(ascii: "!"): kind = pick(UInt8(ascii: "="), .ne, nil)
      case UInt8(ascii: ">"): kind = pick(UInt8(ascii: "="), .gteq, .gt)
      case UInt8(ascii: "<"): kind = pick(UInt8(ascii: "="), .lteq, .lt)
      case UInt8(ascii: "."): kind = .dot
      case UInt8(ascii: ":"): kind = .colon
      case UInt8(ascii: "|"): kind = .pipe
      case UInt8(ascii: ","): kind = .comma
      default: kind = nil
      }
      guard let kind else { throw failure("an unexpected character", at: start) }
      at += length
      try balance(kind, at: start)
      add(kind, from: start)
    }

    private mutating func balance(_ kind: Token.Kind, at start: Int) throws(TemplateError) {
      switch kind {
      case .lbracket: open.append(.rbracket)
      case .lparen: open.append(.rparen)
      case .lbrace: open.append(.rbrace)
      case .rbracket, .rparen, .rbrace:
        guard open.popLast() == kind else {
          throw failure("a closing bracket that nothing opens", at: start)
        }
      default: break
      }
    }
  }
}
