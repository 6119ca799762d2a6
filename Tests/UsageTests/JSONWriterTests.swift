import Foundation
import Testing
import Usage

@Suite struct JSONWriterTests {
  @Test func structureAndCommas() {
    var json = JSONWriter()
    json.object { json in
      json.object("empty") { _ in }
      json.array("none") { _ in }
      json.field("a", 1)
      json.array("list") { json in
        json.value(1)
        json.value("two")
        json.object { json in json.field("three", true) }
        json.array { json in json.value(false) }
        json.null()
      }
      json.field("b", nil as String?)
      json.field("c", nil as Int64?)
    }
    #expect(
      json.text == #"{"empty":{},"none":[],"a":1,"list":[1,"two",{"three":true},[false],null],"b":null,"c":null}"#)
  }

  @Test func prettyForm() {
    var json = JSONWriter(pretty: true)
    json.object { json in
      json.field("a", 1)
      json.array("b") { json in
        json.value(1)
        json.value(2)
      }
      json.array("c") { _ in }
    }
    #expect(json.text == "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ],\n  \"c\": []\n}")
  }

  @Test func numbers() {
    var json = JSONWriter()
    json.array { json in
      json.value(Int64.min)
      json.value(UInt64.max)
      json.value(0.1)
      json.value(Double.infinity)
      json.value(Double.nan)
      json.value(1e300)
      json.value(nil as Double?)
    }
    #expect(json.text == "[-9223372036854775808,18446744073709551615,0.1,null,null,1e+300,null]")
  }

  @Test func exactDecimals() {
    var json = JSONWriter()
    json.object { json in
      json.field("a", 81_234_567, decimals: 6)
      json.field("b", 1_000_000, decimals: 6)
      json.field("c", -5, decimals: 6)
      json.field("d", nil, decimals: 6)
      json.field("e", .min, decimals: 9)
    }
    #expect(json.text == #"{"a":81.234567,"b":1,"c":-0.000005,"d":null,"e":-9223372036.854775808}"#)
  }

  @Test func escapes() {
    var json = JSONWriter()
    json.value("q\" b\\ n\n r\r t\t z\0 e\u{1B} d\u{7F} l\u{2028} p\u{2029} x\u{20A8} ä 漢 \u{1F600}")
    #expect(
      json.text == #""q\" b\\ n\n r\r t\t z\u0000 e\u001b d\u007f l\u2028 p\u2029 x"# + "\u{20A8} ä 漢 \u{1F600}\"")
  }

  /// Any bytes at all, in values and in keys, make text that an independent reader accepts, and valid ones come back.
  @Test func anyBytesReadBack() throws {
    let seed = UInt64.random(in: .min ... .max)
    print("JSONWriterTests.anyBytesReadBack seed \(seed)")
    var random = SplitMix(seed: seed)
    for _ in 0..<3000 {
      let bytes = (0..<Int(random.next() % 24)).map { _ in
        random.next() % 3 == 0 ? UInt8(truncatingIfNeeded: random.next()) : UInt8(random.next() % 128)
      }
      let repaired = String(decoding: bytes, as: UTF8.self)
      var json = JSONWriter(pretty: random.next() % 2 == 0)
      json.object { json in
        json.field("key" + repaired, utf8: bytes)
        json.array("list") { $0.value(utf8: bytes) }
      }
      let object = try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: Any]
      let members = try #require(object)
      let value = try #require(members["key" + repaired] as? String)
      #expect(Array(value.utf8) == Array(repaired.utf8))
    }
  }

  @Test func base64() {
    let expected: [(String, String)] = [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
      ("foobar", "Zm9vYmFy"),
    ]
    for (plain, encoded) in expected { #expect(Base64.text(Array(plain.utf8)) == encoded) }
    let all = (0...255).map { UInt8($0) }
    #expect(Base64.text(all) == Data(all).base64EncodedString())
  }

  @Test func fixedPoint() {
    #expect(FixedPoint.text(1_234_567, decimals: 6) == "1.234567")
    #expect(FixedPoint.text(-5, decimals: 2) == "-0.05")
    #expect(FixedPoint.text(500, decimals: 2, trimmed: true) == "5")
    #expect(FixedPoint.text(0, decimals: 3) == "0.000")
    #expect(FixedPoint.text(7, decimals: 0) == "7")
    #expect(FixedPoint.text(.min, decimals: 0) == "-9223372036854775808")
    #expect(FixedPoint.quotient(1_250, by: 1_000, decimals: 1) == "1.3")
    #expect(FixedPoint.quotient(-1_250, by: 1_000, decimals: 1) == "-1.3")
    #expect(FixedPoint.quotient(1_249, by: 1_000, decimals: 1) == "1.2")
    #expect(FixedPoint.quotient(.max, by: 1, decimals: 0) == "9223372036854775807")
    #expect(FixedPoint.quotient(999_999_999, by: 1_000_000_000, decimals: 2) == "1.00")
  }
}

/// A small generator of pseudo-random numbers that a printed seed repeats (SplitMix64).
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
