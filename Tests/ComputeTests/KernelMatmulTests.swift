import CKernels
import Glibc
import Testing

@testable import Compute

/// y of one call, with gaps between its rows that the kernel must leave alone.
struct KernelProduct {
  static let gap = 5
  static let untouched: UInt32 = 0x7fc1_2345

  let y: GuardedBuffer<Float>
  let stride: Int
  let width: Int

  init(_ kernels: Kernels, _ matrix: KernelMatrix, _ input: KernelInput, tokens: Int) {
    width = matrix.groups * 8
    stride = width + Self.gap
    // The last row ends with the memory.
    y = GuardedBuffer(count: (tokens - 1) * stride + width)
    y.fill(Float(bitPattern: Self.untouched))
    fk_matmul_of(kernels.table, matrix.layout.code)(
      matrix.packed.pointer, matrix.groups, matrix.columns, input.address, tokens, y.pointer, stride)
  }

  func row(_ token: Int) -> UnsafeMutablePointer<Float> { y.pointer + token * stride }

  var gapsAreUntouched: Bool {
    (0..<y.count).allSatisfy { $0 % stride < width || y.pointer[$0].bitPattern == Self.untouched }
  }
}

/// What a matrix times some tokens should be, computed once for all tables.
struct KernelExpectation {
  let matrix: KernelMatrix
  let input: KernelInput
  /// [tokens, groups * 8]
  private(set) var values: [Double] = []
  private(set) var tolerances: [Double] = []

  init(_ matrix: KernelMatrix, _ input: KernelInput) {
    self.matrix = matrix
    self.input = input
    let columns = matrix.columns
    // Sums: one rounding a term added, products and scales a handful more. Float kernels add in four chains.
    let terms = matrix.layout.halves.isEmpty ? columns / 4 + 4 : columns / 32 * (matrix.layout.hasMinimum ? 2 : 1)
    let allowed = Double(terms + 6) * roundoff
    matrix.weights.withUnsafeBufferPointer { weights in
      matrix.magnitudes.withUnsafeBufferPointer { magnitudes in
        input.values.withUnsafeBufferPointer { x in
          for token in 0..<input.tokens {
            for row in 0..<matrix.groups * 8 {
              var (sum, magnitude) = (0.0, 0.0)
              for column in 0..<columns {
                let activation = x[token &* columns &+ column]
                sum += weights[row &* columns &+ column] * activation
                magnitude += magnitudes[row &* columns &+ column] * abs(activation)
              }
              values.append(sum)
              tolerances.append(allowed * magnitude)
            }
          }
        }
      }
    }
  }

  /// - Parameter exact: rounding is no excuse.
  func worst(_ product: KernelProduct, tokens: Int, exact: Bool = false) -> Worst {
    var worst = Worst()
    for token in 0..<tokens {
      for row in 0..<product.width {
        let index = token * product.width + row
        worst.add(
          product.row(token)[row], expected: values[index], tolerance: exact ? 0 : tolerances[index],
          "\(matrix.layout.name) \(matrix.rows) rows \(matrix.columns) columns, token \(token) row \(row)")
      }
    }
    return worst
  }

  /// The first token whose result depends on how many tokens are computed with it.
  func firstDependentToken(_ kernels: Kernels, tokens: Int) -> Int? {
    let product = KernelProduct(kernels, matrix, input, tokens: tokens)
    return (0..<tokens).first { token in
      let alone = KernelProduct(kernels, matrix, input.token(token), tokens: 1)
      return memcmp(alone.row(0), product.row(token), product.width * MemoryLayout<Float>.stride) != 0
    }
  }
}

@Suite struct KernelMatmulTests {
  static let tokenCounts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16]

  private func columns(_ layout: KernelLayout) -> [Int] {
    layout.columns == 256 ? [256, 512, 768] : [32, 64, 96, 160, 288, 576]
  }

  @Test func everyTableIsListed() throws {
    #expect(Kernels.all.last?.name == "baseline")
    #expect(Set(Kernels.all.map(\.name)).count == Kernels.all.count)
    #expect(Kernels.all.first?.table == Kernels.best.table)
    for kernels in Kernels.all { #expect(Kernels.named(kernels.name)?.table == kernels.table) }
    #expect(Kernels.named("none such") == nil)
    #expect(KernelLayout.integer.count + KernelLayout.float.count == Int(FK_LAYOUT_COUNT.rawValue))
    print("tables: \(Kernels.all.map(\.name))")
  }

  /// Random weights, every number of tokens and of rows in the last group.
  @Test(arguments: KernelLayout.integer)
  func integerLayoutsEqualTheSumInDouble(_ layout: KernelLayout) {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = KernelRandom(seed: seed)
    for (turn, columns) in columns(layout).enumerated() {
      let matrix = KernelMatrix(layout, rows: 17 + turn, columns: columns, &random)
      check(matrix, KernelInput(tokens: 16, columns: columns, &random), seed)
    }
    for rows in 1...8 {
      let matrix = KernelMatrix(layout, rows: rows, columns: layout.columns, &random)
      check(matrix, KernelInput(tokens: 16, columns: layout.columns, &random), seed)
    }
  }

  /// So wide that tokens would be whole pages apart: something lies between them.
  @Test(arguments: KernelLayout.integer)
  func tokensOfWideMatricesStandApart(_ layout: KernelLayout) {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = KernelRandom(seed: seed)
    #expect(Activations.stride(columns: 8192) == 257 && Activations.stride(columns: 576) == 18)
    let matrix = KernelMatrix(layout, rows: 3, columns: 8192, &random)
    check(matrix, KernelInput(tokens: 16, columns: 8192, &random), seed)
  }

  /// All codes and sub-scales at their least and greatest, against activations at theirs: what sums of 16 bits must hold.
  @Test(arguments: KernelLayout.integer)
  func extremesDoNotSaturate(_ layout: KernelLayout) {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = KernelRandom(seed: seed)
    let subScales = layout.subScales.isEmpty ? [.random] : KernelPattern.extremes
    for codes in KernelPattern.extremes {
      for scales in subScales {
        let matrix = KernelMatrix(layout, rows: 8, columns: 256, codes: codes, subScales: scales, &random)
        check(matrix, KernelInput(tokens: 16, columns: 256, &random), seed)
      }
    }
  }

  private func check(_ matrix: KernelMatrix, _ input: KernelInput, _ seed: UInt64) {
    let expected = KernelExpectation(matrix, input)
    for kernels in Kernels.all {
      for tokens in Self.tokenCounts {
        let product = KernelProduct(kernels, matrix, input, tokens: tokens)
        let worst = expected.worst(product, tokens: tokens)
        #expect(worst.isWithin, "\(kernels.name) \(tokens) tokens, seed \(seed): \(worst)")
        #expect(product.gapsAreUntouched, "\(kernels.name) \(tokens) tokens")
      }
      let dependent = expected.firstDependentToken(kernels, tokens: 9)
      #expect(dependent == nil, "\(kernels.name) \(matrix.layout.name), seed \(seed)")
    }
  }

  /// With scales of 1 and one block of 32 that is not zero, all floats are exact integers: tables must agree to the bit.
  @Test(arguments: KernelLayout.integer)
  func integerPartIsExact(_ layout: KernelLayout) {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = KernelRandom(seed: seed)
    let subScales = layout.subScales.isEmpty ? [.bytes(0)] : KernelPattern.extremes + [.random]
    for codes in KernelPattern.extremes + [.random] {
      for scales in subScales {
        let matrix = KernelMatrix(
          layout, rows: 8, columns: 256, codes: codes, subScales: scales, scale: 0x3c00, &random)
        let input = Self.singleBlocks(columns: 256, &random)
        let expected = KernelExpectation(matrix, input)
        for kernels in Kernels.all {
          let product = KernelProduct(kernels, matrix, input, tokens: input.tokens)
          let worst = expected.worst(product, tokens: input.tokens, exact: true)
          #expect(worst.isWithin, "\(kernels.name), seed \(seed): \(worst)")
        }
      }
    }
  }

  /// A token for each block of 32 and each kind of codes; all other blocks are zero.
  static func singleBlocks(columns: Int, _ random: inout KernelRandom) -> KernelInput {
    var blocks: [fk_activations] = []
    var tokens = 0
    for kind in KernelCodes.allCases {
      for block in 0..<columns / 32 {
        for other in 0..<columns / 32 {
          let codes = (0..<32).map { other == block ? kind.code($0, &random) : 0 }
          blocks.append(activations(codes, scale: 1))
        }
        tokens += 1
      }
    }
    return KernelInput(tokens: tokens, columns: columns, blocks: blocks)
  }

  @Test(arguments: KernelLayout.float)
  func floatLayoutsEqualTheSumInDouble(_ layout: KernelLayout) {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = KernelRandom(seed: seed)
    for columns in [1, 2, 3, 4, 5, 7, 24, 33, 40, 63, 97, 256, 575] {
      let rows = 1 + columns % 20
      let file = (0..<rows * columns).flatMap { _ in Self.bytes(of: random.normal(), layout) }
      let matrix = KernelMatrix(layout, file: file, rows: rows, columns: columns)
      check(matrix, KernelInput(floatTokens: 16, columns: columns, &random), seed)
    }
  }

  /// Every pattern of a half or a bfloat passes through the kernels' own loads unchanged.
  @Test(arguments: [KernelLayout.float[1], KernelLayout.float[2]])
  func everyPatternOfSixteenBitsIsLoadedExactly(_ layout: KernelLayout) {
    let file = (0..<65_536).flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
    let matrix = KernelMatrix(layout, file: file, rows: 65_536, columns: 1)
    let one = GuardedBuffer<Float>([1])
    for kernels in Kernels.all {
      let y = GuardedBuffer<Float>(count: 65_536)
      fk_matmul_of(kernels.table, layout.code)(matrix.packed.pointer, 8192, 1, one.pointer, 1, y.pointer, 65_536)
      let wrong = (0..<65_536).first { pattern in
        let expected =
          layout.name == "F16"
          ? Float(Float16(bitPattern: UInt16(pattern))) : Float(bitPattern: UInt32(pattern) << 16)
        return !(y.pointer[pattern] == expected || (y.pointer[pattern].isNaN && expected.isNaN))
      }
      #expect(wrong == nil, "\(kernels.name) \(layout.name)")
    }
  }

  private static func bytes(of value: Float, _ layout: KernelLayout) -> [UInt8] {
    switch layout.name {
    case "F32": withUnsafeBytes(of: value) { Array($0) }
    case "F16": withUnsafeBytes(of: Float16(value)) { Array($0) }
    default: withUnsafeBytes(of: value) { Array($0[2...]) }
    }
  }
}
