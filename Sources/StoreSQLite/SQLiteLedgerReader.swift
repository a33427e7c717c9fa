import Base
import Glibc
import Store
import Synchronization

/// Looks at the ledger while others write it. Any thread; callers queue for one connection.
package final class SQLiteLedgerReader: LedgerReader {
    private let folder: String
    private let connection: SharedConnection
    private let key: SecretKey
    /// The last row of the journal that was waited for in vain.
    private let missed = Atomic<Int64>(0)

    init(folder: String, key: SecretKey) throws(StoreError) {
        self.folder = folder
        connection = SharedConnection(
            try Connection(path: folder + "/sluice.db", access: .read, busyTimeoutMilliseconds: 5_000))
        self.key = key
    }

    /// One consistent view for the whole of `body`, with all rows in it that are in the journal now.
    private func read<R: Sendable>(_ body: (Connection) throws(StoreError) -> R) throws(StoreError) -> R {
        let journaled = JournalRecords(in: folder).last
        guard journaled != missed.load(ordering: .relaxed) else { return try connection.transaction("BEGIN", body) }
        let end = ContinuousClock.now + .seconds(2)
        // A gateway that runs needs some milliseconds for them. One that can't write, or was just killed, is waited for
        // once, or each look would take that long for as long as that lasts.
        while try connection.transaction("BEGIN", SQLiteLedgerReader.last) < journaled {
            guard ContinuousClock.now < end else {
                missed.store(journaled, ordering: .relaxed)
                break
            }
            usleep(1_000)
        }
        return try connection.transaction("BEGIN", body)
    }

    private static func last(_ db: Connection) throws(StoreError) -> Int64 {
        let query = try db.prepare("SELECT max(seq) FROM ledger")
        defer { query.reset() }
        return try query.step() ? query.integer(0) : 0
    }

    package func untaken() throws(StoreError) -> UntakenRows? {
        _ = try lastSequence()
        let journal = JournalRecords(in: folder)
        // Of a gateway that runs, only what has been waited for counts.
        guard journal.last > 0, journal.last == missed.load(ordering: .relaxed) else { return nil }
        return journal.untaken(after: try connection.transaction("BEGIN", SQLiteLedgerReader.last), key)
    }

    package func lastSequence() throws(StoreError) -> Int64 { try read(SQLiteLedgerReader.last) }

    package func forEachRow(_ query: LedgerQuery, _ body: (LedgerRow) -> Bool) throws(StoreError) {
        guard query.limit > 0 else { return }
        // Rows begin at 1: what somebody put before them is for `verify` to tell.
        var conditions = ["r.seq > 0"]
        var bindings: [(Statement, Int32) -> Void] = []
        func require(_ condition: String, _ value: Int64?) {
            guard let value else { return }
            conditions.append(condition)
            bindings.append { $0.bind($1, value) }
        }
        func require(_ condition: String, _ value: String?) {
            guard let value else { return }
            conditions.append(condition)
            bindings.append { $0.bind($1, value) }
        }
        require("r.seq > ?", query.after)
        require("r.seq < ?", query.before)
        require("r.time_us >= ?", query.since?.microseconds)
        require("r.time_us < ?", query.until?.microseconds)
        require("coalesce(r.server, d.server) = ?", query.server)
        require("coalesce(r.tool, d.tool) = ?", query.tool)
        require("? IN (coalesce(r.grant_id, d.grant_id), coalesce(r.grant_label, d.grant_label))", query.grant)
        require("r.request_id = ?", query.requestID)
        require("r.outcome = ?", query.outcome.map { Int64($0.rawValue) })
        let filter = "WHERE " + conditions.joined(separator: " AND ")
        try read { db throws(StoreError) in
            let statement = try db.prepare(
                """
                SELECT r.*, p.hash FROM ledger AS r
                LEFT JOIN ledger AS d ON d.seq = r.decision_seq
                LEFT JOIN ledger AS p ON p.seq = r.seq - 1
                \(filter) ORDER BY r.seq \(query.order == .newestFirst ? "DESC" : "ASC") LIMIT \(query.limit)
                """)
            for (index, binding) in bindings.enumerated() { binding(statement, Int32(index + 1)) }
            while try statement.step() {
                guard body(try SQLiteLedgerReader.row(statement, db)) else {
                    statement.reset()
                    return
                }
            }
        }
    }

    private static func row(_ s: Statement, _ db: Connection) throws(StoreError) -> LedgerRow {
        guard let outcome = Outcome(rawValue: Int(s.integer(3))) else {
            throw StoreError(
                .corrupt, "row \(s.integer(0)) of the ledger in `\(db.path)` has an unknown outcome",
                help: "run `sluice audit verify`")
        }
        var row = LedgerRow(
            time: Instant(microseconds: s.integer(1)), requestID: s.text(6), outcome: outcome)
        row.seq = s.integer(0)
        row.decision = s.optionalInteger(2)
        row.isShadow = s.integer(4) != 0
        row.isReleased = s.integer(5) != 0
        row.server = s.optionalText(7)
        row.grantID = s.optionalText(8)
        row.grantLabel = s.optionalText(9)
        row.identity = s.optionalText(10)
        row.sessionID = s.optionalText(11)
        row.method = s.optionalText(12)
        row.tool = s.optionalText(13)
        row.argumentKeys = s.optionalText(14).flatMap { StoredList.decode(Array($0.utf8)) } ?? []
        row.argumentDigest = s.isNull(15) ? nil : ArgumentDigest(bytes: s.blob(15))
        row.policy = s.optionalText(16)
        row.policyVersion = s.optionalInteger(17).map { Int($0) }
        row.rule = s.optionalText(18)
        row.ruleAlias = s.optionalText(19)
        row.message = s.optionalText(20)
        row.evidence = s.optionalText(21)
        row.reservations = s.optionalText(22)
        row.upstreamStatus = s.optionalInteger(23).map { Int($0) }
        row.latencyMicroseconds = s.optionalInteger(24)
        row.requestBytes = s.optionalInteger(25)
        row.responseBytes = s.optionalInteger(26)
        row.hash = s.blob(27)
        row.previousHash = s.isNull(28) ? LedgerSeals.origin : s.blob(28)
        return row
    }

    package func reservations(since: Instant) throws(StoreError) -> [LedgerReservation] {
        // Rows are nearly in the order of their times: clocks of two calls in one batch differ by little. So the walk
        // goes back from the end and stops once this many rows in a row were too old.
        let tolerance = 4_096
        return try read { db throws(StoreError) in
            let query = try db.prepare(
                """
                SELECT seq, time_us, decision_seq, released, reservations, request_id, server, grant_id, identity,
                    session_id, tool, policy, policy_version, outcome, shadow
                FROM ledger WHERE seq > 0 ORDER BY seq DESC
                """)
            var found: [LedgerReservation] = []
            var released: Set<Int64> = []
            var older = 0
            while older < tolerance, try query.step() {
                let time = query.integer(1)
                guard time >= since.microseconds else {
                    older += 1
                    continue
                }
                older = 0
                if let decision = query.optionalInteger(2) {
                    if query.integer(3) != 0 { released.insert(decision) }
                    continue
                }
                let seq = query.integer(0)
                let wentOn =
                    query.integer(14) != 0 || (Outcome(rawValue: Int(query.integer(13)))?.letsThrough ?? true)
                guard let text = query.optionalText(4), wentOn, !released.contains(seq) else { continue }
                found.append(
                    LedgerReservation(
                        seq: seq, time: Instant(microseconds: time), requestID: query.text(5),
                        server: query.optionalText(6), grantID: query.optionalText(7),
                        identity: query.optionalText(8), sessionID: query.optionalText(9),
                        tool: query.optionalText(10), policy: query.optionalText(11),
                        policyVersion: query.optionalInteger(12).map { Int($0) }, reservations: text))
            }
            query.reset()
            found.reverse()
            return found
        }
    }

    package func verify(from first: Int64) throws(StoreError) -> LedgerVerdict {
        var verdict = try read { db throws(StoreError) in try LedgerCheck.walk(db, self.key, from: max(1, first)) }
        verdict.untaken = try untaken()
        if verdict.breach == nil, case .gap(let lost)? = verdict.untaken?.cause {
            verdict.breach = LedgerVerdict.Breach(
                seq: lost.lowerBound, kind: .truncated,
                text: "the ledger ends at row \(verdict.headSequence), but the journal goes on at row "
                    + "\(lost.upperBound + 1): what is between them is lost")
        }
        return verdict
    }
}
