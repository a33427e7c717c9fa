import Base
import Gateway
import HTTP
import JSON
import Runtime
import Store
import Synchronization

@testable import Console

/// The admin plane without a socket, around fakes, at a time that the test sets.
final class Scene: Sendable {
    static let start = Instant(microseconds: 1_800_000_000_000_000)
    static let host = "127.0.0.1:7421"
    static let tokens: [(text: String, id: String, role: Role)] = [
        ("sla_viewer", "at_viewer", .viewer), ("sla_manager", "at_manager", .policyManager),
        ("sla_admin", "at_admin", .admin),
    ]

    let store: FakeConfigurationStore
    let ledger: FakeLedger
    let service: AdminService
    private let pool: BlockingPool
    private let clock = Clock()

    init(ledger: FakeLedger = FakeLedger(Scene.rows), threads: Int = 2, maxSessions: Int = 4) throws {
        var state = FakeConfigurationStore.State()
        let hasher = PlainHasher()
        for token in Self.tokens {
            state.adminTokens[hasher.tokenHash(token.text)] = AdminToken(
                id: token.id, label: "of \(token.id)", role: token.role, created: Self.start, expires: nil, revoked: nil
            )
        }
        state.adminTokens[hasher.tokenHash("sla_revoked")] = AdminToken(
            id: "at_revoked", label: "r", role: .admin, created: Self.start, expires: nil, revoked: Self.start)
        state.adminTokens[hasher.tokenHash("sla_expired")] = AdminToken(
            id: "at_expired", label: "e", role: .admin, created: Self.start, expires: Self.start, revoked: nil)
        state.servers = [
            Server(
                name: "tickets",
                transport: .http(
                    url: "https://tickets.example.com/mcp?key=verborgen",
                    headers: [NamedSecret(name: "X-Api-Key", value: Secret("verborgen"))]), created: Self.start),
            Server(
                name: "studio",
                transport: .stdio(
                    command: ["/bin/studio", "--key", "verborgen"], inherit: ["LANG"],
                    variables: [NamedSecret(name: "KEY", value: Secret("verborgen"))], directory: nil),
                created: Self.start),
        ]
        state.policies = [1, 2].map {
            PolicyVersion(
                name: "careful", server: "tickets", version: $0,
                bytes: Array("{ \"version\":\"1\",\"n\":\($0) }\n".utf8),
                created: Self.start)
        }
        state.identities = [Identity(name: "alice@example.org", created: Self.start)]
        for (id, label, revoked) in [("gr_1", "laptop", nil), ("gr_2", "phone", Self.start)]
            as [(String, String, Instant?)]
        {
            state.grants[hasher.tokenHash("slg_\(id)")] = Grant(
                id: id, server: "tickets", policy: "careful", label: label, identity: nil, created: Self.start,
                expires: nil, revoked: revoked)
        }
        state.observations = [
            ObservedServer(
                name: "studio", seen: Self.start, onChange: .hide,
                texts: [
                    ObservedText(
                        tool: "mask", since: Self.start, changed: Self.start, gone: nil, isRepeated: false,
                        approval: .other(approved: Array(#"{"name":"mask","description":"a"}"#.utf8), now: []))
                ]),
            ObservedServer(
                name: "tickets", seen: nil, onChange: nil,
                texts: [
                    ObservedText(
                        tool: "Mask", since: Self.start + .seconds(1), changed: Self.start, gone: nil,
                        isRepeated: false, approval: .none)
                ]),
        ]
        store = FakeConfigurationStore(state)
        self.ledger = ledger
        pool = try BlockingPool(threads: threads, name: "test", maxQueued: 8)
        guard let listen = SocketAddress(ip: "127.0.0.1", port: 7421) else { throw Unexpected() }
        var options = ConsoleOptions(listen: listen, version: "9.9", dataPlane: "127.0.0.1:7420")
        options.maxSessions = maxSessions
        let subject = AdminSubject(
            store: store, observations: store, hasher: hasher, ledger: ledger, reader: ledger, verifier: ledger,
            metrics: GatewayMetrics(),
            health: { server in
                var health = UpstreamHealth()
                guard server.name == "tickets" else { return health }
                health.state = .breakerOpen
                health.protocolVersion = "2026-07-28"
                health.era = "modern"
                health.lastError = "connection refused"
                health.lastErrorAt = Self.start
                health.nextTry = Self.start + .seconds(4)
                health.failuresInARow = 7
                health.pids = [4711]
                health.callsWaiting = 2
                return health
            }, localToken: hasher.tokenHash("sla_local"))
        let clock = clock
        service = AdminService(options, subject, pool: pool, log: Log { _, _, _ in }, clock: { clock.now })
    }

    private final class Clock: Sendable {
        private let held = Mutex(Scene.start)
        var now: Instant { held.withLock { $0 } }
        func advance(_ span: TimeSpan) { held.withLock { $0 = $0 + span } }
    }

    func advance(_ span: TimeSpan) { clock.advance(span) }

    deinit { pool.stop() }

    /// Five decisions, of which two were let through and one was denied by a limit; their outcomes.
    static let rows: [LedgerRow] = (1...7).map { number in
        if number == 3 || number == 6 {
            var row = LedgerRow.outcome(
                of: Int64(number - 1), time: start + .seconds(Int64(number)), requestID: "request\(number - 1)",
                outcome: number == 6 ? .error : .allowed, latencyMicroseconds: 1_500)
            row.hash = [1]
            return row
        }
        var row = LedgerRow(
            time: start + .seconds(Int64(number)), requestID: "request\(number)",
            outcome: number % 3 == 1 ? .denied : .allowed)
        row.server = "tickets"
        row.tool = number == 7 ? "delete" : "read & write"
        row.grantID = "gr_1"
        row.grantLabel = "laptop"
        row.argumentKeys = ["a"]
        return row
    }

    // MARK: Asking

    func ask(_ method: String, _ target: String, _ fields: [(String, String)] = []) async throws -> Answer {
        Answer(await service.answer(try Self.head(method, target, fields)))
    }

    /// Asks with a bearer token.
    func get(_ target: String, as token: String = "sla_viewer") async throws -> Answer {
        try await ask("GET", target, [("Authorization", "Bearer \(token)")])
    }

    /// Signs in and gives what the `Cookie` field has to be.
    func signIn(_ token: String = "sla_admin") async throws -> String {
        let answer = try await ask("POST", "/api/v1/session", [("Authorization", "Bearer \(token)")])
        guard answer.status == 201, let cookie = answer.field("Set-Cookie") else { throw Unexpected() }
        return String(cookie.prefix { $0 != ";" })
    }

    /// A head as the server's parser reads it.
    static func head(_ method: String, _ target: String, _ fields: [(String, String)]) throws -> RequestHead {
        var text = "\(method) \(target) HTTP/1.1\r\n"
        if !fields.contains(where: { $0.0 == "Host" }) { text += "Host: \(host)\r\n" }
        for (name, value) in fields { text += "\(name): \(value)\r\n" }
        text += "\r\n"
        var parser = RequestParser()
        let bytes = Array(text.utf8)
        var position = 0
        let event = bytes.withUnsafeBytes { parser.next($0, &position) }
        guard case .head(let head) = event else { throw Unexpected() }
        return head
    }
}

struct Unexpected: Error {}

/// An answer as a test looks at it.
struct Answer {
    let response: Response

    init(_ response: Response) { self.response = response }

    var status: Int { Int(response.status.code) }
    var text: String { String(decoding: response.body, as: UTF8.self) }
    func field(_ name: String) -> String? { response.fields.first(name)?.string }

    var json: JSONView {
        get throws { try JSONDocument.parse(response.body).root }
    }

    /// The numbers of the rows on a page.
    var rows: [Int64] {
        get throws { try json["decisions"].map { list in list.elements.compactMap { $0["seq"]?.int } } ?? [] }
    }
}

extension Route {
    /// A path of this route about things that the scene has.
    func filled(seq: Int) -> String {
        let values = ["{name}": "careful", "{id}": "gr_1", "{seq}": String(seq)]
        return path.split(separator: "/", omittingEmptySubsequences: false)
            .map { values[String($0)] ?? String($0) }.joined(separator: "/")
    }
}
