import Arguments
import Catalogue
import Glibc
import HTTP
import Runtime
import Scanner
import Store

/// What `sluice scan` was told to look into: servers to ask, lists that are there already, and servers that are left out.
struct ScanInput {
    var asked: [Asked] = []
    var materials: [ServerMaterial] = []
    var skipped: [SkippedServer] = []
    /// The configuration file, as it was named.
    var file: String?
    /// The report is about several servers, even if it is only one.
    var isOfMany = false

    static func read(_ arguments: Arguments) throws -> ScanInput {
        let named = ["url", "config-file", "tools", "registry"].filter { arguments.has($0) }
        let sources = named.map { "--\($0)" } + (arguments.trailing == nil ? [] : ["a command after '--'"])
        guard sources.count == 1 else {
            throw Failure(
                .usage,
                sources.isEmpty
                    ? "nothing to scan is named"
                    : "there is more than one thing to scan: \(sources.joined(separator: ", "))",
                mend: "give one of --url, --config-file, --tools, --registry, or a command after '--'")
        }
        try checkOptions(arguments, source: named.first ?? "command")
        switch named.first {
        case "config-file": return try configuration(arguments)
        case "tools": return try saved(arguments)
        case "registry": return try registry(arguments)
        default: return try direct(arguments)
        }
    }

    private static func checkOptions(_ arguments: Arguments, source: String) throws(Failure) {
        let uses: [String: Set<String>] = [
            "start": ["config-file", "registry"], "offline": ["config-file", "registry"], "only": ["config-file"],
            "name": ["url", "command", "tools"], "header": ["url"], "ca": ["url"], "client-cert": ["url"],
            "client-key": ["url"], "env": ["command"], "inherit": ["command"], "directory": ["command"],
        ]
        for (option, sources) in uses.sorted(by: { $0.key < $1.key }) where arguments.has(option) {
            guard sources.contains(source) else {
                let names = sources.sorted().map { $0 == "command" ? "a command" : "--\($0)" }
                throw Failure(.usage, "--\(option) is for \(names.joined(separator: " and "))")
            }
        }
        guard !(arguments.has("start") && arguments.has("offline")) else {
            throw Failure(.usage, "--start and --offline exclude each other")
        }
    }

    // MARK: One server

    private static func direct(_ arguments: Arguments) throws -> ScanInput {
        let asked: Asked
        if let url = arguments.value("url") {
            let host: String
            do throws(HTTPError) { host = try HTTPURL(url, allowPrivate: true).origin.host } catch {
                throw Failure(.usage, "--url is not usable: \(error.detail)")
            }
            let headers = try arguments.all("header").map(ServerCommands.header)
            var server = Asked(
                name: arguments.value("name") ?? host, source: Redaction.url(url),
                transport: .http(url: url, headers: headers))
            server.tls = try ServerCommands.tls(arguments)
            server.keepsName = arguments.has("name")
            asked = server
        } else {
            let words = arguments.trailing ?? []
            guard let program = words.first, !program.isEmpty else {
                throw Failure(.usage, "there is no command after '--'", mend: "usage: sluice scan -- COMMAND ARG…")
            }
            let transport = Server.Transport.stdio(
                command: words, inherit: arguments.all("inherit"),
                variables: try arguments.all("env").map(ServerCommands.variable),
                directory: arguments.value("directory"))
            var server = Asked(
                name: arguments.value("name") ?? usualName(words),
                source: Redaction.command(words), transport: transport)
            server.keepsName = arguments.has("name")
            asked = server
        }
        var input = ScanInput()
        input.asked = [asked]
        return input
    }

    /// What a command is called: the script or package, if the program only runs those.
    private static func usualName(_ words: [String]) -> String {
        func last(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
        let program = last(words[0])
        let runners = [
            "npx", "uvx", "node", "bun", "bunx", "deno", "uv", "pipx", "dnx", "docker", "podman", "ruby", "java",
        ]
        guard runners.contains(program) || program.hasPrefix("python") else { return program }
        let verbs = ["run", "exec", "tool", "x"]
        guard let word = words.dropFirst().first(where: { !$0.hasPrefix("-") && !verbs.contains($0) }) else {
            return program
        }
        var name = last(word)
        if let at = name.dropFirst().firstIndex(of: "@") { name = String(name[..<at]) }
        for ending in [".py", ".js", ".mjs", ".cjs", ".ts"] where name.hasSuffix(ending) {
            name.removeLast(ending.count)
        }
        return name.isEmpty || Redaction.looksSecret(name) ? program : name
    }

    private static func saved(_ arguments: Arguments) throws -> ScanInput {
        let file = try arguments.required("tools")
        let bytes = try Files.read(file, limit: SavedTools.maxBytes)
        let base = file.split(separator: "/").last.map { $0.prefix { $0 != "." } } ?? ""
        let fallback = arguments.value("name") ?? (base.isEmpty || file == "-" ? "server" : String(base))
        var input = ScanInput()
        input.materials = try SavedTools.read(bytes, name: file == "-" ? "standard input" : file, fallback: fallback)
        for index in input.materials.indices {
            input.materials[index].source = file == "-" ? "standard input" : file
            if file == "-" { input.materials[index].file = nil }
            if input.materials.count == 1, let name = arguments.value("name") {
                input.materials[index].name = name
            }
        }
        input.isOfMany = input.materials.count > 1
        return input
    }

    // MARK: Files that name servers

    private static func configuration(_ arguments: Arguments) throws -> ScanInput {
        let file = try arguments.required("config-file")
        let bytes = try Files.read(file, limit: ClientConfiguration.maxBytes)
        var servers = try ClientConfiguration.servers(in: bytes, name: file)
        let only = arguments.all("only")
        for name in only where !servers.contains(where: { $0.name == name }) {
            let names = Set(servers.map { Visible.name($0.name) }).sorted().joined(separator: ", ")
            throw Failure(.usage, "\(file) names no server '\(Visible.name(name))'", mend: "there are: \(names)")
        }
        if !only.isEmpty { servers.removeAll { !only.contains($0.name) } }
        var input = ScanInput()
        input.file = file
        input.isOfMany = true
        for server in servers { input.take(server, arguments, folder: workspace(of: file)) }
        return input
    }

    private static func registry(_ arguments: Arguments) throws -> ScanInput {
        let file = try arguments.required("registry")
        let entry = try RegistryEntry.read(try Files.read(file, limit: 4 << 20), name: file)
        var input = ScanInput()
        input.file = file
        input.isOfMany = true
        for way in entry.ways {
            // One way to it is enough.
            if input.asked.isEmpty {
                input.take(way, arguments, folder: workspace(of: file))
            } else {
                input.skip(way, "another way to the same server was taken")
            }
        }
        for index in input.asked.indices { input.asked[index].repository = entry.repository }
        if entry.ways.isEmpty { throw Failure(.usage, "\(file) names neither a package nor an address") }
        return input
    }

    private mutating func take(_ server: NamedServer, _ arguments: Arguments, folder: String) {
        let starts = arguments.has("start")
        if server.isDisabled { return skip(server, "it is switched off in the file") }
        if case .unusable(let why) = server.way { return skip(server, why) }
        if arguments.has("offline") { return skip(server, "--offline") }
        if server.isCommand, !starts { return skip(server, "it is a command; --start starts it") }
        if server.usesVariables, !starts {
            return skip(server, "it is sent variables of your environment; --start puts them in")
        }
        let (transport, missing) = server.transport(
            environment: { getenv($0).map { String(cString: $0) } }, folder: folder)
        guard let transport else { return skip(server, missing ?? "it can't be reached") }
        if case .http(let url, _) = transport {
            do throws(HTTPError) { _ = try HTTPURL(url, allowPrivate: true) } catch {
                return skip(server, "its address can't be used: \(error.detail)")
            }
        }
        var asked = Asked(name: server.name, source: server.shown, transport: transport)
        asked.keepsName = true
        asked.allowPrivate = !server.isForeign
        asked.line = server.line
        for remark in server.remarks { Output.note("sluice: \(Visible.name(server.name)): \(remark)") }
        self.asked.append(asked)
    }

    private mutating func skip(_ server: NamedServer, _ why: String) {
        skipped.append(
            SkippedServer(name: server.name, source: server.shown, why: why, isFailure: false, line: server.line))
    }

    /// What clients call the workspace: the folder that the file, or its folder with a dot, lies in.
    private static func workspace(of file: String) -> String {
        var parts = Files.absolute(file).split(separator: "/").dropLast()
        if let last = parts.last, [".vscode", ".cursor", ".gemini", ".codex"].contains(last) { parts.removeLast() }
        return "/" + parts.joined(separator: "/")
    }
}
