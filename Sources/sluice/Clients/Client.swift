import Glibc

/// The clients whose configuration we know: where it is, and what it looks like. Checked against their documents in November
/// 2026; docs/clients.md has the table.
enum Client: String, CaseIterable {
    case claudeDesktop = "claude-desktop"
    case claudeCode = "claude-code"
    case cursor
    case vscode
    case codex
    case geminiCLI = "gemini-cli"

    static let placeholder = "<grant token>"

    /// Where a client finds the server.
    enum Way {
        /// Over HTTP, at the gateway.
        case gateway(url: String, authorization: Authorization)
        /// As a command that the client starts: `sluice wrap …`.
        case command([String])
    }

    enum Authorization {
        case token(String)
        /// The name of a variable that the client reads.
        case variable(String)
    }

    /// Where the text belongs.
    var place: String {
        switch self {
        case .claudeDesktop: "for claude_desktop_config.json (Settings, Developer, Edit Config)"
        case .claudeCode: "for .mcp.json in the project's folder"
        case .cursor: "for ~/.cursor/mcp.json or .cursor/mcp.json in the project"
        case .vscode: "for .vscode/mcp.json in the workspace (or the user's: MCP: Open User Configuration)"
        case .codex: "for ~/.codex/config.toml"
        case .geminiCLI: "for ~/.gemini/settings.json"
        }
    }

    /// The file that `--write` changes: the user's own, or the project's in the current folder where the client's documents
    /// put it there.
    func path() throws(Failure) -> String {
        func variable(_ name: String) -> String? {
            getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
        }
        func home(_ path: String) throws(Failure) -> String {
            guard let home = variable("HOME") else {
                throw Failure(.usage, "HOME is not set", mend: "name the file with --file PATH")
            }
            return "\(home)/\(path)"
        }
        switch self {
        case .claudeDesktop:
            if let folder = variable("XDG_CONFIG_HOME") { return "\(folder)/Claude/claude_desktop_config.json" }
            return try home(".config/Claude/claude_desktop_config.json")
        case .claudeCode: return Files.absolute(".mcp.json")
        case .cursor: return try home(".cursor/mcp.json")
        case .vscode: return Files.absolute(".vscode/mcp.json")
        case .codex:
            if let folder = variable("CODEX_HOME") { return "\(folder)/config.toml" }
            return try home(".codex/config.toml")
        case .geminiCLI: return try home(".gemini/settings.json")
        }
    }

    /// The member or table that holds the servers.
    private var section: String {
        switch self {
        case .vscode: "servers"
        case .codex: "mcp_servers"
        default: "mcpServers"
        }
    }

    /// Whether the client reads comments and trailing commas in its JSON.
    private var readsComments: Bool {
        switch self {
        case .cursor, .vscode, .geminiCLI: true
        case .claudeDesktop, .claudeCode, .codex: false
        }
    }

    /// What the client wants to read of a server.
    func entry(_ way: Way) throws(Failure) -> ClientEntry {
        switch way {
        case .command(let words):
            let command: [(key: String, value: ClientEntry.Value)] = [
                ("command", .text(words.first ?? "")), ("args", .list(Array(words.dropFirst()))),
            ]
            return ClientEntry(self == .vscode ? [("type", .text("stdio"))] + command : command)
        case .gateway(let url, let authorization):
            return try entry(url, authorization)
        }
    }

    private func entry(_ url: String, _ authorization: Authorization) throws(Failure) -> ClientEntry {
        func remote(_ members: [(key: String, value: ClientEntry.Value)], _ variable: (String) -> String) -> ClientEntry
        {
            let value =
                switch authorization {
                case .token(let token): "Bearer \(token)"
                case .variable(let name): "Bearer \(variable(name))"
                }
            return ClientEntry(members + [("headers", .object([("Authorization", .text(value))]))])
        }
        switch self {
        case .claudeDesktop:
            guard case .token(let token) = authorization else {
                throw Failure(
                    .usage, "claude-desktop does not read variables in its file", mend: "leave --token-env out")
            }
            // Its file knows only commands; the bridge takes the header without a space, which some shells would split.
            var words = ["-y", "mcp-remote", url, "--header", "Authorization:${SLUICE_AUTH}"]
            if url.hasPrefix("http://"), !Self.isLoopback(url) { words.append("--allow-http") }
            return ClientEntry([
                ("command", .text("npx")), ("args", .list(words)),
                ("env", .object([("SLUICE_AUTH", .text("Bearer \(token)"))])),
            ])
        case .claudeCode: return remote([("type", .text("http")), ("url", .text(url))]) { "${\($0)}" }
        case .cursor: return remote([("url", .text(url))]) { "${env:\($0)}" }
        case .vscode: return remote([("type", .text("http")), ("url", .text(url))]) { "${env:\($0)}" }
        case .geminiCLI: return remote([("httpUrl", .text(url))]) { "${\($0)}" }
        case .codex:
            switch authorization {
            case .variable(let name):
                return ClientEntry([("url", .text(url)), ("bearer_token_env_var", .text(name))])
            case .token(let token):
                return ClientEntry([
                    ("url", .text(url)), ("http_headers", .object([("Authorization", .text("Bearer \(token)"))])),
                ])
            }
        }
    }

    private static func isLoopback(_ url: String) -> Bool {
        ["http://127.", "http://localhost:", "http://localhost/", "http://[::1]"].contains { url.hasPrefix($0) }
    }

    /// A whole file that holds this one server.
    func text(server: String, _ entry: ClientEntry) -> String {
        guard self == .codex else {
            return JSONLayout().text([(section, .object([(server, .object(entry.members))]))], indent: "")
        }
        let lines = entry.members.map { "\n\($0.key) = \(TOMLText.text($0.value))" }.joined()
        return "[\(section).\(TOMLText.key(server))]\(lines)"
    }

    /// A file with this server put in or changed, and all else as it was.
    func setting(_ server: String, _ entry: ClientEntry, in bytes: [UInt8]) throws(FileProblem) -> [UInt8] {
        self == .codex
            ? try TOMLText(bytes).setting(section, server, entry)
            : try CommentedJSON(bytes, allowsComments: readsComments).setting(section, server, entry)
    }
}
