import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

@testable import Gateway

/// The gateway's own types around one endpoint, without sockets, files and processes.
final class Stand: Sendable {
    static let policy = #"{"version":"1","default":"deny","tools":{"t":{},"client:roots":{},"client:elicitation":{}}}"#

    let endpoint: Endpoint
    let ledger = FakeLedger()
    let loop: EventLoop
    let holder: Holder
    /// Another grant of the same server.
    let stranger: Holder

    struct Problem: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    init(_ group: EventLoopGroup) throws {
        loop = group.next()
        guard let address = SocketAddress(ip: "127.0.0.1", port: 0) else { throw Problem("no address") }
        var options = GatewayOptions(listen: address)
        options.callTimeout = .seconds(600)
        let (quotas, metrics, log) = (Quotas(), GatewayMetrics(), Log { _, _, _ in })
        let hasher = PlainHasher()
        let judge = Judge(quotas: quotas, pins: PinDesk(hasher: hasher, ledger: ledger, log: log)) { visit, _ in
            visit.caller
        }
        let recorder = Recorder(ledger: ledger, hasher: hasher, quotas: quotas)
        let exchange = Exchange(
            desk: AskDesk(judge: judge, recorder: recorder, metrics: metrics),
            states: RequestStates(sealer: PlainSealer(), hasher: hasher))
        let journey = CallJourney(
            judge: judge, recorder: recorder, forwarder: Forwarder(exchange: exchange), metrics: metrics,
            maxInFlight: 1_000, log: log)
        let upstreams = UpstreamTable(
            group, clients: HTTPClients(group, options: .init()),
            limits: StdioLimits(start: .seconds(600), call: .seconds(600)), log: log, notified: { _, _ in })
        let dialled = Dialled()
        self.answers = dialled
        endpoint = Endpoint(
            options, upstreams: upstreams, journey: journey, sessions: SessionTable(capacity: 100), metrics: metrics,
            log: log,
            dial: { _, client, _, loop async throws(UpstreamError) in try dialled.link(for: client, on: loop) })
        let start = Instant(microseconds: 1_800_000_000_000_000)
        let server = Server(
            name: "s", transport: .stdio(command: ["/bin/true"], inherit: [], variables: [], directory: nil),
            allowPrivate: false, created: start)
        let policy = PolicyDocument.load(Array(Self.policy.utf8), name: "p", version: 1).policy
        func holder(_ id: String) -> Holder {
            let grant = Grant(
                id: id, server: "s", policy: "p", label: "l", identity: nil, created: start, expires: nil, revoked: nil,
                rotated: nil)
            return Holder(grant: grant, callers: [Caller(grant: grant, server: server, policy: policy)])
        }
        self.holder = holder("gr_1")
        stranger = holder("gr_2")
    }

    /// What comes of opening a way to the server.
    let answers: Dialled

    final class Dialled: Sendable {
        private let make = Mutex<(@Sendable (ClientProfile, EventLoop) -> (any UpstreamLink)?)?>(nil)

        func set(_ make: @escaping @Sendable (ClientProfile, EventLoop) -> (any UpstreamLink)?) {
            self.make.withLock { $0 = make }
        }

        func link(for client: ClientProfile, on loop: EventLoop) throws(UpstreamError) -> any UpstreamLink {
            guard let link = make.withLock({ $0 })?(client, loop) else {
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
