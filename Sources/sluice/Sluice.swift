import Arguments
import Base
import Glibc
import Runtime
import Scanner
import Store

/// A command's description and what it does.
struct Entry: Sendable {
    let command: Command
    let run: @Sendable (Arguments) async throws -> ExitCode
}

/// The program: finds the command, runs it, and turns whatever went wrong into two lines and an exit code.
@main
struct Sluice {
    static let entries: [Entry] =
        [ServeCommand.entry, WrapCommand.entry] + ServerCommands.entries + PolicyCommands.entries + [
            PolicyImportCommand.entry
        ]
        + IdentityCommands.entries
        + GrantCommands.entries + AdminTokenCommands.entries + AuditCommands.entries + [ScanCommand.entry]
        + AttackCommands.entries + CatalogueCommands.entries + [
            ClientConfigCommand.entry, DoctorCommand.entry,
        ]

    static let program = Program(
        name: "sluice",
        summary: "a gateway between AI agents and MCP servers: every call is judged, limited and recorded",
        footer: """
            Exit codes: 0 done; 1 the thing checked failed; 2 wrong usage; 3 could not run.
            Data goes to standard output, messages to standard error.
            """,
        commands: entries.map(\.command))

    static func main() async {
        let words = Array(CommandLine.arguments.dropFirst())
        // Before anything of ours is set up that a server's command would inherit.
        if words.first == LaunchedChild.word { LaunchedChild.run(Array(words.dropFirst())) }
        if words == [LaunchedChild.keeperWord] { ProcessKeeper.serve() }
        // A reader that goes away early (`sluice audit export | head`) must not kill us with a signal: writes report it.
        signal(SIGPIPE, SIG_IGN)
        // A file at its size limit is an error of one write, which fails closed, and no reason to die.
        signal(SIGXFSZ, SIG_IGN)
        let code = await run(words)
        Output.flush()
        exit(code.rawValue)
    }

    private static func run(_ line: [String]) async -> ExitCode {
        do {
            switch try program.parse(line) {
            case .help(let text):
                Output.print(text, terminator: "")
                return .done
            case .version:
                Output.print("sluice \(Version.text)")
                return .done
            case .run(let command, let arguments):
                guard let entry = entries.first(where: { $0.command.words == command.words }) else {
                    throw Failure(.usage, "'\(command.name)' has no implementation", mend: "please report this")
                }
                return try await entry.run(arguments)
            }
        } catch {
            return report(error)
        }
    }

    /// Prints an error with its mend; the exit code follows from the kind of error.
    private static func report(_ error: any Error) -> ExitCode {
        let failure = Failure(error)
        Output.flush()
        // Names, paths and answers that a message quotes may have escape sequences in them.
        Output.note("sluice: \(Visible.lines(failure.message, count: 1_000))")
        if let mend = failure.mend, !mend.isEmpty { Output.note("        \(Visible.lines(mend, count: 1_000))") }
        return failure.code
    }
}

/// The version that `--version`, the handshake and the documents name.
enum Version {
    static let text = "0.1.0"
}
