/// Where a descending order is cut without being made: everything larger than `value` stays, and of what equals it the
/// first `ties` in the order of ids.
public struct Cut: Equatable, Sendable {
  public var value: Float
  public var ties: Int

  public init(value: Float, ties: Int) {
    self.value = value
    self.ties = ties
  }

  /// Moves what stays to the front, in its order.
  /// - Shapes: ids, values [count].
  /// - Returns: how many stay.
  public func apply(ids: View<Int32>, values: View<Float>) -> Int {
    precondition(ids.count == values.count)
    let count = values.count
    let ids = unsafe ids.pointer
    let values = unsafe values.pointer
    var kept = 0
    var tiesLeft = ties
    for index in 0..<count {
      let value = unsafe values[index]
      var stays = value > self.value
      if value == self.value, tiesLeft > 0 {
        tiesLeft &-= 1
        stays = true
      }
      unsafe ids[kept] = ids[index]
      unsafe values[kept] = value
      if stays { kept &+= 1 }
    }
    return kept
  }
}

/// Finds cuts by radix selection: bits of the numbers are counted digit by digit from the top, and only the digit that
/// holds the cut is looked into further. The first digit begins at the first bit in which any two numbers differ.
/// Linear in the count for every input; nothing is sorted.
@safe public final class Selection {
  private static let widestDigit = 11

  /// Digits of many numbers are 11 bits wide, in three passes; of few numbers 8 bits, which costs less to count up.
  private static let manyNumbers = 2_048

  private let keys: AlignedBuffer<UInt32>
  private let masses: AlignedBuffer<Float>
  private let counts: AlignedBuffer<Int32>
  private let sums: AlignedBuffer<Double>

  /// - Parameter capacity: how many numbers can be selected from.
  /// - Throws: `SystemError` if the address space or the commit limit is exhausted.
  public init(capacity: Int) throws(SystemError) {
    keys = try AlignedBuffer(count: capacity)
    masses = try AlignedBuffer(count: capacity)
    counts = try AlignedBuffer(count: 1 << Self.widestDigit)
    sums = try AlignedBuffer(count: 1 << Self.widestDigit)
  }

  /// The cut that keeps exactly `rank` of the values.
  /// - Precondition: 1 <= rank <= values.count <= capacity; no value is NaN.
  public func largest(_ rank: Int, of values: View<Float>) -> Cut {
    let count = values.count
    precondition(rank >= 1 && rank <= count && count <= keys.count)
    let keys = unsafe keys.pointer
    let histogram = unsafe counts.pointer
    let values = unsafe values.pointer
    let different = unsafe Self.makeKeys(of: values, count: count, into: keys)
    var left = count
    var wanted = rank
    var shift = 32 - different.leadingZeroBitCount
    while shift > 0, left > 1 {
      let bits = min(shift, left >= Self.manyNumbers ? Self.widestDigit : 8)
      shift -= bits
      let mask = UInt32(1 << bits) &- 1
      unsafe histogram.update(repeating: 0, count: 1 << bits)
      for index in 0..<left { unsafe histogram[Int((keys[index] >> UInt32(shift)) & mask)] &+= 1 }
      var digit = (1 << bits) - 1
      while unsafe wanted > Int(histogram[digit]) {
        wanted -= unsafe Int(histogram[digit])
        digit -= 1
      }
      var kept = 0
      for index in 0..<left {
        let key = unsafe keys[index]
        unsafe keys[kept] = key
        if (key >> UInt32(shift)) & mask == UInt32(digit) { kept &+= 1 }
      }
      left = kept
    }
    return unsafe Cut(value: Self.value(keys[0]), ties: wanted)
  }

  /// The cut that keeps the fewest of the largest values whose weights together reach `target`; all of them if none do.
  /// Equal values must have equal weights.
  /// - Precondition: 1 <= values.count == weights.count <= capacity; no value is NaN, no weight is negative or NaN.
  public func mass(_ target: Double, of values: View<Float>, weights: View<Float>) -> Cut {
    let count = values.count
    precondition(count >= 1 && count <= keys.count && weights.count == count)
    let keys = unsafe keys.pointer
    let masses = unsafe masses.pointer
    let sums = unsafe sums.pointer
    let values = unsafe values.pointer
    let weights = unsafe weights.pointer
    let different = unsafe Self.makeKeys(of: values, count: count, into: keys)
    unsafe masses.update(from: weights, count: count)
    var left = count
    var wanted = target
    var shift = 32 - different.leadingZeroBitCount
    while shift > 0, left > 1 {
      let bits = min(shift, left >= Self.manyNumbers ? Self.widestDigit : 8)
      shift -= bits
      let mask = UInt32(1 << bits) &- 1
      // -1 marks a digit that no value has.
      unsafe sums.update(repeating: -1, count: 1 << bits)
      for index in 0..<left {
        let digit = unsafe Int((keys[index] >> UInt32(shift)) & mask)
        unsafe sums[digit] = max(sums[digit], 0) + Double(masses[index])
      }
      let digit = unsafe Self.digit(reaching: &wanted, in: sums, digits: 1 << bits)
      var kept = 0
      for index in 0..<left {
        let key = unsafe keys[index]
        let mass = unsafe masses[index]
        unsafe keys[kept] = key
        unsafe masses[kept] = mass
        if (key >> UInt32(shift)) & mask == UInt32(digit) { kept &+= 1 }
      }
      left = kept
    }
    // What is left has one value. A weight that underflowed to 0 can never reach the rest of the target: keep all.
    let each = unsafe Double(masses[0])
    var ties = 1
    if wanted > each {
      let needed = each > 0 ? (wanted / each).rounded(.up) : .infinity
      ties = needed < Double(left) ? Int(needed) : left
    }
    return unsafe Cut(value: Self.value(keys[0]), ties: ties)
  }

  /// The digit, from the top, at which the sums reach `wanted`, from which the sums above it are taken off. The lowest
  /// that any value has if rounding leaves all of them short.
  private static func digit(
    reaching wanted: inout Double, in sums: UnsafePointer<Double>, digits: Int
  ) -> Int {
    var lowest = 0
    var beforeLowest = wanted
    for digit in stride(from: digits - 1, through: 0, by: -1) {
      let sum = unsafe sums[digit]
      if sum < 0 { continue }
      if wanted <= sum { return digit }
      lowest = digit
      beforeLowest = wanted
      wanted -= sum
    }
    wanted = beforeLowest
    return lowest
  }

  /// Writes the keys of all values; returns the bits in which any of them differ.
  private static func makeKeys(
    of values: UnsafePointer<Float>, count: Int, into keys: UnsafeMutablePointer<UInt32>
  ) -> UInt32 {
    let first = unsafe key(values[0])
    var different: UInt32 = 0
    for index in 0..<count {
      let key = unsafe key(values[index])
      unsafe keys[index] = key
      different |= key ^ first
    }
    return different
  }

  /// An integer that orders as the number does; both zeros are one.
  private static func key(_ value: Float) -> UInt32 {
    let bits = (value + 0).bitPattern
    return bits & 0x8000_0000 != 0 ? ~bits : bits | 0x8000_0000
  }

  private static func value(_ key: UInt32) -> Float {
    Float(bitPattern: key & 0x8000_0000 != 0 ? key & 0x7fff_ffff : ~key)
  }
}
