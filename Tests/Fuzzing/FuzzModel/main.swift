import Compute
import Glibc
import HostileFiles
import HostileModels

@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

Seeds.writeIfAsked(GGUFBuilder.architectures.map { GGUFBuilder.model($0).bytes })
var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments) { fuzzOneInput($0, $1) })

/// Takes the input all the way to a generated token: whatever it is, that must end soon, in a refusal or in tokens.
func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
  let bytes = [UInt8](UnsafeBufferPointer(start: data, count: size))
  // Kernels by turns, but the same for the same input.
  let kernels = bytes.reduce(0) { $0 &+ Int($1) }.isMultiple(of: 2) ? Kernels.best : .baseline
  _ = ModelExercise.run([bytes], kernels: kernels, text: true)
  return 0
}

/// A third of the mutations set a field of the format to a telling value, a third turn bits over, in weights mostly; the
/// others are libFuzzer's own.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ limit: Int, _ seed: UInt32) -> Int {
  var generator = SeededGenerator(seed: UInt64(seed))
  let bytes = [UInt8](UnsafeBufferPointer(start: data, count: size))
  let mutations = GGUFMutations(of: bytes)
  let mutant: [UInt8]? =
    switch Int.random(in: 0..<3, using: &generator) {
    case 0: mutations.randomField(using: &generator)?.bytes
    case 1: mutations.bitFlipped(using: &generator).bytes
    default: nil
    }
  guard let mutant, !mutant.isEmpty, mutant.count <= limit else { return mutateByChance(data, size, limit) }
  for (index, byte) in mutant.enumerated() { data[index] = byte }
  return mutant.count
}

@_silgen_name("LLVMFuzzerMutate")
private func mutateByChance(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ limit: Int) -> Int
