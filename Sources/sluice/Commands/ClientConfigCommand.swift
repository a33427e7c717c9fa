import Arguments
import Glibc
import JSON

/// `sluice client-config`: what an MCP client's configuration must say to use a server through the gateway.
enum ClientConfigCommand {
    static let entry = Entry(
        command: Command(
            "client-config", summary: "print or install what an MCP client needs to use a server through the gateway",
            details: """
                Without a command after '--' the client connects to the gateway over HTTP. The token is read from the
                environment variable SLUICE_TOKEN, so that it does not appear in a list of processes; without it the printed
                text holds a place for it. With a command, or with --url, the client starts 'sluice wrap' in front of that
                server and needs no gateway. --write puts the server into the client's file: all else in it stays as it
                is, the old file is kept beside it, and a file that can't be read is left alone.
                """,
            positionals: [Positional("NAME", "the server")],
            options: [
                .value("client", "CLIENT", Client.allCases.map(\.rawValue).joined(separator: ", ") + " (required)"),
                .value("gateway", "URL", "the gateway as the client sees it (default: http://127.0.0.1:7420)"),
                .value("token-env", "VARIABLE", "have the client read the token from this variable of its own"),
                .value("url", "URL", "wrap the server at this address"),
                .flag("allow-private", "for --url: allow loopback, private and link-local addresses"),
                .value("policy", "FILE", "for 'sluice wrap': the policy (default: all tools, recorded)"),
                .value("data-dir", "DIR", "for 'sluice wrap': where its ledger is"),
                .flag("write", "change the client's file"),
                .flag("dry-run", "print the client's whole file as --write would leave it"),
                .value("file", "PATH", "the client's file, if it is not in the usual place"),
                DataFolder.json,
            ],
            trailing: "COMMAND ARG…",
            examples: [
                Example("sluice client-config studio --client cursor", "with a place for the token"),
                Example("SLUICE_TOKEN=slg_… sluice client-config studio --client codex --write", "into its file"),
                Example(
                    "sluice client-config files --client vscode --write --policy files.policy.json -- npx -y server-files .",
                    "'sluice wrap' in front of a command"),
            ])
    ) { arguments in
        let word = try arguments.required("client")
        guard let client = Client(rawValue: word) else {
            throw arguments.invalid(
                "client", word, "one of: \(Client.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let name = arguments.positionals[0]
        let isName = name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2D, 0x2E, 0x5F].contains(byte)
        }
        guard isName, !name.isEmpty else {
            throw Failure(.usage, "'\(name)' is no server name", mend: "'sluice server list' prints the names")
        }
        let isForFile = arguments.has("write") || arguments.has("dry-run")
        let entry = try client.entry(try way(arguments, name, isForFile: isForFile))
        guard isForFile else {
            Output.note("sluice: \(client.place)")
            Output.print(client.text(server: name, entry))
            return .done
        }
        return try install(entry, name, client, arguments)
    }

    private static func way(_ arguments: Arguments, _ name: String, isForFile: Bool) throws -> Client.Way {
        if arguments.trailing != nil || arguments.has("url") {
            for option in ["gateway", "token-env"] where arguments.has(option) {
                throw Failure(.usage, "--\(option) is for the gateway; 'sluice wrap' needs none")
            }
            return .command(try wrapLine(arguments, name))
        }
        for option in ["policy", "data-dir", "allow-private"] where arguments.has(option) {
            throw Failure(.usage, "--\(option) is for 'sluice wrap': give a command after '--', or --url")
        }
        var gateway = arguments.value("gateway") ?? "http://127.0.0.1:7420"
        while gateway.hasSuffix("/") { gateway.removeLast() }
        let url = "\(gateway)/mcp/\(name)"
        if let variable = arguments.value("token-env") {
            let isName = variable.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == 0x5F
            }
            guard isName, !variable.isEmpty else {
                throw arguments.invalid("token-env", variable, "the name of an environment variable")
            }
            return .gateway(url: url, authorization: .variable(variable))
        }
        if let token = getenv("SLUICE_TOKEN").map({ String(cString: $0) }), !token.isEmpty {
            return .gateway(url: url, authorization: .token(token))
        }
        guard !isForFile else {
            throw Failure(
                .usage, "SLUICE_TOKEN is not set, and a file with a placeholder would not work",
                mend: "SLUICE_TOKEN=slg_… sluice client-config …, or --token-env VARIABLE")
        }
        Output.note("sluice: SLUICE_TOKEN is not set: put the grant's token in place of \(Client.placeholder)")
        return .gateway(url: url, authorization: .token(Client.placeholder))
    }

    /// The command line that the client starts. Paths are absolute: nobody knows where a client starts its commands.
    private static func wrapLine(_ arguments: Arguments, _ name: String) throws -> [String] {
        var buffer = [CChar](repeating: 0, count: 4_096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let program =
            length > 0 ? String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) : "sluice"
        var line = [program, "wrap", "--name", name]
        if let policy = arguments.value("policy") {
            guard access(policy, R_OK) == 0 else {
                throw Failure(.usage, "can't read \(policy): \(String(cString: strerror(errno)))")
            }
            line += ["--policy", Files.absolute(policy)]
        }
        if let folder = arguments.value("data-dir") { line += ["--data-dir", Files.absolute(folder)] }
        switch (arguments.value("url"), arguments.trailing) {
        case (.some, .some): throw Failure(.usage, "a server has either --url or a command after '--', not both")
        case (let url?, nil):
            try UpstreamAddress.check(url, allowPrivate: arguments.has("allow-private"))
            line += ["--url", url] + (arguments.has("allow-private") ? ["--allow-private"] : [])
        case (nil, let command):
            guard var words = command, let first = words.first, !first.isEmpty else {
                throw Failure(.usage, "there is no command after '--'")
            }
            if first.contains("/") { words[0] = Files.absolute(first) }
            line += ["--"] + words
        }
        return line
    }

    private static func install(
        _ entry: ClientEntry, _ name: String, _ client: Client, _ arguments: Arguments
    ) throws -> ExitCode {
        let file = try ClientFile(try arguments.value("file") ?? client.path())
        let old = file.bytes ?? []
        let new: [UInt8]
        do throws(FileProblem) {
            new = try client.setting(name, entry, in: old)
        } catch {
            throw Failure(
                .usage, "\(file.path), \(error.place(in: old)): \(error.message)",
                mend: "the file was left as it is; mend it, or put the text in by hand")
        }
        guard arguments.has("write"), !arguments.has("dry-run") else {
            Output.note("sluice: \(file.path) \(new == file.bytes ? "says so already" : "would be")")
            Output.write(new)
            return .done
        }
        let isChanged = new != file.bytes
        let backup = isChanged ? try file.replace(with: new) : nil
        if arguments.has("json") {
            Output.json { writer in
                writer.beginObject()
                writer.member("client", client.rawValue)
                writer.member("server", name)
                writer.member("file", file.path)
                writer.member("changed", isChanged)
                writer.memberIfPresent("backup", backup)
                writer.endObject()
            }
        } else if isChanged {
            Output.print("\(file.path): \(name) is in it now" + (backup.map { "; the old file is \($0)" } ?? ""))
        } else {
            Output.print("\(file.path) says so already; nothing was changed")
        }
        if client == .claudeCode || client == .vscode, !arguments.has("token-env"), arguments.trailing == nil,
            !arguments.has("url")
        {
            Output.note("sluice: the file holds the token: keep it out of version control, or use --token-env")
        }
        return .done
    }
}
