import Arguments
import Glibc
import JSON

/// `sluice client-config`: what an MCP client's configuration must say to use a server through the gateway.
enum ClientConfigCommand {
    static let entry = Entry(
        command: Command(
            "client-config", summary: "print what an MCP client needs to use a server through the gateway",
            details: """
                The token is read from the environment variable SLUICE_TOKEN, so that it does not appear in a list of
                processes; without it the text holds a place for it. Where the text belongs is said on standard error.
                """,
            positionals: [Positional("NAME", "the server")],
            options: [
                .value("client", "CLIENT", Client.allCases.map(\.rawValue).joined(separator: ", ") + " (required)"),
                .value("gateway", "URL", "the gateway as the client sees it (default: http://127.0.0.1:7420)"),
            ],
            examples: [
                Example("sluice client-config studio --client cursor", "with a place for the token"),
                Example(
                    "SLUICE_TOKEN=slg_… sluice client-config studio --client claude-code > .mcp.json", "ready to use"),
            ])
    ) { arguments in
        let word = try arguments.required("client")
        guard let client = Client(rawValue: word) else {
            throw arguments.invalid(
                "client", word, "one of: \(Client.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        var gateway = arguments.value("gateway") ?? "http://127.0.0.1:7420"
        while gateway.hasSuffix("/") { gateway.removeLast() }
        let name = arguments.positionals[0]
        let isName = name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2D, 0x2E, 0x5F].contains(byte)
        }
        guard isName, !name.isEmpty else {
            throw Failure(.usage, "'\(name)' is no server name", mend: "'sluice server list' prints the names")
        }
        let token = getenv("SLUICE_TOKEN").map { String(cString: $0) }
        if token == nil {
            Output.note("sluice: SLUICE_TOKEN is not set: put the grant's token in place of \(Client.placeholder)")
        }
        Output.note("sluice: \(client.place)")
        Output.print(client.text(server: name, url: "\(gateway)/mcp/\(name)", token: token ?? Client.placeholder))
        return .done
    }
}

/// The clients whose configuration we know.
enum Client: String, CaseIterable {
    case claudeDesktop = "claude-desktop"
    case claudeCode = "claude-code"
    case cursor
    case vscode
    case codex
    case geminiCLI = "gemini-cli"

    static let placeholder = "<grant token>"

    /// Where the text belongs.
    var place: String {
        switch self {
        case .claudeDesktop: "for claude_desktop_config.json (Settings, Developer, Edit Config); uses npx mcp-remote"
        case .claudeCode: "for .mcp.json in the project's folder"
        case .cursor: "for .cursor/mcp.json in the project or ~/.cursor/mcp.json"
        case .vscode: "for .vscode/mcp.json in the workspace"
        case .codex: "for ~/.codex/config.toml"
        case .geminiCLI: "for ~/.gemini/settings.json"
        }
    }

    /// The whole file, holding this one server.
    func text(server: String, url: String, token: String) -> String {
        switch self {
        case .claudeDesktop:
            // Its file knows only commands; the bridge takes the header without a space, which some shells would split.
            return pretty([
                .member(
                    "mcpServers",
                    .object([
                        .member(
                            server,
                            .object([
                                .member("command", .text("npx")),
                                .member(
                                    "args",
                                    .list(["-y", "mcp-remote", url, "--header", "Authorization:${SLUICE_AUTH}"])),
                                .member("env", .object([.member("SLUICE_AUTH", .text("Bearer \(token)"))])),
                            ]))
                    ]))
            ])
        case .claudeCode:
            return pretty([.member("mcpServers", remote(server, [("type", "http"), ("url", url)], token))])
        case .cursor:
            return pretty([.member("mcpServers", remote(server, [("url", url)], token))])
        case .vscode:
            return pretty([.member("servers", remote(server, [("type", "http"), ("url", url)], token))])
        case .geminiCLI:
            return pretty([.member("mcpServers", remote(server, [("httpUrl", url)], token))])
        case .codex:
            let key = server.contains(".") ? "\"\(server)\"" : server
            return """
                [mcp_servers.\(key)]
                url = "\(url)"
                http_headers = { "Authorization" = "Bearer \(token)" }
                """
        }
    }

    private func remote(_ server: String, _ members: [(String, String)], _ token: String) -> Node {
        let headers = Node.object([.member("Authorization", .text("Bearer \(token)"))])
        return .object([
            .member(server, .object(members.map { .member($0.0, .text($0.1)) } + [.member("headers", headers)]))
        ])
    }

    private func pretty(_ members: [Member]) -> String { Node.object(members).text(indent: "") }
}

/// JSON laid out for people: these texts are pasted into files that people edit.
private indirect enum Node {
    case text(String)
    case list([String])
    case object([Member])

    func text(indent: String) -> String {
        switch self {
        case .text(let text):
            return quoted(text)
        case .list(let items):
            return "[" + items.map(quoted).joined(separator: ", ") + "]"
        case .object(let members):
            let deeper = indent + "  "
            let lines = members.map { "\(deeper)\(quoted($0.key)): \($0.value.text(indent: deeper))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        }
    }

    private func quoted(_ text: String) -> String {
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

private struct Member {
    let key: String
    let value: Node

    static func member(_ key: String, _ value: Node) -> Member { Member(key: key, value: value) }
}
