import Arguments
import Base
import Gateway
import JSON
import Runtime
import Store

/// `sluice server tools`: connects to a server and prints what it offers.
enum ServerTools {
    static let entry = Entry(
        command: Command(
            "server", "tools", summary: "connect to a server and list its tools, before any policy",
            positionals: [Positional("NAME", "the server")],
            options: [
                timeout, DataFolder.option, DataFolder.json,
            ],
            examples: [
                Example("sluice server tools studio", "names and what they say they do"),
                Example(
                    "sluice server tools studio --json > studio.tools.json", "the definitions as the server sends them"),
            ])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let server = try folder.configuration.server(arguments.positionals[0])
        let report = try await report(of: server, arguments)
        try folder.observations.observe(server.name, report.seen(folder.hasher), at: Clock.now)
        let state = try PinState(server.name, report, folder)
        if arguments.has("json") {
            Output.json { writer in
                writer.beginObject()
                writer.member("server", server.name)
                writer.member("version", report.version)
                writer.key("tools")
                writer.beginArray()
                for tool in report.tools { writer.value(tool) }
                writer.endArray()
                state?.write(to: &writer)
                writer.endObject()
            }
        } else if let state {
            Output.table(
                ["TOOL", "PIN", "DESCRIPTION"],
                report.tools.map { tool in
                    let name = text(tool, "name")
                    return [name, state.word(name), summary(text(tool, "description"))]
                })
            state.explain()
        } else {
            Output.table(
                ["TOOL", "DESCRIPTION"], report.tools.map { [text($0, "name"), summary(text($0, "description"))] })
        }
        try PinState.warnOfNames(server.name, folder)
        return .done
    }

    static let timeout = Option.value("timeout", "SPAN", "longest wait (default: 30s)")

    /// Asks a server what it offers now.
    static func report(of server: Server, _ arguments: Arguments) async throws -> ServerReport {
        let timeout = try arguments.seconds("timeout", in: 1...3_600, default: 30)
        let group = try EventLoopGroup(count: 1)
        defer {
            group.stop()
            group.join()
        }
        do throws(UpstreamError) {
            return try await probe(
                server, on: group, timeout: .seconds(Int64(timeout)), launcher: LaunchedChild.launcher)
        } catch {
            throw Failure(.unable, "server \(server.name) does not answer: \(error.detail)")
        }
    }

    private static func text(_ tool: JSONValue, _ key: String) -> String {
        guard case .string(let text)? = tool[key] else { return "" }
        return text
    }

    /// The first line, or 80 characters of it.
    private static func summary(_ text: String) -> String {
        let line = String(text.prefix { !$0.isNewline })
        return line.count > 80 ? line.prefix(79) + "…" : line
    }
}
