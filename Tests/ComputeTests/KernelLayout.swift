import CKernels
import Testing

@testable import Compute

/// Where the fields of a file's block lie, so that tests can drive each to its extremes. Written down from the formats'
/// definition and not from the packing code.
struct KernelLayout: CustomTestStringConvertible, Sendable {
  let name: String
  let code: fk_layout
  /// Offsets of scales in F16.
  var halves: [Int] = []
  /// Bytes of scales within a super-block.
  var subScales: Range<Int> = 0..<0
  /// Bytes of codes.
  var codes: [Range<Int>] = []
  /// Whether a weight is a product plus a minimum of its own.
  var hasMinimum = false

  var testDescription: String { name }
  var columns: Int { fk_layout_columns(code) }
  var fileBytes: Int { fk_layout_file_bytes(code) }
  var groupBytes: Int { fk_layout_group_bytes(code) }
  /// Blocks of 32 activations that one block of the layout meets.
  var activationBlocks: Int { columns / 32 }

  static let integer = [
    KernelLayout(name: "Q8_0", code: FK_LAYOUT_S8, halves: [0], codes: [2..<34]),
    KernelLayout(name: "Q4_0", code: FK_LAYOUT_U4Z, halves: [0], codes: [2..<18]),
    KernelLayout(name: "Q4_1", code: FK_LAYOUT_U4M, halves: [0, 2], codes: [4..<20], hasMinimum: true),
    KernelLayout(
      name: "Q4_K", code: FK_LAYOUT_U4K, halves: [0, 2], subScales: 4..<16, codes: [16..<144], hasMinimum: true),
    KernelLayout(name: "Q5_0", code: FK_LAYOUT_U5Z, halves: [0], codes: [2..<22]),
    KernelLayout(name: "Q5_1", code: FK_LAYOUT_U5M, halves: [0, 2], codes: [4..<24], hasMinimum: true),
    KernelLayout(
      name: "Q5_K", code: FK_LAYOUT_U5K, halves: [0, 2], subScales: 4..<16, codes: [16..<176], hasMinimum: true),
    KernelLayout(name: "Q6_K", code: FK_LAYOUT_U6S16, halves: [208], subScales: 192..<208, codes: [0..<192]),
    KernelLayout(
      name: "Q2_K", code: FK_LAYOUT_U4M16, halves: [80, 82], subScales: 0..<16, codes: [16..<80], hasMinimum: true),
    KernelLayout(name: "Q3_K", code: FK_LAYOUT_U4S16, halves: [108], subScales: 96..<108, codes: [0..<96]),
    KernelLayout(name: "IQ4_NL", code: FK_LAYOUT_C4, halves: [0], codes: [2..<18]),
    KernelLayout(name: "IQ4_XS", code: FK_LAYOUT_C4K, halves: [0], subScales: 2..<8, codes: [8..<136]),
  ]

  static let float = [
    KernelLayout(name: "F32", code: FK_LAYOUT_F32), KernelLayout(name: "F16", code: FK_LAYOUT_F16),
    KernelLayout(name: "BF16", code: FK_LAYOUT_BF16),
  ]
}

/// What fills the codes, or the scales, of a matrix.
enum KernelPattern: Sendable {
  case random
  case bytes(UInt8)
  /// Whole rows of the one and of the other.
  case rows(UInt8, UInt8)

  func byte(row: Int, _ random: inout KernelRandom) -> UInt8 {
    switch self {
    case .random: UInt8(truncatingIfNeeded: random.next())
    case .bytes(let byte): byte
    case .rows(let even, let odd): row.isMultiple(of: 2) ? even : odd
    }
  }

  /// Every code at its least and its greatest, also -128 of Q8_0, and both in one matrix.
  static let extremes: [KernelPattern] = [.bytes(0), .bytes(0xff), .bytes(0x80), .bytes(0x7f), .rows(0x80, 0xff)]
}

/// A matrix in a file's blocks, packed, and decoded to what it means.
final class KernelMatrix {
  let layout: KernelLayout
  let rows: Int
  let columns: Int
  let packed: GuardedBuffer<UInt8>
  /// [groups * 8, columns], by `fk_unpack_row`, which tests of Quantization hold against golden blocks.
  private(set) var weights: [Double] = []
  /// [groups * 8, columns]: magnitudes of the terms whose sum is a weight.
  private(set) var magnitudes: [Double] = []

  var groups: Int { (rows + 7) / 8 }

  /// - Parameter scale: bits of each half; nil for random ones from 2^-8 to 2^-4, of both signs.
  init(
    _ layout: KernelLayout, rows: Int, columns: Int, codes: KernelPattern = .random, subScales: KernelPattern = .random,
    scale: UInt16? = nil, _ random: inout KernelRandom
  ) {
    self.layout = layout
    self.rows = rows
    self.columns = columns
    var file: [UInt8] = []
    for row in 0..<rows {
      for _ in 0..<columns / layout.columns {
        var block = [UInt8](repeating: 0, count: layout.fileBytes)
        for range in layout.codes { for i in range { block[i] = codes.byte(row: row, &random) } }
        for i in layout.subScales { block[i] = subScales.byte(row: row, &random) }
        for offset in layout.halves {
          let bits = scale ?? UInt16(truncatingIfNeeded: random.next()) & 0x8fff | 0x2000
          block[offset] = UInt8(bits & 0xff)
          block[offset + 1] = UInt8(bits >> 8)
        }
        file += block
      }
    }
    packed = Self.pack(layout, file, rows: rows, columns: columns)
    decode()
    if layout.hasMinimum { addMinima(file) }
  }

  /// A matrix of the given blocks.
  convenience init(_ layout: KernelLayout, file: [UInt8], rows: Int, columns: Int) {
    self.init(
      layout, packed: Self.pack(layout, file, rows: rows, columns: columns), rows: rows, columns: columns)
  }

  private init(_ layout: KernelLayout, packed: GuardedBuffer<UInt8>, rows: Int, columns: Int) {
    self.layout = layout
    self.rows = rows
    self.columns = columns
    self.packed = packed
    decode()
  }

  static func pack(_ layout: KernelLayout, _ file: [UInt8], rows: Int, columns: Int) -> GuardedBuffer<UInt8> {
    let groupBytes = columns / layout.columns * layout.groupBytes
    let rowBytes = columns / layout.columns * layout.fileBytes
    let source = GuardedBuffer(file)
    let packed = GuardedBuffer<UInt8>(count: (rows + 7) / 8 * groupBytes)
    for group in 0..<(rows + 7) / 8 {
      fk_pack_group(
        layout.code, source.pointer + group * 8 * rowBytes, min(8, rows - group * 8), columns,
        packed.pointer + group * groupBytes)
    }
    return packed
  }

  private func decode() {
    let groupBytes = columns / layout.columns * layout.groupBytes
    let row = GuardedBuffer<Float>(count: columns)
    weights = []
    for index in 0..<groups * 8 {
      fk_unpack_row(layout.code, packed.pointer + index / 8 * groupBytes, index % 8, columns, row.pointer)
      weights += row.elements.map(Double.init)
    }
    magnitudes = weights.map(abs)
  }

  /// With its codes at 0 a weight is its minimum m, and |product| <= |w| + |m|.
  private func addMinima(_ file: [UInt8]) {
    var empty = file
    for start in stride(from: 0, to: file.count, by: layout.fileBytes) {
      for range in layout.codes { for i in range { empty[start + i] = 0 } }
    }
    let packed = Self.pack(layout, empty, rows: rows, columns: columns)
    let minima = KernelMatrix(layout, packed: packed, rows: rows, columns: columns).weights
    for i in magnitudes.indices { magnitudes[i] += 2 * abs(minima[i]) }
  }
}
