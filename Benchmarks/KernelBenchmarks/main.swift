// Speeds of single kernels, each against its ceiling, as CSV on standard output:
//
//     swift run -c release KernelBenchmarks [--isa A,B] [--types Q4_1,Q8_0] [--tokens 1,8,128] [--columns N] [--cold]
//
// Weights stay in the cache (24 KB of them, or 32 rows, are multiplied over and over), or with --cold come from 100 MB of
// memory. One thread; the median of nine samples.

import Compute
import Glibc
import Quantization

struct Settings {
  var isas = Kernels.all.map(\.name).filter { $0 != "baseline" }
  var types = TensorType.allCases
  var tokens = [1, 2, 4, 8, 128]
  var columns = 1536
  var isCold = false

  init(_ words: [String]) {
    var words = words[...]
    while let word = words.popFirst() {
      if word == "--cold" {
        isCold = true
        continue
      }
      let value = Self.known(words.popFirst(), "\(word) needs a value")
      let parts = value.split(separator: ",").map(String.init)
      switch word {
      case "--isa": isas = parts
      case "--types": types = parts.map { name in Self.known(TensorType.allCases.first { $0.name == name }, name) }
      case "--tokens": tokens = parts.map { Self.known(Int($0), $0) }
      case "--columns": columns = Self.known(Int(value), value)
      default: Self.fail(word)
      }
    }
  }

  static func known<Value>(_ value: Value?, _ word: String) -> Value {
    guard let value else { fail(word) }
    return value
  }

  static func fail(_ word: String) -> Never {
    print("not understood: \(word)")
    exit(2)
  }
}

/// Packed weights of one type: codes at random, scales that are small numbers.
struct Weights {
  let layout: PackedLayout
  let columns: Int
  /// Groups of one call, and calls that memory holds.
  let groups: Int
  let calls: Int
  let memory: AlignedBuffer<UInt8>

  init(_ type: TensorType, columns: Int, bytes: Int) throws {
    layout = PackedLayout(type)
    self.columns = columns
    let groupBytes = layout.groupBytes(columns: columns)
    groups = max(4, 24_576 / groupBytes)
    calls = max(1, bytes / (groups * groupBytes))
    memory = try AlignedBuffer(count: calls * groups * groupBytes, hugePages: true)
    // A file's row of zeros has valid scales; packing eight of them gives a group that is safe to change codes in.
    var state: UInt64 = 1
    for index in 0..<memory.count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      // Two high bits clear: any two bytes are an ordinary half, so that no product is infinite or not a number.
      memory.view[index] = UInt8(truncatingIfNeeded: state >> 40) & 0x3F
    }
  }

  var bytesPerCall: Int { groups * layout.groupBytes(columns: columns) }
}

/// Seconds of one round over all calls: the median of nine.
func seconds(_ weights: Weights, _ kernels: Kernels, tokens: Int) throws -> Double {
  let columns = weights.columns
  let x = try AlignedBuffer<Float>(count: tokens * columns)
  let stride = Activations.stride(columns: columns)
  let blocks = try AlignedBuffer<Activations>(count: tokens * stride)
  for index in 0..<x.count { x.view[index] = Float(index * 37 % 201 - 100) / 50 }
  for token in 0..<tokens {
    kernels.quantize(x.part(token * columns, columns), to: blocks.part(token * stride, columns / Kernels.block))
  }
  let y = try AlignedBuffer<Float>(count: tokens * weights.groups * PackedLayout.groupRows)
  let input = weights.layout.isFloat ? UnsafeRawPointer(x.pointer) : UnsafeRawPointer(blocks.pointer)
  var samples: [Double] = []
  for _ in 0..<9 {
    var rounds = 0
    let start = Clock.nowNanos()
    var now = start
    while now - start < 20_000_000 {
      for call in 0..<weights.calls {
        weights.layout.multiply(
          kernels, weights: UnsafeRawPointer(weights.memory.pointer) + call * weights.bytesPerCall,
          groups: weights.groups, columns: columns, x: input, tokens: tokens, y: y.pointer,
          yStride: weights.groups * PackedLayout.groupRows)
      }
      rounds += 1
      now = Clock.nowNanos()
    }
    samples.append(Double(now - start) / Double(rounds) / 1e9)
  }
  withExtendedLifetime((x, blocks, y)) {}
  return samples.sorted()[4]
}

/// A number with one decimal.
func short(_ value: Double) -> String {
  let tenths = Int((value * 10).rounded())
  return "\(tenths / 10).\(tenths % 10)"
}

let settings = Settings(Array(CommandLine.arguments.dropFirst()))
let pool = try WorkerPool(threads: 1)
print("processor,isa,type,tokens,columns,weights,GB/s,of read %,G products/s,of peak %")
for name in settings.isas {
  guard let kernels = Kernels.named(name) else { Settings.fail(name) }
  let ceilings = try Ceilings(pool, kernels)
  for type in settings.types {
    let block = type.elementsPerBlock
    let columns = (settings.columns + block - 1) / block * block
    let weights = try Weights(type, columns: columns, bytes: settings.isCold ? 100 << 20 : 0)
    let peak = weights.layout.isFloat ? ceilings.floatProducts : ceilings.integerProducts
    for tokens in settings.tokens {
      let time = try seconds(weights, kernels, tokens: tokens)
      let bytes = Double(weights.calls * weights.bytesPerCall) / time
      let rows = weights.calls * weights.groups * PackedLayout.groupRows
      let products = Double(rows * columns * tokens) / time
      print(
        "\(Host().processorName ?? "?"),\(name),\(type.name),\(tokens),\(columns),"
          + "\(settings.isCold ? "memory" : "cache"),\(short(bytes / 1e9)),\(short(bytes / ceilings.readBytes * 100)),"
          + "\(short(products / 1e9)),\(short(products / peak * 100))")
    }
  }
}
