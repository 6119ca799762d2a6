import Compute
import Glibc
import HostileFiles
import ModelFiles

@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

var version2 = GGUFBuilder.everything
version2.version = 2
let seeds = [GGUFBuilder.everything, .vocabularyOnly, version2] + GGUFBuilder.split(into: 2)
Seeds.writeIfAsked(seeds.map(\.bytes))
var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments) { fuzzOneInput($0, $1) })

/// Opens the input as a GGUF file and reads all that it offers. Whatever the input, that must end soon, in a typed
/// error or in a file that can be walked; libFuzzer and the address sanitizer see to the rest.
func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
  let bytes = [UInt8](UnsafeBufferPointer(start: data, count: size))
  do {
    // A split model's parts all have the content of the first: valid ones of one part only, but it takes the path.
    let file = try ModelFile(first: MappedFile(copying: bytes, path: "fuzz-00001-of-00002.gguf")) {
      (path) throws(ModelFileError) in
      MappedFile(copying: bytes, path: path)
    }
    walk(file)
  } catch {
    precondition(!error.description.isEmpty)
  }
  return 0
}

/// Half of the mutations set a field of the format to a telling value; the others are libFuzzer's own.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ limit: Int, _ seed: UInt32) -> Int {
  var generator = SeededGenerator(seed: UInt64(seed))
  let bytes = [UInt8](UnsafeBufferPointer(start: data, count: size))
  guard Bool.random(using: &generator),
    let mutant = GGUFMutations(of: bytes).randomField(using: &generator)?.bytes, mutant.count <= limit
  else { return mutateByChance(data, size, limit) }
  for (index, byte) in mutant.enumerated() { data[index] = byte }
  return mutant.count
}

@_silgen_name("LLVMFuzzerMutate")
private func mutateByChance(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ limit: Int) -> Int

private func walk(_ file: ModelFile) {
  var sum = UInt64(0)
  let metadata = file.metadata
  for key in metadata.keys {
    switch metadata.value(key) {
    case .string(let text)?: sum &+= UInt64(text.text?.utf8.count ?? text.count)
    case .strings(let array)?:
      array.visit { index, bytes in
        precondition(array.bytes(at: index).count == bytes.count)
        for byte in bytes { sum &+= UInt64(byte) }
      }
    case .integers(let array)?: for index in 0..<array.count { sum &+= UInt64(bitPattern: Int64(array[index])) }
    case .floats(let array)?: for index in 0..<array.count { sum &+= array[index].bitPattern }
    case .bools(let array)?: for index in 0..<array.count { sum &+= array[index] ? 1 : 0 }
    default: break
    }
    sum &+= UInt64(truncatingIfNeeded: (try? metadata.integer(key)) ?? 0)
    sum &+= ((try? metadata.float(key)) ?? 0).bitPattern
    _ = try? metadata.string(key)
    _ = try? metadata.integers(key)
  }
  for tensor in file.tensors {
    precondition(file.tensor(tensor.name)?.offset == tensor.offset)
    for byte in file.bytes(of: tensor) { sum &+= UInt64(byte) }
    file.release(tensor)
  }
  for tensor in file.unreadableTensors { precondition((try? file.loadable(tensor.name)) == nil) }
  // Keeps the sum alive.
  if sum == 0x5EED_0F_A11 { print(sum) }
}
