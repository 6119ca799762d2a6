import Glibc

System.prepareProcess()
let program = Program(
  commands: [
    Run.command, Batch.command, Models.list, Models.get, Inspect.command, Tokenize.command, Detokenize.command,
    Evaluate.command, Importance.command, Quantize.command, Compare.command, Bench.command,
  ] + Prices.commands + Machines.commands + [Cost.command])
// Trap: the one place where the program ends, with the status that it has earned.
exit(program.run(System.arguments(), console: .standard))
