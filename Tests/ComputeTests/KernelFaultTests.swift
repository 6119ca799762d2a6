import CKernels
import Glibc
import Testing

@testable import Compute

/// The checks of the kernel tests, each made to fail by a planted fault.
@Suite struct KernelFaultTests {
  /// One flipped bit among the codes shows in the exact check and in the one with tolerances.
  @Test(arguments: KernelLayout.integer)
  func aFlippedBitOfAWeightShows(_ layout: KernelLayout) {
    var random = KernelRandom(seed: 1)
    let matrix = KernelMatrix(layout, rows: 8, columns: 256, subScales: .bytes(0x55), scale: 0x3c00, &random)
    let exact = KernelExpectation(matrix, KernelMatmulTests.singleBlocks(columns: 256, &random))
    let rounded = KernelExpectation(matrix, KernelInput(tokens: 16, columns: 256, &random))
    // The last byte of a block of any layout is one of codes.
    let byte = layout.groupBytes - 1
    for kernels in Kernels.all {
      #expect(worst(exact, kernels, exact: true).isWithin)
      #expect(worst(rounded, kernels, exact: false).isWithin)
      matrix.packed.pointer[byte] ^= 0x01
      #expect(!worst(exact, kernels, exact: true).isWithin)
      #expect(!worst(rounded, kernels, exact: false).isWithin)
      matrix.packed.pointer[byte] ^= 0x01
    }
  }

  private func worst(_ expected: KernelExpectation, _ kernels: Kernels, exact: Bool) -> Worst {
    let tokens = expected.input.tokens
    return expected.worst(
      KernelProduct(kernels, expected.matrix, expected.input, tokens: tokens), tokens: tokens, exact: exact)
  }

  /// Sums of 16 bits that saturate, which only extremes bring about: the exact check sees them, random data would not.
  @Test func saturationShowsAtTheExtremesOnly() {
    var random = KernelRandom(seed: 2)
    let layout = KernelLayout.integer[0]
    for (codes, shows) in [(KernelPattern.bytes(0x80), true), (.random, false)] {
      let matrix = KernelMatrix(layout, rows: 8, columns: 32, codes: codes, scale: 0x3c00, &random)
      let kind = shows ? KernelCodes.least : .random
      let block = activations((0..<32).map { kind.code($0, &random) }, scale: 1)
      let expected = KernelExpectation(matrix, KernelInput(tokens: 1, columns: 32, blocks: [block]))
      let product = KernelProduct(.baseline, matrix, expected.input, tokens: 1)
      #expect(expected.worst(product, tokens: 1, exact: true).isWithin)
      // What adding two products in 16 bits before widening would give.
      for row in 0..<8 {
        var sum = 0
        for start in stride(from: 0, to: 32, by: 4) {
          let terms = (start..<start + 4).map { matrix.weights[row * 32 + $0] * expected.input.values[$0] }
          sum += min(32_767, max(-32_768, Int(terms[0] + terms[1] + terms[2] + terms[3])))
        }
        product.row(0)[row] = Float(sum)
      }
      #expect(expected.worst(product, tokens: 1, exact: true).isWithin == !shows)
    }
  }

  /// A kernel whose result for a token depends on the tokens beside it.
  @Test func dependenceOnTheBatchShows() {
    var random = KernelRandom(seed: 3)
    let layout = KernelLayout.integer[1]
    let matrix = KernelMatrix(layout, rows: 8, columns: 64, &random)
    let expected = KernelExpectation(matrix, KernelInput(tokens: 9, columns: 64, &random))
    #expect(expected.firstDependentToken(.best, tokens: 9) == nil)
    let faulty = UnsafeMutablePointer<fk_kernels>.allocate(capacity: 1)
    defer { faulty.deallocate() }
    faulty.initialize(to: Kernels.best.table.pointee)
    // Q4_0 is the fifth of the layouts; one unit in the last place, and only where tokens share a call.
    faulty.pointee.matmul.4 = { weights, groups, columns, x, tokens, y, stride in
      fk_matmul_of(fk_kernels_best(), FK_LAYOUT_U4Z)(weights, groups, columns, x, tokens, y, stride)
      if tokens > 4, let y { y[stride * 2] = y[stride * 2].nextUp }
    }
    #expect(expected.firstDependentToken(Kernels(table: faulty), tokens: 4) == nil)
    #expect(expected.firstDependentToken(Kernels(table: faulty), tokens: 9) == 2)
    let product = KernelProduct(Kernels(table: faulty), matrix, expected.input, tokens: 9)
    #expect(expected.worst(product, tokens: 9).isWithin, "the check with tolerances does not see one unit")
  }

  @Test func gapsThatAreWrittenToShow() {
    var random = KernelRandom(seed: 4)
    let matrix = KernelMatrix(KernelLayout.integer[0], rows: 8, columns: 32, &random)
    let product = KernelProduct(.best, matrix, KernelInput(tokens: 3, columns: 32, &random), tokens: 3)
    #expect(product.gapsAreUntouched)
    product.y.pointer[product.width] = 0
    #expect(!product.gapsAreUntouched)
  }

  @Test func worstKnowsWhatIsNoNumber() {
    var worst = Worst()
    #expect(!worst.isWithin, "nothing compared is nothing shown")
    worst.add(1, expected: 1, tolerance: 0, "equal")
    #expect(worst.isWithin)
    worst.add(.nan, expected: 1, tolerance: .infinity, "not a number")
    #expect(!worst.isWithin)
  }
}
