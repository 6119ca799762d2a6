/// A number in a GGUF file that says how the rest is read, or that a loader will rely on.
public struct GGUFField: Sendable {
  public enum Kind: Sendable, Equatable {
    case magic, version, tensorCount, keyCount, keyLength, valueType, elementType, arrayLength, stringLength
    case value, tensorNameLength, dimensionCount, dimension, tensorType, tensorOffset
  }

  public let kind: Kind
  /// Where it is in the file, in bytes.
  public let offset: Int
  /// Its width in bytes: 1, 2, 4 or 8.
  public let width: Int
  /// The key or tensor that it belongs to.
  public let owner: String
}

/// Finds the fields of any GGUF file, valid or broken, on its own: written apart from the reader that it serves to
/// test, so that the two do not share a mistake. Of a broken file it gives the fields up to the break.
public struct GGUFFields {
  public private(set) var fields: [GGUFField] = []
  private let bytes: [UInt8]
  private var position = 0
  private var owner = ""
  /// Elements of one array whose values are listed; further ones are alike.
  private static let elementsListed = 4

  public init(of bytes: [UInt8]) {
    self.bytes = bytes
    _ = walk()
  }

  private mutating func walk() -> Bool {
    guard take(.magic, 4) != nil, take(.version, 4) != nil, let tensors = take(.tensorCount, 8),
      let keys = take(.keyCount, 8)
    else { return false }
    for _ in 0..<min(keys, UInt64(bytes.count)) {
      guard name(.keyLength), let type = take(.valueType, 4), value(type, depth: 0, listed: true) else { return false }
    }
    for _ in 0..<min(tensors, UInt64(bytes.count)) {
      guard name(.tensorNameLength), let dimensions = take(.dimensionCount, 4), dimensions <= 8 else { return false }
      for _ in 0..<dimensions where take(.dimension, 8) == nil { return false }
      guard take(.tensorType, 4) != nil, take(.tensorOffset, 8) != nil else { return false }
    }
    return true
  }

  private mutating func name(_ kind: GGUFField.Kind) -> Bool {
    let start = position
    owner = ""
    guard let length = take(kind, 8), length <= UInt64(bytes.count - position) else { return false }
    let end = position + Int(length)
    owner = String(decoding: bytes[position..<end], as: UTF8.self)
    if let last = fields.indices.last { fields[last] = GGUFField(kind: kind, offset: start, width: 8, owner: owner) }
    position = end
    return true
  }

  private mutating func value(_ type: UInt64, depth: Int, listed: Bool) -> Bool {
    switch type {
    case 0, 1, 7: return take(.value, 1, listed: listed) != nil
    case 2, 3: return take(.value, 2, listed: listed) != nil
    case 4, 5, 6: return take(.value, 4, listed: listed) != nil
    case 10, 11, 12: return take(.value, 8, listed: listed) != nil
    case 8:
      guard let length = take(.stringLength, 8, listed: listed), length <= UInt64(bytes.count - position) else {
        return false
      }
      position += Int(length)
      return true
    case 9:
      guard depth < 64, let elementType = take(.elementType, 4, listed: listed),
        let count = take(.arrayLength, 8, listed: listed)
      else { return false }
      for index in 0..<min(count, UInt64(bytes.count)) {
        let isListed = listed && (index < Self.elementsListed || index == count - 1)
        guard value(elementType, depth: depth + 1, listed: isListed) else { return false }
      }
      return true
    default: return false
    }
  }

  private mutating func take(_ kind: GGUFField.Kind, _ width: Int, listed: Bool = true) -> UInt64? {
    guard position <= bytes.count - width else { return nil }
    if listed { fields.append(GGUFField(kind: kind, offset: position, width: width, owner: owner)) }
    var number: UInt64 = 0
    for index in (0..<width).reversed() { number = number << 8 | UInt64(bytes[position + index]) }
    position += width
    return number
  }
}
