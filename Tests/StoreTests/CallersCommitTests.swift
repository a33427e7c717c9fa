import Glibc
import Runtime
import Store
import StoreSQLite
import Support
import Synchronization
import Testing

/// Rows that the callers write to the journal themselves, at the end of their loop's turn.
struct CallersCommitTests {
    /// Collects what completions say, and on which thread.
    private final class Told: Sendable {
        let results = Mutex<[Result<Int64, StoreError>]>([])
        let threads = Mutex<Set<UInt>>([])

        func completion() -> LedgerCompletion {
            { result in
                self.results.withLock { $0.append(result) }
                self.threads.withLock { _ = $0.insert(UInt(pthread_self())) }
            }
        }

        func wait(for count: Int) {
            while results.withLock({ $0.count }) < count { usleep(500) }
        }

        var numbers: [Int64] { results.withLock { $0.compactMap { try? $0.get() } } }
    }

    private func open(_ fixture: Fixture, busy: Int32 = 2_000) throws -> SQLiteLedger {
        try fixture.data.openLedger(LedgerOptions(busyTimeoutMilliseconds: busy, callersCommit: true))
    }

    @Test func rowsOfOneTurnAreCommittedTogetherOnTheCallersThread() throws {
        let fixture = try Fixture()
        let ledger = try open(fixture)
        defer { ledger.close() }
        let told = Told()
        for number in 0..<5 { ledger.append(decision(number), completion: told.completion()) }
        ledger.commitNow()
        // Whoever was quicker, this thread or the ledger's; nothing is left when both are done.
        told.wait(for: 5)
        #expect(told.numbers == [1, 2, 3, 4, 5])
        #expect(try ledger.lastSequence() == 5)
        #expect(try ledger.verify().isIntact)
    }

    @Test func aCallerThatForgetsItsPromiseWaitsAMomentOnly() throws {
        let fixture = try Fixture()
        let ledger = try open(fixture)
        defer { ledger.close() }
        let told = Told()
        ledger.append(decision(1), completion: told.completion())
        told.wait(for: 1)
        #expect(told.numbers == [1])
        #expect(told.threads.withLock { $0 } != [UInt(pthread_self())])
    }

    @Test func nobodyWaitsForAnotherProcessThatWrites() throws {
        let fixture = try Fixture()
        let ledger = try open(fixture, busy: 60_000)
        defer { ledger.close() }
        let told = Told()
        let holder = try HeldDatabase(fixture.database)
        for turn in 0..<2 {
            for number in 0..<3 { ledger.append(decision(turn * 3 + number), completion: told.completion()) }
            ledger.commitNow()
            told.wait(for: turn * 3 + 3)
        }
        #expect(told.numbers == [1, 2, 3, 4, 5, 6])
        holder.release()
        // Who looks sees all that was told, however soon.
        #expect(try ledger.rows(LedgerQuery()).map(\.requestID) == (0..<6).map { "req_\($0)" })
        #expect(ledger.isHealthy)
    }

    @Test func aDatabaseThatTakesNothingEndsItAndTheNextWriteHeals() throws {
        let fixture = try Fixture()
        let ledger = try open(fixture, busy: 5)
        defer { ledger.close() }
        let told = Told()
        let holder = try HeldDatabase(fixture.database)
        for number in 0..<3 { ledger.append(decision(number), completion: told.completion()) }
        ledger.commitNow()
        told.wait(for: 3)
        // These are in the journal: on a slow machine not all of them, since once the database has refused the first
        // ones nothing more is taken.
        let taken = told.numbers
        #expect(taken == Array([1, 2, 3].prefix(taken.count)))
        while ledger.isHealthy { usleep(500) }
        let refused = Told()
        ledger.append(decision(4), completion: refused.completion())
        ledger.commitNow()
        refused.wait(for: 1)
        #expect(refused.numbers.isEmpty)
        holder.release()
        let after = Told()
        ledger.append(decision(9), completion: after.completion())
        ledger.commitNow()
        after.wait(for: 1)
        #expect(after.numbers == [Int64(taken.count) + 1])
        #expect(ledger.isHealthy)
        #expect(try ledger.rows(LedgerQuery()).map(\.requestID) == (0..<taken.count).map { "req_\($0)" } + ["req_9"])
        #expect(try ledger.verify().isIntact)
    }

    @Test func manyThreadsLoseAndDoubleNothing() throws {
        let fixture = try Fixture()
        let ledger = try open(fixture)
        defer { ledger.close() }
        let told = Told()
        let group = try EventLoopGroup(count: 4)
        for loop in group.loops {
            loop.whenTurnEnds { ledger.commitNow() }
            for number in 0..<500 {
                loop.execute {
                    ledger.append(decision(number), completion: told.completion())
                    ledger.append(decision(number), completion: nil)
                }
            }
        }
        told.wait(for: 2_000)
        group.stop()
        group.join()
        ledger.close()
        #expect(Set(told.numbers).count == 2_000)
        #expect(try fixture.data.ledgerReader().lastSequence() == 4_000)
        #expect(try fixture.data.ledgerReader().verify().isIntact)
    }

    @Test func afterTheEndNothingIsTaken() throws {
        let fixture = try Fixture()
        let ledger = try open(fixture)
        let told = Told()
        ledger.append(decision(1), completion: told.completion())
        ledger.close()
        ledger.append(decision(2), completion: told.completion())
        ledger.commitNow()
        told.wait(for: 2)
        #expect(told.numbers == [1])
    }

    @Test func powerNeverSyncsOnACallersThread() throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger(LedgerOptions(durability: .power, callersCommit: true))
        defer { ledger.close() }
        let told = Told()
        for number in 0..<20 {
            ledger.append(decision(number), completion: told.completion())
            ledger.commitNow()
        }
        told.wait(for: 20)
        #expect(!told.threads.withLock { $0.contains(UInt(pthread_self())) })
    }
}
