import Compute
import NumericsSupport
import Testing

@testable import Transformers

/// Every family and weight type against `transformers` on tiny random models whose shapes tell conventions apart.
@Suite struct FamilyTests {
  @Test func fixturesAreThere() { #expect(FamilyFixture.all.count >= 30) }

  @Test(arguments: FamilyFixture.all)
  func referencePathEqualsTransformers(_ fixture: FamilyFixture) throws {
    let product = MatrixProduct.reference(try OpenBLAS.load())
    let ours = try Subject(path: fixture.path).logits(of: fixture.prompt, product: product)
    let golden = try fixture.goldenLogits()
    #expect(golden.count == fixture.positions.count * fixture.vocab)
    var worst: Float = 0
    for (index, position) in fixture.positions.enumerated() {
      ours.values.withUnsafeBufferPointer { ours in
        golden.withUnsafeBufferPointer { golden in
          let difference = largestDifference(
            ours.baseAddress! + position * fixture.vocab, golden.baseAddress! + index * fixture.vocab,
            count: fixture.vocab)
          worst = max(worst, difference)
        }
      }
    }
    print("\(fixture): reference path, largest logit difference \(worst)")
    #expect(worst < Self.tolerance(fixture))
  }

  /// What the judge itself moves by between F32 and F64 is a tenth of this; the smallest mistake moves logits by 0.6.
  private static func tolerance(_ fixture: FamilyFixture) -> Float { fixture.isDeep ? 2e-3 : 1e-3 }

  @Test(arguments: FamilyFixture.all)
  func integerPathStaysNearTheReferencePath(_ fixture: FamilyFixture) throws {
    let subject = try Subject(path: fixture.path)
    let tokens = fixture.tokens(FamilyBounds.positions)
    let reference = try subject.logits(of: tokens, product: .reference(try OpenBLAS.load()))
    let bound = FamilyBounds.all["\(fixture)"] ?? (divergence: 0, agreements: .max)
    for kernels in Kernels.all {
      let integer = try subject.logits(of: tokens, kernels: kernels)
      var divergence = Divergence()
      reference.values.withUnsafeBufferPointer { reference in
        integer.values.withUnsafeBufferPointer { integer in
          for row in stride(from: 0, to: tokens.count * fixture.vocab, by: fixture.vocab) {
            divergence.add(
              reference: reference.baseAddress! + row, other: integer.baseAddress! + row, vocab: fixture.vocab)
          }
        }
      }
      print("\(fixture): \(kernels.name), \(divergence)")
      #expect(divergence.positions == FamilyBounds.positions)
      #expect(divergence.mean < bound.divergence, "\(fixture), \(kernels.name)")
      #expect(divergence.agreements >= bound.agreements, "\(fixture), \(kernels.name)")
    }
  }
}
