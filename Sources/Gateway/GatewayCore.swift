import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

/// What every way into the gateway shares: the configuration, the judge, the ledger, the servers. It listens to nobody.
struct GatewayCore: Sendable {
    private static let housekeeping = TimeSpan.seconds(30)
    /// How often it is looked for changes of the configuration while nobody calls. One atomic load each.
    private static let alertness = TimeSpan.milliseconds(250)

    let metrics: GatewayMetrics
    let sessions: SessionTable
    let upstreams: UpstreamTable
    let snapshots: SnapshotSource
    let endpoint: Endpoint
    private let quotas: Quotas

    /// Rebuilds the counters from the ledger.
    /// - Parameters:
    ///   - observer: writes down what servers say; nil: nobody does.
    ///   - dial: tests have servers of their own.
    init(
        _ options: GatewayOptions, on group: EventLoopGroup, store: any ConfigurationSource, hasher: any KeyedHasher,
        sealer: any StateSealer, ledger: any Ledger, log: Log, observer: Observer? = nil,
        dial: @escaping Endpoint.Dial = Endpoint.dial
    ) throws(StoreError) {
        let metrics = GatewayMetrics()
        let quotas = Quotas()
        let sessions = SessionTable(capacity: options.maxSessions)
        var clientOptions = HTTPClientOptions()
        clientOptions.connectTimeout = options.connectTimeout
        clientOptions.headTimeout = options.callTimeout
        clientOptions.idleTimeout = options.callTimeout
        let clients = HTTPClients(group, options: clientOptions)
        let limits = StdioLimits(
            start: options.startTimeout, call: options.callTimeout, launcher: options.launcher)
        let upstreams = UpstreamTable(
            group, clients: clients, limits: limits, log: log, observer: observer,
            notified: { server, message in
                // What a shared server says of somebody's call is for nobody else; of tasks each session takes its own.
                switch message.method {
                case "notifications/resources/updated", "notifications/tasks/status", "notifications/tasks",
                    "notifications/progress":
                    sessions.deliver(message, toSessionsOf: server.name)
                case let method where method.hasSuffix("/list_changed"):
                    sessions.deliver(message, toSessionsOf: server.name)
                default: break
                }
            },
            logged: { message, session in
                // A call's own level is looked at where the call is; here it is the session's.
                guard let session = session.flatMap(sessions.find) else {
                    metrics.droppedLogs.add(1, ordering: .relaxed)
                    return
                }
                session.deliver(message)
            },
            wanted: { sessions.wanted(of: $0.name) })
        let snapshots = try SnapshotSource(store, log: log) { old, new in
            if upstreams.keep(only: new.servers, generation: new.generation) {
                sessions.keep(only: new, on: group.next())
            }
            sessions.announce(from: old, to: new)
        }
        let pins = PinDesk(hasher: hasher, ledger: ledger, log: log)
        let judge = Judge(quotas: quotas, pins: pins) { session, now throws(StoreError) in
            guard !session.isEnded,
                let caller = try snapshots.snapshot().caller(
                    grant: session.grantID, server: session.caller.server.name, at: now),
                // COST: comparing definitions member by member was a hundredth of a call; mostly nothing has changed.
                caller === session.caller
                    || caller.server == session.server.definition && session.speaker.is(caller.grant)
            else { return nil }
            return caller
        }
        let recorder = Recorder(ledger: ledger, hasher: hasher, quotas: quotas)
        let exchange = Exchange(
            desk: AskDesk(judge: judge, recorder: recorder, metrics: metrics),
            states: RequestStates(sealer: sealer, hasher: hasher))
        let journey = CallJourney(
            judge: judge, recorder: recorder, forwarder: Forwarder(exchange: exchange), metrics: metrics,
            maxInFlight: options.maxCallsInFlight, log: log)
        endpoint = Endpoint(
            options, upstreams: upstreams, journey: journey, sessions: sessions, metrics: metrics, log: log, dial: dial)
        try quotas.restore(
            from: ledger, longestWindow: try Self.longestWindow(of: store), now: EventLoop.wallNow)
        self.metrics = metrics
        self.quotas = quotas
        self.sessions = sessions
        self.upstreams = upstreams
        self.snapshots = snapshots
    }

    /// Does what nobody asks for but has to be done, for as long as the loop runs. Loop thread only.
    /// - Parameters:
    ///   - swept: further chores that are done now and then.
    ///   - ended: told when grants may have ended; `isOver` says which.
    func keepHouse(
        on loop: EventLoop, swept: @escaping @Sendable () -> Void = {},
        ended: @escaping @Sendable (_ isOver: (Speaker) -> Bool) -> Void = { _ in }
    ) {
        sweep(on: loop, swept)
        watch(on: loop, seen: 0, next: nil, ended)
    }

    private func sweep(on loop: EventLoop, _ swept: @escaping @Sendable () -> Void) {
        _ = loop.schedule(after: Self.housekeeping) {
            endpoint.sweep(now: loop.now, on: loop)
            // Whatever has slipped past a change.
            if let snapshot = try? snapshots.snapshot() { sessions.keep(only: snapshot, on: loop) }
            swept()
            quotas.prune(at: loop.wallClock)
            sweep(on: loop, swept)
        }
    }

    /// Notices a change while nobody calls, so that clients who only listen hear of it, and ends what outlives a request at
    /// the moment in which its grant ends.
    /// - Parameters:
    ///   - seen: the generation whose grants were looked at.
    ///   - next: when the next of them ends.
    private func watch(
        on loop: EventLoop, seen: UInt64, next: Instant?, _ ended: @escaping @Sendable ((Speaker) -> Bool) -> Void
    ) {
        let left = next.map { max(.milliseconds(1), $0 - EventLoop.wallNow) } ?? Self.alertness
        _ = loop.schedule(after: min(left, Self.alertness)) {
            let now = EventLoop.wallNow
            guard let snapshot = try? snapshots.snapshot(),
                snapshot.generation != seen || next.map({ $0 <= now }) == true
            else { return watch(on: loop, seen: seen, next: next, ended) }
            keep(only: snapshot, at: now, on: loop, ended)
            watch(on: loop, seen: snapshot.generation, next: snapshot.nextExpiry(after: now), ended)
        }
    }

    /// Ends what lives by a grant or a definition that is no more.
    func keep(
        only snapshot: GatewaySnapshot, at now: Instant, on loop: EventLoop,
        _ ended: (_ isOver: (Speaker) -> Bool) -> Void
    ) {
        sessions.keep(only: snapshot, on: loop)
        metrics.sessions.store(sessions.count, ordering: .relaxed)
        ended { snapshot.isOver($0, at: now) }
    }

    /// How far back any stored version of any policy can look. An older version may be put back while the gateway runs, and
    /// what its limits had counted must not be gone by then.
    private static func longestWindow(of store: any ConfigurationSource) throws(StoreError) -> TimeSpan? {
        var longest: TimeSpan?
        for policy in try store.policies() {
            // An old text that comes back is rarely older than this; each costs some milliseconds of the start.
            for version in try store.policyVersions(policy.name).suffix(32) {
                let load = PolicyDocument.load(version.bytes, name: version.name, version: version.version)
                if let window = load.policy?.longestWindow { longest = max(longest ?? window, window) }
            }
        }
        return longest
    }
}
