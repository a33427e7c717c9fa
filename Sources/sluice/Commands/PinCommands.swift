import Arguments
import Gateway
import JSON
import Store

/// `sluice server pin` and `approve`: a person says that what a server tells of itself is right as it is now.
enum PinCommands {
    static let entries = [pin, approve]

    private static let pin = Entry(
        command: Command(
            "server", "pin", summary: "approve what a server says of its tools now, and notice every later change",
            details: """
                Connects to the server and keeps a hash of each tool's definition (name, title, description, schemas,
                annotations and all else) and of the server's instructions. From then on every list and every call is held
                against them. --on-change says what follows: hide (default): a changed or new tool is neither listed nor
                callable, and changed instructions are not passed on; refuse: no call of the server passes; warn: it passes, and
                is logged and recorded. A server that nobody has pinned is not checked.
                """,
            positionals: [Positional("NAME", "the server")],
            options: [
                .value("on-change", "WORD", "hide, refuse or warn (default: hide, or as it is)"),
                .flag("off", "end it: the server is checked no more"), ServerTools.timeout, DataFolder.option,
                DataFolder.json,
            ],
            examples: [
                Example("sluice server pin files", "pins all tools and the instructions"),
                Example("sluice server pin files --on-change refuse", "one change stops the whole server"),
            ])
    ) { arguments in
        let name = arguments.positionals[0]
        let folder = try DataFolder.open(arguments)
        if arguments.has("off") {
            let wasPinned = try folder.pins.unpin(name)
            Output.print("server \(name) \(wasPinned ? "is no longer pinned" : "was not pinned")")
            return .done
        }
        let words = OnChange.allCases.map(\.rawValue)
        let before = try folder.pins.pins(of: name)
        let word = try arguments.choice("on-change", among: words, default: (before?.onChange ?? .hide).rawValue)
        let server = try folder.configuration.server(name)
        let report = try await ServerTools.report(of: server, arguments)
        let pins = report.pins(folder.hasher)
        try folder.pins.pin(name, onChange: OnChange(rawValue: word) ?? .hide, pins)
        try folder.observations.observe(name, report.seen(folder.hasher), at: Clock.now)
        try PinState.warnOfNames(name, folder)
        try tell(
            name, word, report, folder, arguments, "pinned \(pins.count - 1) tools and the instructions of \(name)")
        return .done
    }

    private static let approve = Entry(
        command: Command(
            "server", "approve", summary: "approve what has changed at a pinned server",
            details:
                "Without names everything is approved as it is now. 'sluice server tools NAME' shows what has changed.",
            positionals: [
                Positional("NAME", "the server, then the tools that are approved", count: .oneOrMore)
            ],
            options: [
                .flag("instructions", "the server's instructions, too (they are, when no tools are named)"),
                ServerTools.timeout, DataFolder.option, DataFolder.json,
            ],
            examples: [
                Example("sluice server approve files", "all of it"),
                Example("sluice server approve files read_file write_file", "these two"),
            ])
    ) { arguments in
        let name = arguments.positionals[0]
        let tools = Set(arguments.positionals.dropFirst())
        let folder = try DataFolder.open(arguments)
        let server = try folder.configuration.server(name)
        let report = try await ServerTools.report(of: server, arguments)
        guard let state = try PinState(name, report, folder) else {
            throw Failure(.usage, "server \(name) is not pinned", mend: "pin it with 'sluice server pin \(name)'")
        }
        let isPart = !tools.isEmpty || arguments.has("instructions")
        if let unknown = tools.sorted().first(where: { !state.knows($0) }) {
            throw Failure(
                .usage, "server \(name) has no tool \(unknown)", mend: "'sluice server tools \(name)' lists them")
        }
        let pins = state.approving(isPart ? tools : nil, instructions: arguments.has("instructions"))
        try folder.pins.pin(name, onChange: state.onChange, pins)
        try folder.observations.observe(name, report.seen(folder.hasher), at: Clock.now)
        try tell(name, state.onChange.rawValue, report, folder, arguments, "approved")
        return .done
    }

    private static func tell(
        _ name: String, _ onChange: String, _ report: ServerReport, _ folder: Stored, _ arguments: Arguments,
        _ text: String
    ) throws {
        guard let state = try PinState(name, report, folder) else { return }
        if arguments.has("json") {
            Output.json { writer in
                writer.beginObject()
                writer.member("server", name)
                state.write(to: &writer)
                writer.endObject()
            }
        } else {
            Output.print("\(text) (on change: \(onChange))")
            if !state.isSettled { state.explain() }
        }
    }
}
