import Base
import MCP
import Store
import Synchronization

// Nothing here needs the testing library: Fuzz/ uses these doubles, too.

/// A ledger in memory that can be told to fail.
final class FakeLedger: Ledger {
    struct State {
        var rows: [LedgerRow] = []
        var failure: StoreError?
    }

    let state = Mutex(State())
    var rows: [LedgerRow] { state.withLock { $0.rows } }
    var count: Int { state.withLock { $0.rows.count } }
    var isHealthy: Bool { state.withLock { $0.failure == nil } }

    func fail(_ error: StoreError?) { state.withLock { $0.failure = error } }

    func append(_ row: LedgerRow, completion: (@Sendable (Result<Int64, StoreError>) -> Void)?) {
        let result = state.withLock { state -> Result<Int64, StoreError> in
            if let failure = state.failure { return .failure(failure) }
            var row = row
            row.seq = Int64(state.rows.count + 1)
            state.rows.append(row)
            return .success(row.seq)
        }
        completion?(result)
    }

    func flush() async {}
    func close() {}
    func rows(_ query: LedgerQuery) throws(StoreError) -> [LedgerRow] { rows }
    func forEachRow(_ query: LedgerQuery, _ body: (LedgerRow) -> Bool) throws(StoreError) {
        for row in rows where !body(row) { return }
    }
    func lastSequence() throws(StoreError) -> Int64 { Int64(rows.count) }
    func reservations(since: Instant) throws(StoreError) -> [LedgerReservation] {
        let released = Set(rows.filter(\.isReleased).compactMap(\.decision))
        return rows.filter { $0.reservations != nil && !released.contains($0.seq) }.map { row in
            LedgerReservation(
                seq: row.seq, time: row.time, requestID: row.requestID, server: row.server, grantID: row.grantID,
                identity: row.identity, sessionID: row.sessionID, tool: row.tool, policy: row.policy,
                policyVersion: row.policyVersion, reservations: row.reservations ?? "")
        }
    }
    func verify(from: Int64) throws(StoreError) -> LedgerVerdict {
        LedgerVerdict(checked: 0, headSequence: 0, headHash: [], breach: nil)
    }
}

/// A configuration in memory: one policy for all grants.
final class PlainStore: ConfigurationSource {
    struct State {
        var generation: UInt64 = 1
        var servers: [Server] = []
        var policy: [UInt8] = []
        var grants: [Grant] = []
        var pins: [String: ServerPins] = [:]
    }

    static let policyName = "p"
    private let state: Mutex<State>

    init(_ state: State) { self.state = Mutex(state) }

    /// Makes the next generation.
    func change(_ body: (inout State) -> Void) {
        state.withLock { state in
            body(&state)
            state.generation += 1
        }
    }

    func currentGeneration() -> UInt64 { state.withLock { $0.generation } }

    func loadConfiguration() throws(StoreError) -> Configuration {
        let state = state.withLock { $0 }
        var grants: [TokenHash: Grant] = [:]
        for grant in state.grants {
            let hash = Array(grant.id.utf8).withUnsafeBytes { PlainHasher().tokenHash($0) }
            grants[hash] = grant
        }
        return Configuration(
            generation: state.generation,
            servers: Dictionary(state.servers.map { ($0.name, $0) }) { first, _ in first },
            policies: [Self.policyName: Self.version(state)], identities: [:], grants: grants, adminTokens: [:],
            pins: state.pins)
    }

    func policies() throws(StoreError) -> [PolicyVersion] { [state.withLock { Self.version($0) }] }
    func policyVersions(_ name: String) throws(StoreError) -> [PolicyVersion] { try policies() }

    private static func version(_ state: State) -> PolicyVersion {
        PolicyVersion(
            name: policyName, server: state.servers.first?.name ?? "", version: Int(state.generation),
            bytes: state.policy, created: Instant(microseconds: 0))
    }
}

/// A hasher without a key: for tests that only look rows up.
struct PlainHasher: KeyedHasher {
    func tokenHash(_ token: UnsafeRawBufferPointer) -> TokenHash { TokenHash(Self.fold(token)) }
    func argumentDigest(_ arguments: UnsafeRawBufferPointer) -> ArgumentDigest { ArgumentDigest(Self.fold(arguments)) }

    private static func fold(_ bytes: UnsafeRawBufferPointer) -> Bytes32 {
        Bytes32 { target in for (i, byte) in bytes.enumerated() { target[i % 32] = target[i % 32] &* 31 &+ byte } }
    }
}

/// Seals nothing: for tests that only look at what is sealed.
struct PlainSealer: StateSealer {
    func seal(_ plain: [UInt8], context: [UInt8]) -> [UInt8] { context + plain }
    func open(_ sealed: [UInt8], context: [UInt8]) -> [UInt8]? {
        sealed.starts(with: context) ? Array(sealed.dropFirst(context.count)) : nil
    }
}
