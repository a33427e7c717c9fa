import Store

/// Keyed marks in the ledger: one at its end, renewed with every commit, and one at every 4096th row. Who can write the
/// database but has no `secret.key` can't make them, so he can neither cut the end off nor build the chain anew.
enum LedgerSeals {
    /// The slot of the seal at the end; every other seal's slot is its row's `seq`.
    static let head: Int64 = 0
    /// Rows between two seals.
    static let spacing: Int64 = 4_096
    /// What stands before the first row in place of a hash.
    static let origin = [UInt8](repeating: 0, count: 32)

    struct Seal {
        let seq: Int64
        let hash: [UInt8]
        let isGenuine: Bool
    }

    /// Which of the two kinds a seal is; part of what it vouches for, so that one can't pass for the other.
    static func mac(_ key: SecretKey, slot: Int64, seq: Int64, hash: [UInt8]) -> [UInt8] {
        key.seal(kind: slot == head ? 0 : 1, seq: seq, hash: hash)
    }

    static func read(_ db: Connection, _ key: SecretKey, slot: Int64) throws(StoreError) -> Seal? {
        let query = try db.prepare("SELECT seq, hash, mac FROM ledger_seal WHERE slot = ?1")
        query.bind(1, slot)
        guard try query.step() else { return nil }
        defer { query.reset() }
        let (seq, hash) = (query.integer(0), query.blob(1))
        return Seal(seq: seq, hash: hash, isGenuine: query.blob(2) == mac(key, slot: slot, seq: seq, hash: hash))
    }

    /// The mark of an empty ledger, made together with the database.
    static func start(_ db: Connection, _ key: SecretKey) throws(StoreError) {
        let statement = try db.prepare("INSERT INTO ledger_seal (slot, seq, hash, mac) VALUES (0, 0, ?1, ?2)")
        statement.bind(1, blob: origin)
        statement.bind(2, blob: mac(key, slot: head, seq: 0, hash: origin))
        try statement.run()
    }

    /// The last row's number and hash, believed only if the seal at the end says the same.
    static func tail(_ db: Connection, _ key: SecretKey) throws(StoreError) -> (seq: Int64, hash: [UInt8]) {
        let query = try db.prepare("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1")
        var tail: (seq: Int64, hash: [UInt8]) = (0, origin)
        if try query.step() {
            tail = (query.integer(0), query.blob(1))
            query.reset()
        }
        guard let seal = try read(db, key, slot: head), seal.isGenuine, seal.seq == tail.seq, seal.hash == tail.hash,
            tail.hash.count == 32
        else {
            throw StoreError(
                .corrupt, "the end of the ledger in `\(db.path)` is not as this program left it",
                help: "run `sluice audit verify`; then restore the folder from a backup, or keep it as evidence and "
                    + "start with another one")
        }
        return tail
    }
}
