import Glibc

/// The inputs that a fuzzer starts from.
public enum Seeds {
  /// Writes each seed to a file in the folder that FARTHING_FUZZ_SEEDS names and ends the process; does nothing
  /// without it. A fuzzer calls it first.
  public static func writeIfAsked(_ seeds: [[UInt8]]) {
    guard let folder = getenv("FARTHING_FUZZ_SEEDS").map({ String(cString: $0) }) else { return }
    for (index, seed) in seeds.enumerated() {
      guard let file = fopen("\(folder)/seed-\(index)", "w") else {
        perror(folder)
        exit(1)
      }
      _ = seed.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
      fclose(file)
    }
    exit(0)
  }
}
