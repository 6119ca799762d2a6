extension MeasuredSpeed {
  /// The speeds in what `bench --json` wrote: the fastest measured prefill, and the fastest decode at the wanted batch.
  /// The error is how far the fastest and the slowest sample of either lay from its median.
  /// - Throws: `table` where the text is no such file; `scenario` where it lacks what is needed.
  public init(bench bytes: [UInt8], file: String, batch: Int) throws(PricingError) {
    let json = try JSONText(bytes, file: file)
    guard let results = json["results"]?.elements else {
      throw .table(file: file, line: 1, column: "results", reason: "not what bench --json writes")
    }
    let runs = try results.map { (result) throws(PricingError) in try BenchRun(result, file: file) }
    guard let prefill = Self.fastest(runs.filter { $0.test == "prefill" }) else {
      throw .scenario("\(file) has no measured prefill")
    }
    let decodes = runs.filter { ($0.test == "decode" || $0.test == "batch") && $0.batch == batch }
    guard let decode = Self.fastest(decodes) else {
      throw .scenario("\(file) has no measured decode with a batch of \(batch)")
    }
    let processor = json["processor"]?.string.map { " on \($0)" } ?? ""
    try self.init(
      prefillMilli: prefill.median, decodeMilli: decode.median, batch: batch,
      errorMillionths: min(900_000, max(prefill.error, decode.error)), source: file + processor)
  }

  /// Of runs at the start of a context where there are any, since `bench` may also measure deep ones.
  private static func fastest(_ runs: [BenchRun]) -> BenchRun? {
    let shallow = runs.filter { $0.depth == 0 }
    return (shallow.isEmpty ? runs : shallow).max { $0.median < $1.median }
  }
}

/// One entry of `results`.
private struct BenchRun {
  let test: String
  let batch: Int
  let depth: Int
  /// Thousandths of a token per second.
  let median: Int64
  /// Parts per million.
  let error: Int64

  init(_ json: JSONText, file: String) throws(PricingError) {
    guard let test = json["test"]?.string, let speed = json["tokens_per_second"] else {
      throw .table(file: file, line: 1, column: "results", reason: "an entry without a test or its tokens per second")
    }
    self.test = test
    batch = json["batch"]?.number.flatMap { Int($0) } ?? 1
    depth = json["depth"]?.number.flatMap { Int($0) } ?? 0
    let middle = try Self.milli(speed["median"], file)
    let (low, high) = (
      try Self.milli(speed["min"] ?? speed["median"], file), try Self.milli(speed["max"] ?? speed["median"], file)
    )
    median = middle
    error = Int64(clamping: Int128(max(high - middle, middle - low, 0)) * 1_000_000 / Int128(max(1, middle)))
  }

  private static func milli(_ json: JSONText?, _ file: String) throws(PricingError) -> Int64 {
    guard let text = json?.number, let number = try? ExactDecimal(text), number.coefficient > 0,
      let milli = Int64(
        exactly: (Int128(number.coefficient) * 1000).divided(
          by: Int128.powerOfTen(number.scale), rounding: .nearestEven))
    else { throw .table(file: file, line: 1, column: "tokens_per_second", reason: "not a speed above zero") }
    return milli
  }
}
