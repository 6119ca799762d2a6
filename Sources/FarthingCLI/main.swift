import Glibc

System.prepareProcess()
let status = Program(commands: [Run.command, Evaluate.command, Inspect.command, Tokenize.command, Detokenize.command])
  .run(
    System.arguments(), console: .standard)
// Trap: the one place where the program ends, with the status that it has earned.
exit(status)
