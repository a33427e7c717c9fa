import Glibc
import Store
import StoreSQLite
import Support
import Synchronization
import Testing

/// Rows that a killed process left in the journal: each that was told is in the ledger afterwards, once and in its place.
struct LedgerJournalTests {
    /// The database may be held for as long as a slow machine takes.
    static let options = LedgerOptions(busyTimeoutMilliseconds: 60_000, callersCommit: true)

    static func journals(_ path: String) -> [String] { (0..<2).map { "\(path)/ledger-\($0).journal" } }

    /// Appends rows one after the other, each in a record of its own, the way a loop does.
    static func append(_ numbers: Range<Int>, to ledger: SQLiteLedger, padding: Int = 0) {
        for number in numbers {
            var row = decision(number)
            if padding > 0 { row.evidence = String(repeating: "e", count: padding) }
            let told = Atomic<Bool>(false)
            ledger.append(row) { result in
                precondition((try? result.get()) == Int64(number))
                told.store(true, ordering: .releasing)
            }
            ledger.commitNow()
            // The ledger's thread may be at it just now.
            while !told.load(ordering: .acquiring) { usleep(100) }
        }
    }

    /// A folder whose process was killed when rows 1 to `count` were in the journal and none of them in the database.
    static func killed(_ count: Int, padding: Int = 0) async throws -> Fixture {
        let fixture = try Fixture()
        let path = fixture.path
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, count = count as Int, padding = padding as Int] in
            let ledger = try DataDirectory.open(path, create: false).openLedger(LedgerJournalTests.options)
            let holder = try HeldDatabase(path + "/sluice.db")
            LedgerJournalTests.append(1..<count + 1, to: ledger, padding: padding)
            withExtendedLifetime(holder) { _ = kill(getpid(), SIGKILL) }
        }
        return fixture
    }

    private func requests(_ fixture: Fixture, isWhole: Bool = true) throws -> [String] {
        let reader = try fixture.data.ledgerReader()
        #expect(try reader.verify().isIntact == isWhole)
        return try reader.rows(LedgerQuery(limit: .max)).map(\.requestID)
    }

    private func names(_ numbers: ClosedRange<Int>) -> [String] { numbers.map { "req_\($0)" } }

    @Test func whoeverLooksFirstFindsThem() async throws {
        let fixture = try await Self.killed(20)
        #expect(try requests(fixture) == names(1...20))
        #expect(try Self.journals(fixture.path).allSatisfy { try readFile($0).isEmpty })
    }

    @Test(arguments: [true, false]) func theNextGatewayGoesOnBehindThem(callersCommit: Bool) async throws {
        let fixture = try await Self.killed(20)
        let ledger = try fixture.data.openLedger(LedgerOptions(callersCommit: callersCommit))
        #expect(try ledger.reservations(since: decision(0).time).map(\.seq) == Array(1...20))
        #expect(try await ledger.append(decision(21)) == 21)
        ledger.close()
        #expect(try requests(fixture) == names(1...21))
    }

    @Test func aTornRecordIsNoneAndThoseBeforeItCount() async throws {
        let whole = try await Self.killed(3)
        let bytes = try readFile(Self.journals(whole.path)[0])
        let record = bytes.count / 3
        for kept in [0, 1, 47, 48, record - 1, record, record + 1, 3 * record - 1] {
            let fixture = try await Self.killed(3)
            let journal = Self.journals(fixture.path)[0]
            #expect(truncate(journal, off_t(kept)) == 0)
            #expect(try requests(fixture).count == kept / record)
            let ledger = try fixture.data.openLedger(Self.options)
            #expect(try await ledger.append(decision(9)) == Int64(kept / record + 1))
            ledger.close()
            #expect(try requests(fixture).last == "req_9")
        }
    }

    /// Who can write the folder but has no key can't bring rows into the ledger this way.
    @Test func aChangedRecordIsNotBelievedNorThoseBehindIt() async throws {
        let fixture = try await Self.killed(3)
        let journal = Self.journals(fixture.path)[0]
        var bytes = try readFile(journal)
        let place = bytes.count / 3 + 200
        bytes[place] ^= 1
        try writeFile(journal, bytes)
        #expect(try requests(fixture) == names(1...1))
    }

    /// Those who look say it and leave it as it is; who writes says it and begins anew.
    @Test(arguments: [true, false]) func recordsThatDoNotFollowOnTheEndAreToldAndLeftOut(callersCommit: Bool)
        async throws
    {
        let fixture = try await Self.killed(3)
        let journal = Self.journals(fixture.path)[0]
        let bytes = try readFile(journal)
        try writeFile(journal, Array(bytes[(bytes.count / 3)...]))
        for _ in 0..<2 {
            #expect(try requests(fixture, isWhole: false).isEmpty)
            let verdict = try fixture.data.ledgerReader().verify()
            #expect(verdict.breach?.kind == .truncated && verdict.breach?.seq == 1)
            #expect(verdict.untaken == UntakenRows(1...3, .gap(1...1)))
        }
        // Nor do they come back once there is a row before them.
        let ledger = try fixture.data.openLedger(LedgerOptions(callersCommit: callersCommit))
        #expect(ledger.warning?.contains("rows 1 to 1 ") ?? false)
        #expect(try await ledger.append(decision(7)) == 1)
        ledger.close()
        #expect(try requests(fixture) == names(7...7))
        #expect(try fixture.data.ledgerReader().untaken() == nil)
    }

    @Test func rowsThatAreInTheDatabaseAlreadyStayOnce() async throws {
        let fixture = try await Self.killed(5)
        let journal = Self.journals(fixture.path)[0]
        let bytes = try readFile(journal)
        #expect(try requests(fixture).count == 5)
        // As if the process had been killed between the commit and the end of the journal.
        try writeFile(journal, bytes)
        #expect(try requests(fixture) == names(1...5))
        try writeFile(journal, bytes)
        let ledger = try fixture.data.openLedger(Self.options)
        #expect(try await ledger.append(decision(6)) == 6)
        ledger.close()
        #expect(try requests(fixture) == names(1...6))
    }

    @Test func bothFilesAreUsedInTurnsAndNothingIsLost() async throws {
        let fixture = try Fixture()
        let path = fixture.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let ledger = try DataDirectory.open(path, create: false).openLedger(LedgerJournalTests.options)
            // Three rounds of a file's size, and what came last is in no database.
            for turn in 0..<8 {
                LedgerJournalTests.append(turn * 100 + 1..<turn * 100 + 101, to: ledger, padding: 4_000)
                _ = try ledger.lastSequence()
            }
            let holder = try HeldDatabase(path + "/sluice.db")
            LedgerJournalTests.append(801..<900, to: ledger, padding: 4_000)
            withExtendedLifetime(holder) { _ = kill(getpid(), SIGKILL) }
        }
        #expect(try Self.journals(path).allSatisfy { try !readFile($0).isEmpty })
        #expect(try requests(fixture) == names(1...899))
    }

    /// While the database refuses rows and right afterwards they pass the journal by; the next ones are in it again.
    @Test func rowsBehindOnesThatPassedItByAreFound() async throws {
        let fixture = try Fixture()
        let path = fixture.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let options = LedgerOptions(busyTimeoutMilliseconds: 500, callersCommit: true)
            let ledger = try DataDirectory.open(path, create: false).openLedger(options)
            let first = try HeldDatabase(path + "/sluice.db")
            LedgerJournalTests.append(1..<4, to: ledger)
            while ledger.isHealthy { usleep(500) }
            first.release()
            let told = try await ledger.append(decision(4))
            precondition(told == 4)
            let second = try HeldDatabase(path + "/sluice.db")
            LedgerJournalTests.append(5..<9, to: ledger)
            withExtendedLifetime(second) { _ = kill(getpid(), SIGKILL) }
        }
        #expect(try requests(fixture) == names(1...8))
    }

    /// A disk that takes half a record, and nothing after it: the row is refused, and what comes later is found.
    @Test func aFullDiskRefusesAndLosesNothing() async throws {
        let fixture = try Fixture()
        let path = fixture.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let ledger = try DataDirectory.open(path, create: false).openLedger(LedgerJournalTests.options)
            LedgerJournalTests.append(1..<4, to: ledger)
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            limit.rlim_cur = try rlim_t(readFile(LedgerJournalTests.journals(path)[0]).count) + 100
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            for number in 4..<6 {
                do throws(StoreError) {
                    _ = try await ledger.append(decision(number))
                    preconditionFailure("a full disk took row \(number)")
                } catch {}
            }
            precondition(!ledger.isHealthy)
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            let told = try await ledger.append(decision(4))
            precondition(told == 4 && ledger.isHealthy)
            let holder = try HeldDatabase(path + "/sluice.db")
            LedgerJournalTests.append(5..<9, to: ledger)
            withExtendedLifetime(holder) { _ = kill(getpid(), SIGKILL) }
        }
        #expect(try requests(fixture) == names(1...8))
    }

    /// Only the first look waits for rows that nobody puts into the database.
    @Test func whoLooksAtALedgerThatTakesNothingWaitsOnce() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger(
            LedgerOptions(busyTimeoutMilliseconds: 60_000, callersCommit: true))
        defer { ledger.close() }
        let holder = try HeldDatabase(fixture.database)
        Self.append(1..<2, to: ledger)
        let reader = try fixture.data.ledgerReader()
        #expect(try reader.lastSequence() == 0)
        let start = ContinuousClock.now
        for _ in 0..<20 { #expect(try reader.lastSequence() == 0) }
        #expect(try reader.untaken() == UntakenRows(1...1, .refused))
        let verdict = try reader.verify()
        #expect(verdict.isIntact && verdict.checked == 0 && verdict.untaken == UntakenRows(1...1, .refused))
        // Each look that waited would take 2 s.
        #expect(ContinuousClock.now - start < .seconds(30))
        holder.release()
        let later = try fixture.data.ledgerReader()
        #expect(try later.lastSequence() == 1)
        #expect(try reader.lastSequence() == 1)
        #expect(try later.untaken() == nil)
    }

    @Test func whatWasToldIsSeenAtOnce() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger(Self.options)
        defer { ledger.close() }
        let reader = try fixture.data.ledgerReader()
        for number in 1...50 {
            Self.append(number..<number + 1, to: ledger)
            #expect(try reader.lastSequence() == Int64(number))
        }
    }

    @Test func onlyOneProcessMayJournal() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger(Self.options)
        defer { ledger.close() }
        #expect(code { _ = try fixture.openAgain().openLedger(LedgerOptions(busyTimeoutMilliseconds: 5)) } == .locked)
    }
}
