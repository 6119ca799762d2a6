import Compute
import HostileFiles
import NumericsSupport

@testable import Transformers

/// The ways in which the same request may be computed. Each check compares every bit of every logit with one way, and
/// returns what differs.
struct BitIdentity {
  let subject: Subject
  let kernels: Kernels
  let kv: KVType
  /// What is computed: long enough to need several blocks of the cache.
  let tokens: [Int32]
  var random: SeededGenerator

  init(_ subject: Subject, kernels: Kernels, kv: KVType = .f16, tokens: [Int32], seed: UInt64) {
    self.subject = subject
    self.kernels = kernels
    self.kv = kv
    self.tokens = tokens
    random = SeededGenerator(seed: seed)
  }

  private func logits(_ tokens: [Int32], threads: Int = 1, passes: [Int]? = nil) throws -> LogitRows {
    try subject.logits(of: tokens, threads: threads, passes: passes, kernels: kernels, kv: kv)
  }

  /// 1, 2, 3 and 5 threads.
  func threads() throws -> [String] {
    let expected = try logits(tokens)
    return try [2, 3, 5].compactMap { count in
      try logits(tokens, threads: count).difference(from: expected).map { "\(count) threads: \($0)" }
    }
  }

  /// The prompt in one pass, token by token, in passes of 7 and of 64, and cut at random.
  mutating func cuts() throws -> [String] {
    let expected = try logits(tokens)
    let cut = (0..<tokens.count).map { _ in Int.random(in: 1...min(40, tokens.count), using: &random) }
    return try [[1], [7], [64], cut].compactMap { passes in
      try logits(tokens, threads: 2, passes: passes).difference(from: expected).map {
        "passes of \(passes.count == 1 ? "\(passes[0])" : "\(passes.prefix(20))..."): \($0)"
      }
    }
  }

  /// Rows of three sequences in the same passes, in random shares, the first of them alone at the beginning; single
  /// tokens of each towards the end.
  mutating func sharing() throws -> [String] {
    let sequences = [tokens, Array(tokens.reversed()), Array(tokens.dropFirst(tokens.count / 3))]
    let computer = try Computer(
      subject, maxTokens: 3 * 24, positions: 3 * (tokens.count + Kernels.kvBlock), kernels: kernels, kv: kv)
    let timelines = sequences.map { _ in KVSequence(computer.cache) }
    var rows = sequences.map { _ in LogitRows(vocab: subject.vocab) }
    var turn = 0
    while zip(sequences, timelines).contains(where: { $0.count > $1.count }) {
      var pieces: [(tokens: ArraySlice<Int32>, sequence: KVSequence)] = []
      var owners: [Int] = []
      for index in sequences.indices where turn > 1 || index == 0 {
        let left = sequences[index].count - timelines[index].count
        let count = min(left, left < 12 ? 1 : Int.random(in: 0...24, using: &random))
        guard count > 0 else { continue }
        pieces.append((sequences[index][timelines[index].count...].prefix(count), timelines[index]))
        owners += Array(repeating: index, count: count)
      }
      turn += 1
      guard !pieces.isEmpty else { continue }
      computer.pass(pieces) { row, logits in rows[owners[row]].append(logits) }
    }
    return try sequences.indices.compactMap { index in
      try rows[index].difference(from: logits(sequences[index])).map { "sequence \(index) in company: \($0)" }
    }
  }

  /// A sequence that goes back to a position and takes another way from there, in blocks that lie apart, against the
  /// whole of the other way from the beginning.
  /// - Parameter excess: positions that are kept too many: a fault.
  mutating func reuse(excess: Int = 0) throws -> [String] {
    var violations: [String] = []
    let other = Array(tokens.reversed())
    for kept in [1, 63, 64, 65, tokens.count - 2] where kept + excess < tokens.count - 1 {
      let target = Array(tokens[..<kept]) + other[kept...]
      let computer = try Computer(
        subject, maxTokens: tokens.count, positions: 2 * (tokens.count + Kernels.kvBlock), kernels: kernels, kv: kv)
      let (sequence, neighbour) = (KVSequence(computer.cache), KVSequence(computer.cache))
      let half = tokens.count / 2
      computer.pass([(tokens[..<half], sequence), (other[..<(other.count - half)], neighbour)], rows: 0..<0) { _, _ in }
      computer.pass([(tokens[half...], sequence)], rows: 0..<0) { _, _ in }
      sequence.truncate(to: kept + excess)
      var rows = LogitRows(vocab: subject.vocab)
      computer.pass([(target[(kept + excess)...], sequence)]) { _, logits in rows.append(logits) }
      let expected = try logits(target).suffix(from: kept + excess)
      if let difference = rows.difference(from: expected) { violations.append("\(kept) positions kept: \(difference)") }
    }
    return violations
  }

  /// All of it.
  mutating func violations() throws -> [String] {
    try threads() + cuts() + sharing() + reuse()
  }
}
