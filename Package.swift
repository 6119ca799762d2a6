// swift-tools-version: 6.2
import PackageDescription

/// With FARTHING_FUZZ=1 in the environment every module is instrumented and the fuzzers are targets too; see
/// `Tests/Fuzzing/fuzz`.
let isFuzzing = Context.environment["FARTHING_FUZZ"] == "1"
let fuzzing: [SwiftSetting] = isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address"])] : []

/// Buffers come from the C library, where the address sanitizer sees a step past their end, instead of from pages of
/// their own, and undefined behaviour in C traps. For `FARTHING_CHECKED=1 swift test --sanitize=address`; Swift itself has
/// no sanitizer for undefined behaviour here, and traps by design.
let isChecked = isFuzzing || Context.environment["FARTHING_CHECKED"] == "1"
let checked: [SwiftSetting] = isChecked ? [.define("FARTHING_CHECKED")] : []
let checkedC =
  (isFuzzing ? ["-fsanitize=fuzzer-no-link,address"] : [])
  + (isChecked ? ["-fsanitize=undefined,float-cast-overflow", "-fsanitize-trap=undefined,float-cast-overflow"] : [])

/// Every target is checked alike: warnings are errors, and each use of an unsafe construct is marked in the source.
let strict: [SwiftSetting] =
  [
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
  ] + fuzzing + checked

/// A module of the product. The list below is in the order of the architecture: a module imports only modules above it
/// here. `Tests/StructureTests` reads the `import` lines and fails on any other.
func module(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(of name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.byName(name: name)] + dependencies, resources: resources,
    swiftSettings: [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")])
}

/// A fuzzer: one `main.swift` that hands libFuzzer the function to feed.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies + ["HostileFiles"], path: "Tests/Fuzzing/" + name,
    swiftSettings: [.treatAllWarnings(as: .error), .unsafeFlags(["-sanitize=fuzzer,address"])],
    linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])])
}

func systemLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(
    name: name, path: "Sources/SystemLibraries/" + name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
  name: "farthing",
  products: [.executable(name: "farthing", targets: ["FarthingCLI"])],
  targets: [
    systemLibrary("CPCRE2", pkgConfig: "libpcre2-8", apt: "libpcre2-dev"),
    systemLibrary("CJansson", pkgConfig: "jansson", apt: "libjansson-dev"),
    systemLibrary("CSodium", pkgConfig: "libsodium", apt: "libsodium-dev"),
    systemLibrary("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
    .target(
      name: "CKernels",
      // -O2 in debug builds too: vector code without optimisation is hundreds of times slower, and not what runs.
      cSettings: [.unsafeFlags(["-std=c11", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"] + checkedC)]),
    module("Compute", ["CKernels"]),
    module("Quantization", ["CKernels", "Compute"]),
    module("ModelFiles", ["Compute", "Quantization", "CSodium", "CJansson"]),
    module("Tokenization", ["ModelFiles", "CPCRE2"]),
    module("Conversion", ["Compute", "Quantization", "ModelFiles", "Tokenization"]),
    module("Usage"),
    module("Transformers", ["CKernels", "Compute", "Quantization", "ModelFiles"]),
    module("Generation", ["Compute", "Quantization", "ModelFiles", "Tokenization", "Usage", "Transformers"]),
    module(
      "Pricing", ["Usage"]),
    module("Metering", ["Usage", "Pricing", "CSQLite", "CSodium"]),
    module(
      "Serving",
      ["Compute", "ModelFiles", "Tokenization", "Usage", "Transformers", "Generation", "Pricing", "Metering"]),
    .executableTarget(
      name: "FarthingCLI",
      dependencies: [
        "Compute", "Quantization", "ModelFiles", "Tokenization", "Conversion", "Usage", "Transformers", "Generation",
        "Pricing", "Metering", "Serving",
      ], swiftSettings: strict),
    .executableTarget(
      name: "KernelBenchmarks", dependencies: ["Compute", "Quantization"], path: "Benchmarks/KernelBenchmarks",
      swiftSettings: [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")]),
    // Builds small model files and their hostile variants, for the tests and fuzzers of every module that reads them.
    .target(
      name: "HostileFiles", dependencies: ["ModelFiles"], path: "Tests/HostileFiles",
      swiftSettings: [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")]),
    // Counts allocations and the weights that kernels read, for tests.
    .target(
      name: "CountingSupport", dependencies: ["CKernels"], path: "Tests/CountingSupport",
      cSettings: [.unsafeFlags(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"])]),
    // What tests of more than one module know of the numerical fixtures, and how they compare. Optimised in debug builds
    // too: the comparisons go over whole vocabularies.
    .target(
      name: "NumericsSupport", dependencies: ["CKernels", "Compute", "ModelFiles", "HostileFiles"],
      path: "Tests/NumericsSupport",
      swiftSettings: [
        .treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny"), .unsafeFlags(["-O"]),
      ]),
    // Takes such files all the way through loading, tokenising and generating.
    .target(
      name: "HostileModels",
      dependencies: ["HostileFiles", "Compute", "ModelFiles", "Tokenization", "Usage", "Generation"],
      path: "Tests/HostileModels",
      swiftSettings: [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")]),
    tests(of: "Compute", ["CKernels"]),
    tests(of: "Quantization", ["CKernels", "Compute", "ModelFiles"]),
    tests(of: "ModelFiles", ["Compute", "Quantization", "HostileFiles"]),
    tests(of: "Tokenization", ["ModelFiles", "HostileFiles", "HostileModels"]),
    tests(of: "Conversion", ["Compute", "Quantization", "ModelFiles", "Tokenization", "Transformers", "HostileFiles"]),
    tests(of: "Usage"),
    tests(of: "Transformers", ["ModelFiles", "Compute", "Quantization", "HostileFiles", "NumericsSupport"]),
    tests(
      of: "Generation",
      [
        "ModelFiles", "Compute", "Quantization", "Tokenization", "Transformers", "Usage", "HostileFiles",
        "HostileModels", "NumericsSupport", "CountingSupport",
      ]),
    tests(of: "Pricing", ["Usage"]),
    // A file system for SQLite that loses what was not synced, for the tests of the ledger.
    .target(
      name: "PowerLoss", dependencies: ["CSQLite"], path: "Tests/PowerLoss",
      cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
    // A process with requests but without a model, of which tests start many.
    .executableTarget(
      name: "LedgerWorker", dependencies: ["Metering", "Usage"], path: "Tests/LedgerWorker",
      swiftSettings: [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")]),
    tests(of: "Metering", ["Usage", "Pricing", "PowerLoss"]),
    tests(of: "Serving", ["Usage", "Pricing", "ModelFiles", "Generation", "Tokenization", "Metering"]),
    tests(of: "FarthingCLI", ["ModelFiles", "HostileFiles", "NumericsSupport", "Pricing", "Metering", "Usage"]),
    .executableTarget(
      name: "LedgerBenchmark", dependencies: ["Metering", "Usage"], path: "Benchmarks/Ledger",
      swiftSettings: [.treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny")]),
    .testTarget(name: "StructureTests", swiftSettings: [.treatAllWarnings(as: .error)]),
  ]
    + (isFuzzing
      ? [
        fuzzer("FuzzGGUF", ["ModelFiles"]),
        fuzzer("FuzzModel", ["HostileModels"]),
        fuzzer("FuzzTokenizerJSON", ["HostileModels", "Tokenization"]),
        fuzzer("FuzzTemplate", ["Tokenization"]),
      ] : []),
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)
