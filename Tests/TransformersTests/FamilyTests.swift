import Compute
import ModelFiles
import Testing

@testable import Transformers

/// Every family and weight type against `transformers` on tiny random models whose shapes tell conventions apart.
@Suite struct FamilyTests {
  @Test func fixturesAreThere() { #expect(FamilyFixture.all.count >= 30) }

  @Test(arguments: FamilyFixture.all)
  func referencePathEqualsTransformers(_ fixture: FamilyFixture) throws {
    let product = MatrixProduct.reference(try OpenBLAS.load())
    let ours = try logits(of: fixture.prompt, path: fixture.path, product: product)
    let golden = try fixture.goldenLogits()
    let worst = largestDifference(ours, golden, fixture)
    print("\(fixture.testDescription): reference path, largest logit difference \(worst)")
    #expect(worst < 5e-3)
  }

  @Test(arguments: FamilyFixture.all)
  func integerPathStaysNear(_ fixture: FamilyFixture) throws {
    let ours = try logits(of: fixture.prompt, path: fixture.path, product: .integer)
    let golden = try fixture.goldenLogits()
    let worst = largestDifference(ours, golden, fixture)
    print("\(fixture.testDescription): integer path, largest logit difference \(worst)")
    #expect(worst < 3)
  }

  private func largestDifference(_ ours: [[Float]], _ golden: [Float], _ fixture: FamilyFixture) -> Float {
    var worst: Float = 0
    for (index, position) in fixture.positions.enumerated() {
      for token in 0..<fixture.vocab {
        let difference = abs(ours[position][token] - golden[index * fixture.vocab + token])
        worst = difference.isNaN ? .infinity : max(worst, difference)
      }
    }
    return worst
  }
}
