import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

@testable import Gateway

/// The gateway's own types around its endpoints, without sockets, files and processes.
final class Stand: Sendable {
    static let policy = #"{"version":"1","default":"deny","tools":{"t":{},"client:roots":{},"client:elicitation":{}}}"#
    private static let start = Instant(microseconds: 1_800_000_000_000_000)

    /// What is wrong with a test itself.
    struct Problem: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    /// In front of the server `s`.
    let endpoint: Endpoint
    /// In front of all servers of a grant.
    let merged: MergedEndpoint
    let ledger = FakeLedger()
    let loop: EventLoop
    /// A grant of the server `s`.
    let holder: Holder
    /// Another one.
    let stranger: Holder
    /// A grant of two servers, `a` and `b`.
    let manifold: Holder
    let upstreams: UpstreamTable
    /// What comes of opening a way to a server.
    let answers: Dialled

    /// - Parameters:
    ///   - policy: of all grants.
    ///   - patience: with whoever is silent.
    init(_ group: EventLoopGroup, policy text: String = Stand.policy, patience: TimeSpan = .seconds(600)) throws {
        loop = group.next()
        guard let address = SocketAddress(ip: "127.0.0.1", port: 0) else { throw Problem("no address") }
        var options = GatewayOptions(listen: address)
        options.callTimeout = patience
        let (quotas, metrics, log) = (Quotas(), GatewayMetrics(), Log { _, _, _ in })
        let hasher = PlainHasher()
        let judge = Judge(quotas: quotas, pins: PinDesk(hasher: hasher, ledger: ledger, log: log)) { session, _ in
            session.caller
        }
        let recorder = Recorder(ledger: ledger, hasher: hasher, quotas: quotas)
        let exchange = Exchange(
            desk: AskDesk(judge: judge, recorder: recorder, metrics: metrics),
            states: RequestStates(sealer: PlainSealer(), hasher: hasher))
        let journey = CallJourney(
            judge: judge, recorder: recorder, forwarder: Forwarder(exchange: exchange), metrics: metrics,
            maxInFlight: 1_000, log: log)
        upstreams = UpstreamTable(
            group, clients: HTTPClients(group, options: .init()),
            limits: StdioLimits(start: .seconds(600), call: .seconds(600)), log: log, notified: { _, _ in })
        let dialled = Dialled()
        self.answers = dialled
        endpoint = Endpoint(
            options, upstreams: upstreams, journey: journey, sessions: SessionTable(capacity: 100), metrics: metrics,
            log: log,
            dial: { server, client, _, loop async throws(UpstreamError) in
                try dialled.link(to: server.definition.name, for: client, on: loop)
            })
        merged = MergedEndpoint(
            endpoint, sealer: PlainSealer(), hasher: hasher, digest: { Array($0.prefix(32)) },
            currentHolder: { _, _ in nil })
        let policy = PolicyDocument.load(Array(text.utf8), name: "p", version: 1).policy
        func holder(_ id: String, of servers: [String]) -> Holder {
            let grant = Grant(
                id: id, server: servers[0], policy: "p", label: "l", identity: nil, created: Self.start, expires: nil,
                revoked: nil, rotated: nil)
            return Holder(
                grant: grant,
                callers: servers.map { name in
                    let server = Server(
                        name: name,
                        transport: .stdio(command: ["/bin/true"], inherit: [], variables: [], directory: nil),
                        allowPrivate: false, created: Self.start)
                    return Caller(grant: grant, server: server, policy: policy)
                })
        }
        self.holder = holder("gr_1", of: ["s"])
        stranger = holder("gr_2", of: ["s"])
        manifold = holder("gr_3", of: ["a", "b"])
    }

    private let generation = Atomic<UInt64>(0)

    /// The servers of that grant are defined so from now on, and those of the others as they were.
    func define(_ holder: Holder) {
        let servers = (self.holder.callers + holder.callers).map(\.server)
        let definitions = Dictionary(servers.map { ($0.name, $0) }) { $1 }
        upstreams.keep(only: definitions, generation: generation.add(1, ordering: .relaxed).newValue)
        let over = endpoint.sessions.removeAll { definitions[$0.server.definition.name] != $0.server.definition }
        for session in over { session.end(on: loop) }
    }

    /// The servers that tests have.
    final class Dialled: Sendable {
        typealias Make = @Sendable (_ server: String, ClientProfile, EventLoop) -> (any UpstreamLink)?
        private let make = Mutex<Make?>(nil)

        func set(_ make: @escaping Make) { self.make.withLock { $0 = make } }

        func link(to server: String, for client: ClientProfile, on loop: EventLoop) throws(UpstreamError)
            -> any UpstreamLink
        {
            guard let link = make.withLock({ $0 })?(server, client, loop) else {
                throw UpstreamError(.unreachable, mayHaveRun: false, detail: "it is down")
            }
            return link
        }
    }

    func arrival(_ holder: Holder, _ body: String, _ fields: Fields = Fields()) -> Arrival {
        Arrival(
            requestID: "r", holder: holder, caller: holder.callers[0], body: Array(body.utf8), fields: fields,
            facts: RequestFacts(fields), peerIP: "127.0.0.1", loop: loop, started: loop.now)
    }

    /// What is wrong with the record: each decision to let something pass has exactly one outcome.
    func unsettled() -> String? {
        let rows = ledger.rows
        let decisions = rows.filter { $0.decision == nil && $0.outcome == .allowed && $0.tool != nil }.map(\.seq)
        let outcomes = rows.compactMap(\.decision)
        guard decisions.sorted() != outcomes.sorted() else { return nil }
        return "decisions \(decisions), outcomes \(outcomes)"
    }
}
