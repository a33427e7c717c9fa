import Arguments
import Base
import Console
import Gateway
import JSON
import Runtime
import Store
import StoreSQLite

/// `sluice serve`: opens what is stored, runs the gateway, and ends it in order.
enum ServeCommand {
    static let entry = Entry(
        command: Command(
            "serve", summary: "run the gateway",
            details: """
                SIGTERM or Ctrl-C stops it: calls in flight are finished, the ledger is written, children are ended. A second
                one stops it at once. Changes by other sluice commands take effect with the next request.
                """,
            options: [
                DataFolder.option,
                .value("listen", "HOST:PORT", "where clients connect (default: 127.0.0.1:7420; port 0: any free one)"),
                .value(
                    "admin-listen", "HOST:PORT",
                    "the console, its API and metrics (default: 127.0.0.1:7421, or any free port if --listen asks for one)"
                ),
                .value(
                    "admin-tls-cert", "FILE",
                    "the admin plane speaks HTTPS: its certificate and chain, PEM; needs --admin-tls-key"),
                .value("admin-tls-key", "FILE", "the key of --admin-tls-cert; both are read again when they change"),
                .value("admin-allow-host", "NAME", "another name of the admin plane; may be repeated", repeats: true),
                .value("allow-host", "NAME", "another name that Host may have; may be repeated", repeats: true),
                .value("allow-origin", "ORIGIN", "a web origin that may call; may be repeated", repeats: true),
                .value(
                    "tls-cert", "FILE", "speak HTTPS to clients: the certificate and its chain, PEM; needs --tls-key"),
                .value(
                    "tls-key", "FILE",
                    "the key of --tls-cert, PEM, without a password; both are read again when they change"),
                .value("max-body", "SIZE", "largest request body (default: 4MiB)"),
                .value("max-sessions", "N", "open sessions at most (default: 10000)"),
                .value("session-idle", "SPAN", "an unused session ends after this (default: 1h)"),
                .value(
                    "max-history", "SIZE",
                    "kept of streams for clients that come back, all sessions together (default: 64MiB)"),
                .value(
                    "max-kept-results", "SIZE",
                    "kept of results that clients wanted as tasks, all sessions together (default: 64MiB)"),
                .value("max-calls", "N", "calls in flight at most (default: 1024)"),
                .value(
                    "max-request-bytes", "SIZE",
                    "held of requests under way, all clients together (default: 256MiB)"),
                .value("call-timeout", "SPAN", "longest wait for a server's answer (default: 120s)"),
                .value("connect-timeout", "SPAN", "longest wait for a connection to a server (default: 5s)"),
                .value("start-timeout", "SPAN", "longest wait for a command's handshake (default: 30s)"),
                .value("drain-limit", "SPAN", "when stopping, longest wait for calls in flight (default: 10s)"),
                .value("loops", "N", "event loops, each with a thread (default: one for every two processors)"),
                .flag("no-polling", "sleep however soon the next event may come: less CPU, longer calls"),
                .value(
                    "durability", "WORD",
                    "process: decisions survive the gateway's death; power: also the machine's (default: process)"),
                .flag("json", "print the line that says it is ready as JSON"),
            ],
            examples: [
                Example("sluice serve", "with ./sluice-data on 127.0.0.1:7420"),
                Example(
                    "sluice serve --data-dir /var/lib/sluice --listen 10.0.0.5:7420 --allow-host gw.example.com "
                        + "--tls-cert gw.pem --tls-key gw.key",
                    "for other machines, over HTTPS"),
            ])
    ) { arguments in
        var options = try options(arguments)
        options.tls = try identity(arguments)
        let adminTLS = try identity(arguments, of: "admin-")
        let durability = try arguments.choice("durability", among: ["process", "power"], default: "process")
        let listen = try arguments.address("listen", default: ListenAddress(host: "127.0.0.1", port: 7420))

        let adminPort: UInt16 = listen.port == 0 ? 0 : 7421
        let adminListen = try arguments.address(
            "admin-listen", default: ListenAddress(host: "127.0.0.1", port: adminPort))

        let folder = try DataFolder.open(arguments, create: true).whole
        let lock = try folder.lockForServing()
        defer { withExtendedLifetime(lock) {} }
        let loops = try arguments.number("loops", in: 1...256, default: 0)
        let group = try EventLoopGroup(
            count: loops == 0 ? EventLoopGroup.usualCount : loops,
            polling: arguments.has("no-polling") ? .never : .bothProcessors)
        defer {
            group.stop()
            group.join()
        }
        // Most systems start a process with 1,024 and let it have far more; what it starts is not to notice.
        let files = OpenFiles.raise()
        options.launcher = LaunchedChild.launcher(openFiles: files.before)
        options.listen = try await resolve(listen, on: group.next())
        let ledger = try folder.openLedger(
            LedgerOptions(durability: durability == "power" ? .power : .process, callersCommit: true))
        defer { ledger.close() }
        if let warning = ledger.warning { Output.note("sluice: warning: \(warning)") }
        for loop in group.loops { loop.whenTurnEnds { ledger.commitNow() } }

        let gateway = try await Gateway.start(
            options, on: group, store: folder.configuration, hasher: folder.hasher, sealer: folder.hasher,
            digest: sha256, ledger: ledger, observations: folder.configuration)
        var adminOptions = ConsoleOptions(
            listen: try await resolve(adminListen, on: group.next()), version: Version.text,
            dataPlane: gateway.address.description)
        adminOptions.allowedHosts = arguments.all("admin-allow-host")
        adminOptions.tls = adminTLS
        let localToken = RunningGateway.makeToken()
        let subject = AdminSubject(
            store: folder.configuration, observations: folder.configuration, hasher: folder.hasher, ledger: ledger,
            reader: try folder.ledgerReader(),
            verifier: try folder.ledgerReader(), metrics: gateway.metrics, health: { gateway.health(of: $0) },
            localToken: folder.hasher.tokenHash(localToken.revealed))
        let plane = try await AdminPlane.start(adminOptions, of: subject, on: group)
        let stop = try await StopSignal.watch(on: group.next())
        // After the start: a token made for a gateway that never came up would be lost unseen.
        let admin = try firstAdminToken(folder.configuration)
        RunningGateway.announce(
            admin: plane.address, certificate: arguments.value("admin-tls-cert"), token: localToken, in: folder.path)
        defer { RunningGateway.withdraw(from: folder.path) }
        announce(
            gateway.address, isSecure: options.tls != nil, admin: plane.address, isAdminSecure: adminTLS != nil,
            folder: folder.path, adminToken: admin, asJSON: arguments.has("json"))
        let planes = [(gateway.address, options.tls), (plane.address, adminTLS)]
        for (address, tls) in planes where tls == nil && !address.isLoopback {
            Output.note("sluice: warning: tokens travel unencrypted to \(address); put TLS in front of it")
        }

        let wanted = options.maxSessions + options.maxCallsInFlight
        if files.now < wanted {
            Output.note(
                "sluice: warning: only \(files.now) files may be open at once, and each connection is one; for "
                    + "\(wanted), raise the hard limit (ulimit -Hn, LimitNOFILE=) or lower --max-sessions")
        }

        await stop.received()
        Output.note("sluice: stopping: finishing calls in flight")
        await gateway.drain()
        await plane.drain()
        return .done
    }

    private static func options(_ arguments: Arguments) throws -> GatewayOptions {
        guard let anywhere = SocketAddress(ip: "127.0.0.1", port: 0) else { throw Failure(.unable, "no IPv4") }
        var options = GatewayOptions(listen: anywhere)
        options.allowedHosts = arguments.all("allow-host")
        options.allowedOrigins = arguments.all("allow-origin")
        options.maxBody = try arguments.bytes("max-body", in: 1 << 10...256 << 20, default: options.maxBody)
        options.maxSessions = try arguments.number("max-sessions", in: 1...1_000_000, default: options.maxSessions)
        options.maxCallsInFlight = try arguments.number("max-calls", in: 1...100_000, default: options.maxCallsInFlight)
        options.maxRequestBytes = try arguments.bytes(
            "max-request-bytes", in: 0...64 << 30, default: options.maxRequestBytes)
        options.maxKeptResults = try arguments.bytes(
            "max-kept-results", in: 0...16 << 30, default: options.maxKeptResults)
        options.maxHistory = try arguments.bytes("max-history", in: 0...16 << 30, default: options.maxHistory)
        func span(_ name: String, upTo most: Int, _ current: TimeSpan) throws(UsageError) -> TimeSpan {
            .seconds(Int64(try arguments.seconds(name, in: 1...most, default: Int(current.microseconds / 1_000_000))))
        }
        options.sessionIdle = try span("session-idle", upTo: 30 * 86_400, options.sessionIdle)
        options.callTimeout = try span("call-timeout", upTo: 86_400, options.callTimeout)
        options.connectTimeout = try span("connect-timeout", upTo: 3_600, options.connectTimeout)
        options.startTimeout = try span("start-timeout", upTo: 3_600, options.startTimeout)
        options.drainLimit = try span("drain-limit", upTo: 3_600, options.drainLimit)
        return options
    }

    /// Who a plane is, if it speaks HTTPS.
    /// - Parameter plane: what its options begin with.
    private static func identity(_ arguments: Arguments, of plane: String = "") throws -> TLSIdentity? {
        switch (arguments.value("\(plane)tls-cert"), arguments.value("\(plane)tls-key")) {
        case (nil, nil): return nil
        case (let certificate?, let key?):
            do throws(RuntimeError) {
                return try TLSIdentity(certificate: certificate, key: key) { reload in
                    switch reload {
                    case .reloaded(let certificate):
                        Log.standardError(
                            .info, "the certificate was replaced", ("subject", certificate?.subject ?? ""),
                            ("until", certificate?.notAfter?.iso8601 ?? ""))
                    case .kept(let error):
                        Log.standardError(
                            .error, "the changed certificate can't be used; the old one stays", ("why", error.message))
                    }
                }
            } catch {
                throw Failure(.usage, error.message)
            }
        default:
            throw Failure(
                .usage, "--\(plane)tls-cert and --\(plane)tls-key belong together",
                mend: "give both, or none for HTTP")
        }
    }

    private static func resolve(_ address: ListenAddress, on loop: EventLoop) async throws -> SocketAddress {
        if let known = SocketAddress(ip: address.host, port: address.port) { return known }
        guard let found = try await loop.resolve(host: address.host, port: address.port).first else {
            throw Failure(.unable, "no address is known for \(address.host)")
        }
        return found
    }

    /// Makes the first admin token where there is none yet.
    private static func firstAdminToken(_ store: any ConfigurationStore) throws -> Secret? {
        guard try store.adminTokens().isEmpty else { return nil }
        return try store.createAdminToken(label: "first", role: .admin, expires: nil).token
    }

    private static func announce(
        _ address: SocketAddress, isSecure: Bool, admin: SocketAddress, isAdminSecure: Bool, folder: String,
        adminToken: Secret?, asJSON: Bool
    ) {
        if asJSON {
            Output.json { writer in
                writer.beginObject()
                writer.member("event", "ready")
                writer.member("version", Version.text)
                writer.member("listen", address.description)
                writer.member("scheme", isSecure ? "https" : "http")
                writer.member("admin", admin.description)
                writer.member("admin_scheme", isAdminSecure ? "https" : "http")
                writer.member("data_dir", folder)
                writer.memberIfPresent("admin_token", adminToken?.revealed)
                writer.endObject()
            }
        } else {
            Output.print("sluice \(Version.text) is ready: \(isSecure ? "https" : "http")://\(address)/mcp/{server}")
            Output.print("console: \(isAdminSecure ? "https" : "http")://\(admin)/")
            Output.print("data folder: \(folder)")
            if let adminToken { Output.print("admin token, shown only now: \(adminToken.revealed)") }
        }
        Output.flush()
    }
}
