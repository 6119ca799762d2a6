import Glibc

System.prepareProcess()
// Trap: the one place where the program ends, with the status that it has earned.
exit(Program(commands: [Inspect.command]).run(Array(CommandLine.arguments.dropFirst()), console: .standard))
