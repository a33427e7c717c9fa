import Base
import Glibc
import Store
import Support
import Testing

@testable import StoreSQLite

/// How rows get from a killed process's journal into the database: many at once, all or none, and only those of a form that
/// is known.
struct LedgerReplayTests {
    private func sequences(_ fixture: Fixture) throws -> [String] {
        let reader = try fixture.data.ledgerReader()
        let verdict = try reader.verify()
        #expect(verdict.isIntact && verdict.untaken == nil)
        return try reader.rows(LedgerQuery(limit: .max)).map(\.requestID)
    }

    /// A transaction costs some pages of the log, whatever is in it.
    @Test func manyRecordsGoIntoOneTransaction() async throws {
        let fixture = try await LedgerJournalTests.killed(300)
        let ledger = try fixture.data.openLedger(LedgerJournalTests.options)
        // Those of 300 transactions would have two pages each at least.
        #expect(try readFile(fixture.database + "-wal").count < 300 * 4_096)
        ledger.close()
        #expect(try sequences(fixture) == (1...300).map { "req_\($0)" })
    }

    /// As if the process had been killed amid it: some transactions are done, the next one is not.
    @Test func whatAnInterruptedReplayHasDoneIsNotDoneTwice() async throws {
        let fixture = try await LedgerJournalTests.killed(700, padding: 4_000)
        var options = LedgerJournalTests.options
        options.maximumBytes = Int64(try readFile(fixture.database).count) + 2 << 20
        #expect(code { _ = try fixture.data.openLedger(options) } == .full)
        let holder = try HeldDatabase(fixture.database)
        let reader = try SQLiteLedgerReader(folder: fixture.path, key: fixture.data.hasher)
        let verdict = try reader.verify()
        #expect(verdict.isIntact && verdict.checked > 0 && verdict.checked < 700)
        #expect(verdict.untaken == UntakenRows(verdict.checked + 1...700, .refused))
        holder.release()
        #expect(try sequences(fixture) == (1...700).map { "req_\($0)" })
    }

    /// Row 3 has the version `version` of the form, and is genuine.
    private func journal(withVersion version: UInt8, key: SecretKey, of path: String) throws {
        var bytes = try readFile(path)
        let start = bytes.count / 3 * 2
        bytes[start + JournalRecords.headBytes + 32] = version
        let seal = bytes.withUnsafeBytes { all in
            key.seal(
                record: UnsafeRawBufferPointer(rebasing: all[start..<start + JournalRecords.sealedBytes]),
                UnsafeRawBufferPointer(rebasing: all[(start + JournalRecords.headBytes)...]))
        }
        bytes.replaceSubrange(start + JournalRecords.sealedBytes..<start + JournalRecords.headBytes, with: seal)
        try writeFile(path, bytes)
    }

    @Test func rowsOfAnotherFormAreRefusedAndStay() async throws {
        let fixture = try await LedgerJournalTests.killed(3)
        let (path, key) = (LedgerJournalTests.journals(fixture.path)[0], fixture.data.hasher)
        try journal(withVersion: RowArena.version + 1, key: key, of: path)
        let left = try readFile(path)
        for callersCommit in [true, false] {
            let error = #expect(throws: StoreError.self) {
                _ = try fixture.data.openLedger(LedgerOptions(callersCommit: callersCommit))
            }
            #expect(error?.code == .newerSchema)
        }
        let reader = try fixture.data.ledgerReader()
        #expect(try reader.verify().untaken == UntakenRows(1...3, .otherForm))
        #expect(try readFile(path) == left)
        // The version that knows the form comes by.
        try journal(withVersion: RowArena.version, key: key, of: path)
        #expect(try sequences(fixture) == ["req_1", "req_2", "req_3"])
    }

    @Test func rowsThatEndTooEarlyAreOfNoForm() throws {
        var arena = RowArena()
        arena.append(decision(1))
        let row = Array(arena.bytes(0, arena.end))
        for count in 1..<row.count {
            var other = RowArena()
            let error = #expect(throws: StoreError.self) {
                try row[..<count].withUnsafeBytes { bytes in _ = try other.append(journaled: bytes) }
            }
            #expect(error?.code == .newerSchema)
        }
    }
}
