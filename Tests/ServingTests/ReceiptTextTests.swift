import Pricing
import Testing
import Usage

@testable import Serving

@Suite struct ReceiptTextTests {
  @Test func aReceiptAsItIsPrinted() throws {
    let choice = PriceChoice(vm: "t4g.small@us-east-1", localVCPUs: 2)
    let receipt = try ReceiptPricing(choice, at: ReceiptSamples.now).receipt(for: ReceiptSamples.usage)
    #expect(
      ReceiptText.render(receipt) == """
        receipt
          model       SmolLM2-135M-Instruct, Q4_1; 2 threads, avx2
          tokens      38 prompt + 128 completion
          finished    stop: end token
          first token 110 ms; load 81 ms, queue 0 ms
          prefill     376.2 tokens/s in 101 ms
          decode      100.0 tokens/s in 1.27 s
          CPU         2.91 s in all, 2.74 s for the request
          memory      142.3 MB at peak; weights 96.6 MB, KV 3.8 MB
          cost here   aws:t4g.small@us-east-1, on demand: $0.0168 an hour (undated)
                      burstable: decode saturates the CPU, the price covers 20 % of each
                      vCPU; once credits are spent an hour costs $0.0808
            allocated  $0.00000697   the whole run, 1.49 s
              request  $0.00000644   1.38 s
              load     $0.000000379  81 ms
              rest     $0.000000148  32 ms
              per million tokens: $0.0135 in, $0.0504 out
            marginal   $0.0000064    2.74 s of CPU on 2 vCPUs; flatters self-hosting
              per million tokens: $0.0124 in, $0.0463 out
          hosted      the same tokens at list prices; same count assumed, vendors count
                      tokens differently
            gpt-4-turbo (openai)               $0.00422     read 2026-11-23; historic,
                                                            retired 2026-10-23
            gpt-4o (openai)                    $0.00138     read 2026-11-23
            gpt-4o-mini (openai)               $0.0000825   read 2026-11-23
            gpt-6-luna (openai)                $0.0000678   read 2026-11-23
            gemini-2.5-flash-lite (google)     $0.000055    read 2026-11-23
            Llama-3.2-1B-Instruct (together)   $0.00000996  read 2026-11-23
            Llama-3.2-3B-Instruct (deepinfra)  $0.00000332  read 2026-11-23

        """)
  }

  @Test func withoutAPriceItSaysHowToGiveOne() throws {
    let receipt = try ReceiptPricing(PriceChoice(against: "none", localVCPUs: 2), at: ReceiptSamples.now)
      .receipt(for: ReceiptSamples.usage)
    #expect(
      ReceiptText.render(receipt, width: 60) == """
        receipt
          model       SmolLM2-135M-Instruct, Q4_1; 2 threads, avx2
          tokens      38 prompt + 128 completion
          finished    stop: end token
          first token 110 ms; load 81 ms, queue 0 ms
          prefill     376.2 tokens/s in 101 ms
          decode      100.0 tokens/s in 1.27 s
          CPU         2.91 s in all, 2.74 s for the request
          memory      142.3 MB at peak; weights 96.6 MB, KV 3.8 MB
          cost here   no price known for this machine; give
                      --usd-per-hour 0.0168 or --vm TYPE, or set
                      FARTHING_VM

        """)
  }

  @Test func anInterruptedRunHasAReceiptToo() throws {
    var usage = ReceiptSamples.usage
    usage.tokens = TokenCounts(prompt: 1000, cached: 0, completion: 0)
    usage.finish = .interrupted
    usage.timings = RequestTimings(loadNanos: 1, prefillNanos: 3_000_000_000, totalNanos: 3_000_000_000)
    let choice = PriceChoice(usdPerHour: "0.0168", against: "gpt-4o", localVCPUs: 2)
    let text = ReceiptText.render(try ReceiptPricing(choice, at: ReceiptSamples.now).receipt(for: usage))
    for line in [
      "  tokens      1000 prompt + 0 completion\n", "  finished    cancelled: interrupted\n",
      "  first token none; load 0 ms, queue 0 ms\n", "  prefill     333.3 tokens/s in 3.00 s\n",
      "  decode      0 ms\n", "  cost here   as given: $0.0168 an hour\n", " in\n", "$0.0025",
    ] {
      #expect(text.contains(line), "\(line)")
    }
    #expect(!text.contains(" out\n"))
  }

  /// No line is wider than the terminal, ends in a space or holds anything but printable ASCII, whatever the width and
  /// whatever the names say.
  @Test func everyWidthAndHostileNames() throws {
    let seed = UInt64.random(in: .min ... .max)
    print("ReceiptTextTests.everyWidthAndHostileNames seed \(seed)")
    var random = ReceiptRandom(seed: seed)
    var choice = PriceChoice(vm: "t4g.small@us-east-1", localVCPUs: 2)
    choice.against = "gpt-4-turbo,deepseek-v4-flash,together:meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo,gpt-4.1"
    let pricing = try ReceiptPricing(choice, at: ReceiptSamples.now)
    for width in (-1...130).shuffled(using: &random) {
      var usage = ReceiptSamples.usage
      usage.model.name = hostileName(&random)
      usage.model.quantization = hostileName(&random)
      usage.execution.isa = hostileName(&random)
      usage.finish = [.failed(hostileName(&random)), .stopString(Array(hostileName(&random).utf8))][width & 1]
      usage.timings.totalNanos = Int64(random.next() >> 4)
      usage.cpu.requestNanos = Int64(random.next() >> 4)
      usage.tokens = TokenCounts(
        prompt: Int(random.next() >> 33), cached: Int(random.next() >> 34), completion: Int(random.next() >> 33))
      let text = ReceiptText.render(pricing.receipt(for: usage), width: width)
      #expect(text.utf8.last == UInt8(ascii: "\n"))
      for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
        let limit = max(ReceiptLayout.narrowest, width)
        #expect(line.count <= limit, "\(String(decoding: line, as: UTF8.self))")
        #expect(line.last != UInt8(ascii: " "))
        #expect(line.allSatisfy { (0x20...0x7E).contains($0) })
      }
    }
  }

  private func hostileName(_ random: inout ReceiptRandom) -> String {
    let letters: [Unicode.Scalar] = ["a", "b", " ", " ", "\u{1B}", "\n", "\u{9B}", "\u{202E}", "\u{1F600}", "\0", "-"]
    let length = Int(random.next() % 60)
    return String(
      String.UnicodeScalarView((0..<length).map { _ in letters.randomElement(using: &random) ?? "a" }))
  }

  @Test func numbersForPeople() {
    let durations: [(Int64, String)] = [
      (0, "0 ms"), (49_999, "0 ms"), (50_000, "0.1 ms"), (3_449_999, "3.4 ms"), (9_949_999, "9.9 ms"),
      (9_950_000, "10 ms"), (999_499_999, "999 ms"), (999_500_000, "1.00 s"), (1_493_000_000, "1.49 s"),
      (-5_000_000, "0 ms"), (.max, "9223372036.85 s"),
    ]
    for (nanos, text) in durations { #expect(ReceiptText.duration(nanos) == text) }
    let sizes: [(Int64, String)] = [
      (0, "0.0 kB"), (999, "1.0 kB"), (999_999, "1000.0 kB"), (1_000_000, "1.0 MB"), (98_362_432, "98.4 MB"),
      (12_345_678_901, "12.3 GB"),
    ]
    for (bytes, text) in sizes { #expect(ReceiptText.bytes(bytes) == text) }
  }
}

/// A small generator of pseudo-random numbers that a printed seed repeats (SplitMix64).
struct ReceiptRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
