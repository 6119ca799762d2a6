import CKernels
import Testing

/// Which tables a processor gets and in which order, from its features alone.
@Suite struct DispatchTests {
  private static func names(_ features: Int) -> [String] {
    var names: [String] = []
    while let table = fk_kernels_for(UInt32(features), names.count) {
      names.append(String(cString: table.pointee.name))
    }
    return names
  }

  #if arch(x86_64)
    static let processors: [(features: Int, tables: [String])] = [
      (0, ["baseline"]),
      (FK_HAS_AVX2, ["avx2", "baseline"]),
      (FK_HAS_AVX2 | FK_HAS_AVX_VNNI, ["avxvnni", "avx2", "baseline"]),
      (FK_HAS_AVX2 | FK_HAS_AVX512_VNNI, ["avx512vnni", "avx2", "baseline"]),
      (FK_HAS_AVX2 | FK_HAS_AVX_VNNI | FK_HAS_AVX512_VNNI, ["avx512vnni", "avxvnni", "avx2", "baseline"]),
      // A system that does not keep the registers of AVX2 may report the rest.
      (FK_HAS_AVX_VNNI | FK_HAS_AVX512_VNNI, ["baseline"]),
    ]
  #else
    static let processors: [(features: Int, tables: [String])] = [
      (0, ["baseline"]),
      (FK_HAS_DOT_PRODUCT, ["neon-dotprod", "baseline"]),
      (FK_HAS_DOT_PRODUCT | FK_HAS_I8MM, ["neon-i8mm", "neon-dotprod", "baseline"]),
      (FK_HAS_I8MM, ["baseline"]),
    ]
  #endif

  @Test(arguments: processors)
  func fastestFirst(_ processor: (features: Int, tables: [String])) {
    #expect(Self.names(processor.features) == processor.tables)
  }
}
