/// A currency by its three-letter code (ISO 4217).
public struct Currency: Sendable, Hashable, CustomStringConvertible {
  /// The three letters, the first in the highest of three bytes.
  private let packed: UInt32

  public static let usd = Currency(packed: 0x55_53_44)

  /// - Throws: `notACurrency` unless the text is three capital letters of ASCII.
  public init(_ code: String) throws(PricingError) {
    var packed: UInt32 = 0
    var count = 0
    for byte in code.utf8 {
      guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte), count < 3 else {
        throw .notACurrency(code)
      }
      packed = packed << 8 | UInt32(byte)
      count += 1
    }
    guard count == 3 else { throw .notACurrency(code) }
    self.packed = packed
  }

  private init(packed: UInt32) { self.packed = packed }

  public var description: String {
    String(decoding: [UInt8(packed >> 16 & 255), UInt8(packed >> 8 & 255), UInt8(packed & 255)], as: UTF8.self)
  }

  /// What stands before an amount: `$` for dollars, else the code and a space.
  public var prefix: String { self == .usd ? "$" : description + " " }
}
