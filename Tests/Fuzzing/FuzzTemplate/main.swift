import Glibc
import HostileFiles
import Tokenization

@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

Seeds.writeIfAsked([Array("{% for m in messages %}{{ m.role }}{% endfor %}".utf8)])
var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments) { fuzzOneInput($0, $1) })

/// Reads the input as a chat template and renders a conversation with it.
func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
  ChatTemplate.exercise([UInt8](UnsafeBufferPointer(start: data, count: size)))
  return 0
}
