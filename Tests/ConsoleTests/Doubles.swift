import Base
import Store
import Synchronization

/// A configuration in memory. Knows what the admin plane asks for; everything else it refuses.
final class FakeConfigurationStore: ConfigurationStore, ObservationStore {
    struct State {
        var generation: UInt64 = 1
        var servers: [Server] = []
        var policies: [PolicyVersion] = []
        var identities: [Identity] = []
        var grants: [TokenHash: Grant] = [:]
        var adminTokens: [TokenHash: AdminToken] = [:]
        var observations: [ObservedServer] = []
        var failure: StoreError?
    }

    let state: Mutex<State>

    init(_ state: State) {
        self.state = Mutex(state)
    }

    /// Changes what is stored, as another process would.
    func change(_ body: (inout State) -> Void) {
        state.withLock { state in
            body(&state)
            state.generation += 1
        }
    }

    func currentGeneration() -> UInt64 { state.withLock { $0.generation } }

    func loadConfiguration() throws(StoreError) -> Configuration {
        let state = state.withLock { $0 }
        if let failure = state.failure { throw failure }
        var newest: [String: PolicyVersion] = [:]
        for policy in state.policies { newest[policy.name] = policy }
        var servers: [String: Server] = [:]
        for server in state.servers { servers[server.name] = server }
        var identities: [String: Identity] = [:]
        for identity in state.identities { identities[identity.name] = identity }
        return Configuration(
            generation: state.generation, servers: servers, policies: newest, identities: identities,
            grants: state.grants, adminTokens: state.adminTokens)
    }

    func policy(_ name: String, version: Int?) throws(StoreError) -> PolicyVersion {
        let versions = state.withLock { $0.policies }.filter { $0.name == name }
        guard let found = versions.last(where: { version == nil || $0.version == version }) else {
            throw StoreError(.notFound, "there is no policy `\(name)`", help: "none")
        }
        return found
    }

    func revokeGrant(_ idOrLabel: String) throws(StoreError) -> Grant {
        let revoked = state.withLock { state -> Grant? in
            guard let (hash, grant) = state.grants.first(where: { $0.value.id == idOrLabel }) else { return nil }
            let ended = Grant(
                id: grant.id, server: grant.server, policy: grant.policy, label: grant.label, identity: grant.identity,
                created: grant.created, expires: grant.expires, revoked: grant.revoked ?? grant.created)
            state.grants[hash] = ended
            state.generation += 1
            return ended
        }
        guard let revoked else { throw StoreError(.notFound, "there is no grant `\(idOrLabel)`", help: "none") }
        return revoked
    }

    func observations() throws(StoreError) -> [ObservedServer] {
        let state = state.withLock { $0 }
        if let failure = state.failure { throw failure }
        return state.observations
    }

    func observe(_ server: String, _ texts: [SeenText], at now: Instant) throws(StoreError) { throw unasked }

    private var unasked: StoreError { StoreError(.invalidValue, "the fake store does not do this", help: "") }

    func servers() throws(StoreError) -> [Server] { throw unasked }
    func server(_ name: String) throws(StoreError) -> Server { throw unasked }
    func addServer(_ server: Server) throws(StoreError) { throw unasked }
    func replaceServer(_ server: Server) throws(StoreError) { throw unasked }
    func removeServer(_ name: String, force: Bool) throws(StoreError) { throw unasked }
    func policies() throws(StoreError) -> [PolicyVersion] { throw unasked }
    func policyVersions(_ name: String) throws(StoreError) -> [PolicyVersion] { throw unasked }
    func putPolicy(_ name: String, server: String, bytes: [UInt8]) throws(StoreError) -> PolicyVersion { throw unasked }
    func removePolicy(_ name: String, force: Bool) throws(StoreError) { throw unasked }
    func identities() throws(StoreError) -> [Identity] { throw unasked }
    func addIdentity(_ name: String) throws(StoreError) -> Identity { throw unasked }
    func removeIdentity(_ name: String, force: Bool) throws(StoreError) { throw unasked }
    func grants() throws(StoreError) -> [Grant] { throw unasked }
    func grant(_ idOrLabel: String) throws(StoreError) -> Grant { throw unasked }
    func createGrant(_ request: GrantRequest) throws(StoreError) -> IssuedGrant { throw unasked }
    func rotateGrant(_ idOrLabel: String) throws(StoreError) -> IssuedGrant { throw unasked }
    func adminTokens() throws(StoreError) -> [AdminToken] { throw unasked }
    func createAdminToken(label: String, role: Role, expires: Instant?) throws(StoreError) -> IssuedAdminToken {
        throw unasked
    }
    func revokeAdminToken(_ id: String) throws(StoreError) -> AdminToken { throw unasked }
}

/// A ledger in memory that can be told to be ill, broken, or slow to verify.
final class FakeLedger: Ledger {
    struct State {
        var rows: [LedgerRow] = []
        var isHealthy = true
        var failure: StoreError?
        var breach: LedgerVerdict.Breach?
    }

    let state: Mutex<State>
    /// Runs inside `verify`, on the thread that verifies.
    let whileVerifying: @Sendable () -> Void

    init(_ rows: [LedgerRow] = [], whileVerifying: @escaping @Sendable () -> Void = {}) {
        var state = State()
        for (index, row) in rows.enumerated() {
            var row = row
            row.seq = Int64(index + 1)
            state.rows.append(row)
        }
        self.state = Mutex(state)
        self.whileVerifying = whileVerifying
    }

    var isHealthy: Bool { state.withLock { $0.isHealthy } }

    func append(_ row: LedgerRow, completion: LedgerCompletion?) {
        completion?(.failure(StoreError(.closed, "the fake ledger takes no rows", help: "")))
    }

    func close() {}

    func forEachRow(_ query: LedgerQuery, _ body: (LedgerRow) -> Bool) throws(StoreError) {
        let state = state.withLock { $0 }
        if let failure = state.failure { throw failure }
        let rows = state.rows.filter { row in
            row.seq > query.after ?? 0 && row.seq < query.before ?? Int64.max
                && (query.since.map { row.time >= $0 } ?? true) && (query.until.map { row.time < $0 } ?? true)
                && (query.server.map { row.server == $0 } ?? true) && (query.tool.map { row.tool == $0 } ?? true)
                && (query.grant.map { row.grantID == $0 || row.grantLabel == $0 } ?? true)
                && (query.requestID.map { row.requestID == $0 } ?? true)
                && (query.outcome.map { row.outcome == $0 } ?? true)
        }
        let ordered = query.order == .oldestFirst ? rows : rows.reversed()
        for row in ordered.prefix(query.limit) where !body(row) { return }
    }

    func lastSequence() throws(StoreError) -> Int64 {
        let state = state.withLock { $0 }
        if let failure = state.failure { throw failure }
        return state.rows.last?.seq ?? 0
    }

    func reservations(since: Instant) throws(StoreError) -> [LedgerReservation] { [] }

    func verify(from: Int64) throws(StoreError) -> LedgerVerdict {
        whileVerifying()
        let state = state.withLock { $0 }
        return LedgerVerdict(
            checked: Int64(state.rows.count), headSequence: state.rows.last?.seq ?? 0,
            headHash: [UInt8](repeating: 7, count: 32), breach: state.breach)
    }
}

/// A hasher without a key: for tests that only look tokens up.
struct PlainHasher: KeyedHasher {
    func tokenHash(_ token: UnsafeRawBufferPointer) -> TokenHash { TokenHash(Self.fold(token)) }
    func argumentDigest(_ arguments: UnsafeRawBufferPointer) -> ArgumentDigest { ArgumentDigest(Self.fold(arguments)) }

    private static func fold(_ bytes: UnsafeRawBufferPointer) -> Bytes32 {
        Bytes32 { target in for (i, byte) in bytes.enumerated() { target[i % 32] = target[i % 32] &* 31 &+ byte } }
    }
}
