import Base
import HTTP
import JSON
import MCP
import Runtime
import Store

/// The gateway: wires the parts, opens the data plane, and closes it without losing a call.
package final class Gateway: Sendable {
    private static let housekeeping = TimeSpan.seconds(30)

    package let metrics: GatewayMetrics
    private let server: HTTPServer
    private let upstreams: UpstreamTable
    private let sessions: SessionTable
    private let merged: MergedEndpoint

    /// Where the data plane listens, with the real port.
    package var address: SocketAddress { server.address }

    private init(
        metrics: GatewayMetrics, server: HTTPServer, upstreams: UpstreamTable, sessions: SessionTable,
        merged: MergedEndpoint
    ) {
        self.merged = merged
        self.sessions = sessions
        self.metrics = metrics
        self.server = server
        self.upstreams = upstreams
    }

    /// Rebuilds the counters from the ledger, then listens. Nothing is answered before both have worked.
    package static func start(
        _ options: GatewayOptions, on group: EventLoopGroup, store: any ConfigurationStore, hasher: any KeyedHasher,
        sealer: any StateSealer,
        digest: @escaping @Sendable ([UInt8]) -> [UInt8], ledger: any Ledger, log: Log = .standardError
    ) async throws(GatewayError) -> Gateway {
        let metrics = GatewayMetrics()
        let quotas = Quotas()
        let sessions = SessionTable(capacity: options.maxSessions)
        var clientOptions = HTTPClientOptions()
        clientOptions.connectTimeout = options.connectTimeout
        clientOptions.headTimeout = options.callTimeout
        clientOptions.idleTimeout = options.callTimeout
        let clients = HTTPClients(group, options: clientOptions)
        let limits = StdioLimits(start: options.startTimeout, call: options.callTimeout)
        let upstreams = UpstreamTable(group, clients: clients, limits: limits, log: log) { server, message in
            // What a shared server says of somebody's call is for nobody else.
            if message.method == "notifications/resources/updated" || message.method.hasSuffix("/list_changed") {
                sessions.deliver(message, toSessionsOf: server.name)
            }
        }
        let recorder = Recorder(ledger: ledger, hasher: hasher, quotas: quotas)
        do {
            let snapshots = try SnapshotSource(store, log: log) { snapshot in
                upstreams.keep(only: snapshot.servers)
                sessions.keep(only: snapshot, on: group.next())
                // What clients see of the tools may be another now.
                for kind in [ListKind.tools, .prompts, .resources] {
                    let text = RPCWriter.notification(method: kind.changeNotification)
                    guard let changed = try? RPCMessage(JSONDocument.parse(text)) else { continue }
                    sessions.deliver(changed, toSessionsOf: nil)
                }
            }
            let judge = Judge(quotas: quotas) { visit, now throws(StoreError) in
                guard !visit.session.isEnded,
                    let caller = try snapshots.snapshot().caller(
                        grant: visit.caller.grant.id, server: visit.caller.server.name, at: now),
                    caller.server == visit.session.server.definition
                else { return nil }
                return caller
            }
            let exchange = Exchange(
                desk: AskDesk(judge: judge, recorder: recorder, metrics: metrics),
                states: RequestStates(sealer: sealer, hasher: hasher))
            let journey = CallJourney(
                judge: judge, recorder: recorder, forwarder: Forwarder(exchange: exchange), metrics: metrics,
                maxInFlight: options.maxCallsInFlight, log: log)
            let endpoint = Endpoint(
                options, upstreams: upstreams, journey: journey, sessions: sessions, metrics: metrics, log: log)
            let merged = MergedEndpoint(endpoint, sealer: sealer, hasher: hasher, digest: digest)
            let now = EventLoop.wallNow
            try quotas.restore(from: ledger, longestWindow: snapshots.snapshot().longestWindow, now: now)
            var serverOptions = HTTPServerOptions()
            serverOptions.limits.maxBody = options.maxBody
            serverOptions.drainLimit = options.drainLimit
            serverOptions.tls = options.tls
            let service = GatewayService(
                options, authenticator: Authenticator(hasher: hasher, doorbook: Doorbook(ledger: ledger)),
                snapshots: snapshots, endpoint: endpoint, merged: merged,
                metrics: metrics, log: log)
            let server = try await HTTPServer.start(
                on: group, address: options.listen, options: serverOptions, service: service)
            let gateway = Gateway(
                metrics: metrics, server: server, upstreams: upstreams, sessions: sessions, merged: merged)
            let loop = group.next()
            loop.execute {
                keepHouse(endpoint, merged, sessions, quotas, snapshots, on: loop)
                watch(snapshots, on: loop)
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

    /// Stops accepting, finishes the calls in flight up to the limit, then ends the children.
    package func drain() async {
        // Standing streams would be waited for until the limit; calls in flight are what the wait is for.
        merged.closeStreams()
        sessions.closeStreams()
        await server.drain()
        await upstreams.shutDown()
    }

    /// Notices a change while nobody calls, so that clients who only listen hear of it.
    private static func watch(_ snapshots: SnapshotSource, on loop: EventLoop) {
        _ = loop.schedule(after: .seconds(1)) {
            _ = try? snapshots.snapshot()
            watch(snapshots, on: loop)
        }
    }

    private static func keepHouse(
        _ endpoint: Endpoint, _ merged: MergedEndpoint, _ sessions: SessionTable, _ quotas: Quotas,
        _ snapshots: SnapshotSource, on loop: EventLoop
    ) {
        _ = loop.schedule(after: housekeeping) {
            endpoint.sweep(now: loop.now, on: loop)
            // Grants also end by time, without any change of the configuration.
            if let snapshot = try? snapshots.snapshot() {
                sessions.keep(only: snapshot, on: loop)
                merged.sweep(now: loop.now, on: loop) { snapshot.isOver(grant: $0, at: loop.wallClock) }
            }
            quotas.prune(at: loop.wallClock)
            keepHouse(endpoint, merged, sessions, quotas, snapshots, on: loop)
        }
    }
}
