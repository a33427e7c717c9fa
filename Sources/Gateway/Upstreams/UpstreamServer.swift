import Base
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// One server of the configuration as the gateway runs it: its tools, and the ways to it.
final class UpstreamServer: Sendable {
    private enum Way: Sendable {
        case http(HTTPRoute)
        /// Its address or a header can't be used.
        case unusable(UpstreamError)
        case shared(StdioUpstream)
        /// A child for each session.
        case own(ProcessOptions)
    }

    let definition: Server
    let catalogue: ToolCatalogue
    private let way: Way
    private let limits: UpstreamLimits
    private let gate: CallGate
    private let memory = EraMemory()
    private let breaker = CircuitBreaker()
    private let vitals = UpstreamVitals()
    private let silence = Silence()
    /// When somebody last looked whether it is still there, by the loops' clock.
    private let lastLook = Atomic<Int64>(0)
    private let log: Log
    private let keeper: ProcessKeeper?
    /// The children of sessions.
    private let children = Mutex<[ObjectIdentifier: StdioUpstream]>([:])

    /// - Parameters:
    ///   - notified: takes notifications of a shared child, on its loop.
    ///   - logged: takes its log messages, with the session they are for; nil if they are for nobody.
    init(
        _ definition: Server, limits usual: StdioLimits, clients: HTTPClients, on loop: EventLoop, log: Log,
        observer: Observer? = nil, notified: @escaping @Sendable (Server, RPCMessage) -> Void,
        logged: @escaping @Sendable (RPCMessage, String?) -> Void = { _, _ in },
        wanted: @escaping @Sendable (Server) -> Set<String> = { _ in [] }
    ) {
        self.definition = definition
        self.log = log
        keeper = usual.launcher?.keeper
        let settings = definition.settings
        let limits = UpstreamLimits(usual, settings)
        let gate = CallGate(limit: settings.maxCalls, queue: settings.maxWaiting ?? 100, patience: limits.call)
        let catalogue = ToolCatalogue(of: definition.name, log: log, observer: observer)
        self.catalogue = catalogue
        self.limits = limits
        self.gate = gate
        switch definition.transport {
        case .http(let url, let headers):
            let tls = definition.tls
            do throws(UpstreamError) {
                way = .http(
                    try HTTPRoute(
                        url, headers: headers, allowPrivate: definition.allowPrivate,
                        trust: .files(authorities: tls.authorities, certificate: tls.certificate, key: tls.key),
                        limits: limits, clients: clients, breaker: breaker, silence: silence, gate: gate))
            } catch {
                way = .unusable(error)
            }
        case .stdio(let command, let inherit, let variables, let directory):
            var options = ProcessOptions(command.first ?? "", Array(command.dropFirst()))
            options.inheritEnvironment.formUnion(inherit)
            for variable in variables { options.environment[variable.name] = variable.value.revealed }
            options.directory = directory
            if let launcher = usual.launcher {
                options = launcher.wrap(options, settings)
            } else if settings.limitsResources {
                way = .unusable(
                    UpstreamError(.unreachable, mayHaveRun: false, detail: "resources can't be limited here"))
                return
            }
            guard !settings.perSession else {
                way = .own(options)
                return
            }
            let told = Atomic<Bool>(false)
            let owner = StdioUpstream.Owner(
                isShared: true, introduction: ClientProfile.gateway.introduction, capabilities: { _ in [:] },
                heard: { message in
                    if message.method == Endpoint.toolsChanged { catalogue.invalidate() }
                    notified(definition, message)
                },
                logged: { message, session in
                    if session == nil, !told.exchange(true, ordering: .relaxed) {
                        log(
                            .warning,
                            "several clients share this server, so what it logs can't be told apart and reaches none; "
                                + "`sluice server add --per-session` gives each its own process",
                            ("server", definition.name))
                    }
                    logged(message, session)
                },
                wanted: { wanted(definition) })
            way = .shared(
                StdioUpstream(
                    name: definition.name, options: options, keeper: keeper, limits: limits, gate: gate,
                    memory: memory, vitals: vitals, silence: silence, owner: owner, on: loop, log: log))
        }
    }

    /// A way for one client session.
    /// - Parameter relays: what the policy lets the server ask of the client.
    func link(for client: ClientProfile, relays: Relays, on loop: EventLoop) async throws(UpstreamError)
        -> any UpstreamLink
    {
        switch way {
        case .shared(let upstream):
            _ = try await upstream.ready()
            return upstream
        case .own(let options):
            // Each session's child has its own pauses; all of them together have these.
            let isTry = try breaker.admit(loop.now)
            let child = child(options, for: client, relays: relays, on: loop)
            do throws(UpstreamError) { _ = try await child.ready() } catch {
                breaker.failed(error.detail, loop.now, isTry: isTry)
                child.close(on: loop)
                throw error
            }
            breaker.succeeded()
            return child
        case .http(let route):
            let link = try await open(route, for: client, relays, on: loop)
            catalogue.checksHeaders(link is ModernHTTPLink)
            return link
        case .unusable(let error): throw error
        }
    }

    private func open(_ route: HTTPRoute, for client: ClientProfile, _ relays: Relays, on loop: EventLoop)
        async throws(UpstreamError) -> any UpstreamLink
    {
        vitals.tries()
        do throws(UpstreamError) {
            let link = try await HTTPOpening.link(
                route, memory: memory, client: client, relays: relays, catalogue: catalogue, on: loop)
            vitals.reached(link.hello)
            return link
        } catch {
            // Of a server that can't be reached or is silent the breaker knows more.
            vitals.failed(error, counts: [.broken, .refused, .tooLarge].contains(error.code))
            throw error
        }
    }

    private func child(_ options: ProcessOptions, for client: ClientProfile, relays: Relays, on loop: EventLoop)
        -> StdioUpstream
    {
        let catalogue = catalogue
        let owner = StdioUpstream.Owner(
            isShared: false, introduction: client.introduction, capabilities: { client.declared(to: $0, relays) },
            heard: { if $0.method == Endpoint.toolsChanged { catalogue.invalidate() } },
            closed: { [weak self] child in
                _ = self?.children.withLock { $0.removeValue(forKey: ObjectIdentifier(child)) }
            })
        let child = StdioUpstream(
            name: definition.name, options: options, keeper: keeper, limits: limits, gate: gate, memory: memory,
            vitals: vitals, silence: silence, owner: owner, on: loop, log: log)
        children.withLock { $0[ObjectIdentifier(child)] = child }
        return child
    }

    /// A call went wrong. What the ways to the server know themselves is not repeated.
    func noted(_ error: UpstreamError) {
        if [.timeout, .broken, .tooLarge, .refused].contains(error.code) { vitals.troubled(error) }
    }

    /// How it fares now. Any thread.
    var health: UpstreamHealth {
        var health = vitals.health
        let now = EventLoop.wallNow
        (health.callsInFlight, health.callsWaiting) = gate.counts
        switch way {
        case .http: breaker.describe(in: &health)
        case .unusable(let error):
            health.state = .unusable
            health.lastError = Trouble(error.detail, at: now).text
        case .shared(let upstream):
            let child = upstream.latest.withLock { $0 }
            health.state = child.state
            health.failuresInARow = child.isProven(at: now) ? 0 : child.failures
            if child.state == .failing { health.failed(child.failures, until: child.pause, now: now) }
            if let pid = child.pid { health.pids = [pid] }
        case .own:
            let all = children.withLock { $0.values.map { child in child.latest.withLock { $0 } } }
            health.pids = all.compactMap(\.pid).sorted()
            if all.contains(where: { $0.state == .ready }) {
                health.state = .ready
            } else if all.contains(where: { $0.state == .starting }) {
                health.state = .starting
            } else if let worst = all.filter({ $0.state == .failing }).max(by: { $0.failures < $1.failures }) {
                health.failed(worst.failures, until: worst.pause, now: now)
            } else {
                if health.state != .failing { health.state = .notStarted }
                breaker.describe(in: &health)
            }
        }
        if health.state == .ready, silence.isLong {
            health.state = .failing
            health.failuresInARow = silence.count
        }
        return health
    }

    // MARK: Looking after it

    private static let lookInterval = TimeSpan.seconds(4)
    /// For servers whose own stream says when they go; a machine that vanishes says nothing.
    private static let rareLookInterval = TimeSpan.seconds(60)

    /// Whether the caller should look if it is still there: nobody has to ask it for something to find out. Of all sessions
    /// that wait for what it says only one looks at a time; what it finds out the others see here.
    func wantsLook(through link: any UpstreamLink, _ now: TimeSpan) -> Bool {
        if link.seemsDown || silence.isLong { return true }
        // The end of a process is noticed, and a call that is under way finds out by itself.
        guard case .http = way, gate.counts.inside == 0 else { return false }
        let pause = link.hearsEnd ? Self.rareLookInterval : Self.lookInterval
        let last = lastLook.load(ordering: .relaxed)
        guard now.microseconds - last >= pause.microseconds else { return false }
        return lastLook.compareExchange(expected: last, desired: now.microseconds, ordering: .relaxed).exchanged
    }

    /// After this a call is given up whatever is heard of it.
    var longestCall: TimeSpan { limits.longestCall }

    func shutDown() async {
        if case .shared(let upstream) = way { await upstream.shutDown() }
        let own = children.withLock { children in
            defer { children.removeAll() }
            return Array(children.values)
        }
        await withTaskGroup(of: Void.self) { group in
            for child in own { group.addTask { await child.shutDown() } }
        }
    }
}
