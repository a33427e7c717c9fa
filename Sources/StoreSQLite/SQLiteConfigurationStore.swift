import Base
import Store

/// Servers, policies, identities, grants and admin tokens in SQLite. Any thread; callers queue for one connection.
package final class SQLiteConfigurationStore: ConfigurationStore {
    /// More than anyone has, and few enough for one snapshot in memory.
    enum Caps {
        static let servers = 1_000
        static let policies = 10_000
        static let identities = 100_000
        static let grants = 100_000
        static let adminTokens = 1_000
        static let policyBytes = 1 << 20
        static let pins = 10_001
    }

    private let connection: SharedConnection
    let key: SecretKey
    private let generation: GenerationFile

    init(_ connection: sending Connection, key: SecretKey, generation: GenerationFile) throws(StoreError) {
        // After the database was put back from a backup the file may be ahead of it; the database must not repeat numbers.
        let ahead = generation.value
        let stored = try SQLiteConfigurationStore.storedGeneration(connection)
        if stored < ahead {
            try connection.execute(
                "UPDATE setting SET value = max(value, \(ahead)) WHERE name = 'generation'")
        } else {
            generation.raise(to: stored)
        }
        self.connection = SharedConnection(connection)
        self.key = key
        self.generation = generation
    }

    package func currentGeneration() -> UInt64 { generation.value }

    static func storedGeneration(_ db: Connection) throws(StoreError) -> UInt64 {
        let query = try db.prepare("SELECT value FROM setting WHERE name = 'generation'")
        guard try query.step() else {
            throw StoreError(
                .corrupt, "`\(db.path)` has lost its generation number", help: "restore the folder from a backup")
        }
        defer { query.reset() }
        return UInt64(clamping: query.integer(0))
    }

    /// Looks, without seeing another process's change half done.
    func read<R: Sendable>(
        _ body: (Connection) throws(StoreError) -> R
    ) throws(StoreError) -> R {
        try connection.transaction("BEGIN", body)
    }

    /// Changes, all or nothing, and tells every process of the folder. `body` returns false when nothing changed after all.
    func change<R: Sendable>(
        _ body: (Connection) throws(StoreError) -> (result: R, didChange: Bool)
    ) throws(StoreError) -> R {
        let (result, number) = try connection.transaction("BEGIN IMMEDIATE") { db throws(StoreError) -> (R, UInt64) in
            let (result, didChange) = try body(db)
            if didChange { try db.execute("UPDATE setting SET value = value + 1 WHERE name = 'generation'") }
            return (result, try SQLiteConfigurationStore.storedGeneration(db))
        }
        // After the commit: whoever sees the number finds the change.
        generation.raise(to: number)
        return result
    }

    package func loadConfiguration() throws(StoreError) -> Configuration {
        // Read before the snapshot: the snapshot then holds at least every change up to this number.
        let seen = generation.value
        let snapshot = try read { db throws(StoreError) in
            let stored = try SQLiteConfigurationStore.storedGeneration(db)
            var grants: [TokenHash: Grant] = [:]
            for (grant, hash) in try self.selectGrants(db, "1") { grants[hash] = grant }
            var adminTokens: [TokenHash: AdminToken] = [:]
            for (token, hash) in try self.selectAdminTokens(db, "1") { adminTokens[hash] = token }
            return Configuration(
                generation: max(stored, seen),
                servers: try self.selectServers(db).keyed(by: \.name),
                policies: try self.selectPolicies(db).keyed(by: \.name),
                identities: try self.selectIdentities(db).keyed(by: \.name),
                grants: grants,
                adminTokens: adminTokens, pins: try self.selectServerPins(db))
        }
        generation.raise(to: snapshot.generation)
        return snapshot
    }

    /// How many rows `query` counts.
    func count(_ db: Connection, _ query: String, _ argument: String? = nil) throws(StoreError) -> Int {
        let statement = try db.prepare(query)
        if let argument { statement.bind(1, argument) }
        guard try statement.step() else { return 0 }
        defer { statement.reset() }
        return Int(statement.integer(0))
    }

    /// Throws `invalidValue` when one more would be too many.
    func checkRoom(_ db: Connection, _ kind: NameKind, in table: String, cap: Int) throws(StoreError) {
        guard try count(db, "SELECT count(*) FROM \(table)") < cap else {
            throw StoreError(
                .invalidValue, "there are \(cap) of kind \(kind.rawValue) already, the most there may be",
                help: "remove what is no longer used")
        }
    }
}

extension Sequence {
    fileprivate func keyed(by name: KeyPath<Element, String>) -> [String: Element] {
        var result: [String: Element] = [:]
        for element in self { result[element[keyPath: name]] = element }
        return result
    }
}
