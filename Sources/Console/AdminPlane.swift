import Base
import Gateway
import HTTP
import Runtime
import Store

/// What the admin plane looks at and acts upon.
package struct AdminSubject: Sendable {
    /// Servers, policies, identities, grants and admin tokens.
    let store: any ConfigurationStore
    /// What servers were seen to say, for findings.
    let observations: any ObservationStore
    /// For admin tokens and session cookies.
    let hasher: any KeyedHasher
    /// Asked for its health only.
    let ledger: any Ledger
    /// Pages of decisions are read through this.
    let reader: any LedgerReader
    /// Apart from `reader`: a walk along the whole chain may take long, and readers queue for one connection.
    let verifier: any LedgerReader
    /// The data plane's counters.
    let metrics: GatewayMetrics
    /// How a server fares; any thread.
    let health: @Sendable (Server) -> UpstreamHealth
    /// The token with which commands of this machine look at the gateway, as long as it runs. Role: viewer.
    let localToken: TokenHash?

    /// Everything that the admin plane needs from elsewhere. `reader` and `verifier` should have a connection each.
    package init(
        store: any ConfigurationStore, observations: any ObservationStore, hasher: any KeyedHasher, ledger: any Ledger,
        reader: any LedgerReader, verifier: any LedgerReader, metrics: GatewayMetrics,
        health: @escaping @Sendable (Server) -> UpstreamHealth = { _ in UpstreamHealth() },
        localToken: TokenHash? = nil
    ) {
        self.store = store
        self.observations = observations
        self.hasher = hasher
        self.ledger = ledger
        self.reader = reader
        self.verifier = verifier
        self.metrics = metrics
        self.health = health
        self.localToken = localToken
    }
}

/// The admin plane: the API under `/api/v1`, metrics, and the console page.
package final class AdminPlane: Sendable {
    private let server: HTTPServer
    private let pool: BlockingPool

    /// Where it listens, with the real port.
    package var address: SocketAddress { server.address }

    private init(server: HTTPServer, pool: BlockingPool) {
        self.server = server
        self.pool = pool
    }

    /// Listens on the loops of `group`; everything that blocks runs on threads of its own.
    package static func start(
        _ options: ConsoleOptions, of subject: AdminSubject, on group: EventLoopGroup, log: Log = .standardError
    ) async throws(ConsoleError) -> AdminPlane {
        let pool: BlockingPool
        do throws(RuntimeError) {
            // One thread may be busy with the chain; the others answer the rest meanwhile.
            pool = try BlockingPool(threads: 3, name: "admin", maxQueued: 64)
        } catch {
            throw ConsoleError(
                code: .threads, message: "can't start the admin plane's threads: \(error.message)",
                help: "raise the limit of threads")
        }
        let service = AdminService(options, subject, pool: pool, log: log)
        var serverOptions = HTTPServerOptions()
        serverOptions.limits.maxBody = AdminService.maxBody
        serverOptions.maxConnections = options.maxConnections
        serverOptions.drainLimit = options.drainLimit
        serverOptions.tls = options.tls
        do throws(RuntimeError) {
            let server = try await HTTPServer.start(
                on: group, address: options.listen, options: serverOptions, service: service)
            return AdminPlane(server: server, pool: pool)
        } catch {
            pool.stop()
            throw ConsoleError(
                code: .listen, message: "can't listen on \(options.listen) for the admin plane: \(error.message)",
                help: "choose another address with --admin-listen, or stop the program that has it")
        }
    }

    /// Stops accepting, finishes what is in work up to the limit, and lets the threads end.
    package func drain() async {
        await server.drain()
        pool.stop()
    }
}
