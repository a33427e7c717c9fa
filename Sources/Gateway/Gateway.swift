import Base
import HTTP
import JSON
import MCP
import Runtime
import Store

/// The gateway: wires the parts, opens the data plane, and closes it without losing a call.
package final class Gateway: Sendable {
    package var metrics: GatewayMetrics { core.metrics }
    private let core: GatewayCore
    private let server: HTTPServer
    private let merged: MergedEndpoint
    private let front: SSEFront
    private let observer: Observer?

    /// Where the data plane listens, with the real port.
    package var address: SocketAddress { server.address }

    private init(
        _ core: GatewayCore, server: HTTPServer, merged: MergedEndpoint, front: SSEFront, observer: Observer?
    ) {
        self.observer = observer
        self.core = core
        self.server = server
        self.merged = merged
        self.front = front
    }

    /// Rebuilds the counters from the ledger, then listens. Nothing is answered before both have worked.
    /// - Parameter observations: where it is noted what servers say; nil: nowhere.
    package static func start(
        _ options: GatewayOptions, on group: EventLoopGroup, store: any ConfigurationSource, hasher: any KeyedHasher,
        sealer: any StateSealer,
        digest: @escaping @Sendable ([UInt8]) -> [UInt8], ledger: any Ledger,
        observations: (any ObservationStore)? = nil, log: Log = .standardError
    ) async throws(GatewayError) -> Gateway {
        do {
            let observer = try observations.map { try Observer($0, hasher: hasher, log: log) }
            let core = try GatewayCore(
                options, on: group, store: store, hasher: hasher, sealer: sealer, ledger: ledger, log: log,
                observer: observer)
            let endpoint = core.endpoint
            let snapshots = core.snapshots
            let merged = MergedEndpoint(endpoint, sealer: sealer, hasher: hasher, digest: digest) {
                grant, now throws(StoreError) in
                try snapshots.snapshot().holder(grant: grant, at: now)
            }
            let front = SSEFront(endpoint, merged)
            var serverOptions = HTTPServerOptions()
            serverOptions.limits.maxBody = options.maxBody
            serverOptions.maxBodyBytes = max(serverOptions.maxBodyBytes, 2 * options.maxBody)
            // Each session may have a stream and a connection on which its client makes calls.
            serverOptions.maxConnections = 2 * options.maxSessions + options.maxCallsInFlight
            serverOptions.drainLimit = options.drainLimit
            serverOptions.tls = options.tls
            let service = GatewayService(
                options, authenticator: Authenticator(doorbook: Doorbook(ledger: ledger)), hasher: hasher,
                snapshots: core.snapshots, endpoint: endpoint, merged: merged, front: front, metrics: core.metrics,
                log: log)
            let server = try await HTTPServer.start(
                on: group, address: options.listen, options: serverOptions, service: service)
            let gateway = Gateway(core, server: server, merged: merged, front: front, observer: observer)
            let loop = group.next()
            loop.execute {
                core.keepHouse(on: loop, swept: { merged.sweep(now: loop.now, on: loop) }) { isOver in
                    merged.keep(on: loop, isOver: isOver)
                    front.keep(on: loop, isOver: isOver)
                }
            }
            return gateway
        } catch let error as StoreError {
            throw GatewayError(code: .store, message: error.message, help: error.help)
        } catch {
            throw GatewayError(
                code: .listen, message: "can't listen on \(options.listen): \(error)",
                help: "choose another address with --listen, or stop the program that has it")
        }
    }

    /// How a server fares now. Any thread.
    package func health(of server: Server) -> UpstreamHealth { core.upstreams.health(of: server) }

    /// Stops accepting, finishes the calls in flight up to the limit, then ends the children.
    package func drain() async {
        // Standing streams would be waited for until the limit; calls in flight are what the wait is for.
        core.sessions.closeStreams()
        merged.closeStreams()
        front.closeStreams()
        core.endpoint.desk.lot.close()
        await server.drain()
        await core.upstreams.shutDown()
        observer?.stop()
    }
}
