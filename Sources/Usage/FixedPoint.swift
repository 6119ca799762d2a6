/// Decimal text of an integer that counts 10^-decimals: 1,234,567 with 6 decimals is `1.234567`.
public enum FixedPoint {
  /// - Parameters:
  ///   - decimals: zero or more.
  ///   - trimmed: without the zeros at the end of the fraction, and without a point where no fraction is left.
  public static func text(_ value: Int64, decimals: Int, trimmed: Bool = false) -> String {
    precondition(decimals >= 0)
    var digits = Array(String(value.magnitude).utf8)
    if digits.count <= decimals {
      digits.insert(contentsOf: repeatElement(UInt8(ascii: "0"), count: decimals + 1 - digits.count), at: 0)
    }
    var fraction = digits.suffix(decimals)
    if trimmed {
      while fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
    }
    var bytes: [UInt8] = value < 0 ? [UInt8(ascii: "-")] : []
    bytes.append(contentsOf: digits.dropLast(decimals))
    if !fraction.isEmpty {
      bytes.append(UInt8(ascii: "."))
      bytes.append(contentsOf: fraction)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// value / divisor with that many decimals, rounded to the nearest (a half away from zero): 1,500,000,000 ns over
  /// 1,000,000,000 with one decimal is `1.5`.
  /// - Precondition: `divisor` is above zero; `decimals` is 0 to 9.
  public static func quotient(_ value: Int64, by divisor: Int64, decimals: Int) -> String {
    precondition(divisor > 0 && (0...9).contains(decimals))
    var scaled = Int128(value)
    for _ in 0..<decimals { scaled *= 10 }
    let half = Int128(divisor) / 2
    let rounded = (scaled < 0 ? scaled - half : scaled + half) / Int128(divisor)
    return text(Int64(clamping: rounded), decimals: decimals)
  }
}
