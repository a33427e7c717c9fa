import Base
import Store

/// The walk along the chain that `audit verify` makes.
enum LedgerCheck {
    static func walk(_ db: Connection, _ key: SecretKey, from first: Int64) throws(StoreError) -> LedgerVerdict {
        let digest = try RowDigest()
        var row = RowArena()
        var hash = try hashBefore(first, db)
        var expected = first
        func verdict(_ seq: Int64, _ kind: LedgerVerdict.Breach.Kind, _ text: String) -> LedgerVerdict {
            LedgerVerdict(
                checked: expected - first, headSequence: expected - 1, headHash: hash ?? [],
                breach: LedgerVerdict.Breach(seq: seq, kind: kind, text: text))
        }
        guard var previous = hash else {
            return verdict(first - 1, .missing, "row \(first - 1) is missing")
        }
        if let fault = try LedgerShape.fault(db) { return verdict(first, .changed, fault) }
        if let early = try rowBeforeTheFirst(db) {
            return verdict(early, .rebuilt, "row \(early) was not written by this program: rows begin at 1")
        }
        let head = try LedgerSeals.read(db, key, slot: LedgerSeals.head)
        let rows = try db.prepare("SELECT * FROM ledger WHERE seq >= ?1 ORDER BY seq")
        rows.bind(1, first)
        var computed = [UInt8](repeating: 0, count: 32)
        while try rows.step() {
            let seq = rows.integer(0)
            guard seq == expected else {
                rows.reset()
                return verdict(expected, .missing, "row \(expected) is missing: row \(seq) comes in its place")
            }
            row.removeAll()
            row.append(columnsOf: rows.handle)
            row.follow(0, previous)
            guard digest.hash(row.bytes(0, row.end), into: &computed) else {
                throw StoreError(.io, "SHA-256 failed", help: "check the OpenSSL configuration")
            }
            guard rows.holds(computed, inColumn: Int32(RowArena.columnCount)) else {
                rows.reset()
                return verdict(seq, .changed, "row \(seq) was changed, or doesn't follow row \(seq - 1)")
            }
            swap(&previous, &computed)
            hash = previous
            expected += 1
            if seq % LedgerSeals.spacing == 0 {
                let seal = try LedgerSeals.read(db, key, slot: seq)
                guard let seal, seal.isGenuine, seal.seq == seq else {
                    rows.reset()
                    return verdict(
                        seq, .seal, "the seal at row \(seq) is \(seal == nil ? "missing" : "not made with this key")")
                }
                guard seal.hash == previous else {
                    rows.reset()
                    return verdict(
                        seq, .rebuilt,
                        "rows up to \(seq) agree with each other but not with the seal: one after row "
                            + "\(seq - LedgerSeals.spacing) was changed and the chain built anew")
                }
            }
        }
        let last = expected - 1
        guard let head, head.isGenuine else {
            return verdict(
                last, .seal, "the seal at the ledger's end is \(head == nil ? "missing" : "not made with this key")")
        }
        if head.seq > last {
            return verdict(
                expected, .truncated,
                "the ledger ends at row \(last) but was sealed at row \(head.seq): "
                    + "\(head.seq - last) row\(head.seq - last == 1 ? "" : "s") from \(expected) on were cut off")
        }
        if head.seq < last {
            return verdict(
                head.seq + 1, .rebuilt,
                "rows from \(head.seq + 1) on were not written by this program: no seal covers them")
        }
        guard head.hash == previous else {
            return verdict(
                last, .rebuilt,
                "rows up to \(last) agree with each other but not with the seal at the end: one after row "
                    + "\(last / LedgerSeals.spacing * LedgerSeals.spacing) was changed and the chain built anew")
        }
        return LedgerVerdict(checked: expected - first, headSequence: last, headHash: previous, breach: nil)
    }

    private static func rowBeforeTheFirst(_ db: Connection) throws(StoreError) -> Int64? {
        let query = try db.prepare("SELECT seq FROM ledger WHERE seq < 1 ORDER BY seq LIMIT 1")
        defer { query.reset() }
        return try query.step() ? query.integer(0) : nil
    }

    /// The stored hash of the row before `first`; nil when that row is missing.
    private static func hashBefore(_ first: Int64, _ db: Connection) throws(StoreError) -> [UInt8]? {
        guard first > 1 else { return LedgerSeals.origin }
        let query = try db.prepare("SELECT hash FROM ledger WHERE seq = ?1")
        query.bind(1, first - 1)
        guard try query.step() else { return nil }
        defer { query.reset() }
        let hash = query.blob(0)
        return hash.count == 32 ? hash : nil
    }
}
