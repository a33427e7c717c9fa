let arguments = CommandLine.arguments.dropFirst()
if arguments.isEmpty || arguments.contains("json") { measureJSON() }
