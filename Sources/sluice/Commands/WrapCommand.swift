import Arguments
import Base
import Gateway
import Glibc
import Policy
import Runtime
import Store
import StoreSQLite

/// `sluice wrap`: the gateway as a stdio server in front of one server. A client starts it in place of that server.
enum WrapCommand {
    static let entry = Entry(
        command: Command(
            "wrap", summary: "run one MCP server behind a policy, as a stdio server: nothing to deploy",
            details: """
                Reads MCP messages from standard input and writes them to standard output, one a line, so a client starts it
                as it would start the server itself. Every call is judged, counted and recorded before it goes on. Without
                --policy all tools pass and are recorded, and what the server asks of the client (sampling, elicitation,
                roots) is refused: a policy has to list it. The policy is read at the start. The ledger is in a folder of
                its own for each server, below $XDG_STATE_HOME/sluice/wrap or ~/.local/state/sluice/wrap; a second
                process in front of the same server takes a second folder and counts its limits there. With --data-dir there
                is one folder, and room for one process. 'sluice audit … --data-dir' reads it at any time. Ends when its
                input ends: calls in flight are finished, then the server's processes are ended. Exit code 0 then, 1
                for an invalid policy.
                """,
            options: [
                .value("policy", "FILE", "the policy (default: all tools pass and are recorded)"),
                .value("name", "NAME", "what the server is called in the ledger (default: from the command or URL)"),
            ] + ServerCommands.transportOptions + [
                .value("data-dir", "DIR", "where the ledger is (default: a folder of its own)"),
                .value("max-message", "SIZE", "longest line of the client (default: 16MiB)"),
                .value("call-timeout", "SPAN", "longest wait for the server's answer (default: 120s)"),
                .value("start-timeout", "SPAN", "longest wait for a command's handshake (default: 30s)"),
                .value("drain-limit", "SPAN", "at the end, longest wait for calls in flight (default: 10s)"),
            ],
            trailing: "COMMAND ARG…",
            examples: [
                Example("sluice wrap --policy files.policy.json -- npx -y server-files /srv", "a command"),
                Example("sluice wrap --name tickets --url http://mcp.example.com/mcp", "a server at a URL"),
                Example(
                    "sluice client-config files --client cursor --write --policy p.json -- npx -y server-files /srv",
                    "has Cursor start it"),
            ])
    ) { arguments in
        let options = try options(arguments)
        let transport = try ServerCommands.transport(arguments)
        let name = try arguments.value("name") ?? defaultName(transport)
        var settings = ServerSettings()
        // There is one client: what the server asks is meant for it.
        if case .stdio = transport { settings.perSession = true }
        let server = Server(
            name: name, transport: transport, allowPrivate: arguments.has("allow-private"),
            tls: try ServerCommands.tls(arguments), settings: settings, created: Clock.now)
        let policy = try arguments.value("policy").map(checkedPolicy)

        let (folder, lock) = try openFolder(arguments, server)
        defer { withExtendedLifetime(lock) {} }
        let grant = try store(server, policy: policy, in: folder.configuration)

        let group = try EventLoopGroup(count: 1)
        defer {
            group.stop()
            group.join()
        }
        let loop = group.next()
        let ledger = try folder.openLedger(LedgerOptions(callersCommit: true))
        defer { ledger.close() }
        if let warning = ledger.warning { Output.note("sluice: warning: \(warning)") }
        loop.whenTurnEnds { ledger.commitNow() }
        let stop = try await StopSignal.watch(on: loop)
        let input = try await adopt(STDIN_FILENO, on: loop)
        let output = try await adopt(STDOUT_FILENO, on: loop)
        let words = arguments.value("policy").map { "policy \($0)" } ?? "no policy: all tools pass and are recorded"
        Output.note("sluice: wrapping \(name); \(words); ledger in \(folder.path)")
        let front = try await StdioFront.start(
            options, on: group, store: folder.configuration, hasher: folder.hasher, sealer: folder.hasher,
            ledger: ledger, grant: grant, server: name, input: input, output: output, log: log)
        let watch = Task(executorPreference: loop) {
            await stop.received()
            await front.stop()
        }
        await front.finished()
        watch.cancel()
        return .done
    }

    /// Standard error is the client's log: only what somebody has to know.
    private static let log = Log { level, message, fields in
        guard level == .warning || level == .error else { return }
        let details = fields.map { "\($0.0): \($0.1)" }.joined(separator: "; ")
        Output.note("sluice: \(message)\(details.isEmpty ? "" : " (\(details))")")
    }

    private static func options(_ arguments: Arguments) throws -> GatewayOptions {
        guard let nowhere = SocketAddress(ip: "127.0.0.1", port: 0) else { throw Failure(.unable, "no IPv4") }
        var options = GatewayOptions(listen: nowhere)
        options.maxBody = try arguments.bytes("max-message", in: 1 << 10...256 << 20, default: 16 << 20)
        func span(_ name: String, upTo most: Int, _ current: TimeSpan) throws(UsageError) -> TimeSpan {
            .seconds(Int64(try arguments.seconds(name, in: 1...most, default: Int(current.microseconds / 1_000_000))))
        }
        options.launcher = LaunchedChild.launcher
        options.callTimeout = try span("call-timeout", upTo: 86_400, options.callTimeout)
        options.startTimeout = try span("start-timeout", upTo: 3_600, options.startTimeout)
        options.drainLimit = try span("drain-limit", upTo: 3_600, options.drainLimit)
        // The client's process is the session: it lasts as long as the pipe.
        options.sessionIdle = .days(3_650)
        return options
    }

    // MARK: What is stored

    /// The last part of the command's path or the host of the URL, as far as it makes a name.
    private static func defaultName(_ transport: Server.Transport) throws(Failure) -> String {
        let text =
            switch transport {
            case .stdio(let command, _, _, _): command.first?.split(separator: "/").last.map(String.init) ?? ""
            case .http(let url, _): url.split(separator: "/").dropFirst().first.map(String.init) ?? ""
            }
        // See `Name.check`.
        let name = text.utf8.prefix(48).map { byte -> Character in
            switch byte {
            case 0x30...0x39, 0x61...0x7A: Character(Unicode.Scalar(byte))
            case 0x41...0x5A: Character(Unicode.Scalar(byte | 0x20))
            default: "-"
            }
        }
        let trimmed = String(name.drop { $0 == "-" })
        guard !trimmed.isEmpty else {
            throw Failure(.usage, "the server needs a name", mend: "give it one with --name")
        }
        return ["sse", "messages"].contains(trimmed) ? "\(trimmed)-server" : trimmed
    }

    private static func checkedPolicy(_ file: String) throws -> [UInt8] {
        guard file != "-" else { throw Failure(.usage, "standard input is the client's", mend: "name a policy file") }
        let bytes = try Files.read(file, limit: PolicyCommands.limit)
        let load = PolicyDocument.load(bytes, name: file, version: 1)
        for problem in load.problems { Output.note(problem.text(file: file)) }
        guard load.policy != nil else { throw Failure(.failed, "\(file) is not valid, so nothing was started") }
        return bytes
    }

    private static let allowAll = Array(#"{"version": "1", "default": "allow"}"#.utf8)

    /// Makes the folder say what the command line says; changes nothing if it does already.
    /// - Returns: the id of the grant that speaks for the client. Its token is known to nobody.
    private static func store(
        _ server: Server, policy: [UInt8]?, in store: any ConfigurationStore
    ) throws -> String {
        if let known = try store.servers().first(where: { $0.name == server.name }) {
            guard known.transport == server.transport, known.allowPrivate == server.allowPrivate,
                known.tls == server.tls
            else {
                throw Failure(
                    .usage, "the data folder has another server of the name \(server.name)",
                    mend: "choose another --name or --data-dir")
            }
        } else {
            try store.addServer(server)
        }
        let policyName = "wrap-\(server.name)"
        _ = try store.putPolicy(policyName, server: server.name, bytes: policy ?? allowAll)
        let grants = try store.grants().filter {
            $0.server == server.name && $0.policy == policyName && $0.label == "wrap"
                && $0.standing(at: Clock.now) == .active
        }
        if let grant = grants.first { return grant.id }
        return try store.createGrant(GrantRequest(server: server.name, policy: policyName, label: "wrap")).grant.id
    }

    // MARK: The folder

    private static let mostFolders = 64

    private static func openFolder(_ arguments: Arguments, _ server: Server) throws -> (DataDirectory, ServeLock) {
        if arguments.has("data-dir") {
            let folder = try DataDirectory.open(DataFolder.path(arguments), create: true)
            return (folder, try folder.lockForServing())
        }
        let parent = try stateFolder()
        let base = "\(parent)/\(server.name)-\(fingerprint(server))"
        for number in 1...mostFolders {
            let folder = try DataDirectory.open(number == 1 ? base : "\(base)-\(number)", create: true)
            do throws(StoreError) { return (folder, try folder.lockForServing()) } catch {
                // Another process of the same server: a client may start several.
                guard error.code == .alreadyServing else { throw error }
            }
        }
        throw Failure(.unable, "\(mostFolders) processes wrap this server already", mend: "end some, or use --data-dir")
    }

    private static func stateFolder() throws(Failure) -> String {
        func variable(_ name: String) -> String? {
            getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
        let base: String
        if let state = variable("XDG_STATE_HOME") {
            base = state
        } else if let home = variable("HOME") {
            base = "\(home)/.local/state"
        } else {
            throw Failure(
                .usage, "HOME is not set, so there is no place for the ledger", mend: "name one with --data-dir")
        }
        var path = ""
        for part in "\(base)/sluice/wrap".split(separator: "/") {
            path += "/\(part)"
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
                throw Failure(
                    .unable, "can't make the folder \(path): \(String(cString: strerror(errno)))",
                    mend: "name another with --data-dir")
            }
        }
        return path
    }

    /// Tells servers apart; eight characters are plenty for one person's.
    private static func fingerprint(_ server: Server) -> String {
        var parts = [server.allowPrivate ? "private" : "public"]
        parts += [server.tls.authorities, server.tls.certificate, server.tls.key].map { $0 ?? "" }
        switch server.transport {
        case .http(let url, let headers): parts += ["http", url] + headers.flatMap { [$0.name, $0.value.revealed] }
        case .stdio(let command, let inherit, let variables, let directory):
            parts += ["stdio"] + command + ["", directory ?? "", ""] + inherit + [""]
            parts += variables.flatMap { [$0.name, $0.value.revealed] }
        }
        return String(Hex.encode(sha256(Array(parts.joined(separator: "\u{0}").utf8))).prefix(8))
    }

    // MARK: Standard input and output

    private static func adopt(_ descriptor: Int32, on loop: EventLoop) async throws -> ByteStream {
        let adopted: Result<ByteStream, RuntimeError> = await loop.run {
            do throws(RuntimeError) {
                return .success(
                    descriptor == STDIN_FILENO
                        ? try ByteStream.standardInput(on: loop)
                        : try ByteStream.adopt(descriptor: descriptor, on: loop))
            } catch {
                return .failure(error)
            }
        }
        return try adopted.get()
    }
}
