import Base
import Glibc
import Store
import StoreSQLite
import Support
import Synchronization
import Testing

/// Nothing may be taken for recorded that isn't.
struct LedgerFailureTests {
    @Test func aFullDatabaseFailsEveryWaitingRowAndSaysSo() async throws {
        let fixture = try Fixture()
        // Room for a few rows more than an empty database needs.
        let size = Int64(try readFile(fixture.database).count) + Int64(try readFile(fixture.database + "-wal").count)
        let ledger = try fixture.data.openLedger(LedgerOptions(maximumBytes: size + 64 * 1_024))
        defer { ledger.close() }
        var written: Int64 = 0
        var failure: StoreError?
        for number in 0..<5_000 where failure == nil {
            do throws(StoreError) {
                written = try await ledger.append(decision(number))
            } catch {
                failure = error
            }
        }
        #expect(failure?.code == .full)
        #expect(written > 0)
        #expect(!ledger.isHealthy)
        let again = await #expect(throws: StoreError.self) { try await ledger.append(decision(0)) }
        #expect(again?.code == .full)
        #expect(try ledger.lastSequence() == written)
        #expect(try ledger.verify().isIntact)
    }

    @Test func aLockedDatabaseFailsAndTheNextWriteHeals() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger(LedgerOptions(busyTimeoutMilliseconds: 5))
        defer { ledger.close() }
        #expect(try await ledger.append(decision(1)) == 1)
        let holder = try HeldDatabase(fixture.database)
        let error = await #expect(throws: StoreError.self) { try await ledger.append(decision(2)) }
        #expect(error?.code == .locked)
        #expect(!ledger.isHealthy)
        holder.release()
        #expect(try await ledger.append(decision(3)) == 2)
        #expect(ledger.isHealthy)
        #expect(try ledger.verify().checked == 2)
        #expect(try ledger.verify().isIntact)
    }

    @Test func aFailedWriteFailsAllThatWaitWithIt() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger(LedgerOptions(busyTimeoutMilliseconds: 5))
        defer { ledger.close() }
        let holder = try HeldDatabase(fixture.database)
        let codes = await withTaskGroup(of: StoreError.Code?.self) { group in
            for number in 0..<50 {
                group.addTask {
                    do throws(StoreError) {
                        _ = try await ledger.append(decision(number))
                        return nil
                    } catch {
                        return error.code
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.count == 50)
        #expect(codes.allSatisfy { $0 == .locked })
        holder.release()
        #expect(try ledger.lastSequence() == 0)
    }

    @Test func aFullQueueRefusesAtOnce() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger(LedgerOptions(queueCapacity: 4, busyTimeoutMilliseconds: 60_000))
        let holder = try HeldDatabase(fixture.database)
        let answers = Mutex<[Result<Int64, StoreError>]>([])
        // The writer may hold one batch of up to four while it waits for the lock; four more may wait behind it.
        for number in 0..<20 {
            ledger.append(decision(number)) { answer in answers.withLock { $0.append(answer) } }
        }
        let refused = answers.withLock { $0 }
        #expect(refused.count >= 12)
        for answer in refused {
            guard case .failure(let error) = answer else {
                Issue.record("a row was written to a held database")
                continue
            }
            #expect(error.code == .queueFull)
        }
        holder.release()
        ledger.close()
        let all = answers.withLock { $0 }
        #expect(all.count == 20)
        let written = all.compactMap { try? $0.get() }
        #expect(written.sorted() == Array(1...Int64(written.count)))
        #expect(written.count == 20 - refused.count)
        #expect(try ledger.lastSequence() == Int64(written.count))
    }

    @Test func aTableThatIsGoneFailsClosed() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        defer { ledger.close() }
        _ = try await ledger.append(decision(1))
        try fixture.tamper("DROP TABLE ledger")
        await #expect(throws: StoreError.self) { try await ledger.append(decision(2)) }
        #expect(!ledger.isHealthy)
    }

    @Test func aLedgerCutWhileItRunsTakesNoMoreRows() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger()
        defer { ledger.close() }
        _ = try await append((0..<5).map { decision($0) }, to: ledger)
        try fixture.tamper("DELETE FROM ledger WHERE seq = 5")
        let error = await #expect(throws: StoreError.self) { try await ledger.append(decision(6)) }
        #expect(error?.code == .corrupt)
        #expect(!ledger.isHealthy)
        #expect(code { _ = try fixture.openAgain().openLedger() } == .corrupt)
    }

    @Test func powerSafeCommitsWorkToo() async throws {
        let fixture = try Fixture()
        let ledger = try fixture.data.openLedger(LedgerOptions(durability: .power))
        defer { ledger.close() }
        #expect(try await ledger.append(decision(1)) == 1)
    }
}
