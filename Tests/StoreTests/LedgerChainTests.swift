import Base
import Glibc
import Store
import StoreSQLite
import Support
import Testing

/// What `audit verify` must notice, and which row it must name.
struct LedgerChainTests {
    /// A ledger of `count` rows, closed.
    private func ledger(_ count: Int) async throws -> Fixture {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        for number in 1..<count { ledger.append(decision(number), completion: nil) }
        _ = try await ledger.append(decision(count))
        ledger.close()
        return fixture
    }

    static let columns = [
        "time_us = time_us + 1", "decision_seq = 1", "outcome = 1", "shadow = 1", "released = 1",
        "request_id = 'other'", "server = 'other'", "grant_id = 'other'", "grant_label = 'other'",
        "identity = NULL", "session_id = ''", "method = 'tools/list'", "tool = 'imageUpload'",
        "argument_keys = '[]'", "argument_digest = zeroblob(32)", "policy = 'other'", "policy_version = 4",
        "rule = 'other'", "rule_alias = 'other'", "message = message || ' '", "evidence = NULL",
        "reservations = ''", "upstream_status = 200", "latency_us = 0", "request_bytes = 191",
        "response_bytes = 1", "hash = zeroblob(32)", "hash = NULL", "policy_version = '3'",
        "request_id = CAST(request_id AS BLOB)", "request_bytes = 190.0",
    ]

    @Test(arguments: columns)
    func aChangedColumnIsFound(change: String) async throws {
        let fixture = try await ledger(6)
        try fixture.tamper("UPDATE ledger SET \(change) WHERE seq = 4")
        let verdict = try fixture.data.ledgerReader().verify()
        #expect(verdict.breach?.seq == 4)
        #expect(verdict.breach?.kind == .changed)
        #expect(verdict.headSequence == 3)
        #expect(verdict.breach?.text.contains("4") == true)
    }

    struct Attack: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let sql: String
        let seq: Int64
        let kind: LedgerVerdict.Breach.Kind
    }

    static let attacks = [
        Attack(testDescription: "delete one", sql: "DELETE FROM ledger WHERE seq = 3", seq: 3, kind: .missing),
        Attack(testDescription: "delete the first", sql: "DELETE FROM ledger WHERE seq = 1", seq: 1, kind: .missing),
        Attack(testDescription: "delete the last", sql: "DELETE FROM ledger WHERE seq = 6", seq: 6, kind: .truncated),
        Attack(testDescription: "cut the end", sql: "DELETE FROM ledger WHERE seq > 2", seq: 3, kind: .truncated),
        Attack(testDescription: "delete all", sql: "DELETE FROM ledger", seq: 1, kind: .truncated),
        Attack(
            testDescription: "swap two",
            sql: """
                UPDATE ledger SET seq = -1 WHERE seq = 3; UPDATE ledger SET seq = 3 WHERE seq = 5;
                UPDATE ledger SET seq = 5 WHERE seq = -1
                """, seq: 3, kind: .changed),
        Attack(
            testDescription: "close the gap",
            sql: "DELETE FROM ledger WHERE seq = 3; UPDATE ledger SET seq = seq - 1 WHERE seq > 3",
            seq: 3, kind: .changed),
        Attack(
            testDescription: "insert a copy",
            sql: """
                CREATE TEMP TABLE c AS SELECT * FROM ledger WHERE seq = 6; UPDATE c SET seq = 7;
                INSERT INTO ledger SELECT * FROM c
                """, seq: 7, kind: .changed),
        Attack(
            testDescription: "remove the seal", sql: "DELETE FROM ledger_seal WHERE slot = 0", seq: 6, kind: .seal),
        Attack(
            testDescription: "cut and move the seal",
            sql: """
                DELETE FROM ledger WHERE seq > 4;
                UPDATE ledger_seal SET seq = 4, hash = (SELECT hash FROM ledger WHERE seq = 4)
                """, seq: 4, kind: .seal),
        Attack(
            testDescription: "forge the seal", sql: "UPDATE ledger_seal SET mac = zeroblob(32)", seq: 6, kind: .seal),
    ]

    @Test(arguments: attacks)
    func anAttackIsFound(attack: Attack) async throws {
        let fixture = try await ledger(6)
        try fixture.tamper(attack.sql)
        let verdict = try fixture.data.ledgerReader().verify()
        #expect(verdict.breach?.seq == attack.seq)
        #expect(verdict.breach?.kind == attack.kind)
        // And no gateway goes on writing to it, as far as its end is concerned.
        if attack.seq >= 6 || attack.kind == .truncated {
            #expect(code { _ = try fixture.data.openLedger() } == .corrupt)
        }
    }

    static let shapes = [
        "ALTER TABLE ledger RENAME COLUMN released TO x; ALTER TABLE ledger RENAME COLUMN shadow TO released;"
            + "ALTER TABLE ledger RENAME COLUMN x TO shadow",
        "CREATE INDEX quick ON ledger (outcome)",
        "CREATE TRIGGER t AFTER INSERT ON ledger BEGIN UPDATE ledger SET tool = 'x' WHERE seq = new.seq; END",
        "ALTER TABLE ledger RENAME TO other; CREATE VIEW ledger AS SELECT * FROM other WHERE seq <> 6",
    ]

    /// Rows as they were, in tables that say something else.
    @Test(arguments: shapes)
    func anotherDefinitionIsFound(sql: String) async throws {
        let fixture = try await ledger(6)
        try fixture.tamper(sql)
        #expect(try fixture.data.ledgerReader().verify().breach?.kind == .changed)
        #expect(code { _ = try fixture.data.openLedger() } == .corrupt)
    }

    @Test(arguments: [0, -5] as [Int64])
    func rowsBeforeTheFirstAreFoundAndNotShown(seq: Int64) async throws {
        let fixture = try await ledger(6)
        try fixture.tamper(
            """
            CREATE TEMP TABLE c AS SELECT * FROM ledger WHERE seq = 6; UPDATE c SET seq = \(seq);
            INSERT INTO ledger SELECT * FROM c
            """)
        let reader = try fixture.data.ledgerReader()
        for first in [1, 4] as [Int64] {
            let breach = try reader.verify(from: first).breach
            #expect(breach?.seq == seq && breach?.kind == .rebuilt)
        }
        var shown: [Int64] = []
        try reader.forEachRow(LedgerQuery(order: .oldestFirst, limit: 100)) { row in
            shown.append(row.seq)
            return true
        }
        #expect(shown == [1, 2, 3, 4, 5, 6])
    }

    /// Who edits a row and then computes all later hashes, as docs/ledger.md tells him how, has no key for the seal.
    /// The script is also the proof that the document suffices to check a ledger without this program.
    @Test func aChainBuiltAnewIsFound() async throws {
        let fixture = try await ledger(6)
        let script = Places.packageRoot + "/docs/verify_ledger.py"
        let (before, status) = try output(ofShell: "python3 '\(script)' '\(fixture.database)'")
        #expect(status == 0)
        #expect(String(decoding: before, as: UTF8.self).hasPrefix("6 rows, chain intact"))
        try fixture.tamper("UPDATE ledger SET tool = 'imageUpload' WHERE seq = 3")
        #expect(try output(ofShell: "python3 '\(script)' '\(fixture.database)'").status == 1)
        try rebuild(fixture)
        #expect(try output(ofShell: "python3 '\(script)' '\(fixture.database)'").status == 0)
        let verdict = try fixture.data.ledgerReader().verify()
        #expect(verdict.breach?.kind == .rebuilt)
        #expect(code { _ = try fixture.data.openLedger() } == .corrupt)
    }

    /// Computes every hash anew.
    private func rebuild(_ fixture: Fixture) throws {
        let program = """
            import sqlite3, sys
            sys.dont_write_bytecode = True
            sys.path.insert(0, sys.argv[1])
            from verify_ledger import COLUMNS, ORIGIN, row_hash
            database, previous = sqlite3.connect(sys.argv[2]), ORIGIN
            for row in database.execute("SELECT * FROM ledger ORDER BY seq").fetchall():
                previous = row_hash(previous, row[:COLUMNS])
                database.execute("UPDATE ledger SET hash = ? WHERE seq = ?", (previous, row[0]))
            database.commit()
            """
        let file = fixture.folder.path + "/rebuild.py"
        try writeFile(file, Array(program.utf8))
        let command = "python3 '\(file)' '\(Places.packageRoot)/docs' '\(fixture.database)'"
        #expect(try output(ofShell: command).status == 0)
    }

    @Test func sealsAlongTheWayNarrowARebuiltChain() async throws {
        let fixture = try await ledger(9_000)
        #expect(try fixture.data.ledgerReader().verify().checked == 9_000)
        try fixture.tamper("UPDATE ledger SET tool = 'imageUpload' WHERE seq = 5000")
        try rebuild(fixture)
        let verdict = try fixture.data.ledgerReader().verify()
        #expect(verdict.breach?.kind == .rebuilt)
        #expect(verdict.breach?.seq == 8_192)
        try fixture.tamper("DELETE FROM ledger_seal WHERE slot = 4096")
        #expect(try fixture.data.ledgerReader().verify().breach?.kind == .seal)
    }

    @Test func aWalkMayStartInTheMiddle() async throws {
        let fixture = try await ledger(10)
        let reader = try fixture.data.ledgerReader()
        #expect(try reader.verify(from: 4).checked == 7)
        #expect(try reader.verify(from: 10).isIntact)
        #expect(try reader.verify(from: 11).isIntact)
        #expect(try reader.verify(from: 12).breach?.kind == .missing)
        try fixture.tamper("UPDATE ledger SET tool = 'x' WHERE seq = 2")
        #expect(try reader.verify(from: 4).isIntact)
        #expect(try reader.verify(from: 1).breach?.seq == 2)
    }

    @Test func anEmptyLedgerIsIntact() throws {
        let fixture = try Fixture()
        let verdict = try fixture.data.ledgerReader().verify()
        #expect(verdict.isIntact)
        #expect(verdict.checked == 0)
        #expect(verdict.headSequence == 0)
    }
}
