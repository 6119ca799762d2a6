import Glibc
import HostileFiles
import HostileModels
import Tokenization

@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

Seeds.writeIfAsked([TokenizerFiles.byteLevel, TokenizerFiles.spaced, TokenizerFiles.config].map { Array($0.utf8) })
var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments) { fuzzOneInput($0, $1) })

/// Reads the input as `tokenizer.json`, and as the file beside it, and uses what comes of it.
func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
  let bytes = [UInt8](UnsafeBufferPointer(start: data, count: size))
  do throws(TokenizerError) {
    try TokenizerExercise.run(Tokenizer(tokenizerJSON: bytes))
  } catch {
    precondition(!error.message.isEmpty)
  }
  _ = try? Tokenizer(tokenizerJSON: Array(TokenizerFiles.byteLevel.utf8), config: bytes)
  return 0
}
