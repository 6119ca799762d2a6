import Testing

@testable import Quantization

/// Packing loses nothing: what comes out of a packed matrix is what the file's blocks mean, bit for bit.
@Suite struct DecodingTests {
  @Test func everyTypeHasGoldenBlocks() {
    #expect(GoldenBlocks.all.map(\.type) == TensorType.allCases)
    for golden in GoldenBlocks.all {
      #expect(golden.count >= 10)
      #expect(golden.blocks.count == golden.count * golden.type.bytesPerBlock)
      #expect(golden.values.count == golden.count * golden.type.elementsPerBlock)
    }
  }

  /// Each block at each position of a group, in rows of one to five blocks, in groups of one to eight rows.
  @Test(arguments: GoldenBlocks.all)
  func unpackedRowsEqualTheGoldenOnes(_ golden: GoldenBlocks) {
    for blocksPerRow in [1, 2, 3, 5] {
      for rowCount in 1...17 {
        for start in stride(from: 0, to: golden.count, by: max(rowCount, 8)) {
          let rows = (0..<rowCount).map { row in
            golden.row((0..<blocksPerRow).map { (start + row + 3 * $0) % golden.count })
          }
          let fault = Self.firstFault(golden.type, rows, columns: blocksPerRow * golden.type.elementsPerBlock)
          #expect(fault == nil, "\(rowCount) rows of \(blocksPerRow) blocks from block \(start)")
        }
      }
    }
  }

  /// Every block of the file in turn at every position of a group.
  @Test(arguments: GoldenBlocks.all)
  func everyBlockAtEveryPosition(_ golden: GoldenBlocks) {
    for start in 0..<min(golden.count, 60) {
      let rows = (0..<8).map { golden.row([(start + $0) % golden.count]) }
      #expect(Self.firstFault(golden.type, rows, columns: golden.type.elementsPerBlock) == nil, "block \(start)")
    }
  }

  /// The first element that is not the golden one; rows that were not given must be zero.
  private static func firstFault(
    _ type: TensorType, _ rows: [(bytes: [UInt8], values: [UInt32])], columns: Int
  ) -> String? {
    let packed = PackedRows(type, rows: rows.map(\.bytes), columns: columns)
    for row in 0..<(rows.count + 7) / 8 * 8 {
      let found = packed.unpack(row: row)
      if row >= rows.count {
        // A zero with a sign is a zero: d * (0 - 8).
        if !found.allSatisfy({ $0 & 0x7fff_ffff == 0 }) { return "row \(row), which pads the group, is not zero" }
      } else if found != rows[row].values {
        let column = (0..<columns).first { found[$0] != rows[row].values[$0] } ?? 0
        return "row \(row) column \(column): found \(Float(bitPattern: found[column])), "
          + "expected \(Float(bitPattern: rows[row].values[column]))"
      }
    }
    return nil
  }

  /// Every bit of a packed group says something: with any of them flipped, some weight is another.
  @Test(arguments: GoldenBlocks.all)
  func everyPackedBitCounts(_ golden: GoldenBlocks) {
    let type = golden.type
    // Scales of 1, sub-scales that are not zero, codes of all kinds: nothing hides behind a zero or a rounding.
    let rows = (0..<8).map { row in Self.plainBlock(type, seed: UInt64(row)) }
    var packed = PackedRows(type, rows: rows, columns: type.elementsPerBlock)
    let before = (0..<8).map { packed.unpack(row: $0) }
    var idle: [Int] = []
    for bit in 0..<packed.bytes.count * 8 {
      packed.bytes[bit / 8] ^= 1 << (bit % 8)
      if (0..<8).allSatisfy({ packed.unpack(row: $0) == before[$0] }) { idle.append(bit) }
      packed.bytes[bit / 8] ^= 1 << (bit % 8)
    }
    #expect(idle.isEmpty, "\(type.name): bits \(idle.prefix(10)) of \(packed.bytes.count * 8)")
  }

  private static func plainBlock(_ type: TensorType, seed: UInt64) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
    var block = (0..<type.bytesPerBlock).map { _ -> UInt8 in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 33)
    }
    let (halves, subScales): ([Int], Range<Int>) =
      switch type {
      case .q4_0, .q5_0, .q8_0, .iq4_nl: ([0], 0..<0)
      case .q4_1, .q5_1: ([0, 2], 0..<0)
      case .q4_K, .q5_K: ([0, 2], 4..<16)
      case .q2_K: ([80, 82], 0..<16)
      case .q3_K: ([108], 96..<108)
      case .q6_K: ([208], 192..<208)
      case .iq4_xs: ([0], 2..<8)
      case .f32, .f16, .bf16: ([], 0..<0)
      }
    for index in subScales { block[index] = 0x55 }
    for offset in halves { (block[offset], block[offset + 1]) = (0x00, 0x3c) }
    return block
  }

  /// Bytes of eight packed rows against those of the file.
  @Test func packedSizesAreTheStatedOnes() {
    let widened: [TensorType: ClosedRange<Double>] = [.q2_K: 1.75...1.77, .q3_K: 1.32...1.34]
    for type in TensorType.allCases {
      let layout = PackedLayout(type)
      let columns = type.elementsPerBlock * 6
      let ratio = Double(layout.groupBytes(columns: columns)) / Double(8 * 6 * type.bytesPerBlock)
      print("\(type.name): packed bytes are \(ratio) times the file's")
      #expect((widened[type] ?? 1...1.12).contains(ratio), "\(type.name)")
      #expect(layout.bytes(rows: 16, columns: columns) == 2 * layout.groupBytes(columns: columns))
      #expect(layout.bytes(rows: 17, columns: columns) == 3 * layout.groupBytes(columns: columns))
    }
  }

  @Test func theCheckItselfFindsFaults() throws {
    for golden in GoldenBlocks.all where golden.type != .f32 {
      var rows = [golden.row([0]), golden.row([1]), golden.row([2])]
      #expect(Self.firstFault(golden.type, rows, columns: golden.type.elementsPerBlock) == nil)
      // The sign of a zero counts.
      rows[1].values[0] = rows[1].values[0] ^ 0x8000_0000
      #expect(Self.firstFault(golden.type, rows, columns: golden.type.elementsPerBlock) != nil)
      rows.swapAt(0, 2)
      rows[1] = golden.row([1])
      #expect(Self.firstFault(golden.type, rows, columns: golden.type.elementsPerBlock) == nil)
    }
  }
}
