import Base
import Policy
import Store

/// The counters behind limits in a database of their own, for several gateways on one machine: each operation is one
/// transaction, so whoever comes first takes the quota, and nothing is lost when all of them end.
///
/// A single gateway counts in memory (`QuotaWindows`) and rebuilds its counts from the ledger; this is the same counting
/// over the same entries, read from and written to a file. Work of a reservation is proportional to the entries that its
/// counters still hold.
///
/// State is bounded like that of the counters in memory: entries leave with their window, a counter beyond `maxEntries`
/// merges neighbours under the later time (it may then deny a little early, never late), and beyond `maxTotal` entries the
/// answer is `.unavailable`.
package struct SQLiteQuotas: QuotaLedger, Sendable {
    /// What the counters may grow to.
    package struct Caps: Sendable, Hashable {
        /// Entries of one counter before neighbours are merged; at least 4.
        package var maxEntries = 16_384
        /// Entries of all counters together.
        package var maxTotal: Int64 = 4_000_000

        /// The defaults.
        package init() {}
    }

    private struct Entry {
        var id: Int64
        var time: Instant
        var amount: ExactDecimal
        /// Stands for several calls; can't be released any more.
        var isMerged: Bool
    }

    private let database: SharedConnection
    private let caps: Caps

    /// Opens the counters at `path`, and makes them first if they aren't there.
    /// - Parameter busyTimeoutMilliseconds: how long an operation waits for another process's; then it is `.unavailable`.
    /// - Throws: when the file can't be opened or is another program's database.
    package init(path: String, caps: Caps = Caps(), busyTimeoutMilliseconds: Int32 = 2_000) throws(StoreError) {
        self.caps = caps
        let connection = try Connection(
            path: path, access: .create, busyTimeoutMilliseconds: busyTimeoutMilliseconds)
        try connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        try connection.transaction { () throws(StoreError) in
            try connection.execute(
                """
                -- Ids ascend and none is used twice, even when the newest entry has been released.
                CREATE TABLE IF NOT EXISTS entry (
                    id INTEGER PRIMARY KEY AUTOINCREMENT, counter TEXT NOT NULL, time INTEGER NOT NULL,
                    ends INTEGER NOT NULL, amount TEXT NOT NULL, merged INTEGER NOT NULL DEFAULT 0) STRICT;
                CREATE INDEX IF NOT EXISTS entry_counter ON entry (counter, id);
                CREATE INDEX IF NOT EXISTS entry_ends ON entry (ends);
                CREATE TABLE IF NOT EXISTS clock (only INTEGER PRIMARY KEY CHECK (only = 1), latest INTEGER NOT NULL)
                    STRICT;
                """)
        }
        database = SharedConnection(connection)
    }

    /// Takes every request, or none; see `QuotaLedger`. What the database can't do is `.unavailable`.
    package func reserve(_ requests: [QuotaRequest], at now: Instant) -> QuotaAnswer {
        do throws(StoreError) {
            return try database.transaction("BEGIN IMMEDIATE") { db throws(StoreError) in
                try reserve(requests, at: now, db)
            }
        } catch {
            return .unavailable
        }
    }

    /// Takes back exactly these entries, each at most once; see `QuotaLedger`. If the database can't do it they stay taken.
    package func release(_ records: [ReservationRecord]) {
        do throws(StoreError) {
            try database.transaction("BEGIN IMMEDIATE") { db throws(StoreError) in
                let statement = try db.prepare(
                    "DELETE FROM entry WHERE id = ? AND counter = ? AND time = ? AND amount = ? AND NOT merged")
                for record in records {
                    statement.bind(1, Int64(clamping: record.id))
                    statement.bind(2, Self.name(record.key))
                    statement.bind(3, record.time.microseconds)
                    statement.bind(4, record.amount.description)
                    try statement.run()
                }
            }
        } catch {
            // Quota that stays taken denies too much, never too little.
        }
    }

    // MARK: Inside the transaction

    private func reserve(
        _ requests: [QuotaRequest], at now: Instant, _ db: Connection
    ) throws(StoreError) -> QuotaAnswer {
        let latest = try advance(to: now, db)
        try sweep(latest, db)
        var seen: Set<CounterKey> = []
        var held: [ReservationRecord] = []
        for request in requests where seen.insert(request.key).inserted {
            for entry in try entries(request.key, at: latest, db) {
                guard let id = UInt64(exactly: entry.id) else { return .unavailable }
                held.append(ReservationRecord(id: id, key: request.key, amount: entry.amount, time: entry.time))
            }
        }
        // The very counting that happens in memory, over what the file holds of these counters.
        var windows = QuotaWindows()
        windows.restore(held)
        let answer = windows.reserve(requests, at: latest)
        guard case .reserved(let records, let remaining) = answer else { return answer }
        guard try count(db) + Int64(records.count) <= caps.maxTotal else { return .unavailable }
        return .reserved(try insert(records, db), remaining: remaining)
    }

    /// The latest time any process has seen. A clock that goes back is held here until it has caught up.
    private func advance(to now: Instant, _ db: Connection) throws(StoreError) -> Instant {
        let statement = try db.prepare(
            """
            INSERT INTO clock VALUES (1, ?) ON CONFLICT DO UPDATE SET latest = max(latest, excluded.latest)
            RETURNING latest
            """)
        statement.bind(1, now.microseconds)
        var latest = now
        while try statement.step() { latest = Instant(microseconds: statement.integer(0)) }
        return latest
    }

    /// Each reservation pays for the end of a few others, so idle counters can't pile up.
    private func sweep(_ latest: Instant, _ db: Connection) throws(StoreError) {
        let statement = try db.prepare(
            "DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE ends <= ? ORDER BY ends LIMIT 16)")
        statement.bind(1, latest.microseconds)
        try statement.run()
    }

    /// What a counter still holds, oldest first.
    private func entries(_ key: CounterKey, at latest: Instant, _ db: Connection) throws(StoreError) -> [Entry] {
        let statement = try db.prepare(
            "SELECT id, time, amount, merged FROM entry WHERE counter = ? AND ends > ? ORDER BY id")
        statement.bind(1, Self.name(key))
        statement.bind(2, latest.microseconds)
        var entries: [Entry] = []
        while try statement.step() {
            guard let amount = ExactDecimal(text: statement.text(2).utf8), !amount.isNegative else {
                throw StoreError(
                    .corrupt, "the counters hold an amount that can't be read",
                    help: "move the file of the counters aside")
            }
            entries.append(
                Entry(
                    id: statement.integer(0), time: Instant(microseconds: statement.integer(1)), amount: amount,
                    isMerged: statement.integer(3) != 0))
        }
        return entries.count < caps.maxEntries ? entries : try merge(entries, db)
    }

    /// Halves a counter's entries but the newest: each pair becomes one with the later time, so nothing leaves too early.
    private func merge(_ entries: [Entry], _ db: Connection) throws(StoreError) -> [Entry] {
        let drop = try db.prepare("DELETE FROM entry WHERE id = ?")
        let grow = try db.prepare("UPDATE entry SET amount = ?, merged = 1 WHERE id = ?")
        let kept = min(1_024, caps.maxEntries / 2)
        var merged: [Entry] = []
        var i = 0
        while i < entries.count {
            guard i + 1 < entries.count - kept, let sum = entries[i].amount.adding(entries[i + 1].amount) else {
                merged.append(entries[i])
                i += 1
                continue
            }
            let later = entries[i + 1]
            drop.bind(1, entries[i].id)
            try drop.run()
            grow.bind(1, sum.description)
            grow.bind(2, later.id)
            try grow.run()
            merged.append(Entry(id: later.id, time: later.time, amount: sum, isMerged: true))
            i += 2
        }
        return merged
    }

    private func count(_ db: Connection) throws(StoreError) -> Int64 {
        // COST: ids ascend and old entries leave, so the span of ids is a bound that needs no count of rows.
        let statement = try db.prepare("SELECT coalesce(max(id) - min(id) + 1, 0) FROM entry")
        var span: Int64 = 0
        while try statement.step() { span = statement.integer(0) }
        guard span > caps.maxTotal else { return span }
        let exact = try db.prepare("SELECT count(*) FROM entry")
        while try exact.step() { span = exact.integer(0) }
        return span
    }

    private func insert(_ records: [ReservationRecord], _ db: Connection) throws(StoreError) -> [ReservationRecord] {
        let statement = try db.prepare(
            "INSERT INTO entry (counter, time, ends, amount) VALUES (?, ?, ?, ?) RETURNING id")
        var inserted: [ReservationRecord] = []
        for record in records {
            var id: Int64 = 0
            // What costs nothing leaves no entry; to release it changes nothing.
            if !record.amount.isZero {
                statement.bind(1, Self.name(record.key))
                statement.bind(2, record.time.microseconds)
                statement.bind(3, record.expires.microseconds)
                statement.bind(4, record.amount.description)
                while try statement.step() { id = statement.integer(0) }
            }
            inserted.append(
                ReservationRecord(
                    id: UInt64(clamping: id), key: record.key, amount: record.amount, time: record.time))
        }
        return inserted
    }

    /// The counter as text: everything that makes two counters differ, and nothing else.
    private static func name(_ key: CounterKey) -> String {
        ReservationRecord(id: 0, key: key, amount: .zero, time: Instant(microseconds: 0)).encode()
    }
}
