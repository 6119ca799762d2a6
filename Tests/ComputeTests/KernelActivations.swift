import CKernels

@testable import Compute

/// Quantised activations made by hand, so that codes reach extremes that data never does.
enum KernelCodes: CaseIterable {
  case random, most, least, alternating, halves, pairs, columns, zero

  func code(_ column: Int, _ random: inout KernelRandom) -> Int8 {
    switch self {
    case .random: Int8(Int(random.next() % 255) - 127)
    case .most: 127
    case .least: -127
    case .alternating: column.isMultiple(of: 2) ? 127 : -127
    case .halves: column % 32 < 16 ? 127 : -127
    case .pairs: column / 2 % 2 == 0 ? 127 : -127
    case .columns: column / 4 % 2 == 0 ? -127 : 127
    case .zero: 0
    }
  }
}

/// A block with the sums that belong to its codes.
func activations(_ codes: [Int8], scale: Float) -> fk_activations {
  precondition(codes.count == 32)
  var block = fk_activations()
  block.scale = scale
  block.sums.0 = codes[..<16].reduce(0) { $0 + Int16($1) }
  block.sums.1 = codes[16...].reduce(0) { $0 + Int16($1) }
  block.sum = Int32(block.sums.0) + Int32(block.sums.1)
  block.scaled_sum = scale * Float(block.sum)
  withUnsafeMutableBytes(of: &block.codes) { bytes in
    for (index, code) in codes.enumerated() { bytes[index] = UInt8(bitPattern: code) }
  }
  return block
}

func codes(of block: fk_activations) -> [Int8] {
  withUnsafeBytes(of: block.codes) { $0.map { Int8(bitPattern: $0) } }
}

/// The vectors that a matrix is applied to, [tokens, columns].
struct KernelInput {
  let tokens: Int
  let columns: Int
  /// What the kernel reads: blocks for integer layouts, floats for float ones.
  let blocks: GuardedBuffer<fk_activations>
  let floats: GuardedBuffer<Float>
  /// What that means.
  let values: [Double]

  /// Quantised tokens, each of the next kind of codes, with scales around 2^-6.
  init(tokens: Int, columns: Int, _ random: inout KernelRandom) {
    let kinds = KernelCodes.allCases
    var blocks: [fk_activations] = []
    for token in 0..<tokens {
      for _ in 0..<columns / 32 {
        let codes = (0..<32).map { kinds[token % kinds.count].code($0, &random) }
        blocks.append(activations(codes, scale: 0.015 * (1.5 + random.symmetric())))
      }
    }
    self.init(tokens: tokens, columns: columns, blocks: blocks)
  }

  /// Quantised tokens as given.
  init(tokens: Int, columns: Int, blocks: [fk_activations]) {
    self.tokens = tokens
    self.columns = columns
    let (count, stride) = (columns / 32, Activations.stride(columns: columns))
    // What lies between two tokens would make every sum not a number, and behind the last one is no memory.
    let between = activations([Int8](repeating: 1, count: 32), scale: .nan)
    let rows = (0..<tokens).map { Array(blocks[$0 * count..<($0 + 1) * count]) }
    self.blocks = GuardedBuffer(Array(rows.joined(separator: (count..<stride).map { _ in between })))
    floats = GuardedBuffer(count: 0)
    values = blocks.flatMap { block in codes(of: block).map { Double(block.scale) * Double($0) } }
  }

  /// Float tokens.
  init(floatTokens tokens: Int, columns: Int, _ random: inout KernelRandom) {
    self.tokens = tokens
    self.columns = columns
    blocks = GuardedBuffer(count: 0)
    let values = (0..<tokens * columns).map { _ in random.normal() }
    floats = GuardedBuffer(values)
    self.values = values.map(Double.init)
  }

  /// One token alone.
  func token(_ index: Int) -> KernelInput {
    let start = index * Activations.stride(columns: columns)
    return KernelInput(
      tokens: 1, columns: columns,
      blocks: blocks.count == 0
        ? GuardedBuffer(count: 0) : GuardedBuffer(blocks.elements[start..<start + columns / 32]),
      floats: floats.count == 0
        ? GuardedBuffer(count: 0) : GuardedBuffer(floats.elements[index * columns..<(index + 1) * columns]),
      values: Array(values[index * columns..<(index + 1) * columns]))
  }

  private init(
    tokens: Int, columns: Int, blocks: GuardedBuffer<fk_activations>, floats: GuardedBuffer<Float>, values: [Double]
  ) {
    (self.tokens, self.columns, self.blocks, self.floats, self.values) = (tokens, columns, blocks, floats, values)
  }

  var address: UnsafeRawPointer {
    floats.count > 0 ? UnsafeRawPointer(floats.pointer) : UnsafeRawPointer(blocks.pointer)
  }
}
