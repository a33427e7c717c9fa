import Arguments
import Base
import JSON
import Runtime
import Store

/// `sluice server …`: the MCP servers behind the gateway.
enum ServerCommands {
    static let entries =
        [add, set, list, show, ServerTools.entry, FindingsCommand.entry] + PinCommands.entries + [remove]

    private static let add = Entry(
        command: Command(
            "server", "add", summary: "register an MCP server, by URL or as a command spoken to over stdio",
            details: """
                A command runs as a child of the gateway, with its folder and a short list of its environment. Loopback,
                private and link-local addresses need --allow-private. The certificate of an https:// server has to be vouched for
                by an authority that this system trusts, or by one in --ca; there is no way around that. Header values and
                --env values are stored sealed.
                """,
            positionals: [Positional("NAME", "the name in URLs and grants: a-z, 0-9, '-' and '_', at most 63")],
            options: transportOptions + ServerSettingOptions.all + [
                .flag("replace", "replace the server of that name; its policies and grants stay"),
                DataFolder.option, DataFolder.json,
            ],
            trailing: "COMMAND ARG…",
            examples: [
                Example(
                    "sluice server add studio -- .build/release/sluice-studio --data-dir studio-data",
                    "a command, started by the gateway"),
                Example(
                    "sluice server add tickets --url https://mcp.example.com/mcp --header 'X-Api-Key: 123'", "a URL"),
                Example("sluice server add local --url http://127.0.0.1:9000/mcp --allow-private", "on this machine"),
            ])
    ) { arguments in
        let server = Server(
            name: arguments.positionals[0], transport: try transport(arguments),
            allowPrivate: arguments.has("allow-private"), tls: try tls(arguments),
            settings: try ServerSettingOptions.read(arguments, over: ServerSettings()), created: Clock.now)
        try ServerSettingOptions.check(server)
        let folder = try DataFolder.open(arguments, create: true)
        if arguments.has("replace") {
            try folder.configuration.replaceServer(server)
        } else {
            try folder.configuration.addServer(server)
        }
        if arguments.has("json") {
            Output.json { write(server, to: &$0) }
        } else {
            Output.print("server \(server.name) registered: \(address(of: server))")
        }
        return .done
    }

    /// How a server is reached; also for servers that are not stored by name.
    static let transportOptions: [Option] = [
        .value("url", "URL", "the address of its Streamable HTTP endpoint"),
        .flag("allow-private", "allow loopback, private and link-local addresses"),
        .value("ca", "FILE", "trust the authorities in this PEM file instead of the system's; for https:// URLs"),
        .value(
            "client-cert", "FILE", "the certificate to show to a server that asks for one, PEM; for https:// URLs"),
        .value("client-key", "FILE", "the key of --client-cert, PEM, without a password"),
        .value("header", "'N: V'", "send this header with every request; may be repeated", repeats: true),
        .value("env", "NAME=VALUE", "set this for the command; may be repeated", repeats: true),
        .value(
            "inherit", "NAME", "pass this variable of the gateway on to the command; may be repeated", repeats: true),
        .value("directory", "DIR", "where the command starts (default: where the gateway runs)"),
    ]

    private static let set = Entry(
        command: Command(
            "server", "set", summary: "change how a server is run and called; what is not named stays",
            details: """
                The change counts from the next session on: sessions that are open end, as the server is another now.
                """,
            positionals: [Positional("NAME", "the server")],
            options: ServerSettingOptions.all + [
                .flag("shared", "one child for all sessions again, the opposite of --per-session"),
                .value(
                    "reset", "SETTING", "back to the usual, by the option's name; may be repeated", repeats: true),
                DataFolder.option, DataFolder.json,
            ],
            examples: [
                Example("sluice server set studio --call-timeout 10m --max-calls 4", "for slow work that needs memory"),
                Example("sluice server set studio --reset max-calls", "as many calls at once as come"),
            ])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        var server = try folder.configuration.server(arguments.positionals[0])
        server.settings = try ServerSettingOptions.read(arguments, over: server.settings)
        try ServerSettingOptions.check(server)
        try folder.configuration.replaceServer(server)
        if arguments.has("json") {
            Output.json { write(server, to: &$0) }
        } else {
            let lines = ServerSettingOptions.lines(server.settings)
            Output.print("server \(server.name) changed: \(lines.isEmpty ? "as usual" : lines.joined(separator: ", "))")
        }
        return .done
    }

    static func transport(_ arguments: Arguments) throws(Failure) -> Server.Transport {
        switch (arguments.value("url"), arguments.trailing) {
        case (.some, .some):
            throw Failure(.usage, "a server has either --url or a command after '--', not both")
        case (let url?, nil):
            for name in ["env", "inherit", "directory"] where arguments.has(name) {
                throw Failure(.usage, "--\(name) is for commands; this server has a --url")
            }
            try UpstreamAddress.check(url, allowPrivate: arguments.has("allow-private"))
            var headers: [NamedSecret] = []
            for text in arguments.all("header") { headers.append(try header(text)) }
            return .http(url: url, headers: headers)
        case (nil, let command?):
            for name in ["header", "allow-private"] where arguments.has(name) {
                throw Failure(.usage, "--\(name) is for servers with a --url; this one is a command")
            }
            guard let program = command.first, !program.isEmpty else {
                throw Failure(
                    .usage, "there is no command after '--'", mend: "usage: sluice server add NAME -- COMMAND ARG…")
            }
            var words = command
            // A relative path would mean something else from wherever the gateway is started next.
            if program.contains("/") {
                words[0] = Files.absolute(program)
                if !Files.isExecutable(words[0]) {
                    Output.note(
                        "sluice: warning: \(words[0]) can't be run at the moment; the server is registered all the same"
                    )
                }
            }
            var variables: [NamedSecret] = []
            for text in arguments.all("env") { variables.append(try variable(text)) }
            return .stdio(
                command: words, inherit: arguments.all("inherit"), variables: variables,
                directory: arguments.value("directory").map(Files.absolute))
        case (nil, nil):
            throw Failure(
                .usage, "a server needs --url URL or a command after '--'",
                mend: "'sluice server add --help' has examples")
        }
    }

    /// The files for https, read once to find mistakes now rather than at the first call.
    static func tls(_ arguments: Arguments) throws(Failure) -> ServerTLS {
        func path(_ name: String) -> String? { arguments.value(name).map(Files.absolute) }
        let tls = ServerTLS(
            authorities: path("ca"), certificate: path("client-cert"), key: path("client-key"))
        guard tls != ServerTLS() else { return tls }
        guard arguments.value("url")?.prefix(8).lowercased() == "https://" else {
            throw Failure(.usage, "--ca, --client-cert and --client-key are for servers with an https:// --url")
        }
        guard (tls.certificate == nil) == (tls.key == nil) else {
            throw Failure(.usage, "--client-cert and --client-key belong together", mend: "give both or none")
        }
        do throws(RuntimeError) {
            try TLSTrust.files(authorities: tls.authorities, certificate: tls.certificate, key: tls.key).check()
        } catch {
            throw Failure(.usage, error.message)
        }
        return tls
    }

    static func header(_ text: String) throws(Failure) -> NamedSecret {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else {
            // Not the text itself: whatever it is, it was meant to be a credential.
            throw Failure(.usage, "a --header has no ':'", mend: "write --header 'Name: value'")
        }
        let value = text[text.index(after: colon)...].drop { $0 == " " }
        return NamedSecret(name: String(text[..<colon]), value: Secret(String(value)))
    }

    static func variable(_ text: String) throws(Failure) -> NamedSecret {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw Failure(.usage, "an --env has no '='", mend: "write --env NAME=VALUE")
        }
        return NamedSecret(name: String(text[..<equals]), value: Secret(String(text[text.index(after: equals)...])))
    }

    private static let list = Entry(
        command: Command(
            "server", "list", summary: "list the registered servers and how they fare",
            details: """
                The gateway that runs on the data folder is asked how each server fares: not_started (nobody has needed it yet),
                starting, ready, failing, breaker_open (it has failed, and calls are refused until the next try), unusable (what
                is registered can't be used). If none runs, there is no state; in JSON, `health` is null.
                """,
            options: [DataFolder.option, DataFolder.json],
            examples: [Example("sluice server list", "each server, how it fares and how it is reached")])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let servers = try folder.configuration.servers()
        let asked = await RunningGateway.health(in: folder.path)
        if case .failure(let why) = asked { Output.note("sluice: \(why.message)") }
        let health = (try? asked.get()) ?? [:]
        if arguments.has("json") {
            Output.json { writer in
                writer.beginArray()
                for server in servers {
                    write(server, to: &writer) { writer in
                        writer.key("health")
                        if let health = health[server.name] { writer.raw(health.bytes) } else { writer.null() }
                    }
                }
                writer.endArray()
            }
        } else {
            Output.table(
                ["NAME", "KIND", "STATE", "PROTOCOL", "CALLS", "PROCESS", "ADDRESS"],
                servers.map { server in
                    let health = health[server.name]
                    return [
                        server.name, server.kind.rawValue, health?.state ?? "–", health?.protocolVersion ?? "–",
                        health?.calls ?? "–", health?.processes ?? "–", address(of: server),
                    ]
                })
            for server in servers {
                if let trouble = health[server.name]?.trouble { Output.print("\(server.name): \(trouble)") }
            }
        }
        return .done
    }

    private static let show = Entry(
        command: Command(
            "server", "show", summary: "show one server (names of headers and variables, never their values)",
            positionals: [Positional("NAME", "the server")], options: [DataFolder.option, DataFolder.json],
            examples: [Example("sluice server show studio", "its address, policies and grants")])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        let server = try folder.configuration.server(arguments.positionals[0])
        if arguments.has("json") {
            Output.json { write(server, to: &$0) }
            return .done
        }
        Output.print("name:      \(server.name)")
        Output.print("address:   \(address(of: server))")
        switch server.transport {
        case .http(_, let headers):
            Output.print("private:   \(server.allowPrivate ? "allowed" : "refused")")
            if let file = server.tls.authorities { Output.print("ca:        \(file)") }
            if let file = server.tls.certificate { Output.print("shows:     \(file)") }
            if !headers.isEmpty { Output.print("headers:   \(headers.map(\.name).joined(separator: ", "))") }
        case .stdio(_, let inherit, let variables, let directory):
            if let directory { Output.print("directory: \(directory)") }
            if !inherit.isEmpty { Output.print("inherits:  \(inherit.joined(separator: ", "))") }
            if !variables.isEmpty { Output.print("sets:      \(variables.map(\.name).joined(separator: ", "))") }
        }
        switch await RunningGateway.health(in: folder.path) {
        case .failure(let why): Output.print("state:     unknown: \(why.message)")
        case .success(let all):
            let health = all[server.name]
            Output.print("state:     \(health?.state ?? "not known to the gateway")")
            if let version = health?.protocolVersion { Output.print("protocol:  \(version)") }
            if let health, health.processes != "–" { Output.print("process:   \(health.processes)") }
            if let trouble = health?.trouble { Output.print("trouble:   \(trouble)") }
        }
        let settings = ServerSettingOptions.lines(server.settings)
        if !settings.isEmpty { Output.print("settings:  \(settings.joined(separator: ", "))") }
        let policies = try folder.configuration.policies().filter { $0.server == server.name }
        let grants = try folder.configuration.grants().filter {
            $0.server == server.name && $0.standing(at: Clock.now) == .active
        }
        Output.print("policies:  \(policies.isEmpty ? "none" : policies.map(\.name).joined(separator: ", "))")
        Output.print("grants:    \(grants.isEmpty ? "none" : grants.map(\.label).joined(separator: ", "))")
        return .done
    }

    private static let remove = Entry(
        command: Command(
            "server", "remove", summary: "remove a server",
            positionals: [Positional("NAME", "the server")],
            options: [.flag("force", "also revoke its grants and drop its policies"), DataFolder.option],
            examples: [Example("sluice server remove studio --force", "with everything that depends on it")])
    ) { arguments in
        let folder = try DataFolder.open(arguments)
        try folder.configuration.removeServer(arguments.positionals[0], force: arguments.has("force"))
        Output.print("server \(arguments.positionals[0]) removed")
        return .done
    }

    private static func address(of server: Server) -> String {
        switch server.transport {
        case .http(let url, _): url
        case .stdio(let command, _, _, _): command.joined(separator: " ")
        }
    }

    private static func write(
        _ server: Server, to writer: inout JSONWriter, also more: (inout JSONWriter) -> Void = { _ in }
    ) {
        func names(_ key: String, _ names: [String]) {
            writer.key(key)
            writer.beginArray()
            for name in names { writer.string(name) }
            writer.endArray()
        }
        writer.beginObject()
        writer.member("name", server.name)
        writer.member("kind", server.kind.rawValue)
        switch server.transport {
        case .http(let url, let headers):
            writer.member("url", url)
            writer.member("allow_private", server.allowPrivate)
            writer.memberIfPresent("ca", server.tls.authorities)
            writer.memberIfPresent("client_certificate", server.tls.certificate)
            names("headers", headers.map(\.name))
        case .stdio(let command, let inherit, let variables, let directory):
            names("command", command)
            names("inherit", inherit)
            names("variables", variables.map(\.name))
            writer.memberIfPresent("directory", directory)
        }
        ServerSettingOptions.write(server.settings, to: &writer)
        writer.member("created", server.created.iso8601)
        more(&writer)
        writer.endObject()
    }
}
