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

    let core: GatewayCore
    /// In front of the server `s`.
    var endpoint: Endpoint { core.endpoint }
    /// In front of all servers of a grant.
    let merged: MergedEndpoint
    /// For clients of the transport of 2024-11-05.
    let front: SSEFront
    var upstreams: UpstreamTable { core.upstreams }
    let ledger = FakeLedger()
    let options: GatewayOptions
    let loop: EventLoop
    /// What comes of opening a way to a server.
    let answers: Dialled
    private let store: PlainStore
    private let policy: [UInt8]

    /// - Parameters:
    ///   - policy: of all grants.
    ///   - patience: with whoever is silent.
    init(_ group: EventLoopGroup, policy text: String = Stand.policy, patience: TimeSpan = .seconds(600)) throws {
        loop = group.next()
        guard let address = SocketAddress(ip: "127.0.0.1", port: 0) else { throw Problem("no address") }
        var options = GatewayOptions(listen: address)
        options.callTimeout = patience
        options.startTimeout = patience
        options.maxSessions = 100
        self.options = options
        policy = Array(text.utf8)
        let dialled = Dialled()
        answers = dialled
        store = PlainStore(PlainStore.State(servers: Self.servers(1), policy: policy, grants: Self.grants))
        core = try GatewayCore(
            options, on: group, store: store, hasher: PlainHasher(), sealer: PlainSealer(), ledger: ledger,
            log: Log { _, _, _ in },
            dial: { server, client, _, loop async throws(UpstreamError) in
                try dialled.link(to: server.definition.name, for: client, on: loop)
            })
        let snapshots = core.snapshots
        merged = MergedEndpoint(
            core.endpoint, sealer: PlainSealer(), hasher: PlainHasher(), digest: { Array($0.prefix(32)) },
            currentHolder: { grant, now throws(StoreError) in try snapshots.snapshot().holder(grant: grant, at: now) })
        front = SSEFront(core.endpoint, merged)
    }

    // MARK: The configuration

    /// Another version is another definition.
    private static func servers(_ version: Int) -> [Server] {
        ["s", "a", "b"].map { name in
            Server(
                name: name,
                transport: .stdio(command: ["/bin/true", String(version)], inherit: [], variables: [], directory: nil),
                created: start)
        }
    }

    private static let grants = [("gr_1", ["s"]), ("gr_2", ["s"]), ("gr_3", ["a", "b"])].map { id, servers in
        Grant(
            id: id, server: servers[0], policy: PlainStore.policyName, label: "l", identity: nil, created: start,
            expires: nil, also: servers.dropFirst().map { Grant.Part(server: $0, policy: PlainStore.policyName) })
    }

    /// As it is at the beginning, and nothing on record. The servers are new ones.
    func begin() throws {
        ledger.state.withLock { $0.rows = [] }
        try change { store in
            store.servers = Self.servers(Int(store.generation))
            (store.policy, store.grants, store.pins) = (policy, Self.grants, [:])
        }
    }

    /// Ends a grant, and makes it again: who comes back by its name is another.
    func endGrant(_ id: String) throws {
        try change { $0.grants.removeAll { $0.id == id } }
        try change { $0.grants = Self.grants }
    }

    /// A server with another definition.
    func redefine(_ name: String) throws {
        try change { store in
            let others = Self.servers(Int(store.generation)).filter { $0.name == name }
            store.servers = store.servers.filter { $0.name != name } + others
        }
    }

    /// What the command line does, and what follows from it while nobody calls.
    func change(_ body: (inout PlainStore.State) -> Void) throws {
        store.change(body)
        core.keep(only: try core.snapshots.snapshot(), at: EventLoop.wallNow, on: loop) { isOver in
            merged.keep(on: loop, isOver: isOver)
            front.keep(on: loop, isOver: isOver)
        }
    }

    private func holder(_ id: String) -> Holder {
        (try? core.snapshots.snapshot().holder(grant: id, at: EventLoop.wallNow))
            ?? Holder(grant: Self.grants[0], callers: [])
    }

    /// A grant of the server `s`.
    var holder: Holder { holder("gr_1") }
    /// Another one.
    var stranger: Holder { holder("gr_2") }
    /// A grant of two servers, `a` and `b`.
    var manifold: Holder { holder("gr_3") }

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
