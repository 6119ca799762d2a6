/// Changes of case and questions about characters, with the full mappings of the Unicode Character Database.
extension UTF8Text {
  private static func map(_ bytes: [UInt8], _ change: (Unicode.Scalar, Int) -> String) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var at = 0
    while at < bytes.count {
      let (scalar, length) = decode(bytes, at: at)
      out.append(contentsOf: change(scalar, at).utf8)
      at += length
    }
    return out
  }

  static func uppercased(_ bytes: [UInt8]) -> [UInt8] {
    if bytes.allSatisfy({ $0 < 0x80 }) { return bytes.map { $0 &- 0x61 < 26 ? $0 - 0x20 : $0 } }
    return map(bytes) { scalar, _ in scalar.properties.uppercaseMapping }
  }

  static func lowercased(_ bytes: [UInt8]) -> [UInt8] {
    if bytes.allSatisfy({ $0 < 0x80 }) { return bytes.map { $0 &- 0x41 < 26 ? $0 + 0x20 : $0 } }
    return map(bytes) { scalar, at in lower(scalar, bytes, at) }
  }

  /// Capital sigma becomes the final form at the end of a word (condition Final_Sigma of the Unicode Standard, 3.13).
  private static func lower(_ scalar: Unicode.Scalar, _ bytes: [UInt8], _ at: Int) -> String {
    guard scalar.value == 0x3A3 else { return scalar.properties.lowercaseMapping }
    var before = at
    var follows = false
    while before > 0 {
      before = previous(bytes, before: before)
      let properties = decode(bytes, at: before).scalar.properties
      if properties.isCaseIgnorable { continue }
      follows = properties.isCased
      break
    }
    var after = at + 2
    while follows && after < bytes.count {
      let (next, length) = decode(bytes, at: after)
      after += length
      if next.properties.isCaseIgnorable { continue }
      return next.properties.isCased ? "\u{3C3}" : "\u{3C2}"
    }
    return follows ? "\u{3C2}" : "\u{3C3}"
  }

  /// `str.capitalize`: the first character in title case, the others in lower case.
  static func capitalized(_ bytes: [UInt8]) -> [UInt8] {
    map(bytes) { scalar, at in at == 0 ? scalar.properties.titlecaseMapping : lower(scalar, bytes, at) }
  }

  /// `str.title`: a cased character after an uncased one begins a word.
  static func titled(_ bytes: [UInt8]) -> [UInt8] {
    var insideWord = false
    return map(bytes) { scalar, at in
      let mapped = insideWord ? lower(scalar, bytes, at) : scalar.properties.titlecaseMapping
      insideWord = scalar.properties.isCased
      return mapped
    }
  }

  static func caseSwapped(_ bytes: [UInt8]) -> [UInt8] {
    map(bytes) { scalar, at in
      if scalar.properties.isUppercase { return lower(scalar, bytes, at) }
      return scalar.properties.isLowercase ? scalar.properties.uppercaseMapping : String(Character(scalar))
    }
  }

  /// The filter `title`: words begin after white space and after `-`, `(`, `{`, `[` and `<`.
  static func filterTitled(_ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    var at = 0
    while at < bytes.count {
      let first = decode(bytes, at: at)
      let separates = isTitleSeparator(first.scalar)
      let end = trimStart(bytes, at..<bytes.count) { isTitleSeparator($0) == separates }
      out.append(contentsOf: uppercased(Array(bytes[at..<at + first.length])))
      out.append(contentsOf: lowercased(Array(bytes[at + first.length..<end])))
      at = end
    }
    return out
  }

  private static func isTitleSeparator(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "-", "(", "{", "[", "<": true
    default: isSpace(scalar)
    }
  }

  // MARK: Questions

  /// True when there is a character and all satisfy `test`.
  static func all(_ bytes: [UInt8], _ test: (Unicode.Scalar) -> Bool) -> Bool {
    !bytes.isEmpty && trimStart(bytes, 0..<bytes.count, where: test) == bytes.count
  }

  static func isAlphabetic(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  static func isDecimal(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.numericType == .decimal }

  static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
    isDecimal(scalar) || scalar.properties.numericType == .digit
  }

  static func isNumeric(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.numericType != nil }

  static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool { isAlphabetic(scalar) || isNumeric(scalar) }

  /// `str.isupper` (`upper`) or `str.islower`: a cased character, and none of the other case.
  static func isCased(_ bytes: [UInt8], upper: Bool) -> Bool {
    var found = false
    for scalar in scalars(bytes) {
      let properties = scalar.properties
      let other = upper ? properties.isLowercase : properties.isUppercase
      if other || properties.generalCategory == .titlecaseLetter { return false }
      if upper ? properties.isUppercase : properties.isLowercase { found = true }
    }
    return found
  }

  /// `str.istitle`: capitals follow uncased characters only, small letters cased ones only.
  static func isTitled(_ bytes: [UInt8]) -> Bool {
    var found = false
    var afterCased = false
    for scalar in scalars(bytes) {
      let properties = scalar.properties
      if properties.isUppercase || properties.generalCategory == .titlecaseLetter {
        if afterCased { return false }
        afterCased = true
        found = true
      } else if properties.isLowercase {
        if !afterCased { return false }
        found = true
      } else {
        afterCased = false
      }
    }
    return found
  }

  static func isIdentifier(_ bytes: [UInt8]) -> Bool {
    var isFirst = true
    return all(bytes) { scalar in
      defer { isFirst = false }
      if scalar == "_" { return true }
      return isFirst ? scalar.properties.isXIDStart : scalar.properties.isXIDContinue
    }
  }
}
