import Testing

@testable import Generation

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// What a stream shows, chunk by chunk, and which stop string ended it.
private func stream(_ chunks: [[UInt8]], _ stops: StopStrings) -> (shown: [UInt8], after: [Int], match: Int?) {
  var filter = StopStringFilter(stops)
  var shown: [UInt8] = []
  var after: [Int] = []
  for chunk in chunks {
    let over = filter.append(chunk, to: &shown)
    after.append(shown.count)
    if over { return (shown, after, filter.match) }
  }
  filter.finish(to: &shown)
  return (shown, after, nil)
}

/// The definition, searched without any cleverness: the first end at which a stop string is complete, and of those that
/// are complete there the longest.
private func naive(_ text: [UInt8], _ stops: [[UInt8]]) -> (shown: [UInt8], match: [UInt8]?) {
  for end in 0...text.count {
    let complete = stops.filter { $0.count <= end && Array(text[(end - $0.count)..<end]) == $0 }
    if let longest = complete.max(by: { $0.count < $1.count }) {
      return (Array(text[..<(end - longest.count)]), longest)
    }
  }
  return (text, nil)
}

/// How many bytes at the end of a text may still become a stop string.
private func pending(_ text: [UInt8], _ stops: [[UInt8]]) -> Int {
  stops.map { stop in
    (0...min(stop.count, text.count)).last { text.suffix($0) == stop.prefix($0) } ?? 0
  }.max() ?? 0
}

@Test func stopStringsByHand() throws {
  let stops = try StopStrings([bytes("END"), bytes("\n\n")])
  var filter = StopStringFilter(stops)
  var shown: [UInt8] = []
  #expect(!filter.append(bytes("one E"), to: &shown))
  #expect(shown == bytes("one "))
  #expect(!filter.append(bytes("N"), to: &shown))
  #expect(shown == bytes("one "))
  #expect(filter.heldCount == 2)
  #expect(!filter.append(bytes("E"), to: &shown))
  #expect(shown == bytes("one EN"), "the new E may begin a stop string, the old one no more")
  #expect(filter.append(bytes("ND and more"), to: &shown))
  #expect(shown == bytes("one EN"))
  #expect(filter.match == 0)
  #expect(filter.append(bytes("later"), to: &shown), "what comes after the end is ignored")
  filter.finish(to: &shown)
  #expect(shown == bytes("one EN"))
}

@Test func stopStringsThatShareTheirEnd() throws {
  #expect(stream([bytes("xab")], try StopStrings([bytes("b"), bytes("ab")])).shown == bytes("x"))
  #expect(stream([bytes("xab")], try StopStrings([bytes("b"), bytes("ab")])).match == 1)
  // The text ends with the first complete one, although a longer one has begun before it.
  #expect(stream([bytes("xabcd")], try StopStrings([bytes("abcd"), bytes("bc")])).shown == bytes("xa"))
  #expect(stream([bytes("xaaab")], try StopStrings([bytes("aab")])).shown == bytes("xa"))
  #expect(stream([bytes("ab")], try StopStrings([bytes("ab"), bytes("ab")])).match == 0)
}

@Test func stopStringsHoldBackUntilTheTextIsOver() throws {
  let result = stream([bytes("tail <"), bytes("|en")], try StopStrings([bytes("<|end|>")]))
  #expect(result.after == [5, 5])
  #expect(result.shown == bytes("tail <|en"))
}

@Test func stopStringsWithinCharacters() throws {
  let stops = try StopStrings([bytes("é!")])
  let result = stream([[0x61, 0xC3], [0xA9], [0x21, 0x62]], stops)
  #expect(result.shown == bytes("a"))
  #expect(result.match == 0)
  // Half a character is never shown, also without a stop string that begins with it.
  let euro = stream([[0x61, 0xE2], [0x82], [0xAC], [0x62]], try StopStrings([]))
  #expect(euro.after == [1, 1, 4, 5])
  // Bytes that cannot become a character are text like any other.
  #expect(stream([[0x80, 0xFF, 0xC3], [0x28]], try StopStrings([])).after == [2, 4])
  // Canonically equivalent is not equal.
  #expect(stream([bytes("K\u{212B}")], try StopStrings([bytes("\u{00C5}")])).match == nil)
}

@Test func stopStringsLimits() throws {
  #expect(throws: StopError.emptyString(index: 1)) { try StopStrings([bytes("a"), []]) }
  let long = Array(repeating: UInt8(7), count: StopStrings.maximumBytes + 1)
  #expect(throws: StopError.stringTooLong(index: 0, bytes: long.count, limit: long.count - 1)) {
    try StopStrings([long])
  }
  let many = Array(repeating: bytes("x"), count: StopStrings.maximumCount + 1)
  #expect(throws: StopError.tooManyStrings(count: many.count, limit: many.count - 1)) { try StopStrings(many) }
  let largest = (0..<StopStrings.maximumCount).map { index in
    Array(repeating: UInt8(index), count: StopStrings.maximumBytes)
  }
  #expect(stream([largest[9]], try StopStrings(largest)).match == 9)
}

@Test(arguments: [[UInt8(97), 98], [97, 98, 99], [0xC3, 0xA9, 0x21, 0x80], Array(0...255)])
func stopStringsEqualNaiveSearchForEveryCut(alphabet: [UInt8]) throws {
  let seed = testSeed()
  print("seed \(seed)")
  var random = TestRandom(seed: seed)
  func some(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
  }
  var matches = 0
  for _ in 0..<300 {
    let strings = (0..<Int.random(in: 0...5, using: &random)).map { _ in some(Int.random(in: 1...6, using: &random)) }
    let stops = try StopStrings(strings)
    var text = some(Int.random(in: 0...60, using: &random))
    if let string = strings.first, Bool.random(using: &random) { text += string + some(3) }
    let expected = naive(text, strings)
    if expected.match != nil { matches += 1 }
    var chunks: [[UInt8]] = []
    var place = 0
    while place < text.count {
      let end = min(place + Int.random(in: 0...7, using: &random), text.count)
      chunks.append(Array(text[place..<end]))
      place = end
    }
    let result = stream(chunks, stops)
    #expect(result.shown == expected.shown, "seed \(seed): \(strings) in \(text)")
    #expect(result.match.map { strings[$0] } == expected.match, "seed \(seed): \(strings) in \(text)")
    // After each chunk everything is shown but what may still become a stop string and at most three bytes of a
    // character.
    var seen = 0
    for (index, shown) in result.after.enumerated() {
      seen += chunks[index].count
      if index == result.after.count - 1, result.match != nil { break }
      let least = seen - pending(Array(text[..<seen]), strings)
      #expect(shown <= least && shown >= least - 3, "seed \(seed): \(strings) in \(text)")
      #expect(shown <= expected.shown.count, "seed \(seed): nothing is shown that does not stay")
    }
  }
  #expect(matches > 50, "seed \(seed): the test sees matches")
}

@Test(.timeLimit(.minutes(15)))
func stopStringsTakeLinearTime() throws {
  // One stop string of a run of letters with another end: a search that starts over at each byte takes a thousand times
  // longer.
  let letters = Array(repeating: UInt8(97), count: StopStrings.maximumBytes - 1)
  let strings = (0..<StopStrings.maximumCount).map { letters + [UInt8(98 + $0)] }
  var filter = StopStringFilter(try StopStrings(strings))
  var shown: [UInt8] = []
  let chunk = Array(repeating: UInt8(97), count: 1_000)
  for _ in 0..<300 { #expect(!filter.append(chunk, to: &shown)) }
  #expect(filter.heldCount == letters.count)
  #expect(shown.count == 300_000 - letters.count)
}
